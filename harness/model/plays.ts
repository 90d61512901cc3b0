// Decides what of an environment's declaration says which playbooks its nodes get before anybody has them: by name, as there are no nodes
// yet. Refuses names that the environment does not have.
import { z } from "zod";
import type { NodeDeclaration } from "./environment.ts";
import { DeclarationError } from "./errors.ts";
import { nearest } from "./options.ts";
import type { Playbook } from "./playbook.ts";

/** A name that ansible takes for a group, and for nothing else. */
export const groupName = z
  .string()
  .regex(/^(?!(?:ungrouped|localhost)$)[A-Za-z_]\w*$/, "not a name for a group: use letters, digits and underscores");

export const playOptions = z.strictObject({
  play: z.custom<Playbook>(
    (value) => (value as Partial<Playbook> | undefined)?.kind === "playbook",
    "expected playbook(…)",
  ),
  /** Group of the inventory → names of nodes, or of groups of machines. */
  hosts: z.record(groupName, z.array(z.string())),
});
export type PlayOptions = z.output<typeof playOptions>;

/** A playbook, and who gets it. */
export interface DeclaredPlay {
  readonly play: Playbook;
  /** Group of the inventory → names of nodes. */
  readonly hosts: Readonly<Record<string, readonly string[]>>;
}

/** The plays with the groups of machines in them expanded. A `DeclarationError` for a name that is no node's, or that of an image at rest. */
export function expandedPlays({
  name,
  plays,
  nodes,
  groups,
}: {
  readonly name: string;
  readonly plays: readonly PlayOptions[];
  readonly nodes: Readonly<Record<string, NodeDeclaration>>;
  readonly groups: Readonly<Record<string, readonly string[]>>;
}): readonly DeclaredPlay[] {
  const expand = (play: Playbook, wanted: string): readonly string[] => {
    const found = groups[wanted] ?? (wanted in nodes ? [wanted] : undefined);
    if (found !== undefined && nodes[wanted]?.kind !== "image") return found;
    const names = [...Object.keys(nodes), ...Object.keys(groups)];
    const guess = found === undefined ? nearest(wanted, names) : undefined;
    throw new DeclarationError({
      code: found === undefined ? "unknown-node" : "no-host",
      at: play.at,
      seen: `${name}: playbook ${play.name}: ${found === undefined ? `there is no node "${wanted}"` : `"${wanted}" is an image at rest`}`,
      hint: guess === undefined ? `it has ${names.join(", ")}` : `did you mean "${guess}"?`,
    });
  };
  return plays.map(({ play, hosts }) => ({
    play,
    hosts: Object.fromEntries(
      Object.entries(hosts).map(([group, wanted]) => [group, wanted.flatMap((each) => expand(play, each))]),
    ),
  }));
}
