// Decides what a machine's console, its kernel's log, its unit manager, its audit log and its kept cores amount to. The console is heard;
// the others are asked together, once when it is ready, at the end of each test, and at the end. What could not be asked is said.
import { setTimeout as pause } from "node:timers/promises";
import { coresKept } from "../checks/core-dumps.ts";
import { failedUnits } from "../checks/failed-units.ts";
import { journalLines } from "../checks/journal-lines.ts";
import { type KernelLine, kernelLineIn } from "../checks/kernel-log.ts";
import { type AuditLog, auditLog, auditRecordOf, readAuditLog } from "../checks/selinux-audit.ts";
import { sayDenial } from "../checks/selinux-avc.ts";
import { messageOf } from "../model/errors.ts";
import type { FindingKind, HeardSign, Sign } from "../model/health.ts";
import type { VmNode } from "../model/node.ts";
import { KernelReader } from "./kernel-reader.ts";
import type { NodeRecord } from "./node-record.ts";

const ofKernel: readonly FindingKind[] = ["kernel-panic", "kernel-oops", "oom-kill", "segfault", "filesystem-error"];
/** A guest that does not answer in this time is not waited for. */
const patienceMs = 30_000;
/** Two looks this close to each other see the same. */
const soonMs = 1000;
/** So many starts by itself within so long are a loop. */
const loop = { starts: 3, withinMs: 600_000 };
/** Lines of a failed unit's journal that are told. */
const unitLines = 5;

/** What is there already is not found again. */
interface Known {
  readonly kernel: ReadonlySet<string>;
  readonly audit: ReadonlySet<string>;
  readonly cores: ReadonlySet<string>;
  readonly failed: ReadonlySet<string>;
}

/** One machine, through all its lives. */
export class MachineWatch {
  readonly record: NodeRecord;
  readonly watched: FindingKind[] = ["kernel-panic", "kernel-oops", "exited", "restart-loop"];
  readonly #node: VmNode;
  readonly #starts: number[] = [];
  #known: Known = { kernel: new Set(), audit: new Set(), cores: new Set(), failed: new Set() };
  #atReady = this.#known;
  readonly #kernel: KernelReader;
  /** When systemd told of its failed units, in which boot. */
  #units: { readonly boot: string; readonly moment?: string | undefined } = { boot: "" };
  /** Where the kernel has none, nobody is asked again. */
  #selinux = true;
  #askedAt = Number.NEGATIVE_INFINITY;
  readonly #asksUnits: boolean;

