// Decides which shell a command goes to, and that questions of one tick go together. Works over any opener.
import { constants } from "node:os";
import type { Duplex } from "node:stream";
import { type Probe, quoteWord } from "../model/check.ts";
import { ObservationError, TransportError } from "../model/errors.ts";
import type { Command, ExecOptions, ExecResult } from "../model/exec.ts";
import { sayCommand } from "../model/exec.ts";
import { Deadline } from "./deadline.ts";
import { type FrameResult, killTreeSoon, outputLimit, outputTooBig } from "./live-shell.ts";
import { ShellPool } from "./shell-pool.ts";
import type { Channel, Moment, ObserveOptions, Opener, OpenOptions, Transport } from "./transport.ts";
import { type TunnelEnd, tunnelCommand, tunnelOver } from "./tunnel.ts";

interface Batch {
  readonly subjects: Map<string, unknown>;
  readonly asking: Map<string, { resolve: (answer: never) => void; reject: (error: unknown) => void }[]>;
}

/** Commands and observations over shells that stay open. What a shell is lost with is rejected; the next command opens another. */
export class ShellTransport implements Transport {
  readonly #opener: Opener;
  /** Observations have shells of their own: a command that leaves something printing in the background cannot spoil an answer. */
  readonly #pools = new Map<string, ShellPool>();
  #batches = new Map<string, Map<Probe<never, unknown>, Batch>>();
  #closed = false;
  #busy = 0;
  #idle: (() => void)[] = [];
  /** While the node stands still: what is asked for waits. */
  #held: Promise<void> | undefined;
  #release: () => void = () => undefined;

  constructor(opener: Opener) {
    this.#opener = opener;
  }

  async exec(command: Command, options: ExecOptions = {}): Promise<ExecResult> {
    this.#refuseWhenClosed();
    const deadline = this.#deadline(command, options);
    try {
      return await this.#whileMoving(deadline, () => this.#exec(command, options, deadline));
    } finally {
      deadline.end();
    }
  }

