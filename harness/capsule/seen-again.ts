// Decides whether what failed there failed here: the same check of the same test, or the test in another way. Pure.
import type { Report } from "../reporting/report.ts";
import { failuresIn } from "./facts.ts";
import type { Failure } from "./manifest.ts";

/** `otherwise`: the test did not pass, and it was not the same check. `absent`: it did not run. */
export type Again = "same" | "otherwise" | "not-asked" | "passed" | "absent";

export interface SeenAgain {
  readonly file: string;
  readonly test: string;
  readonly there: Failure;
  readonly again: Again;
  readonly here?: Failure;
}

/** One for each failure of the capsule, in its order. `run`: the run that failed first. */
export function seenAgain(failures: readonly Failure[], run: string, report: Report): SeenAgain[] {
  const now = failuresIn(report);
  return failures.map((then) => {
    const { file, test } = then;
    const here = now.find((each) => each.file === file && each.test === test);
    if (here === undefined) {
      const ran = report.tests.find((each) => each.file === file && each.name === test);
      return { file, test, there: then, again: ran?.outcome === "passed" ? "passed" : "absent" };
    }
    const same = sameFailure(
      then,
      here,
      (text) => text.replaceAll(run, "‹run›"),
      (text) => text.replaceAll(report.run, "‹run›"),
    );
    const again = same ? "same" : here.outcome === "errored" && then.outcome === "failed" ? "not-asked" : "otherwise";
    return { file, test, there: then, again, here };
  });
}

type Plain = (text: string) => string;

/** Paths may hold the name of the run and of the stand-up: these are another one each time. */
function sameFailure(then: Failure, now: Failure, wasPlain: Plain, isPlain: Plain): boolean {
  if (then.outcome !== now.outcome) return false;
  const scopeless = (text: string) => text.replace(/\bp\d+n\d+\b/g, "‹scope›");
  if (then.check !== undefined || now.check !== undefined)
    return (
      then.check?.negated === now.check?.negated &&
      then.check?.node === now.check?.node &&
      scopeless(wasPlain(then.check?.title ?? "")) === scopeless(isPlain(now.check?.title ?? ""))
    );
  if (then.error?.code !== undefined) return then.error.code === now.error?.code;
  const first = (text = "") => scopeless(text).split("\n")[0];
  return (
    then.error?.name === now.error?.name &&
    first(wasPlain(then.error?.message ?? "")) === first(isPlain(now.error?.message ?? ""))
  );
}
