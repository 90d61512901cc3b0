// Decides whether the shards of a run were of the same: the images that several of them used under one tag, and the files that several of
// them were made of. Refuses those that were not, and shows what differs. What only one shard has says nothing, nor does where it ran. Pure.
import { DeclarationError } from "../model/errors.ts";
import { oneLine } from "./escape.ts";
import type { ReportAt } from "./merge.ts";
import type { Report } from "./report.ts";

/** How many things that differ are shown; how many more there are is told. */
const most = 3;

/** What a shard had by one name: more than one where it changed while the shard ran. */
interface Had {
  readonly at: string;
  readonly digests: readonly string[];
}

/**
 * A `DeclarationError` (code `mixed-shards`) where two shards had another image under one tag, or another file at one path. An image is known
 * by its id: two of the same files may still start differently. Whole runs may be of anything. A host that cannot reach a registry takes a
 * recipe's image in place of the one that is preferred: which one counts is for the gate's policy, and the report says so.
 *
 * @example
 * refuseOtherSubjects([{ report: first, at: "1/report.json" }, { report: second, at: "2/report.json" }]);
 */
export function refuseOtherSubjects(given: readonly ReportAt[]): void {
  const shards = given.filter(({ report }) => report.shard !== undefined);
  const images = differing(shards, (report) => report.images.map(({ tag, imageId }) => [tag, imageId]));
  if (images.size > 0) throw mixed("images", images, imageHint(shards, images));
  const files = differing(shards, (report) => (report.inputs ?? []).map(({ path, sha256 }) => [path, sha256]));
  if (files.size > 0)
    throw mixed("files", files, "run all shards again on one commit, with nothing else changed or added");
}

/** What several shards have by one name, and not all of them the same. */
function differing(
  shards: readonly ReportAt[],
  of: (report: Report) => readonly (readonly [name: string, digest: string])[],
): ReadonlyMap<string, readonly Had[]> {
  const all = new Map<string, Had[]>();
  for (const { report, at } of shards) {
    const own = Map.groupBy(of(report), ([name]) => name);
    for (const [name, pairs] of own) {
      const digests = [...new Set(pairs.map(([, digest]) => digest))].sort();
      all.set(name, [...(all.get(name) ?? []), { at, digests }]);
    }
  }
  return new Map([...all].filter(([, had]) => new Set(had.map(({ digests }) => digests.join())).size > 1));
}

function mixed(of: "images" | "files", differ: ReadonlyMap<string, readonly Had[]>, hint: string): DeclarationError {
  const each = [...differ].slice(0, most).map(([name, had]) => {
    // Of many shards two are enough to see that they differ.
    const [first, other] = [had[0], had.find(({ digests }) => digests.join() !== had[0]?.digests.join())];
    const said = [first, other].flatMap((one) =>
      one === undefined ? [] : [`${one.digests.map((digest) => oneLine(digest)).join(" and ")} in ${one.at}`],
    );
    return `${oneLine(name)} is ${said.join(", and ")}`;
  });
  const more = differ.size > most ? `; and ${differ.size - most} more` : "";
  return new DeclarationError({
    code: "mixed-shards",
    seen: `they are shards on different ${of}: ${each.join("; ")}${more}`,
    hint,
  });
}

/** Where the recipe was the same, it is its building that differs. */
function imageHint(shards: readonly ReportAt[], differ: ReadonlyMap<string, unknown>): string {
  const recipes = new Map<string, Set<string>>();
  for (const { tag, recipeDigest } of shards.flatMap(({ report }) => report.images))
    recipes.set(tag, (recipes.get(tag) ?? new Set()).add(recipeDigest));
  return [...differ.keys()].every((tag) => recipes.get(tag)?.size === 1)
    ? "the recipes are the same, and were built apart: run all shards again with one state directory, or see with assay build --twice what to pin"
    : "run all shards again on one commit, from the same bases";
}
