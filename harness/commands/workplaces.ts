// Decides where commands work that need a project of their own for a while, and when such a directory goes: with its owner, or with what
// was left standing out of it. One whose owner was killed is taken by the next who comes, or by `assay gc`.
import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import type { Config } from "../config.ts";
import { Ledger } from "../lifecycle/ledger.ts";
import { identityOf, liveness } from "../model/identity.ts";

const ownersFile = ".owners";
const runFile = ".run";
/** Between a directory and the name of its owner in it there is a moment. */
const namelessMs = 60_000;

export interface Workplace {
  readonly directory: string;
  /** Another process works here as well: while it lives, nothing goes. */
  share(pid: number): void;
  /** It stays until the run has ended, whoever ends it. */
  stayFor(run: string): void;
  /** That run was ended by this process: `close` removes it after all. */
  ended(): void;
  /** Removes it, unless it is to stay. Idempotent. */
  close(): void;
}

export function openWorkplace(config: Pick<Config, "state">, what: string): Workplace {
  const room = join(config.state, "workplaces");
  mkdirSync(room, { recursive: true, mode: 0o711 });
  const directory = mkdtempSync(join(room, `${what}-`));
  writeFileSync(join(directory, ownersFile), `${identityOf()}\n`);
  let stays = false;
  return {
    directory,
    share: (pid) => appendFileSync(join(directory, ownersFile), `${identityOf(pid)}\n`),
    stayFor(run) {
      writeFileSync(join(directory, runFile), run);
      stays = true;
    },
    ended() {
      stays = false;
    },
    close() {
      if (!stays) rmSync(directory, { recursive: true, force: true });
    },
  };
}

/** Removes those that nobody works in and nothing stands out of; answers how many. A foreign machine's are not judged. */
export function sweepWorkplaces(config: Pick<Config, "state" | "ledger">): number {
  const room = join(config.state, "workplaces");
  let names: string[];
  try {
    names = readdirSync(room);
  } catch {
    return 0;
  }
  const over = names.map((name) => join(room, name)).filter((directory) => isOver(directory, config));
  for (const directory of over) rmSync(directory, { recursive: true, force: true });
  return over.length;
}

function isOver(directory: string, { ledger: file }: Pick<Config, "ledger">): boolean {
  const owners = textOf(join(directory, ownersFile));
  if (owners === undefined) {
    const stat = statSync(directory, { throwIfNoEntry: false });
    return stat !== undefined && Date.now() - stat.mtimeMs > namelessMs;
  }
  if (
    !owners
      .trim()
      .split("\n")
      .every((identity) => liveness(identity) === "dead")
  )
    return false;
  const run = textOf(join(directory, runFile));
  if (run === undefined) return true;
  using ledger = Ledger.open(file);
  const row = ledger.run(run);
  return row === undefined || row.endedAt !== undefined;
}

function textOf(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return undefined;
  }
}
