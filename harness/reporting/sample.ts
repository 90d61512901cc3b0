// Decides what an event log looks like in this room's tests: one small run with every outcome, and the pieces to bend it.
import type { Layout, RunEvent, TeardownTotals } from "../model/event.ts";
import type { Outcome } from "../model/outcome.ts";

type Event<Name extends RunEvent["event"]> = Extract<RunEvent, { event: Name }>;

/** When the sample run began. */
export const began = Date.UTC(2026, 10, 3, 9, 30, 0);

const sha = (letter: string) => `sha256:${letter.repeat(64)}`;

export function runStarted(more: Partial<Event<"run-started">> = {}): RunEvent {
  return {
    event: "run-started",
    at: began,
    run: "k3f9x2",
    version: "0.1.0",
    command: ["assay", "run", "docker-soe"],
    host: {
      hostname: "builder-7",
      kernel: "6.1.0-18-amd64",
      cpus: 2,
      memoryBytes: 25_769_803_776,
      node: "24.21.0",
      engines: { docker: "20.10.24 (API 1.41)" },
    },
    ...more,
  };
}

export function runEnded(totals: Partial<TeardownTotals> = {}, more: Partial<Event<"run-ended">> = {}): RunEvent {
  return {
    event: "run-ended",
    at: began + 14_000,
    totals: { created: 5, destroyed: 5, leaked: [], ...totals },
    ...more,
  };
}

export function check(file: string, test: string, more: Partial<Event<"check">> = {}): RunEvent {
  const judged = more.outcome === "errored" || more.outcome === "skipped" ? {} : { expected: "0644", seen: "0644" };
  return {
    event: "check",
    at: began + 5000,
    file,
    test,
    node: "docker-soe/soe",
    title: "file /etc/passwd has mode 0644",
    negated: false,
    outcome: "passed",
    ...judged,
    command: "stat -c %a /etc/passwd",
    tries: 1,
    ms: 3,
    ...more,
  };
}

export function testEnded(
  file: string,
  test: string,
  outcome: Outcome,
  more: Partial<Event<"test-ended">> = {},
): RunEvent {
  return { event: "test-ended", at: began + 5100, file, test, outcome, errors: [], ms: 100, ...more };
}

/** Planned, started, checks, ended: a whole test. */
export function ranTest(
  file: string,
  test: string,
  outcome: Outcome,
  more: { at?: number; ms?: number; checks?: RunEvent[]; ended?: Partial<Event<"test-ended">> } = {},
): RunEvent[] {
  const at = began + (more.at ?? 5000);
  const ms = more.ms ?? 100;
  return [
    { event: "planned", at: began + 900, file, tests: [test] },
    { event: "test-started", at, file, test, environment: "docker-soe" },
    ...(more.checks ?? [check(file, test)]),
    testEnded(file, test, outcome, { at: at + ms, ms, environment: "docker-soe", ...more.ended }),
  ];
}

/** One stand-up of docker-soe with one node, from `at` until `until` (milliseconds after the run began). */
export function stoodUp(file: string, scope: string, at: number, until: number): RunEvent[] {
  const about = { environment: "docker-soe", scope, file } as const;
  const phase = (phaseName: Event<"phase">["phase"], from: number, ms: number, node?: string): RunEvent[] => [
    {
      event: "phase",
      at: began + from,
      ...about,
      phase: phaseName,
      state: "started",
      ...(node === undefined ? {} : { node }),
    },
    {
      event: "phase",
      at: began + from + ms,
      ...about,
      phase: phaseName,
      state: "done",
      ms,
      ...(node === undefined ? {} : { node }),
    },
  ];
  const resource = (kind: Event<"resource">["kind"], name: string): RunEvent[] => [
    { event: "resource", at: began + at, ...about, kind, name, state: "intent" },
    { event: "resource", at: began + at + 100, ...about, kind, name, id: `${scope}0a1b2c`, state: "live" },
    { event: "resource", at: began + until, ...about, kind, name, state: "deleting" },
    { event: "resource", at: began + until + 200, ...about, kind, name, state: "gone" },
  ];
  return [
    ...phase("create", at, 150),
    ...phase("create", at + 150, 420, "soe"),
    ...phase("start", at + 570, 240, "soe"),
    ...phase("connect", at + 810, 60, "soe"),
    ...phase("ready", at + 870, 300, "soe"),
    {
      event: "node",
      at: began + at + 1170,
      environment: "docker-soe",
      scope,
      node: "soe",
      facts: { accelerator: "qemu", access: "initrd" },
    },
    ...resource("volume", `assay-k3f9x2-docker-soe-${scope}-data`),
    ...resource("container", `assay-k3f9x2-docker-soe-${scope}-soe`),
    ...phase("destroy", until, 250, "soe"),
    ...phase("destroy", until + 250, 90),
  ];
}

