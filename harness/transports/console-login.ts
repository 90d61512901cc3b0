// Decides how somebody logs in at a serial console and brings the harness's files in by typing: for a guest that offers nothing else.
// Types nothing twice; what it was told in answer is in its errors, secrets never.
import { connect, type Socket } from "node:net";
import { quoteWord } from "../model/check.ts";
import { messageOf, TransportError } from "../model/errors.ts";
import { redact, type Secret } from "../model/secret.ts";

export interface ConsoleLoginOptions {
  /** For messages: `environment/node`. */
  readonly node: string;
  /** Unix socket of the serial console. Whoever else reads it must have a copy: what is said here is said once. */
  readonly socket: string;
  readonly user: string;
  readonly password: Secret;
  /** POSIX shell that is run as root once logged in: `bootstrapText()`. Plain text without control characters. */
  readonly script: string;
  /** Ends the attempt: a guest need not ever show a prompt. */
  readonly signal: AbortSignal;
}

/** A terminal takes 4095 bytes a line, and drops what comes faster than it is read. */
const chunkLines = 20;
const typed = "/run/assay-typed";

/**
 * Waits for a login prompt, logs in, becomes root (by `sudo` where need be), and runs the script. Leaves the session again.
 * Rejects with a `TransportError`: `login-refused`, `no-administrator`, `console-silent` (with the console's last lines),
 * `console-closed`.
 */
export async function consoleLogin(options: ConsoleLoginOptions): Promise<void> {
  const talk = new Conversation(options);
  try {
    // A prompt that was shown before anybody was connected is shown again.
    talk.type("\n", "a login prompt");
    await talk.hear(/login: /);
    talk.type(`${options.user}\n`, "the question for a password, or a shell");
    if ((await talk.hear(/[Pp]assword: |[#$%>] $/)).includes("assword: ")) {
      talk.type(`${options.password.reveal()}\n`, "a shell's prompt");
      const answer = await talk.hear(/incorrect|denied|failure|[#$%>] $/i);
      if (/incorrect|denied|failure/i.test(answer))
        throw talk.error("login-refused", `the console did not let ${options.user} in`, "look at user and password");
    }
    await becomeRoot(talk, options);
    await runTyped(talk, options.script);
    talk.type("exit\n", "the end of the session");
  } finally {
    talk.end();
  }
}

/** From here on the terminal echoes nothing, and each step answers with a mark that is not in what was typed. */
async function becomeRoot(talk: Conversation, { user, password }: ConsoleLoginOptions): Promise<void> {
  const root = quoteWord(`${said("root")}; exec /bin/sh`);
  const steps = [
    "stty -echo",
    `[ "$(id -u)" != 0 ] || exec /bin/sh -c ${root}`,
    `exec sudo -k -S -p "$(${said("sudo")})" /bin/sh -c ${root}`,
  ];
  talk.type(`exec /bin/sh -c ${quoteWord(steps.join("; "))}\n`, "root's shell, or sudo's question for the password");
  const refused = "not in the sudoers|not allowed|not found|Sorry|incorrect";
  const first = await talk.hear(new RegExp(`${heard("root").source}|${heard("sudo").source}|${refused}`));
  if (heard("root").test(first)) return;
  if (heard("sudo").test(first)) {
    talk.type(`${password.reveal()}\n`, "root's shell");
    if (heard("root").test(await talk.hear(new RegExp(`${heard("root").source}|${refused}`)))) return;
  }
  throw talk.error("no-administrator", `${user} is not root, and may not become it by sudo`);
}

/** Types the script into a file, a few lines at a time, each acknowledged; then runs it. */
async function runTyped(talk: Conversation, script: string): Promise<void> {
  const lines = script.split("\n");
  talk.type(`PS1= PS2=; (umask 077; : >${typed})\n`, "nothing");
  for (let at = 0; at < lines.length; at += chunkLines) {
    const chunk = lines.slice(at, at + chunkLines).map((line) => quoteWord(line));
    talk.type(`printf '%s\\n' ${chunk.join(" \\\n")} >>${typed}; ${said(`part${at}`)}\n`, `an answer to part ${at}`);
    await talk.hear(heard(`part${at}`));
  }
  talk.type(`. ${typed} >/dev/null; rm ${typed}; ${said("done")}\n`, "the end of the script");
  await talk.hear(heard("done"));
}

const said = (word: string) => `printf '\\001%s\\002' ${word}`;
const heard = (word: string) => new RegExp(`\\u0001${word}\\u0002`);

class Conversation {
  readonly #options: ConsoleLoginOptions;
  readonly #socket: Socket;
  #unread = "";
  #last = "";
  #awaited = "a login prompt";
  #look: () => void = () => undefined;
  #fail: (error: TransportError) => void = () => undefined;
  #failed: TransportError | undefined;

  constructor(options: ConsoleLoginOptions) {
    this.#options = options;
    const fail = (error: TransportError) => {
      this.#failed ??= error;
      this.#fail(this.#failed);
    };
    this.#socket = connect(options.socket);
    this.#socket.on("data", (bytes) => {
      const text = bytes.toString("latin1");
      this.#last = (this.#last + text).slice(-4000);
      this.#unread += text;
      this.#look();
    });
    this.#socket.on("error", (error) =>
      fail(this.error("console-closed", `the console cannot be reached: ${messageOf(error)}`)),
    );
    this.#socket.on("close", () => fail(this.error("console-closed", "the machine's emulator closed the console")));
    const late = () => fail(this.error("console-silent", `the console did not show ${this.#awaited} in time`));
    options.signal.addEventListener("abort", late, { once: true });
    if (options.signal.aborted) late();
  }

  type(text: string, awaited: string): void {
    this.#awaited = awaited;
    this.#socket.write(text);
  }

  /** What was said up to and with what `wanted` matches, since the last call. */
  hear(wanted: RegExp): Promise<string> {
    return new Promise((resolve, reject) => {
      this.#fail = reject;
      this.#look = () => {
        const text = plain(this.#unread);
        const match = wanted.exec(text);
        if (match === null) return;
        this.#look = () => undefined;
        this.#unread = text.slice(match.index + match[0].length);
        resolve(text.slice(0, match.index + match[0].length));
      };
      if (this.#failed !== undefined) reject(this.#failed);
      else this.#look();
    });
  }

  end(): void {
    this.#fail = () => undefined;
    this.#socket.end();
  }

  error(code: string, seen: string, hint?: string): TransportError {
    const lines = plain(this.#last)
      .split(/\r*\n/)
      .filter((line) => line.trim() !== "");
    const shown = redact(lines.slice(-3).join(" ⏎ ").trim());
    return new TransportError({
      code,
      phase: "connect",
      node: this.#options.node,
      seen: shown === "" ? seen : `${seen}; its last lines: "${shown}"`,
      hint,
    });
  }
}

/** Text without the control sequences that shells paint their prompts with. Marks are kept. */
function plain(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: those are what is taken out
  return text.replace(/\u001b(?:\[[0-9;?]*[ -/]*[@-~]|\][^\u0007\u001b]*(?:\u0007|\u001b\\)|[()][A-Z0-9]|[=>])/g, "");
}
