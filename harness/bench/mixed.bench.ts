// 120 assertions of all kinds on a container that runs: by the matcher as a spec calls it, and by goss inside it. Measures nothing
// before both have found the same defect.
import { all, expect, shell, testIn } from "../index.ts";
import { session } from "../vitest/session.ts";
import { mixedAssertions, mixedChecks } from "./mixed-work.ts";
import { answer, benchSettings } from "./settings.ts";
import { timed } from "./timed.ts";
import { benchEnvironment } from "./work.ts";

const settings = benchSettings();
const test = testIn(benchEnvironment("bench-mixed", settings.goss));

test("by the matcher, and by goss", async ({ soe, host }) => {
  // A process that both sides look for.
  await soe.succeed(shell("setsid sleep 86400 >/dev/null 2>&1 </dev/null &"));
  const timings: Record<"mixed" | "goss", number[]> = { mixed: [], goss: [] };
  const byMatcher = async () => {
    const began = performance.now();
    await expect(soe).toMeet(all(...mixedChecks()));
    timings.mixed.push(performance.now() - began);
    // What was told is written down by another process: it must not be at work while the other side is measured.
    await session().events.flushed();
  };
  const goss = (file: string) => ["docker", "exec", soe.id, "/opt/goss/goss", "-g", `/opt/goss/${file}`, "validate"];
  const byGoss = async () => {
    timings.goss.push(await timed(host, goss("mixed.yaml")));
  };

  await expect(soe).not.toMeet(all(...mixedChecks("Minix")));
  if (settings.goss !== undefined) {
    const words = (file: string) => shell(goss(file).join(" "));
    expect(await host.succeed(words("mixed.yaml"))).toContain(`Count: ${mixedAssertions}, Failed: 0`);
    expect((await host.fail(words("mixed-defect.yaml"))).stdout).toContain(`Count: ${mixedAssertions}, Failed: 1`);
  }
  const sides = [byMatcher, ...(settings.goss === undefined ? [] : [byGoss])];
  for (let round = -settings.warmUp; round < settings.rounds; round += 1) {
    if (round === 0) for (const each of Object.values(timings)) each.length = 0;
    // By turns, so that nobody is always first.
    for (const side of round % 2 === 0 ? sides : sides.toReversed()) await side();
  }
  answer(settings, timings);
});