  /** `carrier`: as it is declared: it boots with what it does not need left out, which may fail units that nobody asserts anything of. */
  constructor(record: NodeRecord, node: VmNode, listen: (heard: HeardSign) => void, carrier = false) {
    this.record = record;
    this.#node = node;
    this.#kernel = new KernelReader(node);
    this.#asksUnits = !carrier;
    if (carrier) record.notWatched(["unit-failed"], "it only carries others, as it is declared");
    listen((sign) => this.#hear(sign));
  }

  /** It was brought back to the moment at which it was ready. */
  rewound(): void {
    this.#known = this.#atReady;
    this.#kernel.rewound();
  }

  /** Asks for what has happened since it was asked last. Never rejects. */
  async gather(): Promise<void> {
    const over = new AbortController();
    try {
      await Promise.race([
        this.#gather(),
        pause(patienceMs, undefined, { signal: over.signal, ref: false }).then(() =>
          this.#missed(
            ["unit-failed", ...ofKernel, "core-dump", "avc-denial"],
            `no answer within ${patienceMs / 1000} s`,
          ),
        ),
      ]);
    } finally {
      over.abort();
    }
    if (this.#askedAt === Number.NEGATIVE_INFINITY) this.#atReady = this.#known;
    this.#askedAt = performance.now();
  }

  /** Right behind the last test's end nothing has happened that its look did not see. */
  async last(): Promise<void> {
    if (performance.now() - this.#askedAt <= soonMs) return;
    // What failed while an answer was on its way is seen here at the latest.
    this.#units = { boot: this.#units.boot };
    await this.gather();
  }

  async #gather(): Promise<void> {
    const node = this.#node;
    const { bootId: boot } = node.facts;
    if (boot !== this.#units.boot) this.#units = { boot };
    const [kernel, units, audit, cores] = await Promise.allSettled([
      this.#kernel.since(),
      this.#asksUnits ? node.observe(failedUnits, { behind: this.#units.moment }) : undefined,
      this.#selinux ? node.observe(auditLog, undefined) : undefined,
      node.observe(coresKept, "all"),
    ]);
    const at = Date.now();
    if (kernel.status === "fulfilled") {
      if (kernel.value.missed)
        this.record.notWatched(ofKernel, "for a while: the kernel's log was overwritten between two looks");
      for (const line of kernel.value.lines) this.#kernelLine(line, at);
      this.#watch([...ofKernel, "core-dump"]);
    } else this.#missed([...ofKernel, "core-dump"], messageOf(kernel.reason));
    if (units.status === "rejected") this.#missed(["unit-failed"], messageOf(units.reason));
    else if (units.value !== undefined) this.#watch(["unit-failed"]);
    if (units.status === "fulfilled" && typeof units.value === "object") {
      this.#units = { boot, moment: units.value.moment };
      const failed = new Set(units.value.failed);
      const fresh = [...failed].filter((unit) => !this.#known.failed.has(unit));
      this.#known = { ...this.#known, failed };
      for (const unit of fresh) this.record.found("unit-failed", at, await this.#saidOf(unit));
    }
    if (audit.status === "fulfilled" && audit.value !== undefined) {
      if ("without" in audit.value) {
        this.#selinux = false;
        this.record.notWatched(["avc-denial"], audit.value.without);
      } else {
        this.#watch(["avc-denial"]);
        this.#denials(audit.value, at);
      }
    } else if (audit.status === "rejected") this.#missed(["avc-denial"], messageOf(audit.reason));
    if (cores.status === "rejected") this.#missed(["core-dump"], messageOf(cores.reason));
    else if ("without" in cores.value)
      this.record.notWatched(["core-dump"], `but for traps in the kernel's log: ${cores.value.without}`);
    else {
      const files = cores.value.files.filter((file) => !this.#known.cores.has(file));
      this.#known = { ...this.#known, cores: new Set(cores.value.files) };
      if (files.length > 0) this.record.found("core-dump", at, files);
    }
  }

  #hear(sign: Sign): void {
    const { record } = this;
    if (sign.sign === "console") {
      const line = kernelLineIn(sign.line);
      if (line !== undefined) this.#kernelLine(line, sign.at);
    }
    if (sign.sign === "lost") record.notWatched([...ofKernel, "unit-failed"], sign.words);
    if (sign.sign === "ended")
      record.found(/panicked/.test(sign.words) ? "kernel-panic" : "exited", sign.at, [sign.words]);
    if (sign.sign !== "restarted") return;
    this.#starts.push(sign.at);
    const recent = this.#starts.filter((start) => start > sign.at - loop.withinMs).length;
    if (recent >= loop.starts)
      record.found("restart-loop", sign.at, [`the guest started again ${recent} times by itself`]);
  }

  /** The console and the buffer have the same lines. */
  #kernelLine({ kind, at: since, text }: KernelLine, at: number): void {
    const key = `${since} ${text}`;
    if (this.#known.kernel.has(key)) return;
    this.#known = { ...this.#known, kernel: new Set(this.#known.kernel).add(key) };
    if (kind === "avc-denial") {
      this.#watch(["avc-denial"]);
      this.#denials(readAuditLog(auditRecordOf(text), 0), at);
    } else this.record.found(kind, at, [`[${since}] ${text}`]);
  }

  #denials({ denials, errors }: AuditLog, at: number): void {
    const all = [...denials.map((each) => ({ key: JSON.stringify(each), said: sayDenial(each) }))];
    const told = [...all, ...errors.map((error) => ({ key: error, said: error }))];
    const fresh = told.filter(({ key }) => !this.#known.audit.has(key));
    this.#known = { ...this.#known, audit: new Set([...this.#known.audit, ...fresh.map(({ key }) => key)]) };
    if (fresh.length > 0)
      this.record.found(
        "avc-denial",
        at,
        fresh.map(({ said }) => said),
      );
  }

  async #saidOf(unit: string): Promise<readonly string[]> {
    const seen = await this.#node.observe(journalLines, { unit }).catch(() => undefined);
    const said = (message: string) => (message.startsWith(unit) ? message : `${unit}: ${message}`);
    return [`${unit} failed`, ...(seen?.lines.slice(-unitLines).map(({ message }) => said(message)) ?? [])];
  }

  #watch(kinds: readonly FindingKind[]): void {
    for (const kind of kinds) if (!this.watched.includes(kind)) this.watched.push(kind);
  }

  #missed(kinds: readonly FindingKind[], why: string): void {
    const since = kinds.some((kind) => this.watched.includes(kind)) ? "for a while: " : "";
    // What comes behind it are the machine's last words, which the evidence has.
    this.record.notWatched(kinds, `${since}${why.split("; ")[0]?.slice(0, 300)}`);
  }
}
