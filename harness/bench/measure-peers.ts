// Decides how what users have today is measured beside `measure.ts`: peers that start a process for each question, containers by
// the dozen, the start of the command line.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { loadavg } from "node:os";
import { join } from "node:path";
import { hostNode } from "../drivers/shell-node.ts";
import { messageOf } from "../model/errors.ts";
import { identityOf } from "../model/identity.ts";
import type { Node } from "../model/node.ts";
import { foreignProject } from "./foreign.ts";
import type { Measuring } from "./measure.ts";
import { sampleOf } from "./sample.ts";
import { haveServerspec, serverspecFile } from "./serverspec.ts";
import { type Answer, type BenchSettings, handOver, takeAnswer } from "./settings.ts";
import type { Row } from "./table.ts";
import { haveTestinfra, testinfraFile, testinfraVersion } from "./testinfra.ts";
import { timed } from "./timed.ts";
import { assertions } from "./work.ts";

/** All rows, and what they were measured with. The image is in the engine already. */
export async function measurePeers(measuring: Measuring): Promise<{ rows: Row[]; versions: Record<string, string> }> {
  const { config, say } = measuring;
  mkdirSync(join(config.state, "bench"), { recursive: true });
  const room = mkdtempSync(join(config.state, "bench", "work-"));
  const host = hostNode();
  try {
    const testinfra = await haveTestinfra(config.state, say);
    if ("pytest" in testinfra) {
      writeFileSync(join(room, "test_files.py"), testinfraFile());
      writeFileSync(join(room, "test_defect.py"), testinfraFile("nobody"));
    }
    const serverspec = await haveServerspec();
    if ("version" in serverspec) {
      writeFileSync(join(room, "files_spec.rb"), serverspecFile());
      writeFileSync(join(room, "defect_spec.rb"), serverspecFile("nobody"));
    }
    // A round of theirs takes half a minute and more.
    const rounds = Math.min(3, measuring.rounds);
    const settings: BenchSettings = {
      answer: join(room, "answer.json"),
      warmUp: 1,
      rounds,
      ...("pytest" in testinfra ? { testinfra: { pytest: testinfra.pytest, directory: room } } : {}),
      ...("version" in serverspec ? { serverspec: room } : {}),
    };
    const assay = (pattern: string) => [join(config.project, "harness/assay"), "run", "--project", "bench", pattern];
    const run = async (pattern: string): Promise<Told> => {
      say(pattern);
      const load = loadavg()[0] ?? 0;
      const command = assay(pattern);
      try {
        await timed(host, command, handOver(settings), 1_800_000);
        return { ...takeAnswer(settings), why: "it was not measured", load: [load, loadavg()[0] ?? 0] };
      } catch (error) {
        return { timings: {}, words: {}, why: messageOf(error).split("\n").at(-1) ?? "", load: [load, load] };
      }
    };
    const peers = await run("peers.bench");
    const lacking = (had: object) => ("missing" in had ? { ...peers, why: String(had.missing) } : peers);
    const versions = {
      testinfra: "missing" in testinfra ? "missing" : testinfraVersion,
      serverspec: "missing" in serverspec ? "missing" : serverspec.version,
    };
    const whole = [assay("whole.bench"), foreignProject(join(room, "foreign"), config.project, labels())] as const;
    say("a whole run, as with testcontainers and vitest");
    const rows = [
      ...peerRows(peers, lacking(testinfra), lacking(serverspec)),
      await byTurns(measuring, host, {
        work: `a whole run: start, ${assertions} file assertions, teardown, against testcontainers and vitest`,
        ours: { by: "assay run, as a process, with all its reports", command: whole[0], env: handOver(settings) },
        peer: { by: "vitest run of a test with an exec a file", command: whole[1] },
        target: 0.3,
      }),
      ...readyRows(await run("ready.bench")),
      ...fleetRows(await run("fleet.bench")),
      await byTurns(measuring, host, {
        work: "start of the command line",
        ours: { by: "assay --help", command: [join(config.project, "harness/assay"), "--help"] },
        peer: { by: "node -e 0, the same Node", command: [process.execPath, "-e", "0"] },
        target: 2,
      }),
    ];
    return { rows, versions };
  } finally {
    await host.close();
    rmSync(room, { recursive: true, force: true });
  }
}

