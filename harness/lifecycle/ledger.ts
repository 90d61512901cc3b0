// Decides what is known of everything a run creates, before it is created: the memory that survives any kill.
// Refuses to touch a resource, and to judge who is alive. Each method is one committed transaction when it returns.
import { writeFileSync } from "node:fs";
import type { DatabaseSync, SQLInputValue } from "node:sqlite";
import type { ResourceRef } from "../drivers/driver.ts";
import { ProvisionError, TeardownError } from "../model/errors.ts";
import type { Lease } from "./lease.ts";
import { askLedger, freedFile, openLedgerFile } from "./ledger-file.ts";
import { entryOf, leaseColumns, leaseIn, optional, type Row, runOf, runsWithLeases } from "./ledger-rows.ts";

/** `intent` may or may not exist; `live` does; `deleting` was asked to go; `gone` is. */
export type EntryState = "intent" | "live" | "deleting" | "gone";

/** One resource of one run. */
export interface LedgerEntry extends ResourceRef {
  readonly entry: number;
  readonly run: string;
  readonly environment: string;
  readonly node?: string;
  readonly state: EntryState;
  /** It was seen to exist at some time. Without that, a create whose answer was lost may still land. */
  readonly existed: boolean;
  /** Milliseconds since the epoch, of the intent. */
  readonly createdAt: number;
}

export interface RunRow {
  readonly run: string;
  /** The supervisor's, see `identityOf`. */
  readonly identity: string;
  /** What was typed. */
  readonly command: string;
  readonly startedAt: number;
  /** Identity of the process group that runs the specs, once it is started. */
  readonly child?: string;
  /** Identity of the process that stands by to take the run down. */
  readonly reaper?: string;
  /** Set when teardown began; from then on nothing may be created. */
  readonly closingAt?: number;
  /** Set when nothing of it stands any more. */
  readonly endedAt?: number;
  /** It outlives its owner, for as long as this says. */
  readonly lease?: Lease;
}

/** Something that a run holds, or wants to hold: a name alone is exclusive, an amount is added up. */
export interface Claim {
  readonly name: string;
  readonly amount?: number;
}

export interface HeldClaim extends Claim {
  readonly run: string;
  /** Which stand-up of the run holds it. */
  readonly scope: string;
  /** Identity of the process that took it. */
  readonly holder: string;
  /** Identity of the run's supervisor. */
  readonly identity: string;
  readonly command: string;
  readonly lease?: Lease;
}

export interface LedgerOptions {
  /** Called after each commit with 1, 2, 3, … of this process and what was committed. Crash tests kill there. */
  readonly step?: ((n: number, what: string) => void) | undefined;
}

/**
 * The ledger: a SQLite file that any number of processes write at once. Every commit is on disk when a method returns.
 * A method throws a `ProvisionError` (codes `ledger-damaged`, `ledger-newer`, `ledger-unwritable`, …) that names the file.
 *
 * @example
 * const ledger = Ledger.open(config.ledger);
 * const entry = ledger.intend(run, { driver: "docker", kind: "volume", name: "assay-x-data", environment: "soe" });
 * ledger.live(entry, await create());
 */
export class Ledger {
  readonly file: string;
  /** How long this process has waited for commits of it, in all. */
  spentMs = 0;
  readonly #database: DatabaseSync;
  readonly #step: LedgerOptions["step"];
  #steps = 0;

  private constructor(file: string, options: LedgerOptions) {
    this.file = file;
    this.#database = openLedgerFile(file);
    this.#step = options.step;
  }

  /** Opens, and makes where there is none. The directory is made private to the user. */
  static open(file: string, options: LedgerOptions = {}): Ledger {
    return new Ledger(file, options);
  }

