import { expect, test } from "vitest";
import type { Manifest } from "./manifest.ts";
import { manifestDifference } from "./why.ts";

const hex = (letter: string) => letter.repeat(64);
const before: Manifest = {
  builder: 1,
  name: "soe",
  version: "0.1.0",
  base: {
    kind: "debian-rootfs",
    architecture: "amd64",
    suite: "bookworm",
    variant: "minbase",
    components: ["main"],
    include: ["bash", "python3"],
  },
  steps: [
    {
      step: "ansible",
      playbook: "playbook.yml",
      vars: { image_version: "0.1.0", password: { secret: "db", hmac: hex("1") } },
    },
    { step: "run", command: ["true"] },
  ],
  files: {
    "playbook.yml": { sha256: hex("a"), mode: "0644" },
    "old.sh": { sha256: hex("b"), mode: "0755" },
    "run.sh": { sha256: hex("c"), mode: "0644" },
  },
  image: { cmd: ["bash"], labels: { version: "0.1.0" } },
};

test("nothing differs from itself", () => {
  expect(manifestDifference(before, structuredClone(before))).toEqual([]);
});

test("each difference is a line with its place", () => {
  const now: Manifest = {
    ...before,
    version: "0.2.0",
    base: { ...before.base, include: ["bash", "iproute2"] } as Manifest["base"],
    steps: [
      {
        step: "ansible",
        playbook: "playbook.yml",
        vars: { image_version: "0.2.0", password: { secret: "db", hmac: hex("2") } },
      },
      { step: "run", command: ["false"] },
      { step: "copy", source: "a", target: "/a" },
    ],
    files: {
      "playbook.yml": { sha256: hex("d"), mode: "0644" },
      "new.sh": { sha256: hex("e"), mode: "0755" },
      "run.sh": { sha256: hex("c"), mode: "0755" },
    },
    image: { cmd: ["sh"], labels: { version: "0.2.0" }, user: "studio" },
  };
  expect(manifestDifference(before, now)).toEqual([
    "base.include: - python3",
    "base.include: + iproute2",
    "files.new.sh: + a file, sha256 eeeeeeeeeeee…",
    "files.old.sh: - a file, sha256 bbbbbbbbbbbb…",
    "files.playbook.yml: sha256 aaaaaaaaaaaa… → dddddddddddd…",
    "files.run.sh: mode 0644 → 0755",
    'image.cmd: ["bash"] → ["sh"]',
    "image.labels.version: 0.1.0 → 0.2.0",
    "image.user: + studio",
    "steps.1.vars.image_version: 0.1.0 → 0.2.0",
    'steps.1.vars.password: another value of secret "db"',
    'steps.2.command: ["true"] → ["false"]',
    'steps.3: + copy {"step":"copy","source":"a","target":"/a"}',
    "version: 0.1.0 → 0.2.0",
  ]);
});

test("a base of another kind is told whole", () => {
  const now: Manifest = { ...before, base: { kind: "image", digest: `sha256:${hex("f")}` } };
  expect(manifestDifference(before, now)).toContain("base.kind: debian-rootfs → image");
  expect(manifestDifference(before, now)).toContain("base.digest: + sha256:ffffffffffff…");
});

test("of an archive as base, also which of its images", () => {
  const archive = (image: string): Manifest => ({ ...before, base: { kind: "archive", sha256: hex("a"), image } });
  expect(manifestDifference(archive("x:1"), archive("x:2"))).toEqual(["base.image: x:1 → x:2"]);
});
