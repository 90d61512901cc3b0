// A container's volume that is another machine's: the container moves between machines, and its data and whose they are do not change.
import { studioVolumes } from "../environments/studio-volumes.ts";
import { nfs } from "../fixtures/studio-nfs/recipe.ts";
import { all, expect, file, mount, shell, testIn } from "../harness/index.ts";

const test = testIn(studioVolumes);
/** Whose the data are; the server takes root for nobody. */
const keeper = "1000:1000";

test("its volume is what the studio's server exports, and the server's alone", async ({ one, wiki, server }) => {
  await expect(wiki).toMeet(
    all(
      mount("/data").hasType("nfs4"),
      mount("/data").hasSource(`:${nfs.path}`),
      mount("/data").hasOption("hard"),
      mount("/data").hasOption("vers=4.2"),
    ),
  );
  await wiki.succeed(["touch", "/data/probe"]);
  await expect(server).toMeet(file(`${nfs.path}/probe`).ownedBy(1000, 1000));
  await expect(one).not.toMeet(mount("/vfx").exists());
});

test("stopped on one machine and started on another, it finds its data, and they are its own", async ({
  wiki,
  successor,
  server,
}) => {
  await successor.stop();
  await wiki.succeed(shell("mkdir /data/pages; echo welcome >/data/pages/front; chmod 0640 /data/pages/front"));
  await wiki.stop();
  await successor.start();
  const front = (path: string) =>
    all(file(path).hasContents("welcome\n"), file(path).ownedBy(1000, 1000), file(path).hasMode(0o640));
  await expect(successor.as(keeper)).toMeet(front("/data/pages/front"));
  expect((await successor.fail(["cat", "/data/pages/front"], { user: "0:0" })).stderr).toContain("Permission denied");
  await expect(server).toMeet(front(`${nfs.path}/pages/front`));
  await successor.succeed(shell("echo again >>/data/pages/front"));
  await wiki.start();
  await expect(wiki.as(keeper)).toMeet(file("/data/pages/front").hasContents("welcome\nagain\n"));
});

test("a machine that is lost takes nothing of it along", async ({ one, wiki, successor }) => {
  await wiki.succeed(shell("echo saved >/data/pages/last && sync /data/pages/last"));
  await one.crash();
  await expect(successor.as(keeper)).toMeet(
    all(file("/data/pages/last").hasContents("saved\n"), file("/data/pages/last").ownedBy(1000, 1000)),
  );
});
