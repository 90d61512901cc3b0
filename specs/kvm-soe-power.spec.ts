// Shut down and started again: it ends cleanly, and the second boot is the first once more.
import { kvmSoeBooted } from "../environments/kvm-soe.ts";
import { all, expect, filesystem, journal, shell, systemd, testIn, unit, type VmNode } from "../harness/index.ts";

const test = testIn(kvmSoeBooted);

/** What must be the same at each boot: identity, what runs, what is mounted, who listens. */
const standing = (soe: VmNode) =>
  soe.succeed(
    shell(
      [
        "cat /etc/machine-id /etc/ssh/ssh_host_*_key.pub /proc/cmdline",
        // What is to run at every boot; what only the first one has to do is over by then.
        "systemctl list-unit-files --state=enabled --no-legend | awk '{print $1}' | sort",
        "systemctl is-active ssh.service chrony.service systemd-networkd.service systemd-resolved.service dbus.service",
        "findmnt -rno TARGET,FSTYPE,OPTIONS / | sort",
        "ss -Htln | awk '{print $4}' | sort -u",
      ].join("; "),
    ),
  );

test("it shuts down when asked, and starts as it was", async ({ soe }) => {
  const first = await standing(soe);
  const bootId = soe.facts.bootId;
  await soe.succeed(["touch", "/root/kept"]);
  const { tookMs } = await soe.shutdown();
  expect(tookMs).toBeGreaterThan(0);
  expect(await soe.console()).toMatch(/Reached target.*(Power.?Off|System Shutdown)|reboot: Power down/i);
  await soe.start();
  expect(soe.facts.bootId).not.toBe(bootId);
  expect(await standing(soe)).toBe(first);
  await soe.succeed(["test", "-e", "/root/kept"]);
  await expect(soe).toMeet(
    all(
      systemd().isRunning(),
      systemd().hasNoFailedUnits(),
      filesystem("/").isClean(),
      unit("ssh.service").isActive(),
      // A journal or a disk that was not closed says so at the next boot.
      journal().hasNoErrors({ above: "err" }),
    ),
  );
});

test("it starts again when asked", async ({ soe }) => {
  const { bootId } = soe.facts;
  await soe.reboot();
  expect(soe.facts.bootId).not.toBe(bootId);
  await expect(soe).toMeet(all(systemd().isRunning(), systemd().hasNoFailedUnits()));
});
