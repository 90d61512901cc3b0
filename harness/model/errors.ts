// Decides what Assay's own errors say and which exit code each stands for. Refuses to know how anything is done.
// A failed check is not here: it is an ordinary assertion. Everything here means "I could not ask".

/** Where in the life of a run something went wrong. */
export type Phase =
  | "declare"
  | "setup"
  | "build"
  | "create"
  | "start"
  | "connect"
  | "ready"
  | "reset"
  | "observe"
  | "exec"
  | "destroy"
  | "report";

/** Exit codes of the CLI; the first that applies, in the order leak, cancelled, could-not-ask, failed. */
export const ExitCode = {
  met: 0,
  failed: 1,
  usage: 2,
  couldNotAsk: 3,
  leak: 4,
  interrupted: 130,
  terminated: 143,
} as const;

export interface ErrorFacts {
  /** Stable, machine-readable, kebab-case: `port-taken`, `engine-down`. */
  readonly code: string;
  readonly phase: Phase;
  /** `environment/node`, or the node's name alone where there is no environment. */
  readonly node?: string | undefined;
  /** What was seen, as a sentence fragment without a full stop. */
  readonly seen: string;
  /** The next step for the reader: a command to run, an option to change, a file to read. */
  readonly hint?: string | undefined;
  readonly cause?: unknown;
}

/**
 * Something kept Assay from asking. The message names phase, node, what was seen and the next step:
 * `create docker-soe/soe: port 127.0.0.1:8080 is taken; stop what listens there or choose another port`.
 *
 * @example
 * throw new ProvisionError({ code: "port-taken", phase: "start", node: "soe/web", seen: "port 80 is taken", hint: "…" });
 */
export abstract class HarnessError extends Error {
  /** Carried over process borders by vitest, which keeps own properties; the reporter reads it there. */
  readonly outcome = "errored";
  readonly code: string;
  readonly phase: Phase;
  readonly node: string | undefined;
  readonly seen: string;
  readonly hint: string | undefined;

  constructor(facts: ErrorFacts) {
    const where = facts.node === undefined ? facts.phase : `${facts.phase} ${facts.node}`;
    const next = facts.hint === undefined ? "" : `; ${facts.hint}`;
    super(`${where}: ${facts.seen}${next}`, facts.cause === undefined ? undefined : { cause: facts.cause });
    this.name = new.target.name;
    this.code = facts.code;
    this.phase = facts.phase;
    this.node = facts.node;
    this.seen = facts.seen;
    this.hint = facts.hint;
  }
}

/** A declaration or a command line is wrong. Thrown before anything is created; names file and line. Exit code 2. */
export class DeclarationError extends HarnessError {
  /** `file:line:column` of the declaration, where it is known. */
  readonly at: string | undefined;

  constructor(facts: {
    code: string;
    seen: string;
    hint?: string;
    at?: string | undefined;
    node?: string;
    cause?: unknown;
  }) {
    super({ ...facts, phase: "declare", seen: facts.at === undefined ? facts.seen : `${facts.at}: ${facts.seen}` });
    this.at = facts.at;
  }
}

/** An image, network, volume or node could not be made or did not become ready. Exit code 3. */
export class ProvisionError extends HarnessError {}

/** A command was sent, or could not be sent, and its exit status is unknown. Exit code 3. */
export class TransportError extends HarnessError {}

/** A check's probe could not answer: tool missing, permission denied, unreadable answer. Exit code 3. */
export class ObservationError extends HarnessError {}

/** Some releases failed; every one was attempted. `errors` holds each. Exit code 4 when something is left. */
export class TeardownError extends HarnessError {
  readonly errors: readonly unknown[];

  constructor(facts: ErrorFacts & { errors: readonly unknown[] }) {
    super({ ...facts, cause: facts.errors[0] });
    this.errors = facts.errors;
  }
}

/** The report could not be made or written: no events, or a report that breaks its own schema. Exit code 3. */
export class ReportError extends HarnessError {}

/** The text of anything thrown: its message, where it has one, else its string form. Never throws. */
export function messageOf(thrown: unknown): string {
  const message = (thrown as { message?: unknown } | null | undefined)?.message;
  if (typeof message === "string") return message;
  if (typeof thrown !== "object" || thrown === null) return String(thrown);
  // An object without a prototype has no string form, and one that holds itself no JSON.
  const plain = Object.prototype.toString.call(thrown);
  try {
    return JSON.stringify(thrown) ?? plain;
  } catch {
    return plain;
  }
}
