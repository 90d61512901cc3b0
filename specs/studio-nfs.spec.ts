// Shared storage: what the server exports and to whom, what its clients see, whose their files are on either side, and what a server or
// a client that goes away does to them.
import { setTimeout as pause } from "node:timers/promises";
import { studioNfs } from "../environments/studio-nfs.ts";
import { nfs, referenceClient } from "../fixtures/studio-nfs/recipe.ts";
import {
  all,
  expect,
  file,
  fstab,
  mount,
  nfsExport,
  play,
  rpc,
  shell,
  showmount,
  testIn,
  unit,
} from "../harness/index.ts";

const test = testIn(studioNfs);
const { path } = nfs;
const [someone, another] = ["1000:1000", "2000:2000"];

test("the directory is exported to the studio's network alone, and written before it is acknowledged", async ({
  server,
  dev,
}) => {
  const exported = nfsExport(path);
  await expect(server).toMeet(
    all(
      exported.isOfferedOnlyTo("172.16.0.0/24"),
      exported.hasOption("rw"),
      exported.hasOption("sync"),
      exported.hasOption("root_squash"),
      exported.hasOption("no_subtree_check"),
      unit("nfs-server.service").isEnabled(),
      rpc("nfs").isRegistered({ version: 4, protocol: "tcp", port: 2049 }),
    ),
  );
  await expect(server).not.toMeet(rpc("nfs").isRegistered({ version: 3 }));
  await expect(dev[0]).toMeet(showmount(nfs.server).lists(path, "172.16.0.0/24"));
});

test("each client has it mounted, by its own boot", async ({ dev }) => {
  for (const client of dev)
    await expect(client).toMeet(
      all(
        mount("/vfx").hasType("nfs4"),
        mount("/vfx").hasSource(`vfx-nfs-001:${path}`),
        mount("/vfx").hasOption("hard"),
        fstab().isValid(),
        fstab().hasEntry("/vfx", { type: "nfs4", options: ["_netdev"] }),
      ),
    );
});

test("each client is another one to the server", async ({ server, dev }) => {
  const told = await server.succeed(shell("cat /proc/fs/nfsd/clients/*/info"));
  const names = [...told.matchAll(/^name: "Linux NFSv[\d.]+ (.*)"$/gm)].map(([, name]) => name);
  expect(names.sort()).toEqual(dev.map(({ name }) => name));
});

test("a file is its writer's on every side", async ({ dev, server }) => {
  const [one, two] = dev;
  await one?.succeed(["touch", "/vfx/shot"], { user: someone });
  for (const node of [one, two]) await expect(node).toMeet(file("/vfx/shot").ownedBy(1000, 1000));
  await expect(server).toMeet(file(`${path}/shot`).ownedBy(1000, 1000));
});

test("another user may read and not write; root is nobody there", async ({ dev: [client], server }) => {
  await server.succeed(shell(`umask 022; echo for everybody >${path}/notice`));
  expect(await client?.succeed(["cat", "/vfx/notice"], { user: another })).toBe("for everybody");
  expect((await client?.fail(["touch", "/vfx/other"], { user: another }))?.stderr).toContain("Permission denied");
  expect((await client?.fail(["touch", "/vfx/roots"]))?.stderr).toContain("Permission denied");
  await server.succeed(["install", "-d", "-m", "1777", `${path}/open`]);
  await client?.succeed(["touch", "/vfx/open/roots"]);
  await expect(server).toMeet(file(`${path}/open/roots`).ownedBy(65534, 65534));
});

test("what is exported to be read cannot be written, whoever asks", async ({ dev: [client] }) => {
  await client?.succeed(["mount", "-t", "nfs4", `${nfs.server}:${nfs.readOnlyPath}`, "/mnt"]);
  for (const user of [someone, "0:0"])
    expect((await client?.fail(["touch", "/mnt/new"], { user }))?.stderr).toContain("Read-only file system");
  await client?.succeed(["umount", "/mnt"]);
});

test("a machine of another network is refused", async ({ guest, server }) => {
  const from = `${server.address("guests")}:${path}`;
  expect((await guest.fail(["mount", "-t", "nfs4", from, "/mnt"])).stderr).toMatch(/access denied|not permitted/);
  await expect(guest).not.toMeet(mount("/vfx").exists());
});