const provenance = {
  from: "debian bookworm, minbase, by mmdebstrap",
  steps: ["ansible site.yml", "copy motd to /etc/motd"],
  declaredAt: "fixtures/soe/recipe.ts:12:14",
};

const layout: Layout = {
  nodes: [
    {
      node: "soe",
      kind: "container",
      image: "vfx-studio-soe:0.1.0",
      networks: [{ network: "studio", address: "10.9.0.7" }],
      mounts: [
        { at: "/vfx", source: "scratch" },
        { at: "/data", source: "volume data" },
      ],
      extras: ["port 80/tcp"],
    },
  ],
  networks: [{ network: "studio", about: "10.9.0.0/24, no way out" }],
};

/** A run with each outcome once or more; its verdict is `could-not-ask`. */
export function sampleRun(): RunEvent[] {
  const bash = "specs/docker-soe-bash.spec.ts";
  const dns = "specs/docker-soe-dns.spec.ts";
  const prompt = 'the prompt of an interactive shell is exactly "vfx$ "';
  const image = { recipe: "vfx-studio-soe", tag: "vfx-studio-soe:0.1.0", recipeDigest: sha("a"), treeDigest: sha("b") };
  return [
    runStarted(),
    { event: "planned", at: began + 300, file: bash, tests: [".bashrc is there", prompt] },
    {
      event: "planned",
      at: began + 310,
      file: dns,
      tests: ["resolv.conf names the declared servers", "SELinux label", "hosts"],
    },
    { event: "image", at: began + 1500, ...image, imageId: sha("c"), built: true, ms: 1100, ...provenance },
    { event: "declared", at: began + 1550, environment: "docker-soe", scope: "bash", file: bash, layout },
    ...stoodUp(bash, "bash", 1600, 11_000),
    ...stoodUp(dns, "dns", 1700, 12_500),
    ...ranTest(bash, ".bashrc is there", "passed", {
      at: 3000,
      checks: [
        check(bash, ".bashrc is there", {
          title: "file /root/.bashrc exists",
          expected: "exists",
          seen: "regular file, 571 bytes",
        }),
        check(bash, ".bashrc is there", {
          title: "file /root/.bashrc is a directory",
          negated: true,
          seen: "regular file",
        }),
      ],
    }),
    ...ranTest(bash, prompt, "failed", {
      at: 3200,
      ms: 2100,
      checks: [
        check(bash, prompt, {
          outcome: "failed",
          title: 'an interactive shell prompts "vfx$ "',
          expected: '"vfx$ "',
          seen: '"bash-5.2# "',
          command: "script -qc 'bash -i' /dev/null",
          tries: 21,
          ms: 2000,
        }),
      ],
      ended: {
        errors: [
          {
            name: "AssertionError",
            message: 'docker-soe/soe: an interactive shell prompts "vfx$ "\nexpected "vfx$ "\nseen "bash-5.2# "',
            at: `${bash}:14:9`,
            stack: `AssertionError: an interactive shell prompts "vfx$ "\n    at ${bash}:14:9`,
          },
        ],
      },
    }),
    ...ranTest(dns, "resolv.conf names the declared servers", "errored", {
      at: 3300,
      ms: 900,
      checks: [
        check(dns, "resolv.conf names the declared servers", {
          outcome: "errored",
          title: "the name registry.example resolves to 192.0.2.7",
          reason: "observe docker-soe/soe: getent is not in the image; add libc-bin to the recipe",
          command: "getent ahosts registry.example",
        }),
      ],
      ended: {
        errors: [
          {
            name: "ObservationError",
            code: "tool-missing",
            message: "observe docker-soe/soe: getent is not in the image; add libc-bin to the recipe",
            at: `${dns}:21:3`,
          },
        ],
      },
    }),
    testEnded(dns, "SELinux label", "skipped", { reason: "the host has no SELinux", ms: 0 }),
    {
      event: "evidence",
      at: began + 11_000,
      environment: "docker-soe",
      scope: "bash",
      node: "soe",
      title: "log",
      path: "evidence/docker-soe-bash/soe.log",
    },
    ...ranTest(dns, "hosts", "passed", { at: 4300, ms: 60 }),
    runEnded(),
  ];
}
