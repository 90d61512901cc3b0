// Decides what is measured against what, and how: both sides by turns, after warm-up, in one run. Answers rows, and refuses to
// answer any where one side did not do the work.
import { linkSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Config } from "../config.ts";
import { hostNode } from "../drivers/shell-node.ts";
import { identityOf } from "../model/identity.ts";
import type { Node } from "../model/node.ts";
import { inPackage } from "../place.ts";
import { goss as gossProgram, haveGoProgram } from "./go-program.ts";
import { overheadOf } from "./health-rows.ts";
import { mixedAssertions, mixedGossfile } from "./mixed-work.ts";
import { takeReport } from "./run-report.ts";
import { sampleOf } from "./sample.ts";
import { type BenchSettings, handOver, takeAnswer } from "./settings.ts";
import type { Row } from "./table.ts";
import { timed } from "./timed.ts";
import { assertions, benchRecipe, gossfile } from "./work.ts";

export interface Measuring {
  readonly config: Config;
  readonly say: (line: string) => void;
  /** Rounds that count; a few more go before them. */
  readonly rounds: number;
  readonly warmUp: number;
}

/** All rows. The image is in the engine already. */
export async function measure(measuring: Measuring): Promise<{ rows: Row[]; gossMissing: string | undefined }> {
  const { config, say } = measuring;
  const goss = await haveGoProgram(gossProgram, config.state, say);
  mkdirSync(join(config.state, "bench"), { recursive: true });
  const room = mkdtempSync(join(config.state, "bench", "work-"));
  const host = hostNode();
  try {
    if ("directory" in goss) {
      linkSync(join(goss.directory, "goss"), join(room, "goss"));
      writeFileSync(join(room, "goss.yaml"), gossfile());
      writeFileSync(join(room, "defect.yaml"), gossfile("nobody"));
      writeFileSync(join(room, "mixed.yaml"), mixedGossfile());
      writeFileSync(join(room, "mixed-defect.yaml"), mixedGossfile("Minix"));
    }
    const missing = "missing" in goss ? goss.missing : await lacksDocker(host);
    const settings: BenchSettings = {
      ...(missing === undefined ? { goss: room } : {}),
      answer: join(room, "answer.json"),
      warmUp: measuring.warmUp,
      rounds: measuring.rounds,
    };
    const place = { ...measuring, host, settings, missing };
    return {
      rows: [...(await onRunning(place)), await onMixed(place), ...(await onWhole(place))],
      gossMissing: missing,
    };
  } finally {
    await host.close();
    rmSync(room, { recursive: true, force: true });
  }
}

interface Place extends Measuring {
  readonly host: Node;
  readonly settings: BenchSettings;
  readonly missing: string | undefined;
}

async function onRunning(place: Place): Promise<Row[]> {
  const { host, settings, say, missing } = place;
  say(`${assertions} assertions on a running container`);
  await timed(host, assayRun(place, "running.bench"), handOver(settings));
  const { timings } = takeAnswer(settings);
  const sample = (name: string) => sampleOf(timings[name] ?? []);
  const by = "goss in the container, by docker exec";
  const peer = missing === undefined ? { by, sample: sample("goss") } : { by, missing };
  const work = `${assertions} file assertions on a running container`;
  const row = (title: string, how: string, name: string): Row => ({
    work: title,
    ours: { by: how, sample: sample(name) },
    peer,
  });
  return [
    { ...row(work, "expect(node).toMeet(all(…)), from the call to its promise", "all"), target: 0.5 },
    row(`${work}, one by one`, `${assertions} calls of expect(node).toMeet(…), awaited together`, "each"),
    row(`${work}, written down`, "the first, until the supervisor has written every outcome down", "heard"),
  ];
}

async function onMixed(place: Place): Promise<Row> {
  const { host, settings, say, missing } = place;
  say(`${mixedAssertions} assertions of all kinds`);
  await timed(host, assayRun(place, "mixed.bench"), handOver(settings));
  const { timings } = takeAnswer(settings);
  const by = "goss in the container, by docker exec";
  return {
    work: `${mixedAssertions} assertions of all kinds: files, accounts, packages, mounts, parameters, commands, network`,
    ours: { by: "expect(node).toMeet(all(…)), from the call to its promise", sample: sampleOf(timings["mixed"] ?? []) },
    peer: missing === undefined ? { by, sample: sampleOf(timings["goss"] ?? []) } : { by, missing },
    target: 0.8,
  };
}