test("two that append at once lose nothing", async ({ dev, server }) => {
  const append = (name: string) =>
    // By a lock of the file itself, which has its client look at the server's again; beside another file's lock lines get lost: two
    // changes within one tick of the server's clock look like one to who has an older copy.
    shell(`for n in $(seq 50); do flock /vfx/log sh -c "echo ${name} $n >>/vfx/log"; done`);
  await Promise.all(dev.map((client, index) => client.succeed(append(`c${index}`), { user: someone })));
  const lines = (await server.succeed(["cat", `${path}/log`])).trim().split("\n");
  expect(new Set(lines).size).toBe(100);
  expect(lines).toHaveLength(100);
});

test("the role, applied to the servers when they run, mounts what is to be read there alone, and once", async ({
  dev,
  guest,
}) => {
  const hosts = { servers: dev, guests: guest };
  const { hosts: done } = await play(referenceClient, hosts);
  for (const client of dev) {
    expect(done[client.name]?.tasks.map(({ changed }) => changed)).toEqual([false, true, true]);
    const reference = mount(nfs.referencePoint);
    await expect(client).toMeet(all(reference.hasSource(`${nfs.server}:${nfs.readOnlyPath}`), fstab().isValid()));
  }
  await expect(guest).not.toMeet(file(nfs.referencePoint).exists());
  expect(await play(referenceClient, hosts)).toChangeNothing();
});

test("a lock is its holder's over a restart of the server, and nobody else's meanwhile", async ({
  dev: [one, two],
  server,
}) => {
  await one?.succeed(["touch", "/vfx/lock"], { user: someone });
  const held = one?.exec(
    shell('flock /vfx/lock sh -c "touch /vfx/held; until [ -e /vfx/release ]; do sleep 0.2; done; echo kept"'),
    { user: someone, timeoutMs: 600_000 },
  );
  await one?.succeed(shell("until [ -e /vfx/held ]; do sleep 0.2; done"));
  await server.succeed(["systemctl", "restart", "nfs-server.service"], { timeoutMs: 300_000 });
  // Until the server's time of grace is over only who had a lock may have one: who asks for one waits, and is then refused.
  const refused = await two?.exec(["flock", "--nonblock", "/vfx/lock", "true"], { user: someone, timeoutMs: 300_000 });
  expect(refused?.status).toBe(1);
  await one?.succeed(["touch", "/vfx/release"], { user: someone });
  expect(await held).toMatchObject({ status: 0, stdout: "kept\n" });
  await two?.succeed(["flock", "--timeout", "120", "/vfx/lock", "true"], { user: someone, timeoutMs: 300_000 });
});

test("a client that starts again mounts it by itself", async ({ dev: [client] }) => {
  await client?.succeed(["touch", "/vfx/before"], { user: someone });
  await client?.reboot();
  await expect(client).toMeet(mount("/vfx").hasType("nfs4"), { within: "60s" });
  expect(await client?.succeed(["ls", "/vfx"])).toContain("before");
});

test("who cannot reach the server waits, and goes on when it can", async ({ dev: [client], server }) => {
  const written = () =>
    client?.succeed(shell("echo through >/vfx/through && cat /vfx/through"), {
      user: someone,
      timeoutMs: 300_000,
    });
  await server.unplug("studio");
  const writing = written();
  const seen = writing?.then(() => "written");
  try {
    expect(await Promise.race([seen, pause(3_000, "waits")])).toBe("waits");
    await expect(server).not.toMeet(file(`${path}/through`).exists());
  } finally {
    await server.plug("studio");
  }
  expect(await writing).toBe("through");
});

test("what the server acknowledged is there after a crash, and who was writing goes on", async ({
  dev: [client],
  server,
}) => {
  await client?.succeed(shell("echo acknowledged >/vfx/kept"), { user: someone });
  await server.crash();
  const waiting = client?.succeed(shell("echo later >/vfx/waited && cat /vfx/waited"), {
    user: someone,
    timeoutMs: 600_000,
  });
  const [said] = await Promise.all([waiting, server.start()]);
  expect(await server.succeed(["cat", `${path}/kept`])).toContain("acknowledged");
  expect(said).toContain("later");
  await expect(server).toMeet(file(`${path}/waited`).ownedBy(1000, 1000));
});
