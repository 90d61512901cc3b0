// Decides which files of a project begin first: those that are known to take longest, so that none of them is left alone when all else is
// done. Refuses to know more than their names; the order of all others is vitest's own.
import { relative } from "node:path";
import { BaseSequencer, type TestSequencerConstructor, type TestSpecification } from "vitest/node";

/**
 * For vitest's option `sequence.sequencer`. `longest`: files from `root`, the first to begin first, among those of their group.
 * @example sequence: { sequencer: longestFirst(home, ["harness/store/disk.contract.test.ts"]) }
 */
export function longestFirst(root: string, longest: readonly string[]): TestSequencerConstructor {
  const ranks = new Map(longest.map((file, rank) => [file, rank]));
  return class LongestFirst extends BaseSequencer {
    override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
      return inOrder(await super.sort(files), {
        group: ({ project }) => project.config.sequence.groupOrder,
        rank: ({ moduleId }) => ranks.get(relative(root, moduleId)) ?? longest.length,
      });
    }
  };
}

/** By group, then by rank; what is alike in both stays in the order in which it came. */
export function inOrder<File>(
  files: readonly File[],
  { group, rank }: { readonly group: (file: File) => number; readonly rank: (file: File) => number },
): File[] {
  return files.toSorted((one, other) => group(one) - group(other) || rank(one) - rank(other));
}
