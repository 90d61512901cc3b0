// Decides that each check of a machine, asked of a real one, says what is the case there, and that where it cannot be asked,
// in a container without systemd, or by who may not, it says nothing.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { soe, soeVm } from "../../fixtures/vfx-studio-soe/recipe.ts";
import { opsKey, opsPassword } from "../../fixtures/vfx-studio-soe/secrets.ts";
import type { Check, Probe } from "../model/check.ts";
import { container } from "../model/container.ts";
import { defineEnvironment } from "../model/environment.ts";
import { ObservationError } from "../model/errors.ts";
import { shell } from "../model/exec.ts";
import { noneFailed } from "../model/no-failed-units.ts";
import type { ContainerNode, Node, VmNode } from "../model/node.ts";
import { secret } from "../model/secret.ts";
import { vm } from "../model/vm.ts";
import { openStage, type Stage } from "../vitest/stage.ts";
import { user } from "./account.ts";
import { authorizedKeys } from "./authorized-keys.ts";
import { bootFacts, bootLoader } from "./boot-loader.ts";
import { clock, nodeTime, synchronisation } from "./clock.ts";
import { blockDevice, disk } from "./disk.ts";
import { failedUnits } from "./failed-units.ts";
import { filesystem } from "./filesystem.ts";
import { checkState, fileSystemFacts } from "./filesystem-facts.ts";
import { fstab, fstabFaults } from "./fstab.ts";
import { journal } from "./journal.ts";
import { journalLines } from "./journal-lines.ts";
import { kernel, sysctl } from "./kernel.ts";
import { login } from "./login.ts";
import { module, moduleFacts } from "./module.ts";
import { passwordState } from "./password.ts";
import { port, ports } from "./port.ts";
import { socketHolders } from "./port-holders.ts";
import { residue } from "./residue.ts";
import { residuePaths } from "./residue-paths.ts";
import { sshd, sshdSettings } from "./sshd.ts";
import { sudo, sudoers, sudoersFaults, sudoRules } from "./sudo.ts";
import { unitFacts } from "./systemctl.ts";
import { managerFacts, systemd } from "./systemd.ts";
import { unit } from "./unit.ts";

const environment = defineEnvironment("machine-checks", {
  networks: { lan: {} },
  nodes: {
    machine: vm({ image: soeVm, networks: ["lan"], disks: { data: { size: "32m", serial: "DATA1" } } }),
  },
});
const bare = defineEnvironment("no-machine", {
  nodes: { box: container({ image: soe, entrypoint: ["sleep", "86400"], command: [] }) },
});

let stage: Stage;
let machine: VmNode;
let box: ContainerNode;

beforeAll(async () => {
  stage = await openStage();
  const [machines, containers] = await Promise.all([stage.standUp(environment), stage.standUp(bare)]);
  ({ machine } = machines.nodes);
  ({ box } = containers.nodes);
});

afterAll(async () => {
  const { leaked } = await stage.close();
  expect(leaked).toEqual([]);
});

type AnyCheck = Check<VmNode>;

async function isMet(node: Node, check: AnyCheck): Promise<{ met: boolean; seen: string }> {
  const judgement = check.judge(await check.observe(node as VmNode));
  if ("skipped" in judgement) throw new Error(`skipped: ${judgement.skipped}`);
  return judgement;
}

/** Each is asked of the machine, all in one go. */
function hold(met: readonly AnyCheck[], unmet: readonly AnyCheck[]): Promise<unknown> {
  const ask = async (check: AnyCheck, wanted: boolean) => {
    const { met: seenMet, seen } = await isMet(machine, check);
    expect.soft(seenMet, `${check.title}: ${seen}`).toBe(wanted);
  };
  return Promise.all([...met.map((check) => ask(check, true)), ...unmet.map((check) => ask(check, false))]);
}

