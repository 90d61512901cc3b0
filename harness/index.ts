// READ FIRST: all that a spec, an environment or a recipe may use, in the order in which one meets it.

// 3. A spec gets the live nodes of an environment, and holds checks against them.
export { describe } from "vitest";
// 4. Checks: each is a sentence about a node, that a person could have asked it.
export { group, user } from "./checks/account.ts";
export { all } from "./checks/all.ts";
export { amqp } from "./checks/amqp.ts";
export { any, not } from "./checks/any.ts";
export { archive } from "./checks/archive.ts";
export { authorizedKeys } from "./checks/authorized-keys.ts";
export { bootLoader } from "./checks/boot-loader.ts";
export { celery } from "./checks/celery.ts";
export { caStore, certificate } from "./checks/certificate.ts";
export { clock } from "./checks/clock.ts";
export { command } from "./checks/command.ts";
export { cron } from "./checks/cron.ts";
export { disk } from "./checks/disk.ts";
export { dns } from "./checks/dns.ts";
export { elf } from "./checks/elf.ts";
export { file } from "./checks/file.ts";
export { filesystem } from "./checks/filesystem.ts";
export { firewall } from "./checks/firewall.ts";
export { fstab } from "./checks/fstab.ts";
export { http } from "./checks/http.ts";
export { image } from "./checks/image.ts";
export { inventory } from "./checks/inventory.ts";
export { journal } from "./checks/journal.ts";
export { kernel, sysctl } from "./checks/kernel.ts";
export { gem, npm, pip } from "./checks/language-package.ts";
export { licences } from "./checks/licences.ts";
export { locale } from "./checks/locale.ts";
export { login } from "./checks/login.ts";
export { logs } from "./checks/logs.ts";
export { module } from "./checks/module.ts";
export { mongodb } from "./checks/mongodb.ts";
export { mount } from "./checks/mount.ts";
export { address, networkInterface, route } from "./checks/network.ts";
export { nfsExport } from "./checks/nfs.ts";
export { alternative, hostName, os } from "./checks/os.ts";
export { pkg } from "./checks/package.ts";
export { ping } from "./checks/ping.ts";
export { port, ports } from "./checks/port.ts";
export { postgres } from "./checks/postgres.ts";
export { process } from "./checks/process.ts";
export { redis } from "./checks/redis.ts";
export { repositories } from "./checks/repository.ts";
export { residue } from "./checks/residue.ts";
export { rpc } from "./checks/rpc.ts";
export { selinux, selinuxBoolean } from "./checks/selinux.ts";
export { auditMark, avc } from "./checks/selinux-avc.ts";
export { selinuxPort } from "./checks/selinux-port.ts";
export { service } from "./checks/service.ts";
export { showmount } from "./checks/showmount.ts";
export { sshd } from "./checks/sshd.ts";
export { state } from "./checks/state.ts";
export { sudo, sudoers } from "./checks/sudo.ts";
export { systemd } from "./checks/systemd.ts";
export { tree } from "./checks/tree.ts";
export { unit } from "./checks/unit.ts";
export { unixSocket } from "./checks/unix-socket.ts";
// 5. What a spec breaks on purpose; healed at the latest when its test ends.
export { fillDisk } from "./faults/fill-disk.ts";
export { latency, loss } from "./faults/network-delay.ts";
export { partition } from "./faults/partition.ts";
export { skewClock } from "./faults/skew-clock.ts";
export { provokes } from "./health/provokes.ts";
export { type Published, published } from "./lifecycle/publish.ts";
export { type ComposeOptions, fromCompose } from "./manifests/from-compose.ts";
export { fromPods, type PodsOptions } from "./manifests/from-pods.ts";
export { type AddressText, addressOf } from "./model/address-text.ts";
export { type Check, type Probe, quoteWord } from "./model/check.ts";
// 2. An environment is declared by its nodes, networks and volumes. Data: nothing is created by it.
export { bind, type ContainerOptions, container, scratch, tmpfs, volume } from "./model/container.ts";
export type { Duration, Size } from "./model/duration.ts";
export { type Edge, when } from "./model/edge.ts";
export { defineEnvironment, type Environment } from "./model/environment.ts";
// 6. Errors: all of them mean "I could not ask". A check that is not met is an ordinary assertion.
export {
  DeclarationError,
  HarnessError,
  ObservationError,
  ProvisionError,
  TeardownError,
  TransportError,
} from "./model/errors.ts";
export { type Command, type ExecOptions, type ExecResult, shell } from "./model/exec.ts";
export type { Fault } from "./model/fault.ts";
export type { VmGroup, VmGroupOptions } from "./model/group.ts";
export type { FindingKind } from "./model/health.ts";
export type { ContainerNode, ContainerState, Death, LoginTrial, Node, StillNode, VmNode } from "./model/node.ts";
// 7. Two environments that are to be alike, and what may differ.
export { defineParity, type Parity } from "./model/parity.ts";
// 8. What is applied to live nodes by ansible.
export { type Hosts, type Playbook, type Played, playbook } from "./model/playbook.ts";
// 9. What a run must have met before an image is released.
export { definePolicy, type Policy, type PolicyOptions } from "./model/policy.ts";
// 1. An image is declared by a recipe: a base, steps, metadata.
export {
  ansible,
  copy,
  debianRootfs,
  dockerfile,
  fromArchive,
  fromImage,
  fromRecipe,
  prefer,
  type Recipe,
  recipe,
  run,
} from "./model/recipe.ts";
export { reverseName } from "./model/reverse-name.ts";
export { type Secret, secret } from "./model/secret.ts";
export { fromDockerArchive, fromOciLayout, fromRootfs, stillImage } from "./model/still.ts";
export { fromQcow2, type VmOptions, vm } from "./model/vm.ts";
export { play } from "./vitest/play.ts";
export { type PushTarget, push } from "./vitest/push.ts";
export { type TestInOptions, type TestsOn, testIn } from "./vitest/test-in.ts";
export { expect, type MeetOptions } from "./vitest/to-meet.ts";
