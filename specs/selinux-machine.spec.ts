// The machine enforces SELinux from its first boot on: policy, labels, domains; and nothing of the image is denied anything.
import { selinuxMachine } from "../environments/selinux.ts";
import {
  all,
  auditMark,
  avc,
  expect,
  file,
  kernel,
  pkg,
  process,
  selinux,
  selinuxBoolean,
  selinuxPort,
  systemd,
  testIn,
  unit,
} from "../harness/index.ts";

const test = testIn(selinuxMachine);

test("it enforces, now and at the next boot", async ({ machine }) => {
  await expect(machine).toMeet(
    all(
      selinux().isEnforcing(),
      selinux().isConfigured("enforcing"),
      kernel().hasArgument("enforcing=1"),
      selinux().hasPolicy("default"),
      selinux().hasCategories(),
    ),
  );
});

test("the policy knows containers, and keeps them from what is not theirs", async ({ machine }) => {
  const write = { source: "container_t", class: "dir", permission: "write" };
  await expect(machine).toMeet(
    all(
      ...["container", "docker", "studio_engine", "studio_boot"].map((name) => selinux().hasModule(name)),
      selinux().allows({ ...write, target: "container_file_t" }),
      ...["root_t", "etc_t", "user_home_t", "var_run_t", "default_t"].map((target) =>
        selinux().denies({ ...write, target }),
      ),
      // Another container's data.
      selinux().denies({
        ...write,
        source: "system_u:system_r:container_t:s0:c1,c2",
        target: "system_u:object_r:container_file_t:s0:c3,c4",
      }),
      selinuxBoolean("container_manage_cgroup").isOff(),
      selinuxBoolean("container_mounton_non_security").isOff(),
    ),
  );
});

test("files have the policy's labels", async ({ machine }) => {
  await expect(machine).toMeet(
    all(
      ...["/boot", "/etc", "/home", "/root", "/usr/sbin", "/var/log", "/lost+found"].map((path) =>
        file(path).isLabelledByPolicy({ recursive: true }),
      ),
      file("/").isLabelledByPolicy(),
      file("/etc/shadow").isLabelled("shadow_t"),
      file("/usr/sbin/dockerd").isLabelled("dockerd_exec_t"),
      file("/etc/docker/daemon.json").isLabelled("container_config_t"),
    ),
  );
});

test("daemons run in domains of their own, a login does not", async ({ machine }) => {
  await expect(machine).toMeet(
    all(
      process("dockerd").hasDomain("dockerd_t"),
      process("containerd").hasDomain("dockerd_t"),
      process("sshd").hasDomain("sshd_t"),
      process("auditd").hasDomain("auditd_t"),
      process("chronyd").hasDomain("chronyd_t"),
      selinuxPort("tcp", 22).isLabelled("ssh_port_t"),
    ),
  );
  expect(await machine.succeed(["id", "-Z"])).toBe("unconfined_u:unconfined_r:unconfined_t:s0-s0:c0.c1023");
});

test("it boots without a denial, and every unit with it", async ({ machine }) => {
  await expect(machine).toMeet(
    all(
      systemd().isRunning(),
      systemd().hasNoFailedUnits(),
      unit("auditd.service").isActive(),
      unit("docker.service").isActive(),
      avc().hasDeniedNothing(),
    ),
  );
});

test("a program that changes its domain still says what it has to", async ({ machine }) => {
  const before = await auditMark(machine);
  expect(await machine.succeed(["dmesg"])).toContain("Linux version");
  expect(await machine.succeed(["semodule", "-l"])).toContain("unconfined");
  await expect(machine).toMeet(avc({ since: before }).hasDeniedNothing());
});

test("the tools that the policy was built with are not in the image", async ({ machine }) => {
  for (const name of ["checkpolicy", "selinux-policy-dev", "selinux-policy-src", "make", "m4"])
    await expect(machine).not.toMeet(pkg(name).isInstalled());
  await expect(machine).not.toMeet(file("/tmp/policy").exists());
});
