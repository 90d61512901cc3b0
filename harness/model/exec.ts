// Decides what a command is and what comes back from it. An exit status, any exit status, is an answer.

/** Text for `/bin/sh -c`, only ever written on purpose. Made by `shell`. */
export interface Shell {
  readonly shell: string;
}

/** An argument array, passed as it is: no word splitting, no globbing; or shell text, written on purpose. */
export type Command = readonly [string, ...string[]] | Shell;

/**
 * Marks text as shell script. Do not build it from input: use an argument array for that.
 * @example await node.succeed(shell("echo $HOME | wc -c"))
 */
export function shell(text: string): Shell {
  return { shell: text };
}

export interface ExecOptions {
  /** `name`, `uid` or `uid:gid`. Default: the user the node runs as. */
  readonly user?: string;
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Bytes for standard input; without it, standard input is empty. */
  readonly stdin?: string | Uint8Array;
  /** Rejects with a `TransportError` (code `deadline`) and kills the command with its children. Default 60 000. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

/** What a command answered. Bytes are kept as they came; the strings are decoded as UTF-8. */
export interface ExecResult {
  /** Exit status 0-255; 128 + n where the command died of signal n, as shells say it. */
  readonly status: number;
  /** The signal's name where `status` says the command died of one: `SIGKILL` for 137. */
  readonly signal: NodeJS.Signals | undefined;
  readonly stdout: string;
  readonly stderr: string;
  readonly stdoutBytes: Buffer;
  readonly stderrBytes: Buffer;
}

/** A command as a person would type it; for messages only, never executed. */
export function sayCommand(command: Command): string {
  if ("shell" in command) return command.shell;
  return command.map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`)).join(" ");
}