async function onWhole(place: Place): Promise<Row[]> {
  const { host, settings, say, missing } = place;
  say("a whole run");
  const command = assayRun(place, "whole.bench");
  const script = [
    "set -eu",
    `container=$(docker run -d --label dev.assay.run=bench --label "dev.assay.owner=$3" -v "$2":/opt/goss:ro "$1" sleep infinity)`,
    'docker exec "$container" /opt/goss/goss -g /opt/goss/goss.yaml validate',
    'docker rm -f "$container"',
  ].join("\n");
  const tag = `${benchRecipe.name}:${benchRecipe.version}`;
  const shell = ["/bin/sh", "-c", script, "sh", tag, settings.goss ?? "", identityOf()];
  const times: { ours: number[]; peer: number[]; least: number[]; overhead: number[] } = {
    ours: [],
    peer: [],
    least: [],
    overhead: [],
  };
  const reports = join(dirname(settings.answer), "reports");
  const ours = async () => {
    times.ours.push(await timed(host, command, { ...handOver(settings), ASSAY_REPORTS: reports }));
    times.overhead.push(overheadOf(takeReport(reports)));
  };
  const peer = async () => times.peer.push(await timed(host, shell));
  const least = async () => times.least.push(await timed(host, leastOf(settings, tag)));
  const sides = missing === undefined ? [ours, peer, least] : [ours];
  for (let round = -Math.min(2, place.warmUp); round < place.rounds; round += 1) {
    if (round === 0) for (const each of Object.values(times)) each.length = 0;
    for (const side of round % 2 === 0 ? sides : sides.toReversed()) await side();
  }
  const by = "docker run -d, docker exec goss, docker rm -f, in a shell script";
  const other = missing === undefined ? { by, sample: sampleOf(times.peer) } : { by, missing };
  const whole: Row = {
    work: `a whole run: start, ${assertions} file assertions, teardown, report`,
    ours: { by: "assay run, as a process, with all its reports", sample: sampleOf(times.ours) },
    peer: other,
    target: 1.8,
  };
  // Between start and end of the run, as its report tells them.
  const overhead: Row = {
    work: "of a whole run what ledger, evidence and health take together",
    ours: {
      by: "assay run, by its report: time waited for them, in all its processes",
      sample: sampleOf(times.overhead),
    },
    limit: 5,
    unit: "%",
  };
  if (missing !== undefined) return [whole, overhead];
  // What nobody who runs vitest on an engine can be quicker than.
  const floor = { by: "docker run -d, vitest run of one empty test, docker rm -f", sample: sampleOf(times.least) };
  return [
    whole,
    overhead,
    { work: "of a whole run what is vitest's and the engine's, without Assay", ours: floor, peer: other },
  ];
}

/** Vitest as it comes, one after the other with the engine: nothing is known of the container before the spec is. */
function leastOf({ answer }: BenchSettings, tag: string): string[] {
  const root = join(dirname(answer), "least");
  mkdirSync(root, { recursive: true });
  writeFileSync(join(root, "empty.test.mjs"), 'test("nothing", () => expect(1).toBe(1));\n');
  const script = [
    "set -eu",
    'container=$(docker run -d --label dev.assay.run=bench --label "dev.assay.owner=$5" "$1" sleep infinity)',
    `trap 'docker rm -f "$container" >/dev/null' EXIT`,
    '"$2" "$3" run --root "$4" --globals >/dev/null',
  ].join("\n");
  const vitest = inPackage("vitest", "vitest.mjs");
  return ["/bin/sh", "-c", script, "sh", tag, process.execPath, vitest, root, identityOf()];
}

function assayRun({ config }: Place, pattern: string): string[] {
  return [join(config.project, "harness/assay"), "run", "--project", "bench", pattern];
}

/** The peers are started by the docker command, which an engine does not need. */
async function lacksDocker(host: Node): Promise<string | undefined> {
  const { status } = await host.exec(["docker", "--version"]);
  return status === 0 ? undefined : "there is no docker command on this machine";
}
