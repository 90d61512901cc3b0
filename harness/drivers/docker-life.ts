// Decides when a container has died by itself, as against being stopped by us, and when it is ready.
import { setTimeout as pause } from "node:timers/promises";
import type Docker from "dockerode";
import type { ContainerDeclaration } from "../model/container.ts";
import { sayMs } from "../model/duration.ts";
import { messageOf, ProvisionError } from "../model/errors.ts";
import type { HeardSign } from "../model/health.ts";
import type { ContainerNode, Death } from "../model/node.ts";
import { untilMet } from "../model/until-met.ts";
import { type Dialect, runHealthCheck } from "./docker-dialect.ts";
import { engineError } from "./docker-engine.ts";
import type { EngineEvent, EngineEvents } from "./docker-events.ts";
import { followLog, readLog } from "./docker-logs.ts";

/** For how long a reason may come after the end it explains. */
const oomGraceMs = 300;

/** The lives of one container: each start begins one, the engine's `die` event ends it. */
export class ContainerLife {
  readonly #container: Docker.Container;
  readonly #events: EngineEvents;
  readonly #restarts: boolean;
  readonly #endsAnyway: boolean;
  readonly #stopListening: () => void;
  readonly #waiting = new Set<(event: EngineEvent) => void>();
  readonly #told = new Set<HeardSign>();
  #expected = false;
  #provoked = false;
  #mayEnd = false;
  #ended = true;
  #oom = false;
  #died!: Promise<Death>;
  #die!: (death: Death) => void;

  /** Where `restart` says so, the engine starts it again when it ends by itself, which begins a life too. */
  constructor(
    container: Docker.Container,
    events: EngineEvents,
    { restart, ready }: Pick<ContainerDeclaration, "restart" | "ready">,
  ) {
    this.#container = container;
    this.#events = events;
    this.#restarts = restart !== undefined;
    this.#endsAnyway = endsByItself(ready);
    this.begin();
    this.#stopListening = events.listen(container.id, (event) => void this.#hear(event));
  }

  /** Settles when the present life ends without our asking. */
  get died(): Promise<Death> {
    return this.#died;
  }

  /** Resolves once the engine tells of ends, again where it was lost meanwhile. */
  heard(): Promise<void> {
    return this.#events.open();
  }

  /** It was seen not to run, whatever was told of it: what follows is another life. */
  over(): void {
    this.#ended = true;
  }

  /**
   * It was seen not to run: resolves once the engine has told of that end too, which may be later (podman's record is ahead of its
   * events), so that it is not taken for the next life's. Where the event was lost, after `atMostMs`.
   */
  async toldOver(atMostMs: number): Promise<void> {
    const enough = new AbortController();
    const told = this.next(({ action }) => action === "die", enough.signal);
    if (!this.#ended) await Promise.race([told, pause(atMostMs, undefined, { signal: enough.signal, ref: false })]);
    enough.abort();
    this.over();
  }

  /** A new life: called before a start. A life that goes on is not begun again. */
  begin(): void {
    if (!this.#ended) return;
    this.#ended = false;
    this.#oom = false;
    this.#expected = false;
    this.#provoked = false;
    this.#mayEnd = this.#endsAnyway;
    this.#died = new Promise((resolve) => {
      this.#die = resolve;
    });
  }

  /** What follows is our doing: the end of this life is not a death. */
  expectEnd(): void {
    this.#expected = true;
  }

  /** However this life ends, it is what a verb did: it is still a death, and no sign. */
  provoke(): void {
    this.#provoked = true;
  }

  /** This life is to end by itself, or its end is for a spec to judge, as is said of every one where the declaration says so. */
  mayEnd(): void {
    this.#mayEnd = true;
  }

