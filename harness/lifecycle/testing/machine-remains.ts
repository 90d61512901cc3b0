// Decides what a machine could leave on this host beside its domain: processes that carry it, its networks' bridges and name servers,
// files that libvirt keeps for them. Looked for where the kernel and libvirt have them, without asking libvirt.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** Where libvirt's daemon keeps what is not to outlive a domain or a network. */
const libvirtDirectories = ["/run/libvirt", "/var/lib/libvirt"];
const bridgeOfOurs = /^as[0-9a-f]{12}\b/;

/** `program pid` of every process whose command line names something of the run: QEMU, dnsmasq, swtpm, virsh. */
export function processesNaming(run: string): readonly string[] {
  return readdirSync("/proc").flatMap((pid) => {
    if (!/^\d+$/.test(pid)) return [];
    try {
      const words = readFileSync(join("/proc", pid, "cmdline"), "utf8").split("\0");
      return words.some((word) => word.includes(`assay-${run}-`) || word.includes(`/${run}/`))
        ? [`${words[0]} ${pid}`]
        : [];
    } catch {
      return []; // it has ended meanwhile
    }
  });
}

/** Paths of what libvirt keeps under a name of the run. */
export function libvirtFilesOf(run: string): readonly string[] {
  return libvirtDirectories.flatMap((directory) => named(directory, (name) => name.includes(`assay-${run}-`)));
}

/**
 * Bridges, leases and hosts files that no network has. `bridges` gives those of all networks that libvirt knows, be they started or not: it
 * knows a network before it makes the bridge, and until after it has removed it.
 */
export async function unclaimedBridges(bridges: () => Promise<ReadonlySet<string>>): Promise<readonly string[]> {
  const paths = () => [
    ...named("/sys/class/net", (name) => bridgeOfOurs.test(name)),
    ...named("/var/lib/libvirt/dnsmasq", (name) => bridgeOfOurs.test(name)),
  ];
  const seen = paths();
  const claimed = await bridges();
  const still = new Set(paths());
  return seen.filter((path) => {
    const bridge = path.split("/").at(-1)?.split(".")[0] ?? "";
    return still.has(path) && !claimed.has(bridge);
  });
}

function named(directory: string, wanted: (name: string) => boolean): readonly string[] {
  if (!existsSync(directory)) return [];
  const paths: string[] = [];
  for (const entry of readdirSync(directory, { withFileTypes: true })) {
    const path = join(directory, entry.name);
    if (wanted(entry.name)) paths.push(path);
    else if (entry.isDirectory()) paths.push(...named(path, wanted));
  }
  return paths;
}
