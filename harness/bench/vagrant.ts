// Decides how the same disk boots by Vagrant, which Assay is measured against: as a box of vagrant-libvirt, on a network and in a pool of
// its own, by ssh with the fixture's key. Vagrant is not installed for the purpose; where it is missing, why is told.
import { copyFileSync, existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { loadavg } from "node:os";
import { join } from "node:path";
import { messageOf } from "../model/errors.ts";
import type { Command } from "../model/exec.ts";
import type { Node } from "../model/node.ts";
import { machineUser } from "./machine-work.ts";
import type { Answer } from "./settings.ts";
import { timed } from "./timed.ts";

/** Of Vagrant's machine, its network and its pool. */
const name = "assay-bench-vagrant";
const slowMs = 900_000;

export interface ByVagrant {
  readonly host: Node;
  /** Absolute; made and removed. QEMU's user may pass through it. */
  readonly directory: string;
  /** The disk, qcow2. */
  readonly disk: string;
  /** Of the private key that lets `machineUser` in; with rights that ssh accepts. */
  readonly key: string;
  readonly rounds: number;
}

/** Times from `vagrant up` to the first command's end, as `vagrant`. Never rejects for want of Vagrant. */
export async function byVagrant(wanted: ByVagrant): Promise<Answer & { readonly why: string }> {
  const { host, directory, rounds } = wanted;
  const env = { VAGRANT_HOME: join(directory, "home"), VAGRANT_CWD: directory, VAGRANT_CHECKPOINT_DISABLE: "1" };
  const vagrant = (...words: string[]): [string, ...string[]] => ["vagrant", ...words];
  const virsh = (...words: string[]): Command => ["virsh", "--connect", "qemu:///system", ...words];
  const none = (why: string) => {
    rmSync(directory, { recursive: true, force: true });
    return { timings: {}, words: {}, why };
  };
  if ((await host.exec(virsh("pool-list"))).status !== 0) return none("libvirt's system daemon does not answer");
  // It says nothing at all from a directory that is not there.
  mkdirSync(directory, { recursive: true });
  const plugins = await host.exec(vagrant("plugin", "list"), { env, timeoutMs: 120_000 }).catch(() => undefined);
  if (plugins?.status !== 0 || !/vagrant-libvirt/.test(plugins.stdout))
    return none("no Vagrant with vagrant-libvirt: apt-get install vagrant-libvirt");
  const taken: number[] = [];
  const load: number[] = [];
  try {
    await prepare(wanted);
    await host.succeed(virsh("pool-create-as", name, "dir", "--target", join(directory, "pool")));
    const box = vagrant("box", "add", "--name", name, join(directory, "box.tar"));
    await host.succeed(box, { env, timeoutMs: slowMs });
    const up = ["sh", "-euc", 'vagrant up --provider libvirt --no-provision; vagrant ssh --command "sudo true"'];
    // The first copies the box into the pool, which no later one does.
    for (let round = -1; round < rounds; round += 1) {
      load.push(loadavg()[0] ?? 0);
      const took = await timed(host, up, env, slowMs);
      await host.succeed(vagrant("destroy", "--force"), { env, timeoutMs: slowMs });
      if (round >= 0) taken.push(took);
    }
    return { timings: { vagrant: taken, "vagrant: load": load }, words: {}, why: "" };
  } catch (error) {
    return { timings: { vagrant: taken }, words: {}, why: messageOf(error).split("\n").at(-1) ?? "" };
  } finally {
    await host.exec(vagrant("destroy", "--force"), { env, timeoutMs: slowMs }).catch(() => undefined);
    for (const words of [
      ["net-destroy", name],
      ["net-undefine", name],
      ["pool-destroy", name],
    ])
      await host.exec(virsh(...words)).catch(() => undefined);
    rmSync(directory, { recursive: true, force: true });
  }
}

async function prepare({ host, directory, disk, key }: ByVagrant): Promise<void> {
  if (existsSync(directory)) rmSync(directory, { recursive: true });
  mkdirSync(join(directory, "pool"), { recursive: true, mode: 0o711 });
  const box = join(directory, "box");
  mkdirSync(box);
  copyFileSync(disk, join(box, "box.img"));
  writeFileSync(join(box, "metadata.json"), JSON.stringify({ provider: "libvirt", format: "qcow2", virtual_size: 4 }));
  writeFileSync(join(box, "Vagrantfile"), 'Vagrant.configure("2") { |config| }\n');
  const files = ["metadata.json", "Vagrantfile", "box.img"];
  await host.succeed(["tar", "-cf", join(directory, "box.tar"), "-C", box, ...files], { timeoutMs: slowMs });
  rmSync(box, { recursive: true });
  writeFileSync(join(directory, "Vagrantfile"), vagrantfile(key, join(directory, "pool")));
}

/** The same machine as ours, as far as Vagrant can say it. */
function vagrantfile(key: string, pool: string): string {
  return `Vagrant.configure("2") do |config|
  config.vm.box = ${JSON.stringify(name)}
  config.ssh.username = ${JSON.stringify(machineUser)}
  config.ssh.private_key_path = ${JSON.stringify(key)}
  config.ssh.insert_key = false
  config.vm.synced_folder ".", "/vagrant", disabled: true
  config.vm.provider :libvirt do |libvirt|
    libvirt.uri = "qemu:///system"
    libvirt.driver = "qemu"
    libvirt.cpu_mode = "custom"
    libvirt.cpu_model = "qemu64"
    libvirt.memory = 256
    libvirt.cpus = 1
    libvirt.graphics_type = "none"
    libvirt.default_prefix = ${JSON.stringify(`${name}-`)}
    libvirt.management_network_name = ${JSON.stringify(name)}
    libvirt.management_network_address = "192.168.221.0/24"
    libvirt.storage_pool_name = ${JSON.stringify(name)}
    libvirt.storage_pool_path = ${JSON.stringify(pool)}
  end
end
`;
}
