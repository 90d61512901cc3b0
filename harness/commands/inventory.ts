// Decides how what is kept is written as an ansible inventory: a host a node, a group a group, and nothing that could not work. What has no way
// in is said in a comment. Pure text of what was found.
import type { KeptLogin } from "../transports/ssh-kept.ts";
import { sshOptions } from "../transports/ssh-kept.ts";

/** What can be written. */
export const exportFormats: readonly string[] = ["ansible", "kube"];

/** How ansible reaches a node, or why it does not. */
export type Reach =
  | { readonly by: "ssh"; readonly login: KeptLogin }
  | {
      readonly by: "docker" | "podman";
      /** The container's name. */
      readonly container: string;
      /** The engine's address, where it is not the usual one. */
      readonly address?: string | undefined;
    }
  | { readonly by: "none"; readonly why: string };

export interface InventoryHost {
  readonly name: string;
  readonly reach: Reach;
}

export interface InventoryFacts {
  readonly environment: string;
  readonly run: string;
  readonly hosts: readonly InventoryHost[];
  /** Names of hosts, by group. */
  readonly groups: Readonly<Record<string, readonly string[]>>;
}

/** YAML for `ansible -i`. Groups' hyphens are underscores there, as ansible asks. @example ansibleInventory(facts).text */
export function ansibleInventory({ environment, run, hosts, groups }: InventoryFacts): {
  readonly text: string;
  /** What has no line, and why. */
  readonly left: readonly string[];
} {
  const reached = hosts.filter(({ reach }) => reach.by !== "none");
  const left = hosts.flatMap(({ name, reach }) => (reach.by === "none" ? [`${name}: ${reach.why}`] : []));
  const names = new Set(reached.map(({ name }) => name));
  const members = Object.entries(groups).map(
    ([group, all]) => [group.replaceAll("-", "_"), all.filter((name) => names.has(name))] as const,
  );
  const lines = [
    `# ${environment}, run ${run}: written by assay export ansible; true until assay down, or another assay up.`,
    ...left.map((line) => `# not here: ${line}`),
    "all:",
    ...block(
      "hosts",
      reached.flatMap(({ name, reach }) => block(name, variables(reach))),
    ),
    ...block(
      "children",
      members.flatMap(([group, all]) =>
        block(
          group,
          block(
            "hosts",
            all.map((name) => `${key(name)}:`),
          ),
        ),
      ),
    ),
  ].map((line, index) => (index <= left.length + 1 ? line : `  ${line}`));
  return { text: `${lines.join("\n")}\n`, left };
}

/** A key with lines below it, or with nothing. */
function block(name: string, lines: readonly string[]): readonly string[] {
  return lines.length === 0 ? [`${key(name)}: {}`] : [`${key(name)}:`, ...lines.map((line) => `  ${line}`)];
}

/** A name of digits alone would be a number. */
function key(name: string): string {
  return /^[a-z][\w-]*$/.test(name) && !/^(?:y|n|yes|no|on|off|true|false|null)$/.test(name)
    ? name
    : JSON.stringify(name);
}

function variables(reach: Reach): readonly string[] {
  const say = (facts: Readonly<Record<string, string | number | undefined>>) =>
    Object.entries(facts).flatMap(([name, value]) =>
      value === undefined ? [] : [`${name}: ${JSON.stringify(value)}`],
    );
  if (reach.by === "none") return [];
  if (reach.by === "ssh") {
    const { host, port, user, keyFile } = reach.login;
    // Ansible gives the key itself.
    const [, , , , ...options] = sshOptions(reach.login);
    const arguments_ = ["-F", "none", ...options].map((word) => (/^[\w./=:-]+$/.test(word) ? word : `"${word}"`));
    return say({
      ansible_host: host,
      ansible_port: port,
      ansible_user: user,
      ansible_ssh_private_key_file: keyFile,
      ansible_ssh_common_args: arguments_.join(" "),
      // The machine's ssh daemon is the harness's own, and gives shells alone.
      ansible_ssh_transfer_method: "piped",
    });
  }
  const { by, container, address } = reach;
  return say({
    ansible_connection: by === "docker" ? "community.docker.docker" : "containers.podman.podman",
    ansible_host: container,
    // A container's user may have no home, or none to write to.
    ansible_remote_tmp: "/tmp/.ansible",
    [by === "docker" ? "ansible_docker_extra_args" : "ansible_podman_extra_args"]:
      address === undefined ? undefined : `${by === "docker" ? "-H" : "--url"} ${address}`,
  });
}
