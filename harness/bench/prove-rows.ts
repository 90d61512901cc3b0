// Decides which figures of `assay prove` become which row of the table, and what is asked of each. Pure.
import type { Figures } from "../prove/figures.ts";
import { sampleOf } from "./sample.ts";
import type { Row } from "./table.ts";

/** Rows of so many rounds. A `RangeError` where a round made no mutant: it would be within every limit. */
export function proveRows(rounds: readonly Pick<Figures, "made" | "share" | "msEach">[]): Row[] {
  const least = Math.min(...rounds.map(({ made }) => made));
  if (!(least > 0)) throw new RangeError("no mutant was made");
  const by = `assay prove docker-soe: ${least} mutants, each once`;
  return [
    {
      work: "a mutant of a container: changed, asked, undone",
      ours: {
        by: `${by}; clones and what each spec tries by itself included`,
        sample: sampleOf(rounds.map(({ msEach }) => msEach)),
      },
      limit: 500,
    },
    {
      work: "mutants of the docker SOE that no spec notices",
      ours: { by, sample: sampleOf(rounds.map(({ share }) => 100 - 100 * share)) },
      limit: 5,
      unit: "%",
    },
  ];
}