  /** Calls `told` for each sign until `close`; of a life that has ended already, `over`. */
  onSign(told: HeardSign): void {
    this.#told.add(told);
    if (this.#ended) told({ sign: "over", at: Date.now() });
  }

  tell(sign: Parameters<HeardSign>[0]): void {
    for (const told of [...this.#told]) told(sign);
  }

  /** Resolves with the next event that `wanted` accepts. */
  next(wanted: (event: EngineEvent) => boolean, signal: AbortSignal): Promise<EngineEvent> {
    return new Promise((resolve) => {
      const heard = (event: EngineEvent) => {
        if (!wanted(event)) return;
        this.#waiting.delete(heard);
        resolve(event);
      };
      this.#waiting.add(heard);
      signal.addEventListener("abort", () => this.#waiting.delete(heard), { once: true });
    });
  }

  /**
   * How it ended, from the engine's own record; for a container that is not running. `told`: what the engine's event said of it, which is
   * true of that end also where the container runs again by now.
   */
  async death(told?: number): Promise<Death> {
    const [facts, log] = await Promise.allSettled([this.#container.inspect(), readLog(this.#container, 20)]);
    const state = facts.status === "fulfilled" ? facts.value.State : undefined;
    const status = told ?? (state?.Running === false || state?.Restarting === true ? state.ExitCode : undefined);
    if (status === 137 && state?.OOMKilled === false) await this.#untilOomIsTold();
    return {
      status,
      oomKilled: this.#oom || state?.OOMKilled === true,
      lastLines: log.status === "fulfilled" ? log.value.trimEnd().split("\n").slice(-20) : [],
      ...(this.#restarts ? { startsAgain: true } : {}),
    };
  }

  /** The kernel tells of the end and of its reason apart, in either order; the engine's record has what came first. */
  async #untilOomIsTold(): Promise<void> {
    if (this.#oom) return;
    const over = new AbortController();
    await Promise.race([this.next(({ action }) => action === "oom", over.signal), pause(oomGraceMs)]);
    over.abort();
  }

  /** Its end is not the last word: the engine starts it again. */
  get restarts(): boolean {
    return this.#restarts;
  }

  /** It was removed: whoever still waits for its end is told so. */
  close(): void {
    this.#stopListening();
    this.#told.clear();
    this.#die({ status: undefined, oomKilled: false, lastLines: ["(removed)"] });
  }

  async #hear(event: EngineEvent): Promise<void> {
    if (event.action === "die") this.#ended = true;
    if (event.action === "oom") this.#oom = true;
    if (event.action === "start" && this.#restarts) this.begin();
    for (const waiting of [...this.#waiting]) waiting(event);
    if (event.action === "oom") this.tell({ sign: "oom", at: Date.now() });
    if (event.action === "die" && (this.#expected || this.#provoked)) this.tell({ sign: "over", at: Date.now() });
    if (this.#expected || (event.action !== "die" && event.action !== "engine-lost")) return;
    const [at, provoked, mayEnd, die] = [Date.now(), this.#provoked, this.#mayEnd, this.#die];
    if (event.action === "die" && !provoked) this.tell({ sign: "ending", at });
    const death = await this.death(statusTold(event));
    die(death);
    if (event.action === "engine-lost") this.tell({ sign: "lost", at, words: "the engine's events were lost" });
    else if (!provoked) this.tell({ sign: "ended", at, death, words: sayDeath(death), meant: mayEnd });
  }
}

/** Docker and podman: `exitCode`, of a `die` alone. */
function statusTold({ attributes }: EngineEvent): number | undefined {
  const { exitCode = "" } = attributes;
  return /^\d+$/.test(exitCode) ? Number(exitCode) : undefined;
}

/** `exited with status 1; its last lines: …` */
export function sayDeath(death: Death): string {
  const how =
    death.status === undefined
      ? "was lost with the engine"
      : death.oomKilled
        ? `was killed for want of memory (status ${death.status})`
        : `exited with status ${death.status}`;
  const lines = death.lastLines.filter((line) => line !== "").slice(-5);
  return lines.length === 0 ? `${how}, and its log is empty` : `${how}; its last lines: ${lines.join(" | ")}`;
}

/**
 * Resolves when the node is ready as its declaration means it. Rejects at once with `died` when the container ends
 * first, with `not-ready` at the deadline.
 */
export async function untilReady(
  node: ContainerNode,
  container: Docker.Container,
  life: ContainerLife,
  ready: ContainerDeclaration["ready"],
  health: Dialect["health"] = "watched",
): Promise<void> {
  if (ready.started === true) return;
  const over = new AbortController();
  const wants = conditions(node, container, life, ready, over.signal, health);
  if (wants.length === 0) {
    if (!life.restarts && (await node.state()).status === "exited") throw endedEarly(node, await life.death());
    return;
  }
  const left = new Set(wants);
  const all = Promise.all(wants.map((want) => want.met.then(() => left.delete(want))));
  const died =
    ready.exited !== undefined || life.restarts
      ? new Promise<never>(() => undefined)
      : life.died.then((death) => Promise.reject(endedEarly(node, death)));
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => void notReady(node, life, [...left].map(say), ready.within).then(reject), ready.within);
  });
  try {
    await Promise.race([all, died, late]);
  } catch (error) {
    throw engineError(error, "ready", node.title);
  } finally {
    clearTimeout(timer);
    over.abort();
  }
}

/** Its end is waited for, or for a spec to judge. */
export function endsByItself({ exited, started }: ContainerDeclaration["ready"]): boolean {
  return exited !== undefined || started === true;
}

interface Want {
  readonly title: string;
  readonly met: Promise<unknown>;
  /** What it looked like when it was asked last, where it is asked again and again. */
  readonly last?: { last?: string | undefined };
}

function say({ title, last }: Want): string {
  return last?.last === undefined ? title : `${title} (last: ${last.last})`;
}

function conditions(
  node: ContainerNode,
  container: Docker.Container,
  life: ContainerLife,
  ready: ContainerDeclaration["ready"],
  signal: AbortSignal,
  health: Dialect["health"],
): Want[] {
  const wants: Want[] = [];
  if (ready.log !== undefined)
    wants.push({ title: `a log line that matches ${ready.log}`, met: logLine(container, life, ready.log, signal) });
  if (ready.healthy === true) wants.push({ title: "healthy", met: healthy(node, container, life, signal, health) });
  if (ready.exited !== undefined) {
    const status = ready.exited === true ? 0 : ready.exited;
    wants.push({ title: `exited with status ${status}`, met: exited(node, life, status) });
  }
  if (ready.port !== undefined)
    wants.push({ title: `listening on port ${ready.port}`, met: listening(node, ready.port, signal) });
  if (ready.check !== undefined) {
    const { check } = ready;
    const last: { last?: string | undefined } = {};
    const ask = async () => check.judge(await check.observe(node));
    wants.push({ title: check.title, met: untilMet(signal, ask, last), last });
  }
  return wants;
}

/** Of this life: what an earlier one logged says nothing about this one. */
async function logLine(
  container: Docker.Container,
  life: ContainerLife,
  pattern: RegExp,
  signal: AbortSignal,
): Promise<void> {
  const text = new RegExp(pattern.source, pattern.flags.replace(/[gy]/g, "")); // those remember where they were
  do {
    const again = life.next(({ action }) => action === "start", signal);
    const { State } = await container.inspect();
    // Not from its start: the first words may be older than the instant at which the engine notes the start.
    for await (const line of followLog(container, State.FinishedAt, signal)) if (text.test(line)) return;
    if (life.restarts) await again;
  } while (life.restarts && !signal.aborted);
  await new Promise(() => undefined); // the log has ended, and with it the container: told by its death
}

async function healthy(
  node: ContainerNode,
  container: Docker.Container,
  life: ContainerLife,
  signal: AbortSignal,
  health: Dialect["health"],
): Promise<void> {
  if (health === "asked")
    return untilMet(
      signal,
      async () => {
        await runHealthCheck(container);
        const seen = (await node.state()).health;
        return { met: seen === "healthy", expected: "healthy", seen };
      },
      {},
      // Each is a program of the image's.
      100,
    );
  const event = life.next(({ action }) => action === "health_status: healthy", signal);
  if ((await node.state()).health !== "healthy") await event;
}

async function exited(node: ContainerNode, life: ContainerLife, wanted: number): Promise<void> {
  // The life began before the container did: an end that came before this line is known to it.
  if ((await node.state()).status !== "exited") await life.died;
  const death = await life.death();
  if (death.status !== wanted) throw endedEarly(node, death);
}

/** Looks in the kernel's tables, so that nothing is sent to the service and no tool is needed in the image. */
function listening(node: ContainerNode, port: number, signal: AbortSignal): Promise<void> {
  const hex = port.toString(16).toUpperCase().padStart(4, "0");
  return untilMet(signal, async () => {
    const { stdout } = await node.exec(["cat", "/proc/net/tcp", "/proc/net/tcp6"]);
    return {
      met: new RegExp(`^\\s*\\d+: [0-9A-F]+:${hex} [0-9A-F]+:0000 0A `, "m").test(stdout),
      expected: "",
      seen: "",
    };
  });
}

function endedEarly(node: ContainerNode, death: Death): ProvisionError {
  return new ProvisionError({
    code: "died",
    phase: "ready",
    node: node.title,
    seen: `the container ${sayDeath(death)}`,
    hint: "the whole log is in the run's evidence",
  });
}

async function notReady(
  node: ContainerNode,
  life: ContainerLife,
  left: readonly string[],
  withinMs: number,
): Promise<ProvisionError> {
  const { lastLines } = await life.death().catch((error: unknown) => ({ lastLines: [messageOf(error)] }));
  const last = lastLines.filter((line) => line !== "").at(-1);
  return new ProvisionError({
    code: "not-ready",
    phase: "ready",
    node: node.title,
    seen: `not ready after ${sayMs(withinMs)}: still waiting for ${left.join(" and ")}; last log line: ${last === undefined ? "none" : `"${last}"`}`,
    hint: "the whole log is in the run's evidence",
  });
}
