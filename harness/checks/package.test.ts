// Decides every sentence about packages, and that a missing database is no answer.
import { describe, expect, test } from "vitest";
import { hostNode } from "../drivers/shell-node.ts";
import { DeclarationError, ObservationError } from "../model/errors.ts";
import { probeContract } from "./contract.ts";
import { framed } from "./frames.ts";
import { pkg, versionMatches } from "./package.ts";
import { readApkFiles } from "./package-apk.ts";
import { packageFacts } from "./package-facts.ts";
import { packageSources, readApkPolicy, readAptPolicy } from "./package-source.ts";
import { excluded, modifiedFiles, readVerification } from "./package-verify.ts";

const answered = (...frames: readonly (readonly [text: string, words: string])[]) => ({
  status: 0,
  stdout: framed(frames),
  stderr: "",
});

describe("what dpkg-query printed in a Debian 12 container is read", () => {
  const recorded = answered([
    "bash\tinstalled\t5.2.15-2+b13\tamd64\nlibc6\tinstalled\t2.36-9+deb12u14\tamd64\ndpkg-query: no packages found matching nosuch\n",
    "1 dpkg",
  ]);

  test("by name, with and without architecture; an unknown one is undefined", () => {
    const libc = { state: "installed", version: "2.36-9+deb12u14", architecture: "amd64", manager: "dpkg" };
    expect(packageFacts.parse(recorded, ["bash", "nosuch", "libc6:amd64", "libc6"])).toEqual([
      { state: "installed", version: "5.2.15-2+b13", architecture: "amd64", manager: "dpkg" },
      undefined,
      libc,
      libc,
    ]);
  });

  test("of two architectures the installed one speaks for the name", () => {
    const text = "zlib1g\tinstalled\t1:1.2\tamd64\nzlib1g\tconfig-files\t1:1.1\ti386\n";
    const [facts] = packageFacts.parse(answered([text, "0 dpkg"]), ["zlib1g"]);
    expect(facts).toMatchObject({ state: "installed", architecture: "amd64" });
  });

  test("complaints of another kind, and names that are not mentioned at all, are errors", () => {
    const text =
      "dpkg-query: error: failed to open package info file '/var/lib/dpkg/status' for reading: Permission denied\n";
    expect(packageFacts.parse(answered([text, "2 dpkg"]), ["bash"])[0]).toBeInstanceOf(ObservationError);
    expect(packageFacts.parse(answered(["", "0 dpkg"]), ["nosuch"])[0]).toBeInstanceOf(ObservationError);
  });
});

describe("what rpm 4.18 printed is read", () => {
  const text =
    "studio-tool\t2:1.4~rc2-3.fc40\tnoarch\nkernel\t0:6.9.9-200.fc40\tx86_64\nkernel\t0:6.10.3-200.fc40\tx86_64\npackage nosuch is not installed\n";

  test("an epoch where there is one; of several versions the newest", () => {
    const subjects = ["rpm studio-tool", "rpm nosuch", "rpm kernel:x86_64"];
    expect(packageFacts.parse(answered([text, "1 rpm"]), subjects)).toEqual([
      { state: "installed", version: "2:1.4~rc2-3.fc40", architecture: "noarch", manager: "rpm" },
      undefined,
      { state: "installed", version: "6.10.3-200.fc40", architecture: "x86_64", manager: "rpm" },
    ]);
  });

  test("its errors are not taken for packages that are unknown", () => {
    const said =
      "error: sqlite failure: SELECT hnum FROM packages: database disk image is malformed\npackage bash is not installed\n";
    expect(packageFacts.parse(answered([said, "1 rpm"]), ["rpm bash"])[0]).toBeInstanceOf(ObservationError);
  });
});

// Fields as apk-tools 2.14 writes them into /lib/apk/db/installed; sums and names are those of Alpine 3.18's base layout.
const apkStanza = `C:Q1gwkUCQyUBQ5ixUJMU9ugflJvaV8=
P:alpine-baselayout
V:3.4.3-r1
A:aarch64
F:dev
F:etc
R:motd
Z:Q1SLkS9hBidUbPwwrw+XR0Whv3ww8=
F:etc/crontabs
R:root
a:0:0:600
Z:Q1vfk1apUWI4yLJGhhNRd0kJixfvY=
`;

