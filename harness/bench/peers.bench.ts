// 300 assertions on a container that runs, as in `running.bench.ts`, against peers that start a process in it for each file or
// for each question: testcontainers with vitest, testinfra, serverspec. Measures nothing before each has found the same defect.
import { GenericContainer } from "testcontainers";
import { test } from "vitest";
import { hostNode } from "../drivers/shell-node.ts";
import { all, type ContainerNode, expect } from "../index.ts";
import { identityOf } from "../model/identity.ts";
import { standMachine } from "./machine-stand.ts";
import { answer, benchSettings } from "./settings.ts";
import { timed } from "./timed.ts";
import { assertions, benchEnvironment, benchRecipe, checks, files } from "./work.ts";

const settings = benchSettings();
const slowMs = 600_000;
// Its reaper is an image of a registry; ours takes the container by its labels if this process dies.
process.env["TESTCONTAINERS_RYUK_DISABLED"] = "true";

test("by the matcher, by testcontainers, by testinfra, by serverspec", { timeout: 1_800_000 }, async () => {
  const timings: Record<string, number[]> = { ours: [], testcontainers: [], testinfra: [], serverspec: [] };
  const clock = async (into: string, work: () => Promise<unknown>) => {
    const began = performance.now();
    await work();
    timings[into]?.push(performance.now() - began);
  };
  const host = hostNode();
  const { live } = await standMachine(benchEnvironment("bench-peers"));
  const soe = live.nodes.get("soe") as ContainerNode;
  const theirs = await new GenericContainer(`${benchRecipe.name}:${benchRecipe.version}`)
    .withCommand(["sleep", "infinity"])
    .withLabels({ "dev.assay.run": "bench", "dev.assay.owner": identityOf() })
    .start();
  /** As a test of theirs would say it: one exec a file, three expectations about it. */
  const byTestcontainers = async (owner = files[0]?.owner) => {
    for (const [index, { path, group, ...wanted }] of files.entries()) {
      const { exitCode, output } = await theirs.exec(["stat", "--format", "%U %G", path]);
      const [user, itsGroup] = output.trim().split(" ");
      expect(exitCode).toBe(0);
      expect(user).toBe(index === 0 ? owner : wanted.owner);
      expect(itsGroup).toBe(group);
    }
  };
  const pytest = (file: string): [string, ...string[]] => [
    settings.testinfra?.pytest ?? "",
    ...["-q", "-p", "no:cacheprovider"],
    ...[`--hosts=docker://${soe.id}`, `${settings.testinfra?.directory}/${file}`],
  ];
  const rspec = (file: string) =>
    ["env", `CONTAINER=${soe.id}`, "rspec", `${settings.serverspec}/${file}`] as [string, ...string[]];
  try {
    await expect(soe).not.toMeet(all(...checks("nobody")));
    await expect(byTestcontainers("nobody")).rejects.toThrow();
    if (settings.testinfra !== undefined) {
      expect((await host.fail(pytest("test_defect.py"))).stdout).toContain("1 failed");
      await host.succeed(pytest("test_files.py"));
    }
    if (settings.serverspec !== undefined) {
      const asked = `${assertions} examples`;
      expect((await host.fail(rspec("defect_spec.rb"), { timeoutMs: slowMs })).stdout).toContain(`${asked}, 1 failure`);
      expect(await host.succeed(rspec("files_spec.rb"), { timeoutMs: slowMs })).toContain(`${asked}, 0 failures`);
    }
    const ours = () => clock("ours", () => expect(soe).toMeet(all(...checks())));
    const sides = [ours, () => clock("testcontainers", () => byTestcontainers())];
    if (settings.testinfra !== undefined)
      sides.push(async () => void timings["testinfra"]?.push(await timed(host, pytest("test_files.py"), {}, slowMs)));
    if (settings.serverspec !== undefined)
      sides.push(async () => void timings["serverspec"]?.push(await timed(host, rspec("files_spec.rb"), {}, slowMs)));
    await ours();
    for (let round = 0; round < settings.rounds; round += 1) {
      if (round === 0) for (const each of Object.values(timings)) each.length = 0;
      for (const side of round % 2 === 0 ? sides : sides.toReversed()) await side();
    }
    answer(settings, timings);
  } finally {
    await theirs.stop();
    await live.takeDown();
    await host.close();
  }
});
