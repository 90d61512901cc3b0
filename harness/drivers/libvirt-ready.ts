// Decides when a machine is ready as its declaration means it, and ends the waiting at once when that can no longer come about.
import { setTimeout as pause } from "node:timers/promises";
import { sayMs } from "../model/duration.ts";
import { ProvisionError, TransportError } from "../model/errors.ts";
import { shell } from "../model/exec.ts";
import type { VmNode } from "../model/node.ts";
import { untilMet } from "../model/until-met.ts";
import type { VmDeclaration } from "../model/vm.ts";
import { earlyPath } from "../transports/guest-files.ts";
import type { Transport } from "../transports/transport.ts";
import { codeOf, type End, type MachineLife, sayEnd } from "./libvirt-life.ts";

/** What is asked in the guest goes over the transport itself: the node's own verbs end with its life, and here its end has its own words. */
export interface Readying {
  readonly node: VmNode;
  readonly transport: Transport;
  readonly life: MachineLife;
  readonly ready: VmDeclaration["ready"];
  /** Resolves when the harness's shell is in the guest and greets: by itself, or once it was typed. */
  readonly greeted: (signal: AbortSignal) => Promise<unknown>;
  /** Resolves when it has the addresses that are waited for. */
  readonly addressed: (signal: AbortSignal, doing: Doing) => Promise<void>;
  /** Brings into the guest what it must have, once its boot is over. */
  readonly bring: () => Promise<void>;
}

/** What is waited for, and what it looked like when it was asked last. */
export interface Doing {
  title: string;
  last: string | undefined;
}

const greeting = "an answer of the harness's shell in the guest";

/**
 * Resolves when all that is declared holds. Rejects at once with `guest-panicked`, `guest-gone`, `boot-loop`, `unit-failed` or
 * `emergency-mode`; with `not-ready` at the deadline, saying what it still waited for.
 */
export async function untilReady(readying: Readying): Promise<void> {
  const { node, life, ready } = readying;
  const over = new AbortController();
  const doing: Doing = { title: greeting, last: undefined };
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      const last = doing.last === undefined ? "" : ` (last: ${doing.last})`;
      reject(
        new ProvisionError({
          code: "not-ready",
          phase: "ready",
          node: node.title,
          seen: `not ready after ${sayMs(ready.within)}: still waiting for ${doing.title}${last}; ${life.lastWords()}`,
          hint: "the whole console is in the run's evidence",
        }),
      );
    }, ready.within);
  });
  const ended = life.ended.then((end) => Promise.reject(endedEarly(node.title, end)));
  const work = untilAnswered(readying, doing, over.signal);
  work.catch(() => undefined); // what loses the race is nobody's business
  try {
    await Promise.race([work, ended, late, life.loops(node.title, over.signal)]);
  } catch (error) {
    // A shell that is lost and a QEMU that is gone are one event, told by two; the end says more.
    if (error instanceof TransportError) throw (await endSoon(life, node.title)) ?? error;
    throw error;
  } finally {
    clearTimeout(timer);
    over.abort();
  }
}

/** Answers that will not change, however often it is asked. */
const final = ["cannot-tell", "login-refused", "no-administrator", "host-key-mismatch", "console-closed"];

/**
 * A guest may start again on its way: firmware, a first relabelling. What it was asked then is lost and asked anew; questions
 * change nothing in it.
 */
async function untilAnswered(readying: Readying, doing: Doing, signal: AbortSignal): Promise<void> {
  for (;;) {
    try {
      return await inOrder(readying, doing, signal);
    } catch (error) {
      if (!(error instanceof TransportError) || final.includes(error.code) || signal.aborted) throw error;
      doing.last = error.seen;
      await pause(100, undefined, { signal }).catch(() => undefined);
    }
  }
}

