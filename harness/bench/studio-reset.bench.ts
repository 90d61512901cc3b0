// A studio with shared storage, between tests: brought back in place, and destroyed and booted, by turns. Both end when each client has
// written through its mount and the others have read it; neither counts before what a test left is seen to be there, and then to be gone.
import { test } from "vitest";
import { expect, mount, shell, type VmNode } from "../index.ts";
import { standMachine } from "./machine-stand.ts";
import { benchSettings } from "./settings.ts";
import { taking } from "./studio-take.ts";
import { storageEnvironment } from "./studio-work.ts";

const settings = benchSettings();
const take = taking();
const someone = { user: "1000:1000", timeoutMs: 120_000 };
/** Resets that are taken of each studio that was booted. */
const resets = 3;

const environment = await storageEnvironment();
/** As the project's environment has them. */
const [exported, mounted] = ["/srv/nfs/vfx", "/vfx"];
let turn = 0;

interface Studio {
  readonly server: VmNode;
  readonly clients: readonly VmNode[];
}

test("a studio with shared storage", { timeout: 3_600_000 }, async () => {
  let { live } = await standMachine(environment);
  const studio = (): Studio => {
    const { server, ...clients } = Object.fromEntries(live.nodes) as Record<string, VmNode>;
    return { server: server as VmNode, clients: Object.values(clients) };
  };
  try {
    take.say("accelerator", studio().server.facts.accelerator);
    expect(studio().clients).toHaveLength(2);
    expect(live.rewind).toBeDefined();
    for (let round = 0; round < settings.rounds; round += 1) {
      for (let each = 0; each < resets; each += 1) {
        await leaveDirt(studio());
        await take.time("reset: ours", async () => {
          await live.rewind?.();
          await works(studio());
        });
        expect(await dirtIn(studio())).toEqual([]);
      }
      await leaveDirt(studio());
      await take.time("reset: anew", async () => {
        await live.takeDown();
        ({ live } = await standMachine(environment));
        await works(studio());
      });
      expect(await dirtIn(studio())).toEqual([]);
    }
  } finally {
    await live.takeDown();
  }
});

/** What a test leaves: files on disks, in memory and in the storage, a process, a lock, a client whose mount is gone. */
async function leaveDirt(studio: Studio): Promise<void> {
  const { server, clients } = studio;
  const left = "touch /root/dirt /dev/shm/dirt; setsid sleep 10000 >/dev/null 2>&1 &";
  await Promise.all([server, ...clients].map((node) => node.succeed(shell(left))));
  const [one, two] = clients;
  await one?.succeed(["touch", `${mounted}/dirt`], someone);
  await two?.succeed(shell(`setsid flock ${mounted}/dirt sleep 20000 >/dev/null 2>&1 &`), someone);
  await two?.succeed(shell(`while flock --nonblock ${mounted}/dirt true; do sleep 0.1; done`), someone);
  await one?.succeed(["umount", mounted]);
  const places = [server, ...clients].flatMap(({ name }) => [`${name}: disk`, `${name}: memory`, `${name}: process`]);
  const shared = [`${server.name}: export`, `${two?.name}: mount`];
  expect([...(await dirtIn(studio))].sort()).toEqual([...places, ...shared, `${one?.name}: no mount`].sort());
}

/** Where there is something of a test's; what each machine answers. */
async function dirtIn({ server, clients }: Studio): Promise<readonly string[]> {
  const ask = (node: VmNode, lines: readonly string[]) =>
    node
      .succeed(shell(lines.join("\n")), { timeoutMs: 120_000 })
      .then((said) => said.split("\n").flatMap((line) => (line === "" ? [] : [`${node.name}: ${line}`])));
  const own = [
    "[ ! -e /root/dirt ] || echo disk",
    "[ ! -e /dev/shm/dirt ] || echo memory",
    "! grep -qsx sleep /proc/[0-9]*/comm || echo process",
  ];
  const answers = await Promise.all([
    ask(server, [...own, `[ ! -e ${exported}/dirt ] || echo export`]),
    ...clients.map((client) =>
      ask(client, [...own, `mountpoint -q ${mounted} || echo no mount`, `[ ! -e ${mounted}/dirt ] || echo mount`]),
    ),
  ]);
  return answers.flat();
}

/** Each client writes something new through its mount; the other and the server read it. */
async function works({ server, clients }: Studio): Promise<void> {
  turn += 1;
  const written = (client: VmNode) => `${client.name} ${turn}`;
  await Promise.all(
    clients.map((client) => client.succeed(shell(`echo ${written(client)} >${mounted}/${client.name}`), someone)),
  );
  await Promise.all(
    clients.flatMap((writer) => [
      ...clients.map(async (reader) =>
        expect(await reader.succeed(["cat", `${mounted}/${writer.name}`], someone)).toBe(written(writer)),
      ),
      server
        .succeed(["cat", `${exported}/${writer.name}`], { timeoutMs: 120_000 })
        .then((said) => expect(said).toBe(written(writer))),
    ]),
  );
  await Promise.all(clients.map((client) => expect(client).toMeet(mount(mounted).hasType("nfs4"))));
}