describe("apk's database is read", () => {
  test("packages, and by silence those that are not there", () => {
    const text = `${apkStanza}\nP:musl\nV:1.2.4-r2\nA:aarch64\nf:f\n`;
    expect(packageFacts.parse(answered([text, "0 apk"]), ["apk alpine-baselayout", "apk musl", "apk nosuch"])).toEqual([
      { state: "installed", version: "3.4.3-r1", architecture: "aarch64", manager: "apk" },
      { state: "broken", version: "1.2.4-r2", architecture: "aarch64", manager: "apk" },
      undefined,
    ]);
  });

  test("what holds no package is no database", () => {
    for (const text of ["", "nonsense: is all it says\n"])
      expect(packageFacts.parse(answered([text, "0 apk"]), ["apk musl"])[0]).toBeInstanceOf(ObservationError);
  });

  test("files with their sums", () => {
    expect(readApkFiles(apkStanza)).toEqual([
      { path: "/etc/motd", sha1: expect.stringMatching(/^[0-9a-f]{40}$/), configuration: true },
      { path: "/etc/crontabs/root", sha1: expect.stringMatching(/^[0-9a-f]{40}$/), configuration: true },
    ]);
  });
});

describe("verification", () => {
  test("of dpkg 1.21: configuration is marked, what the image never unpacks is not missed", () => {
    const rules = "path-exclude=/usr/share/doc/*\npath-include=/usr/share/doc/*/copyright\n";
    const text = `??5?????? c /etc/nginx/nginx.conf
missing     /usr/share/doc/nginx-common/NEWS.Debian.gz
missing     /usr/share/doc/nginx-common/copyright
`;
    expect(modifiedFiles.parse(answered([rules, "rules"], [text, "0 dpkg"]), ["nginx-common"])).toEqual([
      [
        { path: "/etc/nginx/nginx.conf", what: ["contents"], configuration: true },
        { path: "/usr/share/doc/nginx-common/copyright", what: ["missing"], configuration: false },
      ],
    ]);
  });

  test("of rpm 4.18: a time of change alone is no change", () => {
    const text = `missing   d /opt/studio/README
SM5....T.    /opt/studio/tool
S.5....T.  c /opt/studio/tool.conf
.......T.    /opt/studio/old
`;
    expect(readVerification(text)).toEqual([
      { path: "/opt/studio/README", what: ["missing"], configuration: false },
      { path: "/opt/studio/tool", what: ["size", "mode", "contents"], configuration: false },
      { path: "/opt/studio/tool.conf", what: ["size", "contents"], configuration: true },
    ]);
    expect(readVerification("error: cannot open Packages database\n")).toBeUndefined();
    // What rpm prints of a file that it may not read: nothing is known of its contents.
    expect(readVerification("..?......  c /etc/shadow\n")).toBeUndefined();
    expect(readVerification(".......T.  c /etc/hosts\n")).toEqual([]);
  });

  test("a package without sums is not called unmodified, one that is not installed is told apart", () => {
    const output = answered(
      ["", "rules"],
      ["the package brought no sums of its files\n", "77 dpkg"],
      ["dpkg-query: no packages found matching nosuch\n", "78 dpkg"],
      ["", "1 rpm"],
    );
    const [noSums, unknown, silent] = modifiedFiles.parse(output, ["local", "nosuch", "rpm bash"]);
    expect(noSums).toMatchObject({ code: "probe-failed", seen: expect.stringContaining("no sums") });
    expect(unknown).toBeUndefined();
    expect(silent).toBeInstanceOf(ObservationError);
  });

  test("the last of dpkg's rules that matches decides", () => {
    const leftOut = excluded(
      "path-exclude=/usr/share/locale/*\npath-include=/usr/share/locale/d?/*\npath-exclude=/a[!b]c\n",
    );
    expect(["/usr/share/locale/fr/x", "/usr/share/locale/de/x", "/etc/x", "/axc", "/abc"].map(leftOut)).toEqual([
      true,
      false,
      false,
      true,
      false,
    ]);
  });

  test("isUnmodified: configuration counts where it is said, exceptions do not", () => {
    const files = [{ path: "/etc/motd", what: ["contents"], configuration: true }];
    expect(pkg("a1").isUnmodified().judge(files)).toMatchObject({ met: true });
    expect(pkg("a1").isUnmodified({ configuration: true }).judge(files)).toMatchObject({
      met: false,
      seen: "/etc/motd (contents)",
    });
    expect(
      pkg("a1")
        .isUnmodified({ configuration: true, except: [/motd/] })
        .judge(files),
    ).toMatchObject({ met: true });
    expect(pkg("a1").isUnmodified().judge(undefined)).toMatchObject({ met: false, seen: "it is not installed" });
  });
});

