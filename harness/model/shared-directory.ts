// Decides that a directory which several containers mount is declared once: two who say different things of it mean two.
import type { NodeDeclaration } from "./environment.ts";
import { DeclarationError } from "./errors.ts";

/** Scratch directories of one name are one directory: whoever mounts it says the same of it. */
export function shareAlike(environment: string, nodes: Readonly<Record<string, NodeDeclaration>>): void {
  const said = new Map<string, { readonly options: string; readonly by: string }>();
  for (const [nodeName, node] of Object.entries(nodes)) {
    if (node.kind !== "container") continue;
    for (const mount of Object.values(node.mounts)) {
      if (mount.mount !== "scratch" || mount.shared === undefined) continue;
      const { readOnly: _, file: __, ...same } = mount;
      const options = JSON.stringify({ ...same, on: node.on });
      const first = said.get(mount.shared) ?? { options, by: nodeName };
      said.set(mount.shared, first);
      if (first.options !== options)
        throw new DeclarationError({
          code: "shared-otherwise",
          at: node.at,
          seen: `${environment}/${nodeName}: the shared directory "${mount.shared}" is declared otherwise than ${first.by} has it`,
          hint: "owner, mode, files and machine are the directory's: declare it once, and mount that",
        });
    }
  }
}
