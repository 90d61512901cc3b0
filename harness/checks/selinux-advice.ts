// Decides how a denial is explained: who may not do what to which type, and what is usually done about it. Pure; knows denials of
// containers on files of their machine, and says nothing of others.
import type { Denial } from "./selinux-audit.ts";

const files = ["file", "dir", "lnk_file", "sock_file", "fifo_file", "chr_file", "blk_file"];
/** What the policy has for containers' files. */
const theirs = "container_file_t";

/**
 * A sentence for each kind of denial that there is one for, without repetitions.
 * @example adviceOn(denials) // ["container_t may not write user_home_t: relabel it with chcon -t container_file_t, or mount it with :Z, or with :z for several containers"]
 */
export function adviceOn(denials: readonly Denial[]): readonly string[] {
  return [...new Set(denials.map(explained).filter((sentence) => sentence !== undefined))];
}

function explained({ source, target, class: kind, permissions }: Denial): string | undefined {
  const [who, whose] = [contextOf(source), contextOf(target)];
  if (!/^container(_\w+)?_t$/.test(who.type) || !files.includes(kind)) return undefined;
  const what = `${who.type} may not ${permissions.join(" ")} ${whose.type}`;
  if (whose.type !== theirs)
    return `${what}: relabel it with chcon -t ${theirs}, or mount it with :Z, or with :z for several containers`;
  const foreign = [...whose.categories].filter((category) => !who.categories.has(category));
  if (foreign.length === 0) return undefined;
  return `${what} of categories ${[...whose.categories].join(",")}, which are another container's: mount it with :z for several containers, or with :Z for this one alone`;
}

interface Context {
  readonly type: string;
  readonly categories: ReadonlySet<string>;
}

/** Of `user:role:type:s0:c1,c5`, of `…:s0-s0:c0.c1023` the higher one. */
function contextOf(text: string): Context {
  const [, , type = "", ...level] = text.split(":");
  return { type, categories: new Set(categoriesOf(level.at(-1) ?? "")) };
}

function categoriesOf(text: string): string[] {
  return text.split(",").flatMap((part) => {
    const [, first, last = first] = /^c(\d+)(?:\.c(\d+))?$/.exec(part) ?? [];
    if (first === undefined || last === undefined) return [];
    return Array.from({ length: Number(last) - Number(first) + 1 }, (_, at) => `c${Number(first) + at}`);
  });
}
