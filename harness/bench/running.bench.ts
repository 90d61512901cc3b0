// 300 assertions on a container that runs: by the matcher as a spec calls it, and by goss inside it. Measures nothing before
// both have found the same defect.
import { all, expect, shell, testIn } from "../index.ts";
import { session } from "../vitest/session.ts";
import { answer, benchSettings } from "./settings.ts";
import { timed } from "./timed.ts";
import { assertions, benchEnvironment, checks } from "./work.ts";

const settings = benchSettings();
const test = testIn(benchEnvironment("bench-running", settings.goss));

test("by the matcher, and by goss", async ({ soe, host }) => {
  const timings = { all: [], heard: [], each: [], goss: [] } as Record<"all" | "heard" | "each" | "goss", number[]>;
  const clock = async (into: number[], work: () => Promise<unknown>) => {
    const began = performance.now();
    await work();
    into.push(performance.now() - began);
  };
  const asOne = async () => {
    const began = performance.now();
    await clock(timings.all, () => expect(soe).toMeet(all(...checks())));
    // What was told is written down by another process: it must not be at work while the other side is measured.
    await session().events.flushed();
    timings.heard.push(performance.now() - began);
  };
  const asEach = async () => {
    await clock(timings.each, () => Promise.all(checks().map((check) => expect(soe).toMeet(check))));
    await session().events.flushed();
  };
  const goss = (file: string) => ["docker", "exec", soe.id, "/opt/goss/goss", "-g", `/opt/goss/${file}`, "validate"];
  const byGoss = async () => {
    timings.goss.push(await timed(host, goss("goss.yaml")));
  };

  await expect(soe).not.toMeet(all(...checks("nobody")));
  if (settings.goss !== undefined) {
    const words = (file: string) => shell(goss(file).join(" "));
    expect(await host.succeed(words("goss.yaml"))).toContain(`Count: ${assertions}, Failed: 0`);
    expect((await host.fail(words("defect.yaml"))).stdout).toContain(`Count: ${assertions}, Failed: 1`);
  }
  const sides = [asOne, asEach, ...(settings.goss === undefined ? [] : [byGoss])];
  for (let round = -settings.warmUp; round < settings.rounds; round += 1) {
    if (round === 0) for (const each of Object.values(timings)) each.length = 0;
    // By turns, so that nobody is always first.
    for (const side of round % 2 === 0 ? sides : sides.toReversed()) await side();
  }
  answer(settings, timings);
});
