// Decides how a machine is run by hand, which ours is measured against: the same image, the same XML, virsh and ssh, and for the
// quickest way a shell at a port. It carries the labels of the run, so that whoever clears up after that finds it.
import { execFile } from "node:child_process";
import { chmod, chown, copyFile, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { promisify } from "node:util";
import type { LibvirtClient } from "../drivers/libvirt-client.ts";
import { type StartedNetwork, startNetwork } from "../drivers/libvirt-network.ts";
import { connectQmp } from "../drivers/libvirt-qmp.ts";
import { snapshotLoad, snapshotSave } from "../drivers/libvirt-qmp-jobs.ts";
import { cpio } from "../transports/cpio.ts";

const call = promisify(execFile);
const port = "dev.assay.control";
const mac = "52:54:00:be:4c:01";

export interface ByHand {
  readonly client: LibvirtClient;
  /** A machine of ours: its XML, its directory, its network's name. */
  readonly model: { readonly xml: string; readonly directory: string; readonly network: string; readonly mac: string };
  readonly base: { readonly path: string; readonly initrd: string };
  /** Empty, and below the run's scratch directory, which goes with the run. */
  readonly directory: string;
  /** `assay-<run>-…` */
  readonly name: string;
  /** Of the run. */
  readonly labels: Readonly<Record<string, string>>;
  /** The private key that the image lets in, and as whom. */
  readonly key: string;
  readonly user: string;
}

/** One machine by hand. `begin` it once, `end` it always. */
export class MachineByHand {
  readonly #wanted: ByHand;
  readonly #network: StartedNetwork;
  readonly #xmlFile: string;
  #shell: Socket | undefined;
  #count = 0;

  private constructor(wanted: ByHand, network: StartedNetwork, xmlFile: string) {
    this.#wanted = wanted;
    this.#network = network;
    this.#xmlFile = xmlFile;
  }

  /** Everything that is there before a boot is timed: network, initrd with a shell, XML. */
  static async begin(wanted: ByHand): Promise<MachineByHand> {
    const { client, model, base, directory, name, labels } = wanted;
    await mkdir(directory, { recursive: true });
    const network = await startNetwork(client, {
      name: `${name}-net`,
      labels,
      out: "nat",
      domain: "bench.internal",
      seats: [{ mac, names: ["peer"] }],
    });
    const owner = await client.qemuUser();
    if (owner !== undefined) await chown(directory, owner.uid, owner.gid);
    const initrd = await readFile(base.initrd);
    await writeFile(
      join(directory, "initrd"),
      Buffer.concat([initrd, Buffer.alloc((512 - (initrd.length % 512)) % 512), shellArchive()]),
    );
    await copyFile(wanted.key, join(directory, "key"));
    await chmod(join(directory, "key"), 0o600);
    const xml = model.xml
      .replaceAll(model.directory, directory)
      .replaceAll(model.network, `${name}-net`)
      .replaceAll(model.mac, mac)
      .replace(/<name>[^<]*<\/name>/, `<name>${name}</name>`)
      .replace(/\s*<uuid>[^<]*<\/uuid>/, "");
    const file = join(directory, "domain.xml");
    await writeFile(file, xml);
    return new MachineByHand(wanted, network, file);
  }

  get directory(): string {
    return this.#wanted.directory;
  }

  get address(): string {
    return this.#network.addresses.get(mac) ?? "";
  }

  /** An overlay and `virsh create`, nothing more. */
  async create(): Promise<void> {
    const { base, directory, client } = this.#wanted;
    const overlay = join(directory, "disk.qcow2");
    await call("qemu-img", ["create", "-q", "-f", "qcow2", "-F", "qcow2", "-b", base.path, overlay]);
    const owner = await client.qemuUser();
    if (owner !== undefined) await chown(overlay, owner.uid, owner.gid);
    await this.#virsh("create", this.#xmlFile);
  }

  /**
   * Resolves when a command was done over ssh, by a loop as anybody would write it. The port is knocked at first: ssh alone would
   * give up a slow guest's handshake with the patience that suits an address where nobody is yet.
   */
  async sshLoop(command: string, to = this.address): Promise<void> {
    const script = [
      'until timeout 1 bash -c ": </dev/tcp/$0/22" 2>/dev/null; do sleep 0.1; done',
      'until ssh "$@" 2>/dev/null; do sleep 0.1; done',
    ].join("\n");
    await call("sh", ["-c", script, to, ...this.sshWords(to), command], { timeout: 300_000 });
  }

  /** One command over ssh, connected for it. Rejects unless it ends with 0. */
  async ssh(command: string, to = this.address): Promise<string> {
    return (await call("ssh", [...this.sshWords(to), command], { timeout: 300_000 })).stdout;
  }

  /** Words after `ssh`; `to` another machine that the same key opens. */
  sshWords(to = this.address): string[] {
    const options = Object.entries(this.#sshOptions()).flatMap(([name, value]) => ["-o", `${name}=${value}`]);
    return [...options, `${this.#wanted.user}@${to}`];
  }

  /** The same as ssh's configuration, for all hosts; `more` options by their names. */
  sshConfig(more: Readonly<Record<string, string>>): string {
    const options = { User: this.#wanted.user, ...this.#sshOptions(), ...more };
    return ["Host *", ...Object.entries(options).map(([name, value]) => `  ${name} ${value}`), ""].join("\n");
  }

  #sshOptions() {
    return {
      IdentityFile: join(this.#wanted.directory, "key"),
      StrictHostKeyChecking: "no",
      UserKnownHostsFile: "/dev/null",
      LogLevel: "QUIET",
      ConnectTimeout: "30",
      BatchMode: "yes",
    };
  }

  /** Keeps the present twice: for `loadRaw`, and for `revert`. */
  async keep(): Promise<void> {
    const qmp = await connectQmp(join(this.#wanted.directory, "qmp"));
    await qmp.stop();
    await snapshotSave(qmp, "raw");
    await qmp.cont();
    qmp.close();
    await this.#virsh("snapshot-create-as", this.#wanted.name, "ready");
  }

  /** Milliseconds from the load to the answer of the shell at the port, the clock set in the same line. */
  async loadRaw(): Promise<number> {
    const qmp = await connectQmp(join(this.#wanted.directory, "qmp"));
    const shell = await this.#connected();
    const began = performance.now();
    await qmp.stop();
    await snapshotLoad(qmp, "raw");
    await qmp.cont();
    await this.#said(shell, `date -s @${Date.now() / 1000} >/dev/null`);
    const took = performance.now() - began;
    qmp.close();
    return took;
  }

  /** Milliseconds of `virsh snapshot-revert` and the first answer over ssh, the clock set in it. */
  async revert(): Promise<number> {
    const began = performance.now();
    await this.#virsh("snapshot-revert", this.#wanted.name, "ready");
    await this.sshLoop(`sudo date -s @${Date.now() / 1000} >/dev/null`);
    const took = performance.now() - began;
    this.#shell?.destroy();
    this.#shell = undefined;
    return took;
  }

  /** Takes the power away and forgets the disk. */
  async destroy(): Promise<void> {
    this.#shell?.destroy();
    this.#shell = undefined;
    await this.#wanted.client.destroyDomain(this.#wanted.name);
    await rm(join(this.#wanted.directory, "disk.qcow2"), { force: true });
  }

  async end(): Promise<void> {
    await this.destroy();
    await this.#wanted.client.destroyNetwork(`${this.#wanted.name}-net`);
  }

  async #virsh(...words: string[]): Promise<void> {
    await call("virsh", ["-q", "-c", this.#wanted.client.uri.text, ...words], { timeout: 120_000 });
  }

  async #connected(): Promise<Socket> {
    if (this.#shell !== undefined) return this.#shell;
    const socket = connect(join(this.#wanted.directory, "c"));
    this.#shell = socket;
    socket.setEncoding("utf8").on("error", () => undefined);
    await pause(300); // the guest's shell is started anew where the last connection ended it
    await this.#said(socket, ":");
    return socket;
  }

  #said(socket: Socket, line: string): Promise<void> {
    const mark = `done-${++this.#count}-`;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error("the shell at the port does not answer")), 60_000);
      let seen = "";
      const hear = (text: string) => {
        seen += text;
        if (!seen.includes(mark)) return;
        clearTimeout(timer);
        socket.off("data", hear);
        resolve();
      };
      socket.on("data", hear);
      socket.write(`${line}; echo done-$((${this.#count}))-\n`);
    });
  }
}

/** A unit in /run that keeps a shell at the port: what one writes by hand. */
function shellArchive(): Buffer {
  const run = `P=; until [ -n "$P" ]; do for n in /sys/class/virtio-ports/*; do read -r name <$n/name; [ "$name" = ${port} ] && P=/dev/\${n##*/}; done; done; exec 0<>$P 1>&0 2>/dev/null; exec sh`;
  const install = `#!/bin/sh
mkdir -p /run/systemd/system/sysinit.target.wants
cat >/run/by-hand.sh <<'END'
${run}
END
cat >/run/systemd/system/by-hand.service <<'END'
[Unit]
DefaultDependencies=no
StartLimitIntervalSec=0
[Service]
ExecStart=/bin/sh /run/by-hand.sh
Restart=always
RestartSec=100ms
END
ln -sf ../by-hand.service /run/systemd/system/sysinit.target.wants/by-hand.service
`;
  const order = `[ -d /scripts/init-bottom ] || mkdir -p /scripts/init-bottom\necho '/by-hand/install' >>/scripts/init-bottom/ORDER\n`;
  return cpio([
    { path: "by-hand/install", mode: 0o755, content: install },
    { path: "conf/conf.d/by-hand", content: order },
  ]);
}
