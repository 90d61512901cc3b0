// Decides what a container's signs amount to: ends, kills for want of memory, crashes of its main process and of the spec's commands.
// All of it comes from the engine's events; nothing is asked while tests run.
import { setTimeout as pause } from "node:timers/promises";
import type { FindingKind, HeardSign, Sign } from "../model/health.ts";
import type { ContainerNode, Death } from "../model/node.ts";
import type { NodeRecord } from "./node-record.ts";

/** By the end's status, 128 + the signal's number. */
const crashes: Readonly<Record<number, FindingKind>> = {
  132: "core-dump",
  133: "core-dump",
  134: "core-dump",
  135: "core-dump",
  136: "core-dump",
  139: "segfault",
};
const crashSignals: Readonly<Partial<Record<NodeJS.Signals, FindingKind>>> = {
  SIGSEGV: "segfault",
  SIGABRT: "core-dump",
  SIGBUS: "core-dump",
  SIGFPE: "core-dump",
  SIGILL: "core-dump",
  SIGTRAP: "core-dump",
};

/** So many ends by itself within so long are a loop. */
const loop = { ends: 3, withinMs: 60_000 };
/** For how long the engine may tell of an end after its record has it. */
const lateMs = 500;
/** For how long it is waited for what the engine says of an end. */
const answerMs = 2000;

/** One container, through all its lives. */
export class ContainerWatch {
  readonly record: NodeRecord;
  readonly watched: FindingKind[] = ["exited", "restart-loop", "oom-kill", "segfault", "core-dump"];
  #node: ContainerNode;
  readonly #ends: number[] = [];
  #heardEnd = false;
  #looping = false;
  /** Ends of which it is being asked how they were. */
  #ending = 0;
  #told: (() => void) | undefined;

  constructor(record: NodeRecord, node: ContainerNode, listen: (heard: HeardSign) => void) {
    this.record = record;
    this.#node = node;
    const kernels = `the kernel is its carrier's, ${node.carrier.title}`;
    record.notWatched(["kernel-panic", "kernel-oops", "filesystem-error", "avc-denial"], kernels);
    record.notWatched(["unit-failed"], "no unit manager is asked in a container");
    record.notWatched(
      ["segfault", "core-dump"],
      "of processes that are neither its main one nor a command of the spec: the kernel names the process and not its container",
    );
    if (node.facts["engine"] === "podman")
      record.notWatched(["oom-kill"], "of other processes than the main one: podman does not always tell");
    listen((sign) => this.#hear(sign));
  }

  /** Another handle on it: it was brought back with its machine, or made anew. */
  again(node: ContainerNode, listen: (heard: HeardSign) => void): void {
    this.#node = node;
    this.#heardEnd = false;
    this.#ending = 0;
    listen((sign) => this.#hear(sign));
  }

  /** Everything comes by itself; an end of which the engine is still being asked is the present test's. */
  async gather(): Promise<void> {
    if (this.#ending === 0) return;
    const told = new Promise<void>((resolve) => {
      this.#told = resolve;
    });
    await Promise.race([told, pause(answerMs, undefined, { ref: false })]);
  }

  /** An end that the engine's record has and its events have not told of is waited for, a moment. */
  async last(): Promise<void> {
    const { status } = await this.#node.state();
    if (status === "exited" && !this.#heardEnd) await pause(lateMs);
  }

  #hear(sign: Sign): void {
    if (sign.sign === "oom") this.record.found("oom-kill", sign.at, ["the engine told of a kill for want of memory"]);
    if (sign.sign === "lost") this.record.notWatched(this.watched, sign.words);
    if (sign.sign === "signalled") {
      const kind = crashSignals[sign.signal];
      if (kind !== undefined) this.record.found(kind, sign.at, [`"${sign.words}" died of ${sign.signal}`]);
    }
    if (sign.sign === "over") this.#heardEnd = true;
    if (sign.sign === "ending") this.#ending += 1;
    if (sign.sign !== "ended") return;
    this.#heardEnd = true;
    this.#ending = Math.max(0, this.#ending - 1);
    const kind = this.#kindOf(sign.death, sign.at, sign.meant);
    if (kind !== undefined) this.record.found(kind, sign.at, [`the container ${sign.words}`]);
    if (this.#ending === 0) this.#told?.();
  }

  #kindOf(death: Death, at: number, meant: boolean): FindingKind | undefined {
    if (death.oomKilled) return "oom-kill";
    const crash = crashes[death.status ?? 0];
    if (crash !== undefined) return crash;
    if (meant) return undefined;
    if (death.startsAgain !== true) return "exited";
    const recent = this.#ends.filter((end) => end > at - loop.withinMs).length + 1;
    this.#ends.push(at);
    // One loop is one finding, however long it goes on.
    if (recent === 1) this.#looping = false;
    if (recent < loop.ends || this.#looping) return undefined;
    this.#looping = true;
    return "restart-loop";
  }
}