describe("on a machine", () => {
  test("units, systemd, journal", () =>
    hold(
      [
        unit("ssh.service").isActive(),
        unit("ssh.service").isEnabled(),
        unit("ssh.service").isAfter("network.target"),
        unit("chrony.service").isActive(),
        unit("chrony.service").isWantedBy("multi-user.target"),
        systemd().hasNoOrderingCycles(),
        systemd().bootsWithin("10m"),
        journal().contains("Linux version"),
        journal({ unit: "ssh.service" }).contains("Server listening"),
        journal().hasNoErrors({ above: "emerg" }),
      ],
      [
        unit("nosuch.service").exists(),
        unit("nosuch.service").isActive(),
        unit("ssh.service").isFailed(),
        unit("ssh.service").isMasked(),
        unit("ssh.service").isAfter("nosuch.target"),
        systemd().bootsWithin("10ms"),
        journal().contains("no line says this, I hope"),
        journal({ unit: "nosuch.service" }).contains(/./),
      ],
    ));

  test("a unit that fails is found by name, its line in the journal too", async () => {
    await machine.exec(["systemd-run", "--unit=doomed", "--wait", "false"]);
    await hold(
      [unit("doomed.service").isFailed(), journal({ unit: "doomed.service" }).contains(/Failed with result/)],
      [systemd().isRunning(), systemd().hasNoFailedUnits(), unit("doomed.service").isActive()],
    );
    expect((await isMet(machine, systemd().hasNoFailedUnits())).seen).toContain("doomed.service");
    await machine.succeed(["systemctl", "reset-failed", "doomed.service"]);
    await hold([systemd().hasNoFailedUnits()], []);
  });

  test("kernel, parameters, modules", async () => {
    const release = await machine.succeed(["uname", "-r"]);
    await machine.succeed(["modprobe", "dummy"]);
    await hold(
      [
        kernel().hasVersion(release),
        kernel().isAtLeast("6.1"),
        kernel().isNotTainted(),
        sysctl("kernel.ostype").is("Linux"),
        sysctl("net.ipv4.ip_forward").is(0),
        module("dummy").isLoaded(),
        module("ext4").isAvailable(),
        module("unix").isBuiltIn(),
      ],
      [
        kernel().isAtLeast("99"),
        kernel().hasArgument("no-such-argument"),
        sysctl("net.ipv4.ip_forward").is(1),
        sysctl("net.ipv4.no_such").is(0),
        module("nosuch").isAvailable(),
        module("dummy").isBuiltIn(),
      ],
    );
    await expect(sysctl("vm.compact_memory").is(1).observe(machine)).rejects.toMatchObject({ code: "probe-denied" });
  });

  test("disks, file systems, fstab", async () => {
    const uuid = await machine.succeed(["findmnt", "-n", "-o", "UUID", "/"]);
    const data = await machine.succeed(["readlink", "-f", "/dev/disk/by-id/virtio-DATA1"]);
    await hold(
      [
        disk(data).hasSize("32m"),
        disk(data).hasSerial("DATA1"),
        disk(data).isEmpty(),
        filesystem("/").hasType("ext4"),
        filesystem("/").hasUuid(uuid),
        filesystem("/").hasFree("1m"),
        filesystem("/").hasFreeInodes(100),
        filesystem("/").isClean(),
        filesystem("/").isMountedByUuid(),
        fstab().isValid(),
        fstab().hasEntry("/", { type: "ext4" }),
      ],
      [
        disk("/dev/nosuch").exists(),
        disk(data).isAtLeast("1g"),
        filesystem("/").hasLabel("no such label"),
        filesystem("/").hasFree("1024g"),
        filesystem("/etc").hasType("ext4"),
        fstab().hasEntry("/data"),
      ],
    );
    await machine.succeed(shell(`mkfs.ext4 -q -L data ${data} && mount ${data} /mnt`));
    await hold([filesystem("/mnt").hasLabel("data"), filesystem("/mnt").isClean()], [disk(data).isEmpty()]);
    await machine.succeed(["umount", "/mnt"]);
    await expect(filesystem("/run").isClean().observe(machine)).rejects.toMatchObject({ code: "probe-failed" });
  });

  test("who may do what: sudo, passwords, keys, the ssh server", async () => {
    const key = (await machine.succeed(["cat", "/home/ops/.ssh/authorized_keys"])).trim();
    const sockets = (await machine.succeed(["ss", "-Htln"]))
      .split("\n")
      .map((line) => line.trim().split(/\s+/)[3] ?? "");
    const reachable = sockets.filter((at) => !/^(127\.|\[::1\])/.test(at)).map((at) => Number(at.split(":").at(-1)));
    expect(reachable).toContain(22);
    await hold(
      [
        sudo("ops").mayRun("ALL").withoutPassword(),
        sudo("studio").mayRunNothing(),
        sudoers().isValid(),
        sudoers("/etc/sudoers.d/ops").isStrictlyValid(),
        user("ops").hasPassword(),
        user("studio").hasLockedPassword(),
        authorizedKeys("ops").areExactly([key]),
        authorizedKeys("studio").areExactly([]),
        port(22).isHeldBy("sshd"),
        ports().areOnly(...reachable),
        sshd().isValid(),
        sshd().setting("PasswordAuthentication").is("no"),
        sshd({ user: "ops" }).setting("PermitRootLogin").is("no"),
      ],
      [
        sudo("studio").mayRun("ALL"),
        sudo("nosuch").mayRun("ALL"),
        user("ops").hasEmptyPassword(),
        user("ops").hasLockedPassword(),
        authorizedKeys("ops").areExactly([]),
        authorizedKeys("nosuch").areExactly([]),
        sshd().setting("PermitRootLogin").is("yes"),
        port(22).isHeldBy("systemd"),
        ports().areOnly(80),
      ],
    );
  });

  test("a configuration that sshd and visudo refuse is not met, and is told", async () => {
    await machine.succeed(
      shell("echo 'Nonsense yes' >/etc/ssh/sshd_config.d/zz.conf; echo 'ops ALL=(' >/etc/sudoers.d/zz"),
    );
    await hold([], [sshd().isValid(), sshd().setting("PasswordAuthentication").is("no"), sudoers().isValid()]);
    expect((await isMet(machine, sshd().isValid())).seen).toContain("Nonsense");
    expect((await isMet(machine, sudoers().isValid())).seen).toContain("/etc/sudoers.d/zz");
    await machine.succeed(["rm", "/etc/ssh/sshd_config.d/zz.conf", "/etc/sudoers.d/zz"]);
  });

  test("logins, tried for real", () =>
    hold(
      [
        login("ops").withKey(opsKey).isGranted(),
        login("ops").withPassword(opsPassword).isRefused(),
        login("root").withKey(opsKey).isRefused(),
        login("ops").offersOnly("publickey"),
      ],
      [login("ops").withKey(opsKey).isRefused(), login("ops").withPassword(secret("a guess", "letmein!")).isGranted()],
    ));

  test("clock: near ours, not synchronised without a server, an hour off when it is", async () => {
    await hold(
      [clock().isWithin("30s"), clock().hasTimeZone("Etc/UTC")],
      [clock().isSynchronised(), clock().hasTimeZone("Europe/Berlin")],
    );
    await machine.succeed(["date", "-s", "-1 hour"]);
    await hold([], [clock().isWithin("30s")]);
    await machine.succeed(["date", "-s", "+1 hour"]);
  });

  test("boot loader and residue", async () => {
    const { config, releases } = await machine.observe(bootFacts, "boot");
    expect(releases).toEqual([await machine.succeed(["uname", "-r"])]);
    await hold([bootLoader().is(config?.kind ?? "none")], [bootLoader().is(config === undefined ? "grub" : "none")]);
    const kinds = ["ssh-identities", "vault-passwords", "apt-lists", "shell-history"] as const;
    await hold([residue({ of: kinds }).isAbsent()], [residue({ of: ["host-keys"] }).isAbsent()]);
    await machine.succeed(["touch", "/srv/.vault_pass"]);
    expect((await isMet(machine, residue({ of: kinds }).isAbsent())).seen).toBe("vault-passwords: /srv/.vault_pass");
    await machine.succeed(["rm", "/srv/.vault_pass"]);
  });

  test("who may not look is told so", async () => {
    const nobody = machine.as("65534:65534");
    const denied: readonly AnyCheck[] = [
      journal().contains("x"),
      sudo("ops").mayRun("ALL"),
      sudoers().isValid(),
      user("ops").hasPassword(),
      filesystem("/").isClean(),
      residue({ of: ["logs"] }).isAbsent(),
      authorizedKeys("ops").areExactly([]),
    ];
    for (const check of denied)
      await expect.soft(check.observe(nobody), check.title).rejects.toMatchObject({ code: "probe-denied" });
    await expect(sshd().isValid().observe(nobody)).rejects.toThrow(ObservationError);
  });
});

