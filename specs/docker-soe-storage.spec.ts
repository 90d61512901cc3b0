// Storage: what outlives a container, what is shared, and what is only memory.
import { dockerStorage } from "../environments/docker-soe.ts";
import { all, expect, file, mount, testIn } from "../harness/index.ts";

const test = testIn(dockerStorage);

test("a volume is shared between containers, and is kept by the engine", async ({ writer, reader, later, host }) => {
  await writer.succeed(["sh", "-c", "echo reel > /films/one"]);
  await expect(reader).toMeet(file("/films/one").hasContents("reel\n"));
  await expect(later).toMeet(file("/films/one").hasContents("reel\n"));
  await expect(host).toMeet(file(writer.mountSource("/films/one")).hasContents("reel\n"));
});

test("a bind mount is the host's directory itself", async ({ writer, host }) => {
  await writer.succeed(["sh", "-c", "echo frame > /vfx/test.txt"]);
  const source = writer.mountSource("/vfx");
  await expect(host).toMeet(file(`${source}/test.txt`).hasContents("frame\n"));
  await host.succeed(["sh", "-c", 'echo made outside > "$1"', "sh", `${source}/outside`]);
  await expect(writer).toMeet(file("/vfx/outside").hasContents("made outside\n"));
});

test("a container that mounts another's storage read-only cannot write there", async ({ reader }) => {
  await expect(reader).toMeet(mount("/films").hasOption("ro"));
  const { stderr } = await reader.fail(["touch", "/films/two"]);
  expect(stderr).toContain("Read-only file system");
});

test("tmpfs is memory, as big as declared, and nobody else's", async ({ writer, reader }) => {
  await expect(writer).toMeet(
    all(
      mount("/cache").hasType("tmpfs"),
      mount("/cache").hasOption("size=16384k"),
      file("/cache").hasMode(0o1777),
      file("/cache").ownedBy(0, 0),
    ),
  );
  // Else that it is nobody else's would say nothing.
  await expect(reader).toMeet(all(mount("/cache").hasType("tmpfs"), mount("/cache").hasOption("size=16384k")));
  await writer.succeed(["touch", "/cache/mine"]);
  await expect(writer).toMeet(file("/cache/mine").exists());
  await expect(reader).not.toMeet(file("/cache/mine").exists());
  const { stderr } = await writer.fail(["dd", "if=/dev/zero", "of=/cache/big", "bs=1M", "count=32"]);
  expect(stderr).toContain("No space left on device");
});

test("volume and bind mount outlive a restart, tmpfs does not", async ({ writer }) => {
  await writer.succeed(["touch", "/films/kept", "/vfx/kept", "/cache/lost"]);
  await writer.restart();
  await expect(writer).toMeet(all(file("/films/kept").exists(), file("/vfx/kept").exists()));
  await expect(writer).not.toMeet(file("/cache/lost").exists());
});

test("what is written beside them belongs to the container alone", async ({ writer, later }) => {
  await writer.succeed(["touch", "/srv/only-here"]);
  await expect(later).not.toMeet(file("/srv/only-here").exists());
});
