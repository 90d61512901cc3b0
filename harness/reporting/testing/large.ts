// Decides what a large run looks like: two thousand checks in four hundred tests of twenty spec files, a tenth of the tests failed.
import type { RunEvent } from "../../model/event.ts";
import { check, ranTest, runEnded, runStarted, stoodUp } from "../sample.ts";

/** Each file's node has a log of its own: `evidence/<scope>/soe.log`. */
export function largeRun(): RunEvent[] {
  const stands = Array.from({ length: 20 }, (_, index) => [
    ...stoodUp(`specs/${index}.spec.ts`, `s${index}`, 0, 12_500),
    {
      event: "evidence" as const,
      at: 0,
      environment: "docker-soe",
      scope: `s${index}`,
      node: "soe",
      title: "log",
      path: `evidence/s${index}/soe.log`,
    },
  ]).flat();
  const tests = Array.from({ length: 400 }, (_, index) => {
    const file = `specs/${index % 20}.spec.ts`;
    const name = `test ${index}: programs of the studio are root's, and nobody else writes them`;
    const outcome = index % 10 === 0 ? ("failed" as const) : ("passed" as const);
    const checks = Array.from({ length: 5 }, (__, nth) =>
      check(file, name, {
        title: `file /opt/studio/bin/program-${index}-${nth} has mode 0755 and belongs to root`,
        expected: "0755, 0:0",
        seen: outcome === "passed" ? "0755, 0:0" : "0775, 1000:0",
        outcome,
      }),
    );
    return ranTest(file, name, outcome, { at: 2000 + index * 20, checks });
  }).flat();
  return [runStarted(), ...stands, ...tests, runEnded()];
}
