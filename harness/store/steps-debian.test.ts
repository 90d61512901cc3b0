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

// Recorded from mmdebstrap 1.3.5.
test.each([
  [
    ["I: downloading packages with apt...", "E: Unable to locate package nosuchthing", "E: apt-get failed"],
    "package-unknown",
    "nosuchthing",
  ],
  [
    [
      "Err:1 http://mirror.example bookworm InRelease",
      "  Temporary failure resolving 'mirror.example'",
      "W: Failed to fetch http://mirror.example/dists/bookworm/InRelease  Temporary failure resolving 'mirror.example'",
      "E: apt-get update failed",
    ],
    "mirror-unreachable",
    "Temporary failure resolving",
  ],
  [
    ["I: running apt-get update...", "E: run_chroot failed: E: could not mount"],
    "mmdebstrap-failed",
    "could not mount",
  ],
])("%j means %s", (lines, code, seen) => {
  const failure = debianFailure(lines, 25);
  expect(failure.code).toBe(code);
  expect(failure.seen).toContain(seen);
});

test("a Release file's date is read", () => {
  expect(releaseDate("Origin: Debian\nDate: Sat, 06 Sep 2025 09:42:12 UTC\nValid-Until: never\n")).toBe(1757151732);
  expect(releaseDate("Origin: Debian\n")).toBeUndefined();
});
