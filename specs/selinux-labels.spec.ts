// Data of a container in a directory of its machine, under SELinux: ids are not enough, a label is not for ever, and what the
// engine relabels belongs to one container or to all of them.
import { selinuxLabels } from "../environments/selinux.ts";
import { all, auditMark, avc, expect, file, provokes, selinux, testIn } from "../harness/index.ts";

const test = testIn(selinuxLabels);
const made = "/data/db/made";
const touch = ["touch", made] as const;
/** `s0:c12,c345`: the pair that the engine gave one container. */
const categories = /:(s0:c\d+,c\d+)$/;
/** The kernel ends it with NUL. */
const contextOf = (text: string) => text.replace("\0", "").trim();

test("the containers are confined, each with categories of its own", async ({ machine, plain, successor, own }) => {
  await expect(machine).toMeet(selinux().isEnforcing());
  const contexts = await Promise.all(
    [plain, successor, own].map((node) => node.succeed(["cat", "/proc/self/attr/current"])),
  );
  for (const context of contexts) expect(context).toMatch(/^system_u:system_r:container_t:s0:c\d+,c\d+/);
  expect(new Set(contexts).size).toBe(3);
});

test("a directory takes an owner and a label before the container may write", async ({ machine, plain, successor }) => {
  provokes(machine, "avc-denial");
  const source = plain.mountSource("/data/db");
  const from = { source: "container_t", class: "dir", permission: "write" };

  // Root's directory: the owner is asked first, and SELinux is not.
  let before = await auditMark(machine);
  expect((await plain.fail(touch)).stderr).toContain("Permission denied");
  await expect(machine).toMeet(avc({ since: before }).hasDeniedNothing());

  // The owner is right, the label is not.
  await machine.succeed(["chown", "184:998", source]);
  before = await auditMark(machine);
  expect((await plain.fail(touch)).stderr).toContain("Permission denied");
  const label = await machine.succeed(["stat", "-c", "%C", source]);
  const [, , type = ""] = label.split(":");
  await expect(machine).toMeet(
    all(avc({ since: before }).hasDenied({ ...from, target: label }), selinux().denies({ ...from, target: type })),
  );

  // Both are.
  await machine.succeed(["chcon", "-t", "container_file_t", source]);
  before = await auditMark(machine);
  await plain.succeed(touch);
  await expect(machine).toMeet(avc({ since: before }).hasDeniedNothing());
  for (const [node, path] of [
    [plain, made],
    [machine, `${source}/made`],
  ] as const)
    await expect(node).toMeet(all(file(path).ownedBy(184, 998), file(path).isLabelled("container_file_t")));

  // What one container made has its categories: for the next one the label is not enough.
  const fileLabel = await machine.succeed(["stat", "-c", "%C", `${source}/made`]);
  expect(fileLabel).toMatch(categories);
  before = await auditMark(machine);
  expect((await successor.fail(["sh", "-c", `echo more >> ${made}`])).stderr).toContain("Permission denied");
  await expect(machine).toMeet(
    avc({ since: before }).hasDenied({
      source: "container_t",
      target: fileLabel,
      class: "file",
      permission: "append",
    }),
  );

  // And what the machine makes there has none: both may have it.
  await machine.succeed(["sh", "-c", `echo from outside > ${source}/given; chown 184:998 ${source}/given`]);
  await expect(machine).toMeet(file(`${source}/given`).isLabelled("container_file_t"));
  for (const node of [plain, successor]) await node.succeed(["sh", "-c", "echo more >> /data/db/given"]);
});

test("with :Z the directory belongs to one container", async ({ machine, own, stranger }) => {
  provokes(machine, "avc-denial");
  const source = own.mountSource("/data/db");
  await own.succeed(touch);
  const level = categories.exec(contextOf(await own.succeed(["cat", "/proc/self/attr/current"])))?.[1];
  expect(level).toBeDefined();
  await expect(machine).toMeet(
    all(
      file(source).isLabelled(`system_u:object_r:container_file_t:${level}`),
      file(`${source}/made`).isLabelled(`system_u:object_r:container_file_t:${level}`),
      file(`${source}/made`).ownedBy(184, 998),
    ),
  );
  expect((await stranger.fail(["sh", "-c", `echo more >> ${made}`])).stderr).toContain("Permission denied");
  // The policy hides this one (dontaudit), so the policy is asked and not the log.
  await expect(machine).toMeet(
    selinux().denies({
      source: contextOf(await stranger.succeed(["cat", "/proc/self/attr/current"])),
      target: await machine.succeed(["stat", "-c", "%C", source]),
      class: "dir",
      permission: "search",
    }),
  );
});

test("with :z it belongs to all, and what one made is the next one's when that starts", async ({
  machine,
  shared,
  partner,
}) => {
  provokes(machine, "avc-denial");
  const source = shared.mountSource("/data/db");
  await machine.succeed(["chown", "184:998", source]);
  await shared.succeed(["sh", "-c", `echo one > ${made}`]);
  await expect(machine).toMeet(
    all(file(source).isLabelled("system_u:object_r:container_file_t:s0"), file(`${source}/made`).ownedBy(184, 998)),
  );

  // Debian's policy gives a new file the categories of its maker, in a directory without any, too.
  const before = await auditMark(machine);
  const append = ["sh", "-c", `echo two >> ${made}`] as const;
  await partner.fail(append);
  await expect(machine).toMeet(
    avc({ since: before }).hasDenied({
      source: "container_t",
      target: await machine.succeed(["stat", "-c", "%C", `${source}/made`]),
      class: "file",
      permission: "append",
    }),
  );

  await partner.restart();
  await partner.succeed(append);
  await expect(machine).toMeet(
    all(
      file(`${source}/made`).isLabelled("system_u:object_r:container_file_t:s0"),
      file(`${source}/made`).hasContents("one\ntwo\n"),
    ),
  );
});
