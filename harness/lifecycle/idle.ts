// Decides how an environment that stands ahead of its use is handed from the process that stood it up to the one that uses it: by a file
// that only one can take. Refuses to hand out what was declared otherwise.
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** An environment that stands and that nobody uses. */
export interface Idle {
  readonly environment: string;
  readonly scope: string;
  /** See `declaredNow`. */
  readonly digest: string;
  /** `kind name` of all that belongs to it. */
  readonly resources: readonly string[];
}

/** From now on it can be taken. */
export function offer(directory: string, idle: Idle): void {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const draft = join(directory, `.${idle.scope}`);
  writeFileSync(draft, JSON.stringify(idle), { mode: 0o600 });
  renameSync(draft, join(directory, `${idle.scope}.json`));
}

/** What can be taken now. */
export function offered(directory: string): readonly Idle[] {
  return filesIn(directory).flatMap((file) => {
    try {
      return [JSON.parse(readFileSync(join(directory, file), "utf8")) as Idle];
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
      throw error;
    }
  });
}

/** The first that `wanted` accepts and that nobody else took meanwhile: whoever is answered it has it alone. */
export function take(directory: string, wanted: (idle: Idle) => boolean): Idle | undefined {
  for (const idle of offered(directory).filter(wanted)) {
    const file = join(directory, `${idle.scope}.json`);
    const taken = join(directory, `.${idle.scope}.${process.pid}`);
    try {
      renameSync(file, taken);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") continue;
      throw error;
    }
    rmSync(taken);
    return idle;
  }
  return undefined;
}

function filesIn(directory: string): readonly string[] {
  try {
    return readdirSync(directory).filter((name) => !name.startsWith("."));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}