  /** Writes a run down, before anything else of it happens. `identity` is its supervisor's. */
  beginRun(run: string, identity: string, command: string): void {
    this.#commit(`run ${run}`, () =>
      this.#run(
        "INSERT INTO runs (run, identity, command, started_at) VALUES (?, ?, ?, ?)",
        run,
        identity,
        command,
        Date.now(),
      ),
    );
  }

  /** The process group that acts for the run: whoever reaps the run kills it first. */
  childStarted(run: string, identity: string): void {
    this.#commit(`child of ${run}`, () => this.#run("UPDATE runs SET child = ? WHERE run = ?", identity, run));
  }

  /** The process that takes the run down when its supervisor cannot. */
  reaperStarted(run: string, identity: string): void {
    this.#commit(`reaper of ${run}`, () => this.#run("UPDATE runs SET reaper = ? WHERE run = ?", identity, run));
  }

  /** From now on `intend` refuses: teardown has begun, and what is made now would be missed. Idempotent. */
  closing(run: string): void {
    this.#commit(`closing ${run}`, () =>
      this.#run("UPDATE runs SET closing_at = coalesce(closing_at, ?) WHERE run = ?", Date.now(), run),
    );
  }

  /** From now on the run outlives its owner. Another lease of it is replaced. */
  lease(run: string, lease: Lease): void {
    this.#commit(`lease of ${run}`, () => this.#lease(run, lease));
  }

  /** From now on the run is its owner's again, and goes when that is dead. Idempotent. */
  endLease(run: string): void {
    this.#free(`lease of ${run} over`, () => this.#run("DELETE FROM leases WHERE run = ?", run));
  }

  /**
   * Takes a kept run over from an owner that is dead, so that what is kept can be changed: entries may be made again until `closing`, and
   * until then whoever finds the new owner dead knows that a change was cut off. `lease` is what stays if it is. Answers whether it was
   * taken: not where somebody else was quicker, or it has ended. The caller knows that `from` is dead.
   */
  reopen(
    run: string,
    { from, to, lease }: { readonly from: string; readonly to: string; readonly lease: Lease },
  ): boolean {
    return this.#commit(`reopen ${run}`, () => {
      const { changes } = this.#run(
        `UPDATE runs SET identity = ?, closing_at = NULL, child = NULL, reaper = NULL
         WHERE run = ? AND identity = ? AND ended_at IS NULL AND run IN (SELECT run FROM leases)`,
        to,
        run,
        from,
      );
      if (Number(changes) === 0) return false;
      this.#lease(run, lease);
      return true;
    });
  }

  /** Gives a run back that `reopen` took, so that it is nobody's but its lease's again. Idempotent. */
  handBack(run: string, { from, to }: { readonly from: string; readonly to: string }): void {
    this.#free(`hand back ${run}`, () =>
      this.#run("UPDATE runs SET identity = ? WHERE run = ? AND identity = ?", from, run, to),
    );
  }

  /** Nothing of the run stands: its claims go too. A `TeardownError` (code `still-standing`) when something does. Idempotent. */
  endRun(run: string): void {
    this.#free(`end ${run}`, () => {
      const standing = this.standing(run);
      if (standing.length > 0) {
        throw new TeardownError({
          code: "still-standing",
          phase: "destroy",
          seen: `run ${run} cannot end: ${standing.map((each) => `${each.kind} ${each.name}`).join(", ")} not known to be gone`,
          hint: "assay gc",
          errors: [],
        });
      }
      this.#run("DELETE FROM claims WHERE run = ?", run);
      this.#run("DELETE FROM leases WHERE run = ?", run);
      const now = Date.now();
      this.#run(
        "UPDATE runs SET closing_at = coalesce(closing_at, ?), ended_at = coalesce(ended_at, ?) WHERE run = ?",
        now,
        now,
        run,
      );
    });
  }

  /** Says that a resource is about to be created, under a name known beforehand. Committed before it returns the entry's number. */
  intend(run: string, resource: ResourceRef & { readonly environment: string; readonly node?: string }): number {
    return this.#commit(`intent ${resource.kind} ${resource.name}`, () => {
      const row = this.run(run);
      if (row === undefined || row.closingAt !== undefined) {
        throw new ProvisionError({
          code: row === undefined ? "run-unknown" : "run-closing",
          phase: "create",
          node: resource.node === undefined ? resource.environment : `${resource.environment}/${resource.node}`,
          seen: `${resource.kind} ${resource.name} may not be created: run ${run} ${row === undefined ? "is not in the ledger" : "is being torn down"}`,
        });
      }
      const { lastInsertRowid } = this.#run(
        "INSERT INTO entries (run, environment, node, driver, kind, name, id, state, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, 'intent', ?)",
        run,
        resource.environment,
        resource.node ?? null,
        resource.driver,
        resource.kind,
        resource.name,
        resource.id ?? null,
        Date.now(),
      );
      return Number(lastInsertRowid);
    });
  }

  /** The resource exists; `id` as the engine calls it. */
  live(entry: number, id?: string): void {
    this.#commit(`live ${entry}`, () =>
      this.#run(
        "UPDATE entries SET state = 'live', existed = 1, id = coalesce(?, id) WHERE entry = ?",
        id ?? null,
        entry,
      ),
    );
  }

  /** The resource was told to go, or is about to be. */
  deleting(entry: number): void {
    this.#commit(`deleting ${entry}`, () =>
      this.#run("UPDATE entries SET state = 'deleting' WHERE entry = ? AND state <> 'gone'", entry),
    );
  }

  /** The resource is not there, whether it was removed or never came to be. */
  gone(entry: number): void {
    this.#free(`gone ${entry}`, () => this.#run("UPDATE entries SET state = 'gone' WHERE entry = ?", entry));
  }

  /** Entries of a run that are not known to be gone, newest first. */
  standing(run: string): LedgerEntry[] {
    return this.#all("SELECT * FROM entries WHERE run = ? AND state <> 'gone' ORDER BY entry DESC", run).map(entryOf);
  }

  /** How many resources of a run were ever there, and how many of those are gone. */
  totals(run: string): { created: number; destroyed: number } {
    const [row] = this.#all(
      "SELECT count(*) AS created, coalesce(sum(state = 'gone'), 0) AS destroyed FROM entries WHERE run = ? AND existed = 1",
      run,
    );
    return { created: Number(row?.["created"]), destroyed: Number(row?.["destroyed"]) };
  }

  /** Whether the run ever meant to create a resource of that name; it may be gone. */
  knows(run: string, { driver, kind, name }: ResourceRef): boolean {
    const sql = "SELECT 1 FROM entries WHERE run = ? AND driver = ? AND kind = ? AND name = ? LIMIT 1";
    return this.#all(sql, run, driver, kind, name).length > 0;
  }

  /** Kinds of the drivers that the run ever meant to create something with. */
  driversOf(run: string): string[] {
    return this.#all("SELECT DISTINCT driver FROM entries WHERE run = ?", run).map((row) => String(row["driver"]));
  }

  /** All runs, newest first. */
  runs(): RunRow[] {
    return this.#all(`${runsWithLeases} ORDER BY started_at DESC, run`).map(runOf);
  }

  run(run: string): RunRow | undefined {
    return this.#all(`${runsWithLeases} WHERE run = ?`, run).map(runOf)[0];
  }

  /** Forgets runs that ended before `before` (milliseconds since the epoch). */
  forget(before: number): void {
    this.#commit("forget", () => this.#run("DELETE FROM runs WHERE ended_at < ?", before));
  }

  /**
   * Takes claims, all or none, in one transaction: `objection` sees what is held and says why not, or nothing. Answers
   * the objection; `undefined` when the claims are taken. `holder` is the identity of the process that asks.
   */
  claim(
    run: string,
    scope: string,
    holder: string,
    wanted: readonly Claim[],
    objection: (held: readonly HeldClaim[]) => string | undefined,
  ): string | undefined {
    return this.#commit(`claim ${wanted.map((claim) => claim.name).join(" ")}`, () => {
      const reason = objection(this.claims());
      if (reason === undefined) this.#hold(run, scope, holder, wanted);
      return reason;
    });
  }

  /** What one stand-up of a run that is kept goes on holding, in the place of what it held: more than it holds is not asked for like this. */
  hold(run: string, scope: string, holder: string, held: readonly Claim[]): void {
    this.#free(`hold ${scope}`, () => this.#hold(run, scope, holder, held));
  }

  /** Gives back what one stand-up of a run holds. Idempotent. */
  release(run: string, scope: string): void {
    this.#free(`release ${scope}`, () => this.#run("DELETE FROM claims WHERE run = ? AND scope = ?", run, scope));
  }

  /** Everything claimed, oldest first, whoever holds it. */
  claims(): HeldClaim[] {
    return this.#all(
      `SELECT claims.*, runs.identity, runs.command, ${leaseColumns} FROM claims JOIN runs USING (run)
       LEFT JOIN leases USING (run) ORDER BY claim`,
    ).map((row) => ({
      name: String(row["name"]),
      run: String(row["run"]),
      scope: String(row["scope"]),
      holder: String(row["holder"]),
      identity: String(row["identity"]),
      command: String(row["command"]),
      ...optional("amount", row["amount"], Number),
      ...leaseIn(row),
    }));
  }

  /** Idempotent. */
  close(): void {
    if (this.#database.isOpen) this.#database.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #lease(run: string, { until, keptAt, digest, stands }: Lease): void {
    // Nothing of a run that somebody else has ended meanwhile is kept.
    this.#run(
      `INSERT OR REPLACE INTO leases (run, until, kept_at, digest, stands)
       SELECT run, ?, ?, ?, ? FROM runs WHERE run = ? AND ended_at IS NULL`,
      until ?? null,
      keptAt,
      digest ?? null,
      JSON.stringify(stands),
      run,
    );
  }

  #hold(run: string, scope: string, holder: string, claims: readonly Claim[]): void {
    this.#run("DELETE FROM claims WHERE run = ? AND scope = ?", run, scope);
    for (const { name, amount } of claims) {
      this.#run(
        "INSERT INTO claims (run, scope, holder, name, amount) VALUES (?, ?, ?, ?, ?)",
        run,
        scope,
        holder,
        name,
        amount ?? null,
      );
    }
  }

  /**
   * A commit that others may wait for. They watch a file of its own: the database's files change before a commit can be
   * read, and not after it.
   */
  #free(what: string, change: () => void): void {
    this.#commit(what, change);
    askLedger(this.file, () => writeFileSync(freedFile(this.file), ""));
  }

  #commit<Answer>(what: string, change: () => Answer): Answer {
    const began = performance.now();
    const answer = askLedger(this.file, () => {
      // Immediate: a transaction that reads first and writes later could otherwise be refused in the middle.
      this.#database.exec("BEGIN IMMEDIATE");
      try {
        const changed = change();
        this.#database.exec("COMMIT");
        return changed;
      } catch (error) {
        if (this.#database.isTransaction) this.#database.exec("ROLLBACK");
        throw error;
      }
    });
    this.spentMs += performance.now() - began;
    this.#steps += 1;
    this.#step?.(this.#steps, what);
    return answer;
  }

  #run(sql: string, ...values: SQLInputValue[]) {
    return this.#database.prepare(sql).run(...values);
  }

  #all(sql: string, ...values: SQLInputValue[]): Row[] {
    return askLedger(this.file, () => this.#database.prepare(sql).all(...values));
  }
}
