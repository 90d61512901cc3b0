// Decides when an image is free of what building and booting leave behind. Each found path is told.
import { isAbsolute } from "node:path";
import type { Node } from "../model/node.ts";
import { nearest } from "../model/options.ts";
import { about, requireSubject, verdict } from "./question.ts";
import { type ResidueKind, residueKinds, residuePaths } from "./residue-paths.ts";
import { occurs, sayWanted, type Wanted } from "./wanted.ts";

export interface ResidueOptions {
  /** Kinds to look for. Default: all. A machine that has booted has host keys, a machine-id and logs by right: leave those out. */
  readonly of?: readonly ResidueKind[];
  /** A directory with a root file system in it, looked at from the node that is asked: an image's tree, before it ever boots. */
  readonly in?: string;
  /** Found and accepted: a path, or a pattern that occurs in one. */
  readonly except?: readonly Wanted[];
}

type Found = readonly { readonly kind: ResidueKind; readonly paths: readonly string[] }[];

/**
 * What building and booting leave in an image: keys, ids, logs, lists, histories, passwords.
 * @example await expect(soe).toMeet(residue({ of: ["ssh-identities", "vault-passwords", "apt-lists", "shell-history"] }).isAbsent());
 * @example await expect(host).toMeet(residue({ in: tree, except: ["/root/.ssh/authorized_keys"] }).isAbsent());
 */
export function residue(options: ResidueOptions = {}) {
  const { of: kinds = residueKinds, in: root = "/", except = [] } = options;
  requireSubject(kinds.length > 0, "residue was given no kind", `name some of ${residueKinds.join(", ")}`);
  for (const kind of kinds) {
    const guess = nearest(kind, residueKinds);
    requireSubject(
      residueKinds.includes(kind),
      `"${kind}" is no kind of residue${guess === undefined ? "" : `, did you mean "${guess}"?`}`,
      `there are ${residueKinds.join(", ")}`,
    );
  }
  requireSubject(isAbsolute(root), `"${root}" is not an absolute path`, "write the tree's directory from /");
  const accepted = (path: string) =>
    except.some((each) => (typeof each === "string" ? each === path : occurs(each, path)));
  const where = root === "/" ? "" : ` in ${root}`;
  const but = except.length === 0 ? "" : ` except ${except.map(sayWanted).join(", ")}`;
  const ask = about<Node, Found>({
    subject: `residue${kinds.length === residueKinds.length ? "" : ` (${kinds.join(", ")})`}${where}`,
    command: `find ${root} -xdev -name …`,
    observe: (node) =>
      Promise.all(kinds.map(async (kind) => ({ kind, paths: await node.observe(residuePaths, { kind, root }) }))),
  });
  return {
    /** None of it is there. */
    isAbsent: () =>
      ask(`is absent${but}`, (seen) => {
        const left = seen.flatMap(({ kind, paths }) => {
          const found = paths.filter((path) => !accepted(path));
          return found.length === 0 ? [] : [`${kind}: ${sayPaths(found)}`];
        });
        return verdict(left.length === 0, "none", left.join("\n") || "none");
      }),
  };
}

function sayPaths(paths: readonly string[]): string {
  const most = 10;
  return `${paths.slice(0, most).join(", ")}${paths.length > most ? `, and ${paths.length - most} more` : ""}`;
}
