// Decides what an image should not have in it, by kind, and how it is found: by name and place, with `find`, in a node or in a tree.
// Refuses to read contents: but for the machine-id, which is allowed to be there and empty.
import { type Probe, quoteWord } from "../model/check.ts";
import { endFrame, type Frame, readFrames } from "./frames.ts";
import { denied, failedProbe, missingTool, unreadable } from "./unanswered.ts";

/** What is looked for where, as directories and as tests of `find`. Places that are not there have nothing in them. */
const places: Readonly<Record<string, { readonly at: readonly string[]; readonly test: string }>> = {
  /** Keys of the ssh server: every clone would have the same. */
  "host-keys": { at: ["/etc/ssh"], test: "-name 'ssh_host_*'" },
  /** Files in /var/log that hold something. */
  logs: { at: ["/var/log"], test: "-type f -size +0" },
  "apt-lists": { at: ["/var/lib/apt/lists"], test: "-type f -size +0" },
  "apt-archives": { at: ["/var/cache/apt"], test: "-type f -name '*.deb' -o -type f -name '*.bin'" },
  "shell-history": {
    at: ["/root", "/home"],
    test: "-name '.*_history' -o -name .lesshst -o -name .viminfo -o -name .wget-hsts",
  },
  /** Key pairs of users, private or public, wherever they lie. */
  "ssh-identities": {
    at: ["/"],
    test: "-name 'id_rsa*' -type f -o -name 'id_ed25519*' -type f -o -name 'id_ecdsa*' -type f -o -name 'id_dsa*' -type f",
  },
  "vault-passwords": { at: ["/"], test: "-name '.vault_pass*' -o -name 'vault_pass*' -type f -o -name '.vault-pass*'" },
  /** Everything in root's .ssh. */
  "root-ssh": { at: ["/root/.ssh"], test: "-type f" },
  "temporary-files": { at: ["/tmp", "/var/tmp"], test: "-name '*'" },
  /** What cloud-init keeps of the instance that it ran on. */
  "cloud-init": { at: ["/var/lib/cloud", "/run/cloud-init"], test: "-type f" },
  "random-seed": { at: ["/var/lib/systemd", "/var/lib/urandom"], test: "-name random-seed" },
  "dhcp-leases": {
    at: ["/var/lib/dhcp", "/var/lib/dhclient", "/var/lib/NetworkManager"],
    test: "-name '*.lease*' -size +0",
  },
};

export type ResidueKind =
  | "host-keys"
  | "machine-id"
  | "logs"
  | "apt-lists"
  | "apt-archives"
  | "shell-history"
  | "ssh-identities"
  | "vault-passwords"
  | "root-ssh"
  | "temporary-files"
  | "cloud-init"
  | "random-seed"
  | "dhcp-leases";

export const residueKinds: readonly ResidueKind[] = ["machine-id", ...(Object.keys(places) as ResidueKind[])];

export interface ResidueQuery {
  readonly kind: ResidueKind;
  /** The tree to look in: `/`, or a directory that holds a root file system. */
  readonly root: string;
}

/** Subject: a kind and a tree. Answer: paths of what was found, as they are in the tree: `/etc/ssh/ssh_host_rsa_key`. */
export const residuePaths: Probe<ResidueQuery, readonly string[]> = {
  name: "find",
  script: (queries) => `export LC_ALL=C
command -v find >/dev/null || exit 127
${queries.map(({ kind, root }) => look(kind, root.replace(/\/+$/, ""))).join("\n")}`,
  parse(output, queries) {
    if (output.status === 127) throw missingTool("find", "what is left in an image");
    const frames = readFrames("find", output, queries.length * 2);
    const complaints = output.stderr
      .split("\n")
      .filter((line) => line !== "" && !/: No such file or directory$/.test(line));
    return queries.map(({ kind, root }, index) => {
      const [canary, found] = frames.slice(index * 2) as [Frame, Frame];
      const tree = root.replace(/\/+$/, "");
      if (canary.words === "absent") return failedProbe(`cannot look into ${root}`, "it is no directory");
      if (canary.bytes.toString("utf8") !== `${tree}/\0`) return unreadable("find", output);
      const refused = complaints.find((line) => /permission denied/i.test(line));
      if (refused !== undefined) return denied(`cannot look for ${kind}`, refused);
      const [complaint] = complaints;
      if (complaint !== undefined) return failedProbe(`cannot look for ${kind}`, complaint);
      const paths = found.bytes.toString("utf8").split("\0").filter(Boolean);
      if (!paths.every((path) => path.startsWith(`${tree}/`))) return unreadable("find", output);
      return [...new Set(paths.map((path) => path.slice(tree.length).replace(/^\/+/, "/")))].sort();
    });
  },
};

/** The tree itself has to be found first: a `find` that is silent then looked at nothing. */
function look(kind: ResidueKind, tree: string): string {
  const root = quoteWord(`${tree}/`);
  const canary = `[ -d ${root} ] && { find ${root} -prune -print0; ${endFrame("found")}; } || ${endFrame("absent")}`;
  if (kind === "machine-id") return `${canary}\n${lookAtMachineId(tree)}`;
  const { at, test } = places[kind] as (typeof places)[string];
  const looked = at.map((directory) => {
    const place = quoteWord(directory === "/" ? `${tree}/` : `${tree}${directory}`);
    // A place that is a link leads out of the tree: find does not follow it.
    return `[ -d ${place} ] && find ${place} -mindepth 1 -xdev \\( ${test} \\) -print0`;
  });
  return `${canary}\n${looked.join("\n")}\n${endFrame("done")}`;
}

/** Empty or `uninitialized` is what an image should have: the first boot of each clone makes its own. */
function lookAtMachineId(tree: string): string {
  const files = ["/etc/machine-id", "/var/lib/dbus/machine-id"].map((path) => quoteWord(`${tree}${path}`));
  return `for file in ${files.join(" ")}; do
  if [ -f "$file" ] && ! [ -L "$file" ] && [ -s "$file" ]; then
    id=; read -r id <"$file"; [ "$id" = uninitialized ] || printf '%s\\0' "$file"
  fi
done
${endFrame("done")}`;
}
