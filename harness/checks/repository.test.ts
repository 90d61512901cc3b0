// Decides how files of packagers' sources are read, and every sentence about them.
import { chmodSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { hostNode } from "../drivers/shell-node.ts";
import { DeclarationError, ObservationError } from "../model/errors.ts";
import { probeContract } from "./contract.ts";
import { repositories, repositoryFacts } from "./repository.ts";
import { type Repository, readRepositories } from "./repository-files.ts";

const read = (...files: readonly (readonly [path: string, text: string])[]) =>
  readRepositories(files.map(([path, text]) => ({ path, text }))).map(({ file: _, ...each }) => each);
const plain = { name: "", suite: "", components: [], enabled: true, signed: true };

describe("files of these systems are read", () => {
  test("Debian 11, in lines", () => {
    const text = `# deb http://old.example x main
deb http://deb.debian.org/debian bullseye main contrib # as installed
deb-src http://deb.debian.org/debian bullseye main
deb [arch=amd64 trusted=yes] http://mirror.studio.example/apt ./
`;
    expect(read(["/etc/apt/sources.list", text])).toEqual([
      { ...plain, url: "http://deb.debian.org/debian", suite: "bullseye", components: ["main", "contrib"] },
      { ...plain, url: "http://mirror.studio.example/apt", suite: "./", signed: false },
    ]);
  });

  test("apt's words for yes and no, of which it has several", () => {
    const signed = (word: string) =>
      read(["/etc/apt/sources.list", `deb [trusted=${word}] http://a.example/x ./\n`]).map((each) => each.signed);
    for (const word of ["yes", "True", "on", "with", "enable", "1"]) expect.soft(signed(word)).toEqual([false]);
    for (const word of ["no", "false", "0"]) expect.soft(signed(word)).toEqual([true]);
    const stanza = (fields: string) =>
      read(["/etc/apt/sources.list.d/a.sources", `Types: deb\nURIs: http://a.example/x\nSuites: ./\n${fields}\n`]);
    expect(stanza("Enabled: false")).toMatchObject([{ enabled: false, signed: true }]);
    expect(stanza("Enabled: yes\nTrusted: true")).toMatchObject([{ enabled: true, signed: false }]);
    expect(stanza("Allow-Insecure: 1")).toMatchObject([{ enabled: true, signed: false }]);
  });

  test("Debian 12 and Ubuntu 24.04, in stanzas", () => {
    const text = `# See http://snapshot.debian.org
Types: deb deb-src
URIs: http://deb.debian.org/debian
Suites: bookworm
 bookworm-updates
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
Enabled: no
Trusted: yes
URIs: http://security.ubuntu.com/ubuntu/
Suites: noble-security
Components: main universe
`;
    const debian = { ...plain, url: "http://deb.debian.org/debian", components: ["main"] };
    expect(read(["/etc/apt/sources.list.d/debian.sources", text])).toEqual([
      { ...debian, suite: "bookworm" },
      { ...debian, suite: "bookworm-updates" },
      {
        ...plain,
        url: "http://security.ubuntu.com/ubuntu/",
        suite: "noble-security",
        components: ["main", "universe"],
        enabled: false,
        signed: false,
      },
    ]);
  });

  test("Fedora 40, whose repositories have what dnf.conf says where they say nothing", () => {
    const repo = `[fedora]
name=Fedora $releasever - $basearch
#baseurl=http://download.example/pub/fedora/linux/releases/$releasever/Everything/$basearch/os/
metalink=https://mirrors.fedoraproject.org/metalink?repo=fedora-$releasever&arch=$basearch
enabled=1
gpgcheck=1

[studio]
baseurl=http://a.example/x
  http://b.example/x
gpgcheck=0

[later]
baseurl = http://c.example/x
enabled = False
`;
    const fedora = {
      ...plain,
      name: "fedora",
      url: "https://mirrors.fedoraproject.org/metalink?repo=fedora-$releasever&arch=$basearch",
    };
    const later = { ...plain, name: "later", url: "http://c.example/x", enabled: false };
    const studio = { ...plain, name: "studio", signed: false };
    const rest = [fedora, { ...studio, url: "http://a.example/x" }, { ...studio, url: "http://b.example/x" }];
    expect(read(["/etc/yum.repos.d/a.repo", repo])).toEqual([...rest, { ...later, signed: false }]);
    const main = ["/etc/dnf/dnf.conf", "[main]\ngpgcheck=True\n"] as const;
    expect(read(main, ["/etc/yum.repos.d/a.repo", repo])).toEqual([...rest, later]);
  });

  test("Alpine 3.20", () => {
    const text = `https://dl-cdn.alpinelinux.org/alpine/v3.20/main
#https://dl-cdn.alpinelinux.org/alpine/v3.20/community
@edge https://dl-cdn.alpinelinux.org/alpine/edge/main
`;
    expect(read(["/etc/apk/repositories", text])).toEqual([
      { ...plain, url: "https://dl-cdn.alpinelinux.org/alpine/v3.20/main" },
      { ...plain, name: "edge", url: "https://dl-cdn.alpinelinux.org/alpine/edge/main" },
    ]);
  });
});

describe("the probe", () => {
  const parse = (stdout: string, status = 0, stderr = "") =>
    repositoryFacts.parse({ status, stdout: Buffer.from(stdout), stderr }, ["all"]);

  test("files of one answer", () => {
    expect(parse("/etc/apk/repositories\0http://a/\n\0end")[0]).toMatchObject([{ url: "http://a/" }]);
    expect(parse("end")).toEqual([[]]);
  });

  test.each([
    ["a node without any packager", "", 78, "probe-failed"],
    ["a file that may not be read", "/etc/apt/sources.list\0", 77, "probe-denied"],
    ["an answer without its end", "/etc/apk/repositories\0http://a/\n\0", 0, "probe-unreadable"],
  ])("%s is no answer", (_, stdout, status, code) => {
    expect(() => parse(stdout, status, "cat: x: Permission denied")).toThrow(ObservationError);
    try {
      parse(stdout, status);
    } catch (error) {
      expect(error).toMatchObject({ code });
    }
  });
});

test("a directory that may not be looked into is not an empty one", async () => {
  const root = mkdtempSync(join(tmpdir(), "assay-repository-"));
  const node = hostNode();
  chmodSync(root, 0o755);
  mkdirSync(join(root, "apt/sources.list.d"), { recursive: true });
  const probe = { ...repositoryFacts, script: () => repositoryFacts.script([]).replaceAll("/etc/apt", `${root}/apt`) };
  const ask = () => node.as("65534:65534").observe(probe, "all");
  expect(await ask()).toBeInstanceOf(Array);
  for (const closed of ["apt/sources.list.d", "apt"]) {
    chmodSync(join(root, closed), 0o700);
    await expect(ask()).rejects.toMatchObject({ code: "probe-denied", seen: expect.stringContaining(closed) });
  }
  await node.close();
  rmSync(root, { recursive: true });
});

probeContract(hostNode, { probe: repositoryFacts, subject: "all", tools: ["cat"] });

test("sentences", () => {
  const seen: readonly Repository[] = [
    { ...plain, file: "/f", url: "http://deb.debian.org/debian", suite: "bookworm", components: ["main"] },
    { ...plain, file: "/g", url: "http://x.example/", enabled: false, signed: false },
  ];
  const ours = repositories();
  for (const check of [
    ours.have("http://deb.debian.org/debian/", { suite: "bookworm", component: "main" }),
    ours.have(/debian\.org/),
    ours.areOnly(/debian\.org/),
    ours.areSigned(),
  ])
    expect.soft(check.judge(seen), check.title).toMatchObject({ met: true });
  for (const check of [
    ours.have("http://deb.debian.org"),
    ours.have("http://deb.debian.org/debian", { suite: "sid" }),
    ours.have("http://x.example"),
    ours.areOnly("http://x.example"),
    ours.areNone(),
  ])
    expect.soft(check.judge(seen), check.title).toMatchObject({ met: false });
  expect(ours.areOnly(/x/).judge([])).toMatchObject({ met: false, seen: "none" });
  expect(ours.areSigned().judge([{ ...plain, file: "/g", url: "http://x.example/", signed: false }])).toEqual({
    met: false,
    expected: "each with its signature",
    seen: "http://x.example/ (without signature) in /g",
  });
  expect(() => ours.areOnly()).toThrow(DeclarationError);
});
