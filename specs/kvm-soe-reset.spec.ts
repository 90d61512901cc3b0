// Isolation: each test gets the machine as it was when it was ready, though every test leaves a mess behind. Twenty times.
import { kvmSoe } from "../environments/kvm-soe.ts";
import { all, clock, expect, file, process, shell, testIn, user } from "../harness/index.ts";

const test = testIn(kvmSoe, { isolation: "test" });
const drawnBefore: string[] = [];

for (let turn = 1; turn <= 20; turn++) {
  test(`test ${turn} finds a clean machine and leaves a dirty one`, async ({ soe }) => {
    await expect(soe).not.toMeet(file("/root/canary").exists());
    await expect(soe).not.toMeet(file("/dev/shm/canary").exists());
    await expect(soe).not.toMeet(user("canary").exists());
    await expect(soe).not.toMeet(process("sleep").isRunning());
    await expect(soe).toMeet(all(clock().isWithin("2s"), file("/etc/hosts").exists()));
    // The kernel's random numbers would repeat, had the machine not been given new ones.
    const drawn = await soe.succeed(["cat", "/proc/sys/kernel/random/uuid"]);
    expect(drawnBefore).not.toContain(drawn);
    drawnBefore.push(drawn);
    await soe.succeed(
      shell(
        [
          "useradd --create-home canary",
          `dd if=/dev/zero of=/dev/shm/canary bs=1M count=8 status=none`,
          "echo mess > /root/canary",
          "rm /etc/hosts",
          "setsid sleep 10000 > /dev/null 2>&1 &",
          "date -s '2031-02-03 04:05:06' > /dev/null",
          "sync",
        ].join("\n"),
      ),
    );
    await expect(soe).toMeet(all(user("canary").exists(), file("/root/canary").exists(), process("sleep").isRunning()));
  });
}
