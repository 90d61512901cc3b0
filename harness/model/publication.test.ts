// Decides that what no name server could take is refused where it is declared, before anything is made.
import { describe, expect, test } from "vitest";
import { container } from "./container.ts";
import { defineEnvironment, withCounts } from "./environment.ts";
import { namesOn, shortNamesOn } from "./publication.ts";
import { secret } from "./secret.ts";
import { refusal } from "./testing/refusal.ts";
import { fromQcow2, vm } from "./vm.ts";

const base64 = Buffer.alloc(32, "publication").toString("base64");
const key = { name: "studio", secret: secret("publication key", base64) };
const publish = { server: "ns", key };
const studio = { subnet: "10.9.8.0/24", domain: "studio.example", publish };
const node = (more: Partial<Parameters<typeof container>[0]> = {}) =>
  container({ image: "soe", networks: ["studio"], ...more });
const declare = (network: object, nodes: object = {}) =>
  defineEnvironment("e", { networks: { studio: { ...studio, ...network } }, nodes: { ns: node(), ...nodes } });

describe("a network that is published", () => {
  test("keeps answers for a minute, both ways, unless it is said otherwise", () => {
    expect(declare({}).networks["studio"]?.publish).toMatchObject({ server: "ns", ttl: 60, reverse: true });
    expect(declare({}).networks["studio"]?.publish?.key).toMatchObject({ name: "studio", algorithm: "hmac-sha256" });
    expect(declare({ subnet: undefined, publish: { ...publish, reverse: false } }).networks["studio"]?.subnet).toBe(
      undefined,
    );
  });

  test("is the same when a group's number changes, whose machines' names are looked at as well", () => {
    const image = fromQcow2("/nowhere.qcow2", { sha256: "0".repeat(64) });
    const group = vm({
      image,
      count: 1,
      name: (number) => `dev-${number}`,
      networks: ["studio"],
      hostname: (number) => (number < 3 ? `vfx-${number}` : "vf.x."),
    });
    const one = declare({}, { dev: group });
    expect(withCounts(one, { dev: 2 }).networks).toEqual(one.networks);
    expect(refusal(() => withCounts(one, { dev: 3 })).message).toContain(
      'dev-3 is called "vf.x..studio.example" there',
    );
  });

  test("a node is called by its host name, its own, its aliases, each once", () => {
    const named = node({ hostname: "Render", networks: { studio: { aliases: ["a", "ns"] } } });
    expect(shortNamesOn("studio", "ns", named)).toEqual(["Render", "ns", "a"]);
    expect(shortNamesOn("studio", "ns", node())).toEqual(["ns"]);
    const whole = ["render.studio.example", "ns.studio.example", "a.studio.example"];
    expect(namesOn("studio", "ns", named, "studio.example")).toEqual(whole);
    const inFull = node({ hostname: "NS.studio.example" });
    expect(namesOn("studio", "ns", inFull, "studio.example")).toEqual(["ns.studio.example"]);
  });
});

describe("refused", () => {
  const aliases = (...names: string[]) => ({ dev: node({ networks: { studio: { aliases: names } } }) });
  test.each<[string, object, object, string, string]>([
    ["a server that is no node", { publish: { ...publish, server: "nn" } }, {}, "unknown-node", 'did you mean "ns"?'],
    ["a server that is not on it", {}, { ns: node({ networks: [] }), dev: node() }, "bad-option", "which is not on it"],
    ["no domain", { domain: undefined }, {}, "bad-option", "without a domain"],
    ["a domain that is none", { domain: "studio_example" }, {}, "bad-option", "expected a domain in lower case"],
    ["no subnet", { subnet: undefined }, {}, "bad-option", "without a subnet"],
    [
      "an alias with a line break",
      {},
      aliases("a\nserver 192.0.2.1"),
      "bad-name",
      '"a\\nserver 192.0.2.1.studio.example" there',
    ],
    ["an alias with an underscore", {}, aliases("a_b"), "bad-name", "no name for a name server"],
    ["an alias that is too long", {}, aliases("a".repeat(64)), "bad-name", "63 between two dots"],
    ["a name of two nodes", {}, aliases("NS"), "claimed-twice", "both ns and dev are called ns.studio.example"],
    [
      "a key's name",
      { publish: { ...publish, key: { ...key, name: "a b" } } },
      {},
      "bad-option",
      "expected a key's name",
    ],
    [
      "a key in the clear",
      { publish: { ...publish, key: { name: "studio", secret: base64 } } },
      {},
      "bad-option",
      "expected secret(name, value)",
    ],
    [
      "a key that is not base64",
      { publish: { ...publish, key: { name: "studio", secret: secret("guessed", "not base64!") } } },
      {},
      "bad-option",
      "is not base64",
    ],
    [
      "an old algorithm",
      { publish: { ...publish, key: { ...key, algorithm: "hmac-md5" } } },
      {},
      "bad-option",
      "networks.studio.publish.key.algorithm",
    ],
    ["half a second", { publish: { ...publish, ttl: 0.5 } }, {}, "bad-option", "networks.studio.publish.ttl"],
    ["a typo", { publish: { ...publish, sever: "ns" } }, {}, "bad-option", 'did you mean "server"?'],
  ])("%s", (_, network, nodes, code, message) => {
    const error = refusal(() => declare(network, nodes));
    expect(error.code).toBe(code);
    expect(error.message).toContain(message);
    expect(error.message).not.toContain(base64);
    expect(error.at).toMatch(/publication\.test\.ts:\d+:\d+$/);
  });
});