/** Of containers that a peer makes: ours takes them if this process dies. */
function labels(): Record<string, string> {
  return { "dev.assay.run": "bench", "dev.assay.owner": identityOf() };
}

interface Told extends Answer {
  /** Why a number is not there. */
  readonly why: string;
  readonly load: readonly [number, number];
}

function side({ timings, why }: Told, name: string, by: string): Row["ours"] {
  const taken = timings[name] ?? [];
  return taken.length === 0 ? { by, missing: why } : { by, sample: sampleOf(taken) };
}

function peerRows(told: Told, testinfra: Told, serverspec: Told): Row[] {
  const ours = side(told, "ours", "expect(node).toMeet(all(…)), from the call to its promise");
  const work = `${assertions} file assertions on a running container, against`;
  const { load } = told;
  return [
    {
      work: `${work} testcontainers`,
      ours,
      peer: side(told, "testcontainers", "testcontainers and vitest, one exec a file"),
      target: 1 / 40,
      load,
    },
    {
      work: `${work} testinfra`,
      ours,
      peer: side(testinfra, "testinfra", "pytest with testinfra, its docker backend"),
      target: 1 / 150,
      load,
    },
    {
      work: `${work} serverspec`,
      ours,
      peer: side(serverspec, "serverspec", "rspec with serverspec, its docker backend"),
      load,
    },
  ];
}

function fleetRows(told: Told): Row[] {
  const { load } = told;
  return [
    ...[1, 10, 50].map((size) => ({
      work: `${size} container${size === 1 ? "" : "s"} in one environment, up and down`,
      ours: side(told, `${size}: ours`, "standUp to takeDown, in a test process"),
      peer: side(told, `${size}: peer`, "docker run -d, ten at a time, then docker rm -f"),
      target: 1.15,
      load,
    })),
    {
      work: "memory of the harness for one container more",
      ours: side(told, "memory", "growth of the test process with fifty more, by fifty"),
      limit: 2,
      unit: "MiB",
    },
  ];
}

function readyRows(told: Told): Row[] {
  const kinds = { port: "a port that is listened at", health: "the engine's health check", log: "a line of the log" };
  return Object.entries(kinds).map(([name, said]) => ({
    work: `readiness, noticed after the event: ${said}`,
    ours: side(told, `${name}: ours`, "ready of the declaration, until standUp resolves"),
    peer: side(told, `${name}: peer`, "testcontainers' wait strategy, until start resolves"),
    limit: 20,
    load: told.load,
  }));
}

interface Turn {
  readonly by: string;
  readonly command: readonly string[];
  readonly env?: Record<string, string>;
}

/** Two programs by turns, as a person starts them. */
async function byTurns(
  { rounds }: Measuring,
  host: Node,
  { work, ours, peer, target }: { work: string; ours: Turn; peer: Turn; target: number },
): Promise<Row> {
  const times: [number[], number[]] = [[], []];
  const load = loadavg()[0] ?? 0;
  for (let round = -1; round < rounds; round += 1)
    for (const at of round % 2 === 0 ? ([0, 1] as const) : ([1, 0] as const)) {
      const { command, env } = at === 0 ? ours : peer;
      const took = await timed(host, command, env);
      if (round >= 0) times[at].push(took);
    }
  const sided = ({ by }: Turn, taken: readonly number[]) => ({ by, sample: sampleOf(taken) });
  return {
    work,
    ours: sided(ours, times[0]),
    peer: sided(peer, times[1]),
    target,
    load: [load, loadavg()[0] ?? 0],
  };
}
