// Decides that the environment of the next test comes up while a test runs, is as clean as any, and that one too many is none.
import { expect, test } from "vitest";
import { outcomesIn, runAiling } from "./ailing-run.ts";

test("each test has an environment of its own, which comes up before the one before it has ended", async () => {
  const { report, said, status } = await runAiling("spare", process.env);
  expect(outcomesIn(report), said).toEqual({
    "the first finds nothing": "passed",
    "the second finds nothing": "failed",
    "the third finds nothing": "passed",
  });
  expect(status).toBe(1);
  const phases = report.environments.map((each) =>
    [...each.phases, ...each.nodes.flatMap((node) => node.phases)].map((phase) => ({
      gone: phase.phase === "destroy",
      at: Date.parse(phase.startedAt),
    })),
  );
  const first = (gone: boolean) =>
    phases.map((each) => Math.min(...each.filter((phase) => phase.gone === gone).map(({ at }) => at)));
  const [began, went] = [first(false), first(true)];
  expect(began).toHaveLength(3);
  expect(began[1]).toBeLessThan(went[0] ?? 0);
  expect(began[2]).toBeLessThan(went[1] ?? 0);
  expect(report.teardown.leaked).toEqual([]);
});
