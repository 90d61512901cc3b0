// Decides when a machine has ended by itself, as against by our doing: QEMU's own events, its socket's end, the kernel's panic on
// the console. A guest that only starts again is alive.
import { setTimeout as pause } from "node:timers/promises";
import { ProvisionError } from "../model/errors.ts";
import type { HeardSign } from "../model/health.ts";
import type { Death } from "../model/node.ts";
import { ConsoleLog, panicIn } from "./libvirt-console.ts";
import type { Qmp } from "./libvirt-qmp.ts";

/** For how long the console's last words may come after the end they explain. */
const wordsGraceMs = 150;
/** A guest that starts again this often before it is ready will never be. Firmware and a first relabelling each do it once. */
const mostResets = 3;

/** Resets that come this soon after each other are one. */
const oneResetMs = 500;

export type EndKind = "panicked" | "powered-off" | "gone";

/** How a life ended. */
export interface End extends Death {
  readonly kind: EndKind;
  /** The kernel's reason for its panic; who took the power away. */
  readonly seen: string;
}

/** The lives of one machine: each start of QEMU begins one. */
export class MachineLife {
  readonly #console: ConsoleLog;
  #ended!: Promise<End>;
  #end!: (end: End) => void;
  #died!: Promise<End>;
  #die!: (end: End) => void;
  /** No QEMU. */
  #over = true;
  /** The present life has ended, though QEMU may still be there. */
  #concluded = false;
  #expected = false;
  #off: string | undefined;
  #resets = 0;
  #resetAt = 0;
  #qmp: Qmp | undefined;
  readonly #heardReset = new Set<(count: number) => void>();

  readonly #onReset: () => void;
  readonly #told = new Set<HeardSign>();
  #restarting = false;