  async #exec(command: Command, options: ExecOptions, deadline: Deadline): Promise<ExecResult> {
    this.#refuseWhenClosed();
    for (const name of Object.keys(options.env ?? {})) mustBeName(name);
    const argv: readonly [string, ...string[]] = "shell" in command ? ["/bin/sh", "-c", command.shell] : command;
    const pool = this.#pool("exec", options.user);
    const lacksShell = await deadline.before(pool.lacksShell());
    if (options.stdin !== undefined || lacksShell) return this.#alone(argv, command, options, deadline, !lacksShell);
    const lease = await deadline.before(pool.take(), ({ release }) => release());
    const { shell } = lease;
    try {
      deadline.onLate((reason) => shell.kill(reason));
      const [answer] = shell.send([script(argv, options)]);
      return resultOf(await (answer as Promise<FrameResult>));
    } finally {
      lease.release();
    }
  }

  async observe<Subject, Answer>(
    probe: Probe<Subject, Answer>,
    subject: Subject,
    options: ObserveOptions = {},
  ): Promise<Answer> {
    this.#refuseWhenClosed();
    const user = options.user ?? this.#opener.administrator;
    if (this.#batches.size === 0) setImmediate(() => this.#flush());
    const byProbe = getOr(this.#batches, user ?? "", () => new Map<Probe<never, unknown>, Batch>());
    const batch = getOr(byProbe, probe as Probe<never, unknown>, () => ({ subjects: new Map(), asking: new Map() }));
    const key = typeof subject === "string" ? subject : JSON.stringify(subject);
    batch.subjects.set(key, subject);
    return new Promise<Answer>((resolve, reject) => getOr(batch.asking, key, () => []).push({ resolve, reject }));
  }

  async dial(command: readonly [string, ...string[]]): Promise<Channel> {
    this.#refuseWhenClosed();
    return this.#opener.open(command, { user: this.#opener.administrator });
  }

  async connect(end: TunnelEnd): Promise<Duplex> {
    this.#refuseWhenClosed();
    if (this.#opener.connect !== undefined) return this.#opener.connect(end);
    const command = tunnelCommand(this.#opener.probing?.argv ?? ["/bin/sh"], end);
    return tunnelOver(await this.dial(command), this.#opener.node, end);
  }

  /**
   * Brings the node to rest, for its memory to be kept: waits for what is under way, opens the shells that are wanted first,
   * and lets what is asked for from now on wait until `resume`. What the answer names is still there whenever the node is
   * brought back to this moment, so that the first command after it starts no shell.
   *
   * @example
   * const moment = await transport.quiesce(); // save; then:
   * await transport.resume(moment);
   * transport.hold(moment); // stop the machine, bring it back; then:
   * await transport.resume(moment);
   */
  async quiesce(): Promise<Moment> {
    while (this.#busy > 0) await new Promise<void>((resolve) => this.#idle.push(resolve));
    this.#hold();
    try {
      await Promise.all([
        this.#pool("exec", undefined).lacksShell(),
        this.#pool("observe", this.#opener.administrator).lacksShell(),
      ]);
    } catch (error) {
      this.#goOn();
      throw error;
    }
    const channels = new Set([...this.#pools.values()].flatMap(({ open }) => open.map(({ channel }) => channel)));
    return { channels, opener: this.#opener.moments?.quiesce() };
  }

  /**
   * The node is about to be brought back to `moment`: what is under way is rejected (`rewound`), new commands wait. Call it before
   * the machine is stopped: QEMU has then noticed who has left, and carries no half-written answer over into the earlier moment.
   */
  hold({ channels }: Moment): void {
    this.#hold();
    const reason = this.#error("rewound", "the node was brought back to an earlier moment while a command ran");
    const kept = new Set<Channel>();
    for (const shell of [...this.#pools.values()].flatMap(({ open }) => open)) {
      const stays = this.#opener.moments !== undefined && channels.has(shell.channel) && shell.idle;
      if (stays) kept.add(shell.channel);
      else shell.abandon(reason);
    }
    this.#opener.moments?.hold(kept);
  }

  /** The node runs again, at or since `moment`. Resolves when its shells answer; then what waited goes on. */
  async resume({ opener }: Moment): Promise<void> {
    this.#opener.moments?.resume(opener);
    await Promise.all([...this.#pools.values()].flatMap(({ open }) => open.map((shell) => shell.fence())));
    this.#goOn();
  }

  #hold(): void {
    this.#held ??= new Promise((resolve) => {
      this.#release = resolve;
    });
  }

  #goOn(): void {
    this.#held = undefined;
    this.#release();
  }

  async #whileMoving<Result>(deadline: Deadline, work: () => Promise<Result>): Promise<Result> {
    while (this.#held !== undefined) await deadline.before(this.#held);
    this.#busy += 1;
    try {
      return await work();
    } finally {
      this.#busy -= 1;
      if (this.#busy === 0) for (const go of this.#idle.splice(0)) go();
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#goOn();
    await Promise.all([...this.#pools.values()].map((pool) => pool.close()));
  }

  #flush(): void {
    const batches = this.#batches;
    this.#batches = new Map();
    for (const [user, byProbe] of batches) void this.#ask(user === "" ? undefined : user, byProbe);
  }

  async #ask(user: string | undefined, byProbe: ReadonlyMap<Probe<never, unknown>, Batch>): Promise<void> {
    const names = [...byProbe.keys()].map((probe) => probe.name).join(", ");
    const deadline = this.#deadline({ shell: `observe ${names}` });
    try {
      await this.#whileMoving(deadline, () => this.#askNow(user, byProbe, deadline));
    } catch (error) {
      for (const batch of byProbe.values())
        for (const asking of batch.asking.values()) for (const { reject } of asking) reject(error);
    } finally {
      deadline.end();
    }
  }

  async #askNow(
    user: string | undefined,
    byProbe: ReadonlyMap<Probe<never, unknown>, Batch>,
    deadline: Deadline,
  ): Promise<void> {
    this.#refuseWhenClosed();
    const pool = this.#pool("observe", user);
    if (await deadline.before(pool.lacksShell())) {
      throw new ObservationError({
        code: "no-shell",
        phase: "observe",
        node: this.#opener.node,
        seen: `there is no usable /bin/sh (${pool.whyNoShell})`,
        hint: this.#opener.shellHint ?? "check image metadata instead, or add a shell to the image",
      });
    }
    const lease = await deadline.before(pool.take(), ({ release }) => release());
    try {
      deadline.onLate((reason) => lease.shell.kill(reason));
      const probes = [...byProbe];
      const answers = lease.shell.send(
        probes.map(([probe, batch]) => probe.script([...batch.subjects.values()] as never[])),
      );
      await Promise.allSettled(answers);
      await Promise.all(
        probes.map(([probe, batch], index) => settle(probe, batch, answers[index] as Promise<FrameResult>)),
      );
    } finally {
      lease.release();
    }
  }

  #deadline(command: Command, options: ExecOptions = {}): Deadline {
    return new Deadline(
      this.#opener.node,
      command,
      options,
      this.#opener.obstacle && (() => this.#opener.obstacle?.() ?? ""),
    );
  }

  #pool(purpose: "exec" | "observe", user: string | undefined): ShellPool {
    const probing = purpose === "observe" ? this.#opener.probing : undefined;
    return getOr(this.#pools, `${purpose} ${user ?? ""}`, () => new ShellPool(this.#opener, { user }, probing));
  }

  /** Runs a process with a channel of its own: for standard input, or where there is no shell. */
  async #alone(
    argv: readonly [string, ...string[]],
    command: Command,
    options: ExecOptions,
    deadline: Deadline,
    hasShell: boolean,
  ): Promise<ExecResult> {
    // The pid comes first on standard error, so that a deadline can kill what runs on the node.
    const drained = '"$@"; status=$?; cat >/dev/null 2>&1 || while read -r unread; do :; done; exit $status';
    const drains = this.#opener.drains === true && options.stdin !== undefined;
    const wrapped: readonly [string, ...string[]] = hasShell
      ? ["/bin/sh", "-c", `echo $$ >&2; ${drains ? drained : 'exec "$@"'}`, "sh", ...argv]
      : argv;
    const open: OpenOptions = { user: options.user, cwd: options.cwd, env: options.env };
    const channel = await deadline.before(this.#opener.open(wrapped, open), ({ destroy }) => destroy());
    let pid = 0;
    let late: TransportError | undefined;
    const { promise: stopped, reject } = Promise.withResolvers<never>();
    const stop = async (reason: TransportError) => {
      late ??= reason;
      if (pid > 0) await killTreeSoon(this.#opener, pid, open);
      channel.destroy();
      reject(late);
    };
    deadline.onLate(stop);
    const flooded = () => void stop(outputTooBig(this.#opener.node));
    const answered = collect(channel, options.stdin, flooded, hasShell ? (seen) => (pid = seen) : undefined);
    const { status, stdout, stderr } = await Promise.race([answered, stopped]);
    if (late !== undefined) throw late; // it ended because it was killed
    if (status === undefined)
      throw this.#error(
        "shell-closed",
        `the connection was lost while "${sayCommand(command)}" ran; its status is unknown`,
      );
    return resultOf({ status, stdout, stderr });
  }

  #refuseWhenClosed(): void {
    if (this.#closed) throw this.#error("closed", "the node has been torn down");
  }

  #error(code: string, seen: string, hint?: string): TransportError {
    return new TransportError({
      code,
      phase: "exec",
      node: this.#opener.node,
      seen,
      hint,
    });
  }
}

function script(argv: readonly string[], options: ExecOptions): string {
  const lines = Object.entries(options.env ?? {}).map(([key, value]) => `export ${key}=${quoteWord(value)}`);
  if (options.cwd !== undefined) lines.push(`cd -- ${quoteWord(options.cwd)} || exit 126`);
  lines.push(`exec ${argv.map(quoteWord).join(" ")}`);
  return lines.join("\n");
}

/** Names stand in shell text as they are. */
function mustBeName(name: string): void {
  if (!/^[A-Za-z_]\w*$/.test(name)) throw new RangeError(`"${name}" is not a variable's name`);
}

/** Lines or records in one answer. A hostile one may have as many as it has bytes, and parsers make a text of each. */
const mostLines = 20_000_000;

function overcrowded(answer: Buffer): boolean {
  if (answer.length <= mostLines) return false;
  let ends = 0;
  for (let at = 0; at < answer.length && ends <= mostLines; at += 1) {
    const byte = answer[at];
    if (byte === 0 || byte === 10) ends += 1;
  }
  return ends > mostLines;
}

async function settle(probe: Probe<never, unknown>, batch: Batch, answer: Promise<FrameResult>): Promise<void> {
  const asking = [...batch.asking.values()];
  try {
    const { status, stdout, stderr } = await answer;
    if ((probe.anyLines !== true && overcrowded(stdout)) || overcrowded(stderr))
      throw new ObservationError({
        code: "output-too-big",
        phase: "observe",
        seen: `the answer to "${probe.name}" has more than ${mostLines} lines or records`,
        hint: 'a program of the node prints what its name does not stand for: ask another one\'s, container({ probedBy: "busybox" })',
      });
    const facts = probe.parse({ stdout, stderr: stderr.toString("utf8"), status }, [
      ...batch.subjects.values(),
    ] as never[]);
    for (const [index, askers] of asking.entries()) {
      const fact = facts[index];
      for (const { resolve, reject } of askers) fact instanceof Error ? reject(fact) : resolve(fact as never);
    }
  } catch (error) {
    for (const askers of asking) for (const { reject } of askers) reject(error);
  }
}

async function collect(
  channel: Channel,
  stdin: string | Uint8Array | undefined,
  flooded: () => void,
  pid?: (seen: number) => void,
): Promise<{ status: number | undefined; stdout: Buffer; stderr: Buffer }> {
  const out: Buffer[] = [];
  const err: Buffer[] = [];
  let size = 0;
  const keep = (into: Buffer[]) => (chunk: Buffer) => {
    const before = size;
    size += chunk.length;
    if (size <= outputLimit) into.push(chunk);
    else if (before <= outputLimit) flooded();
  };
  channel.stdout.on("data", keep(out));
  channel.stderr.on("data", keep(err));
  let first = pid !== undefined;
  if (pid !== undefined) {
    channel.stderr.on("data", () => {
      if (!first) return;
      const line = Buffer.concat(err).indexOf("\n");
      if (line === -1) return;
      first = false;
      pid(Number(Buffer.concat(err).toString("latin1", 0, line)));
    });
  }
  channel.stdin.on("error", () => undefined); // a command may end without reading all of it
  channel.stdin.end(stdin ?? "");
  const status = await channel.ended;
  const stderr = Buffer.concat(err);
  return {
    status,
    stdout: Buffer.concat(out),
    stderr: pid === undefined ? stderr : stderr.subarray(stderr.indexOf("\n") + 1),
  };
}

const signalNames = new Map(
  // Of two names for one number the usual one comes first: SIGABRT before SIGIOT.
  Object.entries(constants.signals)
    .reverse()
    .map(([name, number]) => [number, name as NodeJS.Signals]),
);

function resultOf({ status, stdout, stderr }: FrameResult): ExecResult {
  return {
    status,
    signal: status > 128 ? signalNames.get(status - 128) : undefined,
    stdout: stdout.toString("utf8"),
    stderr: stderr.toString("utf8"),
    stdoutBytes: stdout,
    stderrBytes: stderr,
  };
}

function getOr<Key, Value>(map: Map<Key, Value>, key: Key, make: () => Value): Value {
  const known = map.get(key);
  if (known !== undefined) return known;
  const made = make();
  map.set(key, made);
  return made;
}
