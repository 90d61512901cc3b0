import { expect, test } from "vitest";
import { debianRootfs } from "../model/recipe.ts";
import { debianFailure, mmdebstrapArguments, releaseDate } from "./steps-debian.ts";

test("mmdebstrap is asked for sorted packages, and for nothing that slim images leave out", () => {
  const base = debianRootfs({
    suite: "bookworm",
    include: ["python3", "bash", "python3"],
    components: ["main", "contrib"],
  });
  expect(mmdebstrapArguments(base, "/store/tree")).toEqual([
    "--mode=root",
    "--format=directory",
    "--variant=minbase",
    "--components=main,contrib",
    "--include=bash,python3",
    "--dpkgopt=path-exclude=/usr/share/doc/*",
    "--dpkgopt=path-exclude=/usr/share/man/*",
    "--dpkgopt=path-exclude=/usr/share/info/*",
    "--dpkgopt=path-exclude=/usr/share/locale/*",
    "--dpkgopt=path-exclude=/usr/share/lintian/*",
    "--dpkgopt=path-include=/usr/share/doc/*/copyright",
    "--dpkgopt=path-include=/usr/share/locale/locale.alias",
    "--skip=cleanup/apt/lists",
    "bookworm",
    "/store/tree",
  ]);
  expect(
    mmdebstrapArguments(debianRootfs({ suite: "trixie" }), "/t").some((word) => word.startsWith("--include")),
  ).toBe(false);
});

// Recorded from mmdebstrap 1.3.5 (its mirror's name apart): a package that is none, no network, a suite that is none.
const unknownPackage = `I: running apt-get update...
I: downloading packages with apt...
I: extracting archives...
I: installing essential packages...
I: installing remaining packages inside the chroot...
Reading package lists...
Building dependency tree...
E: Unable to locate package nosuchthing
E: setup failed: E: apt-get -o Dir::Bin::dpkg=env --yes install -oAPT::Status-Fd=<$fd> -oDpkg::Use-Pty=false nosuchthing failed
I: main() received signal PIPE: waiting for setup...
E: mmdebstrap failed to run`;
const noNetwork = `I: running apt-get update...
Ign:1 http://mirror.example/debian bookworm InRelease
Err:1 http://mirror.example/debian bookworm InRelease
  Temporary failure resolving 'mirror.example'
Reading package lists...
E: Failed to fetch http://mirror.example/debian/dists/bookworm/InRelease  Temporary failure resolving 'mirror.example'
E: Some index files failed to download. They have been ignored, or old ones used instead.
E: apt-get update --error-on=any -oAPT::Status-Fd=<$fd> -oDpkg::Use-Pty=false failed
I: main() received signal PIPE: waiting for setup...
E: mmdebstrap failed to run`;
const unknownSuite = `I: running apt-get update...
Ign:1 http://mirror.example/debian bookwurm InRelease
Err:2 http://mirror.example/debian bookwurm Release
  404  Not Found [IP: 203.0.113.80 80]
Reading package lists...
E: The repository 'http://mirror.example/debian bookwurm Release' does not have a Release file.
E: apt-get update --error-on=any -oAPT::Status-Fd=<$fd> -oDpkg::Use-Pty=false failed
I: main() received signal PIPE: waiting for setup...
E: mmdebstrap failed to run`;

test.each([
  ["package-unknown", "E: Unable to locate package nosuchthing", unknownPackage],
  ["mirror-unreachable", "Temporary failure resolving 'mirror.example'", noNetwork],
  ["suite-unknown", "bookwurm Release' does not have a Release file", unknownSuite],
  ["mmdebstrap-failed", "status 25: E: something else", "I: running\nE: something else"],
])("%s is told with mmdebstrap's own words", (code, seen, output) => {
  const failure = debianFailure(output.split("\n"), 25);
  expect(failure.code).toBe(code);
  expect(failure.seen).toContain(seen);
});

test("a Release file's date is read", () => {
  expect(releaseDate("Origin: Debian\nDate: Sat, 06 Sep 2025 09:42:12 UTC\nValid-Until: never\n")).toBe(1757151732);
  expect(releaseDate("Origin: Debian\n")).toBeUndefined();
});
