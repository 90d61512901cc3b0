// Decides what a finished tree does not keep: caches, what package tools left, logs, and what only this build's machine knew.
import { chmod, lstat, readdir, rm, rmdir, truncate } from "node:fs/promises";
import { join } from "node:path";
import { inTree } from "./tree-path.ts";

/** Directories that stay, emptied. */
const emptied = ["/var/lib/apt/lists", "/var/cache/apt", "/tmp", "/var/tmp"];
/** Files and directories that go. The loader's cache holds inode numbers; the rest are backups. */
const removed = [
  "/root/.ansible",
  "/var/cache/ldconfig/aux-cache",
  "/var/cache/debconf/config.dat-old",
  "/var/cache/debconf/templates.dat-old",
  "/var/lib/dpkg/status-old",
  "/var/lib/dpkg/diversions-old",
  "/var/lib/dpkg/statoverride-old",
];

/** What every image is rid of after its steps. Log files stay, empty, with their owners and modes. */
export async function cleanTree(tree: string): Promise<void> {
  for (const path of emptied) await empty(await inTree(tree, path));
  for (const path of removed) await rm(await inTree(tree, path), { recursive: true, force: true });
  await truncateAll(await inTree(tree, "/var/log"));
  for (const path of ["/etc/machine-id", "/var/lib/dbus/machine-id"]) {
    const full = await inTree(tree, path);
    if ((await lstat(full).catch(() => undefined))?.isFile() === true) await truncate(full);
  }
}

/**
 * What each machine must make anew, and what tools leave: host keys, ids, seeds, leases, shell histories, what is mounted over.
 * What a step put somewhere on purpose stays, also where it should not: specs find that.
 */
export async function cleanMachine(tree: string): Promise<void> {
  for (const path of ["/run", "/var/lib/chrony", "/var/lib/dhcp", "/var/lib/systemd/timers"])
    await empty(await inTree(tree, path));
  // An empty file would keep dbus from making its link to /etc/machine-id.
  for (const path of ["/var/lib/dbus/machine-id", "/var/lib/systemd/random-seed", "/var/lib/systemd/credential.secret"])
    await rm(await inTree(tree, path), { force: true });
  const keys = await inTree(tree, "/etc/ssh");
  for (const name of await readdir(keys).catch(() => []))
    if (/^ssh_host_.*_key(\.pub)?$/.test(name)) await rm(join(keys, name));
  const homes = await readdir(await inTree(tree, "/home")).catch(() => []);
  for (const home of ["/root", ...homes.map((name) => `/home/${name}`)])
    for (const name of [".bash_history", ".python_history", ".lesshst", ".viminfo", ".cache"])
      await rm(await inTree(tree, `${home}/${name}`), { recursive: true, force: true });
  // Package tools make it, empty; with a key in it, a step did.
  await rmdir(await inTree(tree, "/root/.ssh")).catch(() => {});
}

/** What a fresh Debian tree is rid of beside that: device nodes, and the name and name servers of this machine. */
export async function cleanDebian(tree: string): Promise<void> {
  await empty(join(tree, "dev"));
  for (const name of ["resolv.conf", "hostname"]) await rm(join(tree, "etc", name), { force: true });
  // mmdebstrap makes the top as the umask of whoever builds says.
  await chmod(tree, 0o755);
  await cleanTree(tree);
}

async function empty(directory: string): Promise<void> {
  for (const name of await readdir(directory).catch(() => [])) {
    await rm(join(directory, name), { recursive: true, force: true });
  }
}

async function truncateAll(directory: string): Promise<void> {
  for (const entry of await readdir(directory, { withFileTypes: true }).catch(() => [])) {
    const full = join(directory, entry.name);
    if (entry.isDirectory()) await truncateAll(full);
    else if (entry.isFile()) await truncate(full);
  }
}
