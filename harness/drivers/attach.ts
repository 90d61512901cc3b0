// Decides what it is to work in a node by hand: one program, with a terminal or with pipes, in a container or a machine that some
// other process stood up. Refuses to know whose node it is.
import type { Channel } from "../transports/transport.ts";

/** The terminal of the person. */
export interface TerminalSize {
  readonly columns: number;
  readonly rows: number;
}

export interface Attaching {
  /** For messages: `environment/node`. */
  readonly title: string;
  /** `undefined`: the best shell there is. */
  readonly command: readonly [string, ...string[]] | undefined;
  /** `name`, `uid` or `uid:gid`; `undefined`: the user the node runs as. */
  readonly user: string | undefined;
  /** Absent: pipes. */
  readonly terminal?: TerminalSize & { /** `TERM` */ readonly name: string };
}

/** With a terminal everything comes by `stdout`. */
export interface Attached extends Channel {
  /** Tells the node that the terminal has another size now; does nothing where nobody can be told. Never rejects. */
  resize(size: TerminalSize): Promise<void>;
}

/** The login shell's usual suspects, the first that is there. */
export const bestShell: readonly [string, ...string[]] = [
  "/bin/sh",
  "-c",
  "if command -v bash >/dev/null 2>&1; then exec bash; else exec /bin/sh; fi",
];
