// libvirt's daemons started by hand by the real `assay setup`, in mount, pid and net namespaces of the test's own: the machine's
// daemons are neither seen nor touched. The engine's socket is passed in, so that only libvirt is missing.
import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";

const assay = `${process.execPath} ${join(import.meta.dirname, "..", "cli.ts")}`;

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "assay-alone-"));
  // QEMU passes through it.
  chmodSync(directory, 0o711);
});
afterEach(() => rmSync(directory, { recursive: true }));

/** Runs a script where no libvirt runs and no systemd; all that it started ends with it. */
function alone(script: string): { readonly status: number | null; readonly said: string } {
  const begin = `
    touch ${directory}/docker.sock && mount --bind /run/docker.sock ${directory}/docker.sock
    for each in /run /var/lib/libvirt /var/log/libvirt /var/cache/libvirt; do mount -t tmpfs -o mode=755 alone $each; done
    touch /run/docker.sock && mount --bind ${directory}/docker.sock /run/docker.sock
    ip link set lo up`;
  const own = ["--mount", "--pid", "--net", "--fork", "--kill-child", "--mount-proc"];
  const { status, stdout } = spawnSync("unshare", [...own, "sh", "-c", `${begin}\n${script}`], {
    encoding: "utf8",
    env: { ...process.env, DOCKER_HOST: undefined, LIBVIRT_DEFAULT_URI: undefined, ASSAY_STATE: `${directory}/state` },
  });
  return { status, said: stdout };
}

test("two set-ups at once start one libvirt, in sessions of its own; it outlives them and answers", () => {
  const { status, said } = alone(`
    for each in 1 2; do ${assay} setup --yes >${directory}/$each 2>&1 || echo "set-up $each failed" & done; wait
    cat ${directory}/1 ${directory}/2
    for name in virtlogd libvirtd; do
      pid=$(pidof $name) && echo "$name $(echo $pid | wc -w) $(ps -o ppid= -p $pid | tr -d ' ') $(readlink /proc/$pid/fd/1)"
      [ "$(ps -o sid= -p $pid)" = "$(ps -o sid= -p $$)" ] && echo "$name is in our session"
    done
    virsh --connect qemu:///system uri
    ${assay} setup
    ${assay} doctor --json >${directory}/doctor; echo "doctor $?"; grep '"machines"' ${directory}/doctor
    exit 0`);
  expect(status).toBe(0);
  expect(said.match(/setup: start libvirt by hand/g)).toHaveLength(1);
  expect(said).not.toMatch(/failed|session/);
  // Children of this namespace's first process, with no stream of ours.
  expect(said).toMatch(/^virtlogd 1 1 \/dev\/null$/m);
  expect(said).toMatch(/^libvirtd 1 1 \/dev\/null$/m);
  expect(said).toMatch(/^qemu:\/\/\/system$/m);
  expect(said).toMatch(/^Nothing to do/m);
  expect(said).toMatch(/^doctor 0\n {2}"machines": null,$/m);
});

test("without libvirt containers can be run and machines cannot, and doctor says why", () => {
  const { said } = alone(`${assay} doctor; echo "ended with $?"`);
  expect(said).toMatch(/^libvirt +no /m);
  expect(said).toMatch(
    /^Containers can be run here\.\nVirtual machines cannot .*nothing listens at .*setup --yes\.\nended with 0$/m,
  );
});

test("QEMU is let at a /dev/kvm of an alien group, once", ({ skip }) => {
  if (!existsSync("/dev/kvm")) skip("this host has no /dev/kvm");
  const { said } = alone(`
    mknod /run/kvm c 10 232 && chown 0:4242 /run/kvm && chmod 660 /run/kvm && mount --bind /run/kvm /dev/kvm
    ${assay} doctor | grep -A1 '^/dev/kvm'
    ${assay} setup --yes | grep /dev/kvm
    stat -c '%U %G %a' /dev/kvm
    ${assay} doctor | grep '^/dev/kvm'
    ${assay} setup`);
  expect(said).toMatch(/^\/dev\/kvm +no +mode 0660, owner 0:4242\n +why: root may open it and QEMU's user may not/m);
  expect(said).toMatch(/^setup: let QEMU at \/dev\/kvm.*chgrp \d+ \/dev\/kvm/m);
  expect(said).toMatch(/^root kvm 660\nNothing to do/m);
});

test("a libvirtd that does not start: 3, with its last words and what to try", () => {
  const { said } = alone(`
    echo 'log_level = "much"' >${directory}/libvirtd.conf && mount --bind ${directory}/libvirtd.conf /etc/libvirt/libvirtd.conf
    ${assay} setup --yes 2>&1; echo "ended with $?"; pidof libvirtd; exit 0`);
  expect(said).toMatch(
    /libvirtd -d was started and is not up: it ended with 1; its last words: .*log_level.*then try: /,
  );
  expect(said).toMatch(/ended with 3\n$/);
});

test("a daemon that was killed leaves its socket, and is started again", () => {
  const { said } = alone(`
    ${assay} setup --yes >/dev/null; old=$(pidof libvirtd)
    kill -9 $old; while [ -d /proc/$old ]; do :; done
    ls /run/libvirt/libvirt-sock
    ${assay} setup --yes; [ "$(pidof libvirtd)" != "$old" ] && virsh --connect qemu:///system uri
    exit 0`);
  expect(said).toMatch(/^\/run\/libvirt\/libvirt-sock$/m);
  expect(said.match(/libvirtd -d/g)).toHaveLength(1);
  expect(said).toMatch(/^qemu:\/\/\/system$/m);
});
