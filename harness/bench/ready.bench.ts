// How long after a container became ready that is noticed: by Assay, and by testcontainers' strategies, which ask every 100 ms. When
// it became ready the container itself writes down, or its engine; all three read one clock.
import { setTimeout as pause } from "node:timers/promises";
import { GenericContainer, Wait } from "testcontainers";
import { test } from "vitest";
import { hostNode } from "../drivers/shell-node.ts";
import { container, defineEnvironment, expect } from "../index.ts";
import { identityOf } from "../model/identity.ts";
import { standMachine } from "./machine-stand.ts";
import { answer, benchSettings } from "./settings.ts";
import { benchRecipe } from "./work.ts";

const settings = benchSettings();
process.env["TESTCONTAINERS_RYUK_DISABLED"] = "true";

/** Becomes ready some time after its start that no interval divides, writes when into /stamp in seconds, and stays. */
const program = (event: string): [string, ...string[]] => [
  ...(["perl", "-MIO::Socket::INET", "-MTime::HiRes=time,sleep", "-e"] as const),
  `$| = 1; sleep(0.7 + rand(0.2)); ${event}; open(my $f, ">", "/stamp"); printf $f "%.6f", time; close($f); sleep 86400`,
];
const listens = "my $s = IO::Socket::INET->new(LocalPort => 8080, Listen => 5) or die";
const says = 'print "up\\n"';
const health = ["test", "-e", "/stamp"] as const;
const everyMs = 250;

interface Kind {
  readonly name: string;
  readonly command: [string, ...string[]];
  readonly ours: Partial<Parameters<typeof container>[0]>;
  theirs(of: GenericContainer): GenericContainer;
}

const kinds: readonly Kind[] = [
  {
    name: "port",
    command: program(listens),
    ours: { ready: { port: 8080 } },
    theirs: (of) => of.withExposedPorts(8080).withWaitStrategy(Wait.forListeningPorts()),
  },
  {
    name: "health",
    command: program(""),
    ours: { health: { test: [...health], interval: `${everyMs}ms` }, ready: { healthy: true } },
    theirs: (of) =>
      of
        .withHealthCheck({ test: ["CMD", ...health], interval: everyMs, retries: 100 })
        .withWaitStrategy(Wait.forHealthCheck()),
  },
  {
    name: "log",
    command: program(says),
    ours: { ready: { log: /^up$/ } },
    theirs: (of) => of.withWaitStrategy(Wait.forLogMessage(/^up$/m)),
  },
];

test("when readiness is noticed", { timeout: 1_800_000 }, async () => {
  const timings: Record<string, number[]> = {};
  const host = hostNode();
  /** Milliseconds since the epoch, of the wall clock, finer than `Date.now`. */
  const now = () => performance.timeOrigin + performance.now();
  const drift = Date.now() - now();
  const stamp = async (kind: Kind, id: string) => {
    if (kind.name !== "health") return Number(await host.succeed(["docker", "exec", id, "cat", "/stamp"])) * 1000;
    const range = ["--since", "10m", "--until", "0s", "--filter", `container=${id}`];
    // Who asks for the state may see it before the engine has told of it.
    for (let tries = 0; tries < 40; tries += 1) {
      const lines = await host.succeed(["docker", "events", ...range, "--format", "{{.Status}} {{.TimeNano}}"]);
      const healthy = lines.split("\n").find((line) => line.startsWith("health_status: healthy"));
      if (healthy !== undefined) return Number(healthy.split(" ").at(-1)) / 1e6;
      await pause(50);
    }
    throw new Error(`the engine tells of no good health of ${id}`);
  };
  const keep = async (name: string, kind: Kind, noticed: number, id: string, counts: boolean) => {
    const late = noticed + drift - (await stamp(kind, id));
    expect(Number.isFinite(late)).toBe(true);
    if (!counts) return;
    timings[`${kind.name}: ${name}`] ??= [];
    timings[`${kind.name}: ${name}`]?.push(late);
  };
  const ours = async (kind: Kind, counts: boolean) => {
    const soe = container({ image: benchRecipe, command: kind.command, ...kind.ours });
    const { live } = await standMachine(defineEnvironment(`bench-ready-${kind.name}`, { nodes: { soe } }));
    const noticed = now();
    await keep("ours", kind, noticed, (live.nodes.get("soe") as { id: string } | undefined)?.id ?? "", counts);
    await live.takeDown();
  };
  const theirs = async (kind: Kind, counts: boolean) => {
    const wanted = new GenericContainer(`${benchRecipe.name}:${benchRecipe.version}`)
      .withCommand(kind.command)
      .withLabels({ "dev.assay.run": "bench", "dev.assay.owner": identityOf() });
    const started = await kind.theirs(wanted).start();
    const noticed = now();
    await keep("peer", kind, noticed, started.getId(), counts);
    await started.stop({ timeout: 0 });
  };
  try {
    for (let round = -1; round < settings.rounds; round += 1)
      for (const kind of kinds)
        for (const side of round % 2 === 0 ? [ours, theirs] : [theirs, ours]) await side(kind, round >= 0);
    answer(settings, timings);
  } finally {
    await host.close();
  }
});
