// Decides what all proofs of a run come to: shares, and the lines that people read. Pure. A change that several specs of an environment were
// asked about is one: it is noticed where one of them notices it.
import type { Mutant, Proof } from "../model/proof.ts";

export interface Counts {
  readonly made: number;
  readonly found: number;
  /** Noticed by a test that could not ask. */
  readonly errored: number;
  readonly survived: number;
  /** Of those that were made: `found` and `errored`, 0 to 1; 1 where none was made. */
  readonly share: number;
  /** Milliseconds a mutant, by the clock of each spec file: clones, and what is tried before anything is changed, are in it. */
  readonly msEach: number;
}

export interface Figures extends Counts {
  readonly specs: readonly (Proof & { readonly counts: Counts })[];
  /** `environment/node: change` of what no spec noticed. */
  readonly survivors: readonly {
    readonly id: string;
    readonly nearest: Mutant["nearest"];
    readonly in: readonly string[];
  }[];
}

function countsOf(mutants: readonly Mutant[], ms: number): Counts {
  const count = (outcome: Mutant["outcome"]) => mutants.filter((each) => each.outcome === outcome).length;
  const [made, survived] = [mutants.length, count("survived")];
  return {
    made,
    found: count("found"),
    errored: count("errored"),
    survived,
    share: made === 0 ? 1 : (made - survived) / made,
    msEach: made === 0 ? 0 : Math.round(ms / made),
  };
}

const weight = { found: 2, errored: 1, survived: 0 } as const;

/** The figures of all proofs of a run. `ms`: how long they took together; spec files go side by side. @example figuresOf(proofs).share // 0.97 */
export function figuresOf(proofs: readonly Proof[], ms = proofs.reduce((sum, each) => sum + each.ms, 0)): Figures {
  const best = new Map<string, Mutant & { readonly in: readonly string[] }>();
  for (const { environment, file, mutants } of proofs)
    for (const mutant of mutants) {
      const id = `${environment}/${mutant.id}`;
      const known = best.get(id);
      const better = known === undefined || weight[mutant.outcome] > weight[known.outcome] ? mutant : known;
      best.set(id, { ...better, id, in: [...(known?.in ?? []), file] });
    }
  const unique = [...best.values()];
  const every = proofs.flatMap(({ mutants }) => mutants);
  return {
    ...countsOf(unique, 0),
    msEach: countsOf(every, ms).msEach,
    specs: proofs.map((proof) => ({ ...proof, counts: countsOf(proof.mutants, proof.ms) })),
    survivors: unique
      .filter(({ outcome }) => outcome === "survived")
      .map(({ id, nearest, in: files }) => ({ id, nearest, in: files })),
  };
}

/** Lines for people; what came from outside is not escaped yet. */
export function figureLines(figures: Figures): readonly string[] {
  const sayCounts = ({ made, found, errored, survived, share, msEach }: Counts) =>
    `${made} made, ${found} found${errored === 0 ? "" : `, ${errored} noticed by an error`}, ${survived} survived: ${percent(share)}, ${(msEach / 1000).toFixed(2)}s each`;
  const lines = figures.specs.map(
    ({ file, environment, counts }) =>
      `${file} (${environment})  ${counts.made === 0 ? "no change could be made" : sayCounts(counts)}`,
  );
  const named = (title: string, each: readonly string[]) =>
    each.length === 0 ? [] : ["", `${title}:`, ...each.map((line) => `  ${line}`)];
  return [
    ...lines,
    ...(figures.specs.length > 1 ? [`all of them, each change once  ${sayCounts(figures)}`] : []),
    ...named(
      "survived: no spec would notice it",
      figures.survivors.map(
        ({ id, nearest, in: files }) => `${id}  (${files.map(shortName).join(", ")}; ${sayNearest(nearest)})`,
      ),
    ),
    ...named(
      "always met, whatever is changed",
      figures.specs.flatMap(({ file, alwaysTrue }) =>
        alwaysTrue.map(
          ({ test, title, mutants }) =>
            `${shortName(file)} > ${test}: ${title} (${mutants} changes of what it looks at)`,
        ),
      ),
    ),
    ...named(
      "tests that observe nothing",
      figures.specs.flatMap(({ file, hollow }) =>
        hollow.map(({ test, why }) => `${shortName(file)} > ${test}: ${why}`),
      ),
    ),
    ...named(
      "not proved: no change is known for what they look at, or none could be made",
      figures.specs.flatMap(({ file, unproven }) =>
        unproven.map(
          ({ test, title, probes }) =>
            `${shortName(file)} > ${test}: ${title} (${probes.join(", ") || "nothing of a node"})`,
        ),
      ),
    ),
    ...named(
      "left alone (each in prove.json)",
      figures.specs.flatMap(({ file, refused }) => sayRefused(refused).map((line) => `${shortName(file)}: ${line}`)),
    ),
  ];
}

/** Reasons that many have in common are said once. */
function sayRefused(refused: Proof["refused"]): readonly string[] {
  const byReason = new Map<string, string[]>();
  for (const { id, why } of refused) byReason.set(why, [...(byReason.get(why) ?? []), id]);
  return [...byReason].map(([why, ids]) => `${ids.length > 2 ? `${ids.length} changes` : ids.join(", ")}: ${why}`);
}

function sayNearest(nearest: Mutant["nearest"]): string {
  if (nearest === undefined) return "no check looks at it";
  return `nearest "${nearest.title}", which ${nearest.changed ? `saw ${nearest.seen} and is met` : "saw no difference"}`;
}

function percent(share: number): string {
  // 100 % is said of all, and of nothing less.
  return `${Math.floor(share * 1000) / 10} %`;
}

function shortName(file: string): string {
  return file.replace(/^.*\//, "").replace(/\.spec\.ts$/, "");
}
