// Decides that names are withdrawn before their server goes, and that a name server which takes none is told apart, with what to do.
import { chmodSync, copyFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { nameKey, studioDns } from "../../environments/studio-dns.ts";
import { zones } from "../../fixtures/studio-dns/recipe.ts";
import { dns } from "../checks/dns.ts";
import { withdrawKept } from "../commands/withdraw-kept.ts";
import { bind, container } from "../model/container.ts";
import { defineEnvironment, type EnvironmentOptions } from "../model/environment.ts";
import { HarnessError } from "../model/errors.ts";
import { identityOf } from "../model/identity.ts";
import type { ContainerNode, Node } from "../model/node.ts";
import { reverseName } from "../model/reverse-name.ts";
import { secret } from "../model/secret.ts";
import { openStage, type Stage } from "../vitest/stage.ts";
import { StandingNames } from "./publish.ts";

const { names, dev } = studioDns.nodes;
const nodes = {
  // Without an address of its own, as what is tried here lies in another subnet, too.
  names: container({ image: names.image, env: names.env, networks: ["studio"], ready: { log: / running$/ } }),
  box: container({ image: dev.image, idle: true, networks: ["studio"] }),
};
type Network = NonNullable<EnvironmentOptions<typeof nodes>["networks"]>[string];
const good = {
  subnet: zones.subnet,
  domain: zones.domain,
  publish: { server: "names", key: nameKey },
} as const satisfies Network;
const strangers = { ...nameKey, secret: secret("other key", Buffer.alloc(32, 7).toString("base64")) };
const environment = (name: string, network: Network) =>
  defineEnvironment(`names-${name}`, { networks: { studio: network }, nodes });

let stage: Stage;
/** For the name server's user, whoever that is here. */
const zonesDirectory = mkdtempSync(join(tmpdir(), "assay-zones-"));
beforeAll(async () => {
  chmodSync(zonesDirectory, 0o777);
  stage = await openStage();
});
afterAll(async () => {
  const { leaked } = await stage.close();
  rmSync(zonesDirectory, { recursive: true });
  expect(leaked).toEqual([]);
});

test("names are withdrawn before their server goes: where its zones outlive it, they are gone all the same", async () => {
  for (const zone of ["studio.example", "53.53.10.in-addr.arpa"])
    copyFileSync(join(import.meta.dirname, "../../fixtures/studio-dns", zone), join(zonesDirectory, zone));
  const lasting = container({
    image: names.image,
    env: names.env,
    networks: ["studio"],
    mounts: { "/var/lib/bind": bind(zonesDirectory) },
    ready: { log: / running$/ },
  });
  const first = await stage.standUp(
    defineEnvironment("names-come", { networks: { studio: good }, nodes: { names: lasting, box: nodes.box } }),
  );
  const known = ({ names: server, host }: { readonly names: ContainerNode; readonly host: Node }) =>
    Promise.all(
      ["ns", "names", "box"].map((name) =>
        dns(`${name}.studio.example`, { server: server.address() }).resolves().observe(host),
      ),
    );
  const box = first.nodes.box.address();
  expect(await known(first.nodes)).toEqual([[zones.server], [first.nodes.names.address()], [box]]);
  await first.takeDown();
  const { subnet } = good;
  const second = await stage.standUp(
    defineEnvironment("names-gone", { networks: { studio: { subnet } }, nodes: { names: lasting } }),
  );
  expect(await known(second.nodes)).toEqual([[zones.server], [], []]);
  const { host } = second.nodes;
  const called = dns(reverseName(box), { server: second.nodes.names.address() }).hasRecord("PTR");
  expect(called.judge(await called.observe(host))).toMatchObject({ met: false, seen: "no record PTR" });
  await second.takeDown();
  expect(JSON.stringify(stage.events)).not.toContain(nameKey.secret.reveal());
});

test("of what is kept, names are withdrawn by whoever takes it down: of all, or of those that go", async () => {
  const kept = environment("kept", good);
  const { nodes: live, inspect, takeDown } = await stage.standUp(kept);
  const nodes = await Promise.all(
    (["names", "box"] as const).map(async (node) => ({
      node,
      kind: "container" as const,
      name: String((await inspect(node)).Name).slice(1),
      reach: [`${live[node].address()} on studio`],
    })),
  );
  const stand = { environment: kept.name, scope: "n", nodes, resources: [] };
  const known = () =>
    Promise.all(
      ["names", "box"].map((name) =>
        dns(`${name}.studio.example`, { server: live.names.address() }).resolves().observe(live.host),
      ),
    );
  const all = { engines: stage.engines, environment: kept, stand, directory: "/nowhere" };
  await withdrawKept({ ...all, which: ["box"] });
  expect(await known()).toEqual([[live.names.address()], []]);
  // As where the environment grows, and its server stands.
  const [, , scope = ""] = nodes[0]?.name.split("-") ?? [];
  const owner = { run: stage.run, identity: identityOf() };
  const standing = { owner, environment: kept, scope, directory: "/nowhere", images: new Map() };
  const grown = new StandingNames(kept, new Map([["box", live.box]]));
  expect(grown.look()).toBe(true);
  await grown.publish(standing, [stage.driver]);
  expect(await known()).toEqual([[live.names.address()], [live.box.address()]]);
  await grown.withdraw((why) => expect.unreachable(why));
  expect(await known()).toEqual([[live.names.address()], []]);
  await withdrawKept(all);
  expect(await known()).toEqual([[], []]);
  // Somebody else's key, as where the declaration was changed since.
  const changed = environment("kept", { ...good, publish: { ...good.publish, key: strangers } });
  await expect(withdrawKept({ ...all, environment: changed })).rejects.toMatchObject({
    code: "update-refused",
    phase: "destroy",
    node: "names-kept/names",
  });
  await live.names.stop();
  await expect(withdrawKept(all)).rejects.toBeInstanceOf(HarnessError);
  await takeDown();
});

test.each<[string, Network, string, string]>([
  [
    "of a zone it does not have",
    { ...good, subnet: "10.53.54.0/24" },
    "no-zone",
    "has no zone for 54.53.10.in-addr.arpa",
  ],
  [
    "by another key's secret",
    {
      ...good,
      publish: { server: "names", key: strangers },
    },
    "update-refused",
    'another secret for the key "studio"',
  ],
  [
    "by a node without nsupdate",
    { ...good, publish: { ...good.publish, server: "box" } },
    "no-nsupdate",
    "nsupdate is not there",
  ],
])("names %s are not published, and it is said why", async (_, network, code, seen) => {
  const refused = await stage.standUp(environment("stay", network)).then(
    () => undefined,
    (error: unknown) => error,
  );
  expect(refused).toMatchObject({
    name: "ProvisionError",
    code,
    phase: "ready",
    node: `names-stay/${network.publish?.server}`,
    seen: expect.stringContaining(`names of network "studio" could not be published: `),
  });
  expect((refused as { seen: string }).seen).toContain(seen);
  expect((refused as { hint: string }).hint).not.toBe("");
});