describe("sources", () => {
  const all = `Package files:
 100 /var/lib/dpkg/status
     release a=now
 500 http://deb.debian.org/debian bookworm/main amd64 Packages
     release v=12.15,o=Debian,a=oldstable,n=bookworm,l=Debian,c=main,b=amd64
     origin deb.debian.org
Pinned packages:
`;
  const own = (installed: string, table: string) =>
    `===\nbash:\n  Installed: ${installed}\n  Candidate: 5.2.15-2+b13\n  Version table:\n${table}`;

  test("of apt: who offers the installed version, and not another", () => {
    const current = ` *** 5.2.15-2+b13 500
        500 http://deb.debian.org/debian bookworm/main amd64 Packages
        100 /var/lib/dpkg/status
`;
    const older = `     5.2.15-2+b13 500
        500 http://deb.debian.org/debian bookworm/main amd64 Packages
 *** 5.2.15-2+b8 100
        100 /var/lib/dpkg/status
`;
    expect(readAptPolicy(all + own("5.2.15-2+b13", current), "bash")).toEqual([
      "http://deb.debian.org/debian bookworm/main amd64 Packages, release v=12.15,o=Debian,a=oldstable,n=bookworm,l=Debian,c=main,b=amd64",
    ]);
    expect(readAptPolicy(all + own("5.2.15-2+b8", older), "bash")).toEqual([]);
    expect(readAptPolicy(all + own("(none)", ""), "bash")).toBe("not installed");
    expect(readAptPolicy(`${all}===\n`, "nosuch")).toBe("not installed");
  });

  test("without lists nobody knows", () => {
    const empty = "Package files:\n 100 /var/lib/dpkg/status\n     release a=now\nPinned packages:\n";
    const table = " *** 5.2.15-2+b13 100\n        100 /var/lib/dpkg/status\n";
    expect(readAptPolicy(empty + own("5.2.15-2+b13", table), "bash")).toMatchObject({ code: "probe-failed" });
    expect(readAptPolicy("nonsense\n", "bash")).toBeInstanceOf(ObservationError);
  });

  test("of rpm its vendor", () => {
    const output = answered(
      ["vendor Fedora Project, packager Studio, (none)(none)\n", "0 rpm"],
      ["package nosuch is not installed\n", "1 rpm"],
    );
    expect(packageSources.parse(output, ["rpm studio-tool", "rpm nosuch"])).toEqual([
      ["vendor Fedora Project, packager Studio, (none)(none)"],
      undefined,
    ]);
  });

  // The format of apk-tools' `apk policy` (src/app_policy.c).
  test("of apk: repositories of the installed version", () => {
    const text = `bash policy:
  5.2.15-r5:
    lib/apk/db/installed
    https://dl-cdn.alpinelinux.org/alpine/v3.18/main
  5.2.21-r0:
    https://dl-cdn.alpinelinux.org/alpine/edge/main
`;
    expect(readApkPolicy(text)).toEqual(["https://dl-cdn.alpinelinux.org/alpine/v3.18/main"]);
    expect(readApkPolicy("")).toBe("not installed");
    expect(readApkPolicy("nonsense\n")).toBeUndefined();
  });
});

