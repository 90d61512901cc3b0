// Ownership on bind mounts: the same ids from inside and from the host, whoever writes and whichever side.
import { dockerOwnership } from "../environments/docker-soe.ts";
import { all, command, expect, file, testIn } from "../harness/index.ts";

const test = testIn(dockerOwnership);

test("a file made as root belongs to root on the host", async ({ root, host }) => {
  await root.succeed(["touch", "/vfx/test.txt"]);
  for (const [node, path] of [
    [root, "/vfx/test.txt"],
    [host, root.mountSource("/vfx/test.txt")],
  ] as const) {
    await expect(node).toMeet(all(file(path).ownedBy(0, 0), file(path).hasMode(0o644)));
  }
});

test("a file made as 1000:1000 belongs to 1000:1000 on the host", async ({ artist, host }) => {
  await artist.succeed(["sh", "-c", "umask 027; touch /vfx/a; mkdir /vfx/d"]);
  for (const [node, at] of [
    [artist, "/vfx"],
    [host, artist.mountSource("/vfx")],
  ] as const) {
    await expect(node).toMeet(
      all(
        file(`${at}/a`).ownedBy(1000, 1000),
        file(`${at}/a`).hasMode(0o640),
        file(`${at}/d`).ownedBy(1000, 1000),
        file(`${at}/d`).hasMode(0o750),
      ),
    );
  }
});

test("the user 1000 has no passwd entry, and works all the same", async ({ artist, skip }) => {
  if (artist.facts["engine"] === "podman")
    skip("podman gives a user of the container's that the image lacks a passwd entry");
  await expect(artist).toMeet(command(["getent", "passwd", "1000"]).exits(2)); // 2: no such key
  expect(await artist.succeed(["id", "-u"])).toBe("1000");
  expect((await artist.fail(["id", "-un"])).stderr).toContain("cannot find name for user ID 1000");
});

test("the user that the image names writes as that user", async ({ studio, host }) => {
  await studio.succeed(["touch", "/vfx/by-studio"]);
  await expect(studio).toMeet(file("/vfx/by-studio").ownedBy("studio", "studio"));
  await expect(host).toMeet(file(studio.mountSource("/vfx/by-studio")).ownedBy(1500, 1500));
});

test("a file made on the host is seen inside with the host's ids and mode", async ({ root, artist, host }) => {
  const path = artist.mountSource("/vfx/from-host");
  await host.succeed(["touch", path]);
  await host.succeed(["chown", "1234:4321", path]);
  await host.succeed(["chmod", "0604", path]);
  await expect(artist).toMeet(all(file("/vfx/from-host").ownedBy(1234, 4321), file("/vfx/from-host").hasMode(0o604)));
  await expect(root).not.toMeet(file("/vfx/from-host").exists());
});

test("a directory of its own can be written, one of root's cannot, and it is said why", async ({ artist, host }) => {
  await artist.succeed(["touch", "/own/a"]);
  await expect(host).toMeet(file(artist.mountSource("/own/a")).ownedBy(1000, 1000));
  const { stderr } = await artist.fail(["touch", "/locked/a"]);
  expect(stderr).toContain("Permission denied");
  await expect(host).not.toMeet(file(artist.mountSource("/locked/a")).exists());
});
