// Decides that a container's wrong declaration is refused with the option, the place and a guess; and that the compiler refuses it too.
import { describe, expect, test } from "vitest";
import { bind, type ContainerOptions, container, scratch, tmpfs, volume } from "./container.ts";
import { debianRootfs, recipe } from "./recipe.ts";
import { secret } from "./secret.ts";
import { refusal } from "./testing/refusal.ts";

/** The line of this file that calls this function. */
function line(): number {
  return Number(/container\.test\.ts:(\d+)/.exec(new Error().stack?.split("\n")[2] ?? "")?.[1]);
}

/** Declares with options that the compiler would refuse. */
const wrong = (options: Record<string, unknown>) =>
  refusal(() => container({ image: "soe", ...options } as unknown as ContainerOptions));

describe("what is another's", () => {
  test.each([
    [{ networkFrom: "web", ports: [80] }, "the network is web's, and so is ports"],
    [{ networkFrom: "web", networks: ["lan"] }, "the network is web's, and so is networks"],
    [{ networkFrom: "web", hostname: "milla" }, "the network is web's, and so is hostname"],
    [{ restart: "always", ready: { exited: true } }, "ready.exited waits for an end that restart undoes"],
    [{ restart: "allways" }, 'option "restart"'],
    [{ env: { A: { addressof: "b" } } }, "expected text, a secret or addressOf"],
  ])("%o is refused", (options, said) => {
    expect(wrong(options).message).toContain(said);
  });

  test("a file of a directory is one that it has", () => {
    expect(() => scratch({ file: "a" })).toThrow(/file "a" is none of its files/);
    expect(() => scratch({ files: { "../a": { content: "" } } })).toThrow(/a file's name is made of/);
    expect(() => scratch({ files: { "..": { content: "" } } })).toThrow(/not a file's name/);
  });
});

describe("a container", () => {
  test("its defaults are filled in, and what is not asked for is not there", () => {
    const declared = container({ image: "soe" });
    expect(declared).toMatchObject({ kind: "container", image: "soe", env: {}, mounts: {}, privileged: false });
    expect(declared.ready).toEqual({ within: 60_000 });
    expect(declared).not.toHaveProperty("memory");
  });

  test("durations are milliseconds and sizes bytes from here on", () => {
    const declared = container({
      image: "soe",
      memory: "64m",
      stopTimeout: "2s",
      health: { test: ["true"], interval: "500ms" },
      mounts: { "/cache": tmpfs({ size: "1m" }) },
      ready: { within: "2m" },
    });
    expect(declared).toMatchObject({
      memory: 67_108_864,
      stopTimeout: 2000,
      health: { interval: 500 },
      mounts: { "/cache": { mount: "tmpfs", size: 1_048_576 } },
      ready: { within: 120_000 },
    });
  });

  test("it knows where it was declared", () => {
    const [at, here] = [container({ image: "soe" }).at, line()];
    expect(at).toMatch(new RegExp(`/harness/model/container\\.test\\.ts:${here}:\\d+$`));
  });
});

describe("refused, with option and reason", () => {
  test.each<[string, Record<string, unknown>, string]>([
    ["a typo", { hostnme: "a" }, 'unknown option "hostnme", did you mean "hostname"?'],
    ["a typo in the case", { readonlyRoot: true }, 'unknown option "readonlyRoot", did you mean "readOnlyRoot"?'],
    ["an option of nobody", { zebra: 1 }, 'unknown option "zebra"'],
    ["a typo further in", { ready: { helthy: true } }, 'unknown option "ready.helthy", did you mean "healthy"?'],
    [
      "a typo in a list of forms",
      { ports: [{ container: 80, hst: 90 }] },
      'unknown option "ports.0.hst", did you mean "host"?',
    ],
    [
      "a typo in a record",
      { networks: { lan: { alias: ["a"] } } },
      'unknown option "networks.lan.alias", did you mean "aliases"?',
    ],
    ["several at once", { usr: "a", memory: "1x" }, 'option "memory": "1x" is not a size'],
    ["no image", { image: undefined }, 'option "image"'],
    [
      "a bad duration",
      { stopTimeout: "10 s" },
      'option "stopTimeout": "10 s" is not a duration; write a number and ms, s, m or h',
    ],
    ["a number for a duration", { stopTimeout: 10 }, 'option "stopTimeout": expected text'],
    ["a bad size", { memory: "lots" }, 'option "memory": "lots" is not a size'],
    ["too little memory", { memory: "1m" }, 'option "memory": the engine gives a container 6m at least'],
    ["a relative target", { mounts: { vfx: scratch() } }, "not an absolute path"],
    ["a mount that is none", { mounts: { "/a": "/b" } }, 'option "mounts./a": expected bind, scratch, volume or tmpfs'],
    ["a mount at /", { mounts: { "/": scratch() } }, "nothing can be mounted at /"],
    ["two mounts at one place", { mounts: { "/a": scratch(), "/a/": tmpfs() } }, "two mounts at /a"],
    ["a variable's name", { env: { "A-B": "c" } }, "not a variable's name"],
    ["a user", { user: "a:b:c" }, 'option "user": write name, uid or uid:gid'],
    ["an address", { dns: ["one.one.one.one"] }, 'option "dns.0"'],
    ["a capability", { capabilities: { add: ["NET_ADMN"] } }, '"NET_ADMN" is no capability, did you mean "NET_ADMIN"?'],
    ["a limit", { ulimits: { nofiles: 1 } }, '"nofiles" is no limit, did you mean "nofile"?'],
    ["limits upside down", { ulimits: { nofile: { soft: 9, hard: 1 } } }, "the soft limit is above the hard one"],
    ["a signal", { stopSignal: "SIGTRM" }, '"SIGTRM" is no signal, did you mean "SIGTERM"?'],
    ["a port", { ports: [70_000] }, 'option "ports.0"'],
    ["a port twice", { ports: [80, { container: 80, host: 8080 }] }, "port 80/tcp is published twice"],
    ["a network twice", { networks: ["lan", "lan"] }, 'network "lan" is named twice'],
    ["a network's name", { networks: ["LAN"] }, "use lower-case letters"],
    ["device rights", { devices: { "/dev/null": { rights: "x" } } }, 'option "devices./dev/null.rights"'],
    ["idle with a command", { idle: true, command: ["a"] }, "idle replaces entrypoint and command"],
    ["a log pattern as text", { ready: { log: "up" } }, 'option "ready.log"'],
    ["a check that is none", { ready: { check: true } }, 'option "ready.check": expected a check'],
  ])("%s", (_, options, reason) => {
    const error = wrong(options);
    expect(error.code).toBe("bad-option");
    expect(error.message).toContain("container: ");
    expect(error.message).toContain(reason);
  });

  test("healthy, where nothing tells health", () => {
    const image = recipe("soe", { version: "1", from: debianRootfs({ suite: "bookworm" }), context: "/" });
    expect(refusal(() => container({ image, ready: { healthy: true } })).message).toContain("needs a health check");
  });

  test("mounts: each names itself and its place", () => {
    expect(refusal(() => bind("films")).message).toContain('bind source "films" is not an absolute path');
    expect(refusal(() => scratch({ mode: 0o10000 })).message).toContain('scratch: option "mode"');
    expect(refusal(() => tmpfs({ size: "1q" as "1g" })).message).toContain('tmpfs: option "size": "1q" is not a size');
    expect(refusal(() => volume("data", { nocopy: true } as object)).message).toContain('did you mean "noCopy"?');
  });

  test("the place is the line of the call", () => {
    const [error, here] = [refusal(() => container({ image: "soe", workdir: "here" })), line()];
    expect(error.at).toMatch(new RegExp(`/harness/model/container\\.test\\.ts:${here}:\\d+$`));
    expect(error.message.startsWith(`declare: ${error.at}: container: `)).toBe(true);
  });
});

describe("the compiler refuses", () => {
  test("unknown options, wrong kinds, durations and sizes without a unit, mounts that are none", () => {
    const never = () => {
      // @ts-expect-error no such option
      container({ image: "soe", hostnme: "a" });
      // @ts-expect-error an image is needed
      container({ idle: true });
      // @ts-expect-error a list of words
      container({ image: "soe", command: "sleep 1" });
      // @ts-expect-error a duration has a unit
      container({ image: "soe", stopTimeout: "10" });
      // @ts-expect-error a size has a unit
      container({ image: "soe", memory: "64" });
      // @ts-expect-error a mount, not a path
      container({ image: "soe", mounts: { "/a": "/b" } });
      // @ts-expect-error text or a secret
      container({ image: "soe", env: { A: 1 } });
      // @ts-expect-error only true makes sense
      container({ image: "soe", idle: false });
      // @ts-expect-error z or Z
      scratch({ selinux: "y" });
      // @ts-expect-error no such option of a tmpfs
      tmpfs({ readonly: true });
      // @ts-expect-error a pattern, not text
      container({ image: "soe", ready: { log: "up" } });
    };
    expect(never).toBeTypeOf("function");
  });

  test("nothing that is right", () => {
    container({
      image: "soe",
      env: { A: "b", C: secret("compiler secret", "a-secret-value") },
      ports: [80, { container: 53, protocol: "udp" }],
      networks: { lan: { aliases: ["a"] } },
      mounts: { "/a": scratch({ selinux: "z" }), "/b": volume("b"), "/c": tmpfs({ size: "1m" }), "/d": bind("/tmp") },
    });
  });
});