probeContract(hostNode, { probe: packageFacts, subject: "dpkg", tools: ["dpkg-query"] });
probeContract(hostNode, { probe: packageFacts, subject: "rpm rpm", tools: ["rpm"], elsewhere: "rpm and its database" });
test("files of apk's packages, by the sums in its database", () => {
  const sum = "9bee00a63ab2d6b2b5eb5a8c0ae2dfc60b5e1e66";
  const stanza = `P:tool
V:1-r0
F:usr/bin
R:tool
Z:Q1${Buffer.from(sum, "hex").toString("base64")}
F:etc
R:tool.conf
Z:Q1${Buffer.from(sum, "hex").toString("base64")}
`;
  const read = (text: string, words = "0 apk") =>
    modifiedFiles.parse(answered(["", "rules"], [text, words]), ["apk tool"])[0];
  expect(read(`${stanza}\n===\n${sum}  /usr/bin/tool\n${sum}  /etc/tool.conf\n`)).toEqual([]);
  const other = sum.replace("9", "8");
  expect(read(`${stanza}\n===\n${other}  /usr/bin/tool\nmissing  /etc/tool.conf\n`)).toEqual([
    { path: "/usr/bin/tool", what: ["contents"], configuration: false },
    { path: "/etc/tool.conf", what: ["missing"], configuration: true },
  ]);
  expect(read("tool is not installed\n", "78 apk")).toBeUndefined();
  // A sum of another kind is not one that differs.
  expect(read(`${stanza.replaceAll("Z:Q1", "Z:Q2")}\n===\n${sum}  /usr/bin/tool\n`)).toBeInstanceOf(ObservationError);
  for (const text of ["", "nonsense: is all it says\n", `${stanza}\n===\nsha1sum: /usr/bin/tool: Permission denied\n`])
    expect.soft(read(text), text).toBeInstanceOf(ObservationError);
  expect(read("", "127 apk")).toMatchObject({ code: "probe-missing" });
});

probeContract(hostNode, { probe: modifiedFiles, subject: "dpkg", tools: ["dpkg", "dpkg-query"].slice(1) });
probeContract(hostNode, { probe: packageSources, subject: "dpkg", tools: ["apt-cache"], elsewhere: "lists of apt" });

test.each(["/nonexistent", "/proc/1/cwd/none"])("without a database in %s nothing is called unknown", async (place) => {
  const node = hostNode();
  const elsewhere = {
    ...packageFacts,
    script: (names: readonly string[]) => `export DPKG_ADMINDIR=${place} HOME=${place}\n${packageFacts.script(names)}`,
  };
  await expect(node.observe(elsewhere, "bash")).rejects.toMatchObject({
    code: "probe-failed",
    seen: expect.stringContaining(place),
  });
  await node.close();
});

test("isInstalled: only what is wholly installed", () => {
  const check = pkg("bash").isInstalled();
  expect(check.title).toBe("package bash is installed");
  expect(check.judge({ state: "installed", version: "5.2", architecture: "amd64" })).toMatchObject({ met: true });
  for (const state of ["config-files", "half-configured", "unpacked"])
    expect(check.judge({ state, version: "5.2", architecture: "amd64" })).toEqual({
      met: false,
      expected: "installed",
      seen: `${state}, 5.2`,
    });
  expect(check.judge(undefined)).toMatchObject({ met: false, seen: "the packager does not know it" });
});

test("hasVersion: of an installed package", () => {
  const facts = { state: "installed", version: "5.2.15-2+b13", architecture: "amd64" };
  expect(pkg("bash").hasVersion("5.2").judge(facts)).toMatchObject({ met: true });
  expect(pkg("bash").hasVersion("5.1").judge(facts)).toMatchObject({ met: false, seen: "installed, 5.2.15-2+b13" });
  expect(
    pkg("bash")
      .hasVersion("5.2")
      .judge({ ...facts, state: "config-files" }),
  ).toMatchObject({ met: false });
});

test.each([
  ["5.2", "5.2.15-2", true],
  ["5.2", "5.20-1", false],
  ["5.2.15-2+b13", "5.2.15-2+b13", true],
  ["9.2", "1:9.2p1-2+deb12u3", true],
  ["1:9.2", "1:9.2p1-2", true],
  ["2:9.2", "1:9.2p1-2", false],
  [/deb12u\d+$/, "1:9.2p1-2+deb12u3", true],
  [/deb11/, "1:9.2p1-2+deb12u3", false],
])("%s against %s: %s", (wanted, version, expected) => {
  expect(versionMatches(wanted, version)).toBe(expected);
});

test.each(["ba*", "-W", "b sh", ""])("%j is refused as a package name", (name) => {
  expect(() => pkg(name)).toThrow(DeclarationError);
});