type AnyProbe = Probe<never, unknown>;
const probes: readonly (readonly [AnyProbe, unknown])[] = [
  [unitFacts, "ssh.service"],
  [managerFacts, "system"],
  [failedUnits, {}],
  [journalLines, {}],
  [moduleFacts, "ext4"],
  [blockDevice, "/dev/vda"],
  [fileSystemFacts, "/"],
  [fstabFaults, "/etc/fstab"],
  [sudoRules, "ops"],
  [sudoersFaults, "all"],
  [passwordState, "root"],
  [sshdSettings, ""],
  [synchronisation, "clock"],
  [nodeTime, "now"],
  [socketHolders, "1"],
  [bootFacts, "boot"],
  [residuePaths, { kind: "random-seed", root: "/" }],
];

describe.each(probes.map(([probe, subject]) => ({ name: probe.name, probe, subject: subject as never })))(
  "$name on a machine",
  ({ probe, subject }) => {
    test("answers as it is, and names the missing tool where there are none", async () => {
      expect(await machine.observe(probe, subject)).toBeDefined();
      const toolless: AnyProbe = { ...probe, script: (subjects) => `PATH=/nonexistent\n${probe.script(subjects)}` };
      await expect(machine.observe(toolless, subject)).rejects.toThrow(ObservationError);
      await expect(machine.observe(toolless, subject)).rejects.toMatchObject({ code: "probe-missing" });
    });
  },
);

