// A database on a directory of a machine that enforces SELinux, as somebody meets it step by step: the owner, the label, the categories;
// and what the machine says of each denial. Whichever engine the machine has.
import { serves, tries } from "../../environments/mongodb.ts";
import {
  all,
  auditMark,
  avc,
  type ContainerNode,
  command,
  expect,
  file,
  logs,
  type Node,
  selinux,
  state,
  type TestsOn,
} from "../../harness/index.ts";

const path = "/var/lib/mongodb";
const mongod = "184:998";
/** It tries once more, and ends as mongod does where it cannot use its directory. */
async function isRefused(node: ContainerNode): Promise<void> {
  await node.start({ ready: tries });
  await expect(node).toMeet(state().exitedWith(100), { within: "1m" });
}
const labelOf = (machine: Node, of: string) => machine.succeed(["stat", "-c", "%C", of]);
const insert = (node: ContainerNode, name: string) =>
  node.succeed(["mongodb-command", "studio", JSON.stringify({ insert: "shots", documents: [{ name }] })]);
/** Asked in the container itself: through an emulated machine's engine a driver is slower to say hello than it may be. */
const answer = (database: string, to: object) =>
  command(["mongodb-command", database, JSON.stringify(to)], { timeoutMs: 60_000 });
const hasShots = (count: number) => answer("studio", { count: "shots" }).prints(`"n": {"$numberInt":"${count}"}`);
const listsDatabase = (name: string) => answer("admin", { listDatabases: 1 }).prints(`"name": "${name}"`);
/** What a failing check would have told, without one that fails. */
async function told(machine: Node, since: Awaited<ReturnType<typeof auditMark>>): Promise<string> {
  const check = avc({ since }).hasDeniedNothing();
  const judged = check.judge(await check.observe(machine));
  return "met" in judged ? judged.seen : judged.skipped;
}

export interface MongodbNodes {
  readonly machine: Node;
  readonly mongo: ContainerNode;
  readonly successor: ContainerNode;
  readonly shared: ContainerNode;
  readonly partner: ContainerNode;
  readonly own: ContainerNode;
  readonly stranger: ContainerNode;
}

export function mongodbSteps(test: TestsOn<MongodbNodes>): void {
  test("root's directory: the owner is asked first, and SELinux is not", async ({ machine, mongo }) => {
    await expect(machine).toMeet(selinux().isEnforcing());
    const before = await auditMark(machine);
    await isRefused(mongo);
    await expect(mongo).toMeet(
      logs().contain("cannot be written: Permission denied; it is owned by 0:0, mode 755, and this process is 184:998"),
    );
    await expect(machine).toMeet(avc({ since: before }).hasDeniedNothing());
  });

  test("its own directory with the label of its place: denied, and the machine says who by what", async ({
    machine,
    mongo,
  }) => {
    const source = mongo.mountSource(path);
    await machine.succeed(["chown", mongod, source]);
    const before = await auditMark(machine);
    await isRefused(mongo);
    await expect(mongo).toMeet(
      logs().contain(
        "cannot be written: Permission denied; it is owned by 184:998, mode 755, and this process is 184:998",
      ),
    );
    const label = await labelOf(machine, source);
    const [, , type = ""] = label.split(":");
    const denied = { source: "container_t", class: "dir", permission: "write" };
    await expect(machine).toMeet(
      all(
        avc({ since: before }).hasDenied({ ...denied, target: label }),
        selinux().denies({ ...denied, target: type }),
      ),
    );
    expect(await told(machine, before)).toContain(
      `container_t may not write ${type}: relabel it with chcon -t container_file_t, or mount it with :Z`,
    );
  });

  test("labelled for containers it serves; what is made on either side has ids and label as they should be", async ({
    machine,
    mongo,
  }) => {
    const source = mongo.mountSource(path);
    await machine.succeed(["chcon", "-t", "container_file_t", source]);
    const before = await auditMark(machine);
    await mongo.start({ ready: serves });
    await insert(mongo, "sh010");
    await expect(mongo).toMeet(all(listsDatabase("studio"), hasShots(1)));
    // Not by install: that gives a file the label which the policy has for its path.
    await machine.succeed(["touch", `${source}/from-outside`]);
    await machine.succeed(["chown", mongod, `${source}/from-outside`]);
    for (const [node, at] of [
      [mongo, path],
      [machine, source],
    ] as const)
      for (const name of ["mongod.lock", "studio.sqlite", "studio.sqlite-wal", "from-outside"])
        await expect(node).toMeet(
          all(file(`${at}/${name}`).ownedBy(184, 998), file(`${at}/${name}`).isLabelled("container_file_t")),
        );
    // The container's own categories are on what it made, and none on what the machine made.
    expect(await labelOf(machine, `${source}/studio.sqlite`)).toMatch(/:s0:c\d+,c\d+$/);
    expect(await labelOf(machine, `${source}/from-outside`)).toMatch(/:container_file_t:s0$/);
    await expect(machine).toMeet(avc({ since: before }).hasDeniedNothing());
  });

  test("a new container has other categories, and is denied what the first one made", async ({
    machine,
    mongo,
    successor,
  }) => {
    expect((await mongo.stop()).status).toBe(0);
    const before = await auditMark(machine);
    await isRefused(successor);
    await expect(successor).toMeet(logs().contain("cannot be written: Permission denied; it is owned by 184:998"));
    await expect(machine).toMeet(
      avc({ since: before }).hasDenied({
        source: "container_t",
        target: await labelOf(machine, `${mongo.mountSource(path)}/mongod.lock`),
        class: "file",
        permission: "append",
      }),
    );
    expect(await told(machine, before)).toMatch(
      /container_t may not append container_file_t of categories c\d+,c\d+, which are another container's: mount it with :z/,
    );
  });

  test("with :z the next container has the data, as its start relabels them", async ({ machine, shared, partner }) => {
    await machine.succeed(["chown", "--recursive", mongod, "/srv/studio"]);
    await shared.start({ ready: serves });
    await insert(shared, "sh010");
    await shared.stop();
    const before = await auditMark(machine);
    await partner.start({ ready: serves });
    await insert(partner, "sh020");
    await expect(partner).toMeet(hasShots(2));
    await expect(machine).toMeet(
      all(
        file("/srv/studio/studio.sqlite").isLabelled("system_u:object_r:container_file_t:s0"),
        file("/srv/studio/studio.sqlite").ownedBy(184, 998),
        avc({ since: before }).hasDeniedNothing(),
      ),
    );
  });

  test("with :Z it serves at once, and nobody else with it", async ({ machine, own, stranger }) => {
    await insert(own, "sh010");
    await expect(own).toMeet(hasShots(1));
    const level = /:(s0:c\d+,c\d+)/.exec(await own.succeed(["cat", "/proc/self/attr/current"]))?.[1];
    expect(level).toBeDefined();
    await expect(machine).toMeet(
      file(`${own.mountSource(path)}/studio.sqlite`).isLabelled(`system_u:object_r:container_file_t:${level}`),
    );
    await own.stop();
    await isRefused(stranger);
    await expect(stranger).toMeet(logs().contain(/Permission denied/));
  });
}