async function inOrder(readying: Readying, doing: Doing, signal: AbortSignal): Promise<void> {
  const { ready, greeted, node, addressed } = readying;
  const next = (title: string) => Object.assign(doing, { title, last: undefined });
  Object.assign(doing, { title: greeting });
  await greeted(signal);
  if (ready.unit === "booted") {
    next("the end of the boot (systemd's jobs)");
    await booted(readying);
  } else if (ready.unit !== "shell") {
    next(`unit ${ready.unit} to be active`);
    await active(readying, ready.unit, doing, signal);
  }
  next("the addresses of its networks");
  await addressed(signal, doing);
  next("the engine inside to have its images");
  await readying.bring();
  if (ready.port !== undefined) {
    next(`something to listen on port ${ready.port}`);
    await listening(readying, ready.port, signal);
  }
  if (ready.check !== undefined) {
    const { check } = ready;
    next(check.title);
    await untilMet(signal, async () => check.judge(await check.observe(node)), doing);
  }
}

/** Systemd's queue of jobs is empty. Without systemd an answering shell is all there is to wait for; a shell may be there before systemd is. */
async function booted({ transport, ready, node }: Readying): Promise<void> {
  const script = `[ -d /run/systemd/system ] || { echo none; exit; }
if [ -e ${earlyPath} ]; then until [ -S /run/systemd/private ]; do sleep 0.05; done; fi
systemctl is-system-running --wait; :`;
  const { stdout, stderr } = await transport.exec(shell(script), { timeoutMs: ready.within });
  const state = stdout.trim();
  if (["none", "running", "degraded"].includes(state)) return;
  if (state === "maintenance")
    throw new ProvisionError({
      code: "emergency-mode",
      phase: "ready",
      node: node.title,
      seen: "systemd gave the boot up and offers a rescue shell",
      hint: "the journal in the run's evidence says which unit failed",
    });
  throw new TransportError({
    code: "cannot-tell",
    phase: "ready",
    node: node.title,
    seen: `systemctl is-system-running answered "${state || stderr.trim()}"`,
  });
}

/** Asked again and again: only the bus tells of a unit's state, and it comes up late, or never. */
async function active(
  { transport, node }: Readying,
  unit: string,
  doing: { last: string | undefined },
  signal: AbortSignal,
): Promise<void> {
  await untilMet(
    signal,
    async () => {
      const words = ["show", "--property=ActiveState,SubState,Result,LoadState", "--", unit] as const;
      const { stdout, status } = await transport.exec(["systemctl", ...words]);
      if (status !== 0) return { met: false, expected: "active", seen: `systemctl ended with ${status}` };
      const facts = new Map(
        stdout.split("\n").map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)]),
      );
      const state = facts.get("ActiveState") ?? "unknown";
      const loaded = facts.get("LoadState");
      if (loaded === "not-found" || loaded === "masked") throw failed(node.title, unit, `it is ${loaded}`);
      if (state === "failed") throw failed(node.title, unit, `it failed (${facts.get("Result")})`);
      return { met: state === "active", expected: "active", seen: `${state} (${facts.get("SubState")})` };
    },
    doing,
  );
}

function failed(node: string, unit: string, seen: string): ProvisionError {
  return new ProvisionError({
    code: "unit-failed",
    phase: "ready",
    node,
    seen: `unit ${unit} cannot become active: ${seen}`,
    hint: "the journal is in the run's evidence",
  });
}

/** Looks in the kernel's tables, so that nothing is sent to the service and no tool is needed in the image. */
function listening({ transport }: Readying, port: number, signal: AbortSignal): Promise<void> {
  const hex = port.toString(16).toUpperCase().padStart(4, "0");
  return untilMet(signal, async () => {
    const { stdout } = await transport.exec(["cat", "/proc/net/tcp", "/proc/net/tcp6"]);
    return {
      met: new RegExp(`^\\s*\\d+: [0-9A-F]+:${hex} [0-9A-F]+:0000 0A `, "m").test(stdout),
      expected: "a listener",
      seen: "nobody listens",
    };
  });
}

/** The end that a lost connection most likely tells of. */
async function endSoon(life: MachineLife, title: string): Promise<ProvisionError | undefined> {
  const end = await Promise.race([life.ended, pause(1_000, undefined, { ref: false })]);
  return end === undefined ? undefined : endedEarly(title, end);
}

function endedEarly(node: string, end: End): ProvisionError {
  return new ProvisionError({
    code: codeOf(end),
    phase: "ready",
    node,
    seen: `the machine ended before it was ready: ${sayEnd(end)}`,
    hint: "the whole console is in the run's evidence",
  });
}
