// Decides how the state of passwords is seen, from the shadow database. A hash is never told, only that there is one and of which kind.
import type { Probe, ProbeOutput } from "../model/check.ts";
import { askNameService, byFile } from "./name-service.ts";
import { shadowFromTree } from "./tree-account.ts";
import { denied, missingTool, requireTool, unreadable } from "./unanswered.ts";

export type PasswordState =
  /** No password works: `!`, `*`. A key still may. */
  | { readonly is: "locked" }
  /** No password is needed. */
  | { readonly is: "empty" }
  /** `scheme` is crypt(5)'s prefix: `y` for yescrypt, `6` for SHA-512. */
  | { readonly is: "set"; readonly scheme: string };

/** Subject: a user's name. Answer: the state of its password; `undefined` where the shadow database does not have the user. */
export const passwordState: Probe<string, PasswordState | undefined> = {
  name: "getent shadow",
  script: askShadow,
  parse: (output, names) => readShadow(output, names, readState),
  fromTree: (tree, names) => shadowFromTree(tree, names, readState),
};

/** Who may not read the database is told by getent that nobody is in it. */
export function askShadow(names: readonly string[]): string {
  return `export LC_ALL=C
[ ! -e /etc/shadow ] || [ -r /etc/shadow ] || exit 77
${askNameService("shadow", ["root", ...names])}`;
}

/** Lines of the shadow database by name; `read` says what the fields after the name mean. */
export function readShadow<Answer>(
  output: ProbeOutput,
  names: readonly string[],
  read: (fields: readonly string[]) => Answer,
): readonly (Answer | undefined)[] {
  requireTool(output, "getent", "the state of a password");
  if (output.status === 77) throw denied("cannot read the shadow database", "permission denied");
  if (![0, 2, byFile].includes(output.status)) throw unsaid(output.status);
  const lines = output.stdout.toString("utf8").split("\n").filter(Boolean);
  const states = new Map<string, Answer>();
  for (const line of lines) {
    const [name = "", ...fields] = line.split(":");
    if (fields.length !== 8) throw unsaid(output.status);
    states.set(name, read(fields));
  }
  // Every system has a root; an answer without one is somebody else's.
  if (!states.has("root"))
    throw output.status === 2 && lines.length === 0
      ? missingTool("a shadow database with root in it", "the state of a password")
      : unsaid(output.status);
  return names.map((name) => states.get(name));
}

/** The output may hold hashes: it is not quoted. */
function unsaid(status: number) {
  const stdout = Buffer.from("‹not shown: it may hold password hashes›");
  return unreadable("getent shadow", { status, stderr: "", stdout });
}

function readState([password = ""]: readonly string[]): PasswordState {
  if (password === "") return { is: "empty" };
  if (/^[!*]/.test(password)) return { is: "locked" };
  return { is: "set", scheme: /^\$([^$]+)\$/.exec(password)?.[1] ?? "DES" };
}

export function sayPassword(seen: PasswordState | undefined): string {
  if (seen === undefined) return "the shadow database does not have the user";
  if (seen.is === "set") return `a password is set (crypt scheme ${seen.scheme})`;
  return seen.is === "locked" ? "locked" : "empty: no password is needed";
}
