// A role applied to a group of live nodes: its members have it afterwards, others do not, and a second time it changes nothing.
import { studioServers } from "../environments/studio-servers.ts";
import { renderToken, servers } from "../fixtures/studio-servers/playbook.ts";
import { all, expect, file, group, play, testIn } from "../harness/index.ts";

const test = testIn(studioServers);

test("the servers get their role, and the desk does not", async ({ one, two, desk }) => {
  const first = await play(servers, { servers: [one, two], desks: desk });
  expect(first).not.toChangeNothing();
  for (const server of [one, two])
    await expect(server).toMeet(
      all(
        group("render").hasGid(2200),
        file("/srv/render").hasMode(0o2775),
        file("/etc/render-farm.conf").ini("farm.members").is("one two"),
        file("/etc/render-token").contains(renderToken.reveal()),
        file("/etc/render-token").hasMode(0o640),
      ),
    );
  await expect(desk).not.toMeet(group("render").exists());
  await expect(desk).not.toMeet(file("/srv/render").exists());
});

test("a second time it changes nothing", async ({ one, two, desk }) => {
  const again = await play(servers, { servers: [one, two], desks: desk });
  expect(again).toChangeNothing();
  expect(Object.keys(again.hosts)).toEqual(["one", "two"]);
});

test("what somebody changed meanwhile is put right, there alone", async ({ one, two }) => {
  await one.succeed(["chmod", "0777", "/srv/render"]);
  const { hosts } = await play(servers, { servers: [one, two] });
  expect(hosts["one"]?.changed).toBe(1);
  expect(hosts["two"]?.changed).toBe(0);
  await expect(one).toMeet(file("/srv/render").hasMode(0o2775));
});