  /** The console's log must be there. `onReset` is called when the guest starts again by itself. */
  constructor(consolePath: string, onReset: () => void) {
    this.#onReset = onReset;
    this.#console = new ConsoleLog(consolePath);
    this.#console.onLine((line) => {
      const reason = panicIn(line);
      if (reason !== undefined) void this.#conclude("panicked", reason);
    });
    this.#promise();
  }

  /** A new QEMU: called when its QMP socket answers. */
  begin(qmp: Qmp): void {
    this.#qmp = qmp;
    if (this.#concluded) this.#promise();
    this.#concluded = false;
    this.#over = false;
    this.#expected = false;
    this.#off = undefined;
    this.#resets = 0;
    qmp.onEvent(({ event, data, at }) => {
      if (qmp !== this.#qmp) return;
      // The first reason counts: libvirt ends a QEMU whose guest has powered off, and that is told, too.
      if (event === "SHUTDOWN")
        this.#off ??= data["guest"] === true ? "the guest powered itself off" : `${data["reason"]}`;
      if (event === "GUEST_PANICKED") void this.#conclude("panicked", "the guest's panic device was used");
      // A kernel that restarts the machine tries one way after the other, and each is told: no boot is that short.
      const again = at - this.#resetAt < oneResetMs;
      if (event === "RESET" && data["guest"] === true) this.#resetAt = at;
      if (event === "RESET" && data["guest"] === true && !again) {
        this.#resets += 1;
        if (!this.#restarting) this.#tell({ sign: "restarted", at: Date.now() });
        this.#onReset();
        for (const heard of [...this.#heardReset]) heard(this.#resets);
      }
    });
    void qmp.closed.then(() => {
      if (qmp !== this.#qmp) return;
      this.#over = true;
      void this.#conclude(this.#off === undefined ? "gone" : "powered-off", this.#off ?? "QEMU ended");
    });
  }

  /** The same QEMU, with the guest of an earlier moment in it: what ended the life since has not happened. */
  revive(): void {
    if (this.#over || !this.#concluded) return;
    this.#promise();
    this.#concluded = false;
    this.#expected = false;
  }

  get qmp(): Qmp | undefined {
    return this.#over ? undefined : this.#qmp;
  }

  /** Settles when the present life ends, whoever ended it. */
  get ended(): Promise<End> {
    return this.#ended;
  }

  /** Settles when a life ends that nobody asked to end, or the machine was removed. */
  get died(): Promise<End> {
    return this.#died;
  }

  /** Whether QEMU is gone. A guest that has panicked still has one. */
  get over(): boolean {
    return this.#over;
  }

  /** Whether the guest may still answer: it has neither ended nor panicked. */
  get answers(): boolean {
    return !this.#concluded && this.#qmp !== undefined;
  }

  /** Whether the guest's starting again is our doing, which makes it no sign. */
  expectRestart(expected: boolean): void {
    this.#restarting = expected;
  }

  /** Calls `told` for each sign until `close`. */
  onSign(told: HeardSign): void {
    if (this.#told.size === 0) this.#console.onLine((line) => this.#tell({ sign: "console", at: Date.now(), line }));
    this.#told.add(told);
  }

  #tell(sign: Parameters<HeardSign>[0]): void {
    for (const told of [...this.#told]) told(sign);
  }

  /** What follows is our doing: the end of this life is not a death. */
  expectEnd(): void {
    this.#expected = true;
  }

  /** Rejects with `boot-loop` when the guest starts again too often while `signal` lasts. Never resolves. */
  loops(title: string, signal: AbortSignal): Promise<never> {
    const from = this.#resets;
    return new Promise((_, reject) => {
      const heard = (count: number) => {
        if (count - from < mostResets) return;
        reject(
          new ProvisionError({
            code: "boot-loop",
            phase: "ready",
            node: title,
            seen: `the guest started again ${count - from} times and was never ready; ${this.lastWords()}`,
            hint: "the whole console is in the run's evidence",
          }),
        );
      };
      this.#heardReset.add(heard);
      signal.addEventListener("abort", () => this.#heardReset.delete(heard), { once: true });
    });
  }

  lastLines(count = 20): readonly string[] {
    return this.#console.lastLines(count);
  }

  /** `last console lines: … | …`, or that there are none. */
  lastWords(): string {
    const lines = this.lastLines(3);
    return lines.length === 0 ? "its console is empty" : `last console lines: ${lines.join(" | ")}`;
  }

  get console(): ConsoleLog {
    return this.#console;
  }

  /** It was removed: whoever still waits for its end is told so. */
  close(): void {
    const removed = { status: undefined, oomKilled: false, lastLines: ["(removed)"] };
    this.#end({ kind: "gone", seen: "it was removed", ...removed });
    this.#die({ kind: "gone", seen: "it was removed", ...removed });
    this.#over = true;
    this.#told.clear();
    this.#console.close();
    this.#qmp?.close();
  }

  #promise(): void {
    this.#ended = new Promise((resolve) => {
      this.#end = resolve;
    });
    this.#died = new Promise((resolve) => {
      this.#die = resolve;
    });
  }

  async #conclude(kind: EndKind, seen: string): Promise<void> {
    if (this.#concluded) return;
    this.#concluded = true;
    const [end, die, expected] = [this.#end, this.#die, this.#expected];
    await Promise.race([this.#console.settle(), pause(wordsGraceMs, undefined, { ref: false })]);
    const how: End = { kind, seen, status: undefined, oomKilled: false, lastLines: this.lastLines() };
    end(how);
    if (expected) return;
    die(how);
    const [at, words] = [Date.now(), sayEnd(how)];
    this.#tell(kind === "gone" ? { sign: "lost", at, words } : { sign: "ended", at, words, death: how, meant: false });
  }
}

/** `the kernel panicked: …; last console lines: …` */
export function sayEnd(end: End): string {
  const how = { panicked: `the kernel panicked: ${end.seen}`, "powered-off": end.seen, gone: end.seen }[end.kind];
  const lines = end.lastLines.filter((line) => line.trim() !== "").slice(-3);
  return lines.length === 0 ? `${how}; its console is empty` : `${how}; last console lines: ${lines.join(" | ")}`;
}

/** The error's code for an end that nobody wanted. */
export function codeOf(end: End): string {
  return { panicked: "guest-panicked", "powered-off": "guest-gone", gone: "guest-gone" }[end.kind];
}