test("systemd says by itself whether a unit has failed, and its tool which", async () => {
  const ask = shell(`${noneFailed}\nnone_failed`);
  expect(await machine.observe(failedUnits, {})).toMatchObject({ failed: [] });
  expect(await machine.exec(ask)).toMatchObject({ status: 0 });
  await machine.exec(["systemd-run", "--wait", "--unit=egg", "false"]);
  expect(await machine.exec(ask)).toMatchObject({ status: 3 });
  expect(await machine.observe(failedUnits, {})).toMatchObject({ failed: ["egg.service"] });
  await machine.succeed(["systemctl", "reset-failed", "egg.service"]);
  expect(await machine.exec(ask)).toMatchObject({ status: 0 });
  // As where the program is no program: on another machine's processor.
  await machine.succeed(["ln", "-sf", "/bin/false", "/dev/shm/.assay-no-failed-units"]);
  expect(await machine.observe(failedUnits, {})).toMatchObject({ failed: [] });
  await machine.succeed(["rm", "/dev/shm/.assay-no-failed-units"]);
  expect(await machine.exec(ask)).toMatchObject({ status: 0 });
});

test("a superblock is read on a machine, and not without tune2fs", async () => {
  const device = await machine.succeed(["findmnt", "-n", "-o", "SOURCE", "/"]);
  expect(await machine.observe(checkState, device)).toMatchObject({ state: "clean", errors: 0 });
  const toolless = {
    ...checkState,
    script: (devices: readonly string[]) => `PATH=/nonexistent\n${checkState.script(devices)}`,
  };
  await expect(machine.observe(toolless, device)).rejects.toMatchObject({ code: "probe-missing" });
});

describe("in a container, where none of it is", () => {
  test.each(
    (
      [
        unit("ssh.service").isActive(),
        unit("ssh.service").isEnabled(),
        systemd().isRunning(),
        systemd().hasNoFailedUnits(),
        journal().hasNoErrors(),
        sudo("ops").mayRun("ALL"),
        sudoers().isValid(),
        sshd().setting("port").is("22"),
        clock().isSynchronised(),
      ] as readonly AnyCheck[]
    ).map((check) => ({ title: check.title, check })),
  )("$title: nobody can say", async ({ check }) => {
    const answer = await check.observe(box as unknown as VmNode).then(
      (seen) => ({ seen }),
      (error: unknown) => error,
    );
    expect(answer).toBeInstanceOf(ObservationError);
    expect(answer).toMatchObject({ code: "probe-missing" });
  });

  test("what needs no tool of a machine is answered as on one", async () => {
    for (const check of [
      clock().isWithin("30s"),
      clock().hasTimeZone("Etc/UTC"),
      user("studio").hasLockedPassword(),
      bootLoader().is("none"),
      filesystem("/").hasType("overlay"),
      residue({ of: ["host-keys", "machine-id", "vault-passwords", "apt-lists"] }).isAbsent(),
      sysctl("kernel.ostype").is("Linux"),
    ] as readonly AnyCheck[])
      expect.soft(await isMet(box, check), check.title).toMatchObject({ met: true });
  });
});
