// Decides how processes are started in a guest over its virtio-serial ports: who gets which slot, and what a restart of the guest
// means for what was under way. Refuses to say that something ended when the guest did not say so.
import { randomBytes } from "node:crypto";
import { connect, type Socket } from "node:net";
import { quoteWord } from "../model/check.ts";
import { messageOf, TransportError } from "../model/errors.ts";
import { keepLogOpen } from "../model/kept-log.ts";
import { placeNoneFailed } from "../model/no-failed-units.ts";
import { greeting } from "./guest-shell.ts";
import { PortSlot, type SlotSockets } from "./port-slot.ts";
import type { Channel, Opener, OpenerMoments, OpenOptions } from "./transport.ts";

export interface GuestPortsOptions {
  /** For messages: `environment/node`. */
  readonly node: string;
  /** Unix socket of the port `dev.assay.control`. */
  readonly control: string;
  /** Of the ports `dev.assay.<k>.in`, `.out`, `.err`; the first is slot 1. */
  readonly slots: readonly SlotSockets[];
  /** How long a process may wait for a slot, the guest's greeting included. Default five minutes; commands have shorter deadlines of their own. */
  readonly patienceMs?: number;
}

/** For who has no deadline of its own: longer than most commands take that could hold a slot. */
const defaultPatienceMs = 300_000;

/** The guest, as it introduced itself. */
export interface Greeting {
  /** `/proc/sys/kernel/random/boot_id` */
  readonly bootId: string;
  /** Another one each time the guest's shell starts. */
  readonly secret: string;
}

/** What ran in which slot at a moment. */
type Still = Map<PortSlot, { readonly channel: Channel; readonly pid: number }>;

interface Waiting<Value> {
  resolve(value: Value): void;
  reject(error: Error): void;
}

/**
 * The processes of one guest. QEMU lets one connection in at a time: make one of these a domain, and any number of
 * transports over it.
 *
 * @example
 * const ports = new GuestPorts({ node: "soe/vm", control, slots });
 * await ports.greeted();
 * const transport = new ShellTransport(ports);
 */
export class GuestPorts implements Opener {
  readonly node: string;
  readonly administrator = "0";
  readonly probing = { argv: ["/bin/sh"], prelude: `${keepLogOpen}\n${placeNoneFailed}` } as const;
  readonly #options: GuestPortsOptions;
  readonly #slots: readonly PortSlot[];
  #socket: Socket | undefined;
  #rest = "";
  #hello = "";
  #introduced = false;
  #greeting: Greeting | undefined;
  #greeted: Waiting<Greeting>[] = [];
  #waiting: Waiting<PortSlot>[] = [];
  #asked = 0;
  readonly #killed = new Map<number, () => void>();
  #held = false;
  #closed = false;

  constructor(options: GuestPortsOptions) {
    this.node = options.node;
    this.#options = options;
    const control = {
      kill: (pid: number) => this.#say(`kill -KILL ${pid}`),
      changed: () => this.#hand(),
    };
    this.#slots = options.slots.map((paths, index) => new PortSlot(index + 1, paths, control));
    this.#connect();
  }

  /**
   * The greeting of the guest that runs now; waits for as long as it does not come, and no longer than `signal`. Rejects with a
   * `TransportError`: `no-greeting` then, `machine-gone` when nothing listens on the sockets, `closed` after `close`.
   */
  greeted(signal?: AbortSignal): Promise<Greeting> {
    if (this.#closed) return Promise.reject(this.#error("closed", "the node has been torn down"));
    if (this.#greeting !== undefined) return Promise.resolve(this.#greeting);
    if (this.#socket === undefined) this.#connect();
    return new Promise((resolve, reject) => {
      const waiting = { resolve, reject };
      this.#greeted.push(waiting);
      const late = () => {
        this.#greeted = this.#greeted.filter((each) => each !== waiting);
        reject(this.#error("no-greeting", this.obstacle(), "the guest's console may say what keeps it"));
      };
      signal?.addEventListener("abort", late, { once: true });
      if (signal?.aborted === true) late();
    });
  }

  async open(argv: readonly [string, ...string[]], options: OpenOptions): Promise<Channel> {
    const text = startText(argv, options);
    const patienceMs = this.#options.patienceMs ?? defaultPatienceMs;
    const over = new AbortController();
    const timer = setTimeout(() => {
      const seen = `"${argv.join(" ").slice(0, 200)}" could not be started for ${patienceMs} ms: ${this.obstacle()}`;
      over.abort(this.#error("no-slot", seen, "run fewer commands at a time, or find why those that run do not end"));
    }, patienceMs);
    try {
      for (;;) {
        await sooner(over.signal, this.greeted());
        const slot = await this.#slot(over.signal);
        if (slot.state === "taken") return slot.start(text); // else the guest started again meanwhile, and nothing was sent
      }
    } finally {
      clearTimeout(timer);
    }
  }

  obstacle(): string {
    if (this.#greeting === undefined) return "the guest's shell has not greeted since the guest started";
    const count = (wanted: PortSlot["state"]) => this.#slots.filter(({ state }) => state === wanted).length;
    const running = count("used") + count("taken");
    const silent = this.#slots.length - running - count("free");
    const still =
      silent > 0
        ? `, and the guest does not say that ${silent === 1 ? "one" : silent} more ${silent === 1 ? "is" : "are"} free`
        : "";
    return `${running} of the guest's ${this.#slots.length} slots have a program that runs${still}`;
  }

  async killTree(pid: number): Promise<void> {
    if (this.#greeting === undefined) return; // it went with the boot that it was in
    this.#asked += 1;
    const number = this.#asked;
    const done = new Promise<void>((resolve) => this.#killed.set(number, resolve));
    this.#say(`(kill_tree ${pid}); echo killed ${number} >&3`);
    await done;
  }

  /**
   * Rejects what is under way as unknown and waits for the next greeting. Call it as soon as the guest is known to start
   * again; without it that is learned from the next greeting.
   */
  lost(): void {
    this.#greeting = undefined;
    for (const done of this.#killed.values()) done();
    this.#killed.clear();
    for (const slot of this.#slots) slot.lose();
  }

  readonly moments: OpenerMoments = {
    quiesce: () => {
      const still: Still = new Map();
      for (const slot of this.#slots) {
        const { channel } = slot;
        if (channel !== undefined) void slot.pid.then((pid) => pid !== undefined && still.set(slot, { channel, pid }));
      }
      return still;
    },
    hold: (kept) => {
      this.#held = true;
      for (const slot of this.#slots) if (slot.channel === undefined || !kept.has(slot.channel)) slot.forget();
      for (const done of this.#killed.values()) done();
      this.#killed.clear();
      const error = this.#error("rewound", "the node was brought back to an earlier moment before a command was sent");
      for (const { reject } of this.#waiting.splice(0)) reject(error);
    },
    resume: (quiesced) => {
      this.#held = false;
      for (const [slot, { channel, pid }] of quiesced as Still)
        if (slot.channel !== channel) this.#say(`(kill_tree ${pid})`); // it lives again, and nobody here knows it
      this.#hand();
    },
  };

  /** Ends all connections. What runs in the guest is told nothing. Idempotent. */
  close(): void {
    this.#closed = true;
    this.#gone(this.#error("closed", "the node has been torn down"));
  }

  /** A slot that nobody else has, as soon as one is free. */
  #slot(over: AbortSignal): Promise<PortSlot> {
    return new Promise((resolve, reject) => {
      const waiting = { resolve, reject };
      this.#waiting.push(waiting);
      over.addEventListener("abort", () => {
        const at = this.#waiting.indexOf(waiting);
        if (at !== -1) this.#waiting.splice(at, 1);
        reject(over.reason);
      });
      this.#hand();
    });
  }

  #connect(): void {
    const socket = connect(this.#options.control);
    this.#socket = socket;
    this.#rest = "";
    let why = "";
    socket.on("error", (error) => {
      why = `: ${messageOf(error)}`;
    });
    socket.on("close", () => {
      if (this.#socket !== socket) return;
      this.#gone(
        this.#error(
          "machine-gone",
          `the machine's emulator has closed the guest's control port${why}`,
          "see why it ended: the evidence has its log and the guest's console",
        ),
      );
    });
    socket.on("data", (bytes) => this.#hear(bytes.toString("latin1")));
    this.#introduced = false;
    this.#hello = randomBytes(8).toString("hex");
    socket.write(`\nhello ${this.#hello}\n`);
  }

  #gone(error: TransportError): void {
    const socket = this.#socket;
    this.#socket = undefined;
    socket?.destroy();
    this.lost();
    for (const { reject } of [...this.#greeted.splice(0), ...this.#waiting.splice(0)]) reject(error);
  }

  #hear(text: string): void {
    const lines = (this.#rest + text).split("\n");
    this.#rest = lines.pop() ?? "";
    for (const line of lines) {
      const [word = "", first = "", second = "", third = ""] = line.split(" ");
      if (word === greeting) this.#greet({ bootId: first, secret: second }, third);
      else if (word === "open") this.#opened(Number(first));
      else if (word === "idle") this.#slots[Number(first) - 1]?.heard(second);
      else if (word === "killed") {
        this.#killed.get(Number(first))?.();
        this.#killed.delete(Number(first));
      }
    }
  }

  #greet(heard: Greeting, answering: string): void {
    // Until our own greeting is answered, the guest may still have in its slots what a former connection left there.
    if (answering === this.#hello) this.#introduced = true;
    if (!this.#introduced) return;
    if (heard.secret === this.#greeting?.secret) return;
    if (this.#greeting !== undefined) this.lost();
    this.#greeting = heard;
    for (const { resolve } of this.#greeted.splice(0)) resolve(heard);
    this.#hand();
  }

  /** A slot's ports have been opened by the guest: what was asked before may have gone to what held them. */
  #opened(number: number): void {
    const slot = this.#slots[number - 1];
    if (this.#greeting !== undefined && !this.#held && slot?.state === "asked") slot.ask(this.#greeting.secret);
  }

  /** Gives free slots to those who wait, first come, first served, and asks for as many more as are wanted, and one. */
  #hand(): void {
    if (this.#greeting === undefined || this.#held) return;
    for (const slot of this.#slots) {
      if (slot.state !== "free" || this.#waiting.length === 0) continue;
      slot.state = "taken";
      this.#waiting.shift()?.resolve(slot);
    }
    let short = this.#waiting.length + 1;
    for (const { state } of this.#slots) if (state === "asked" || state === "free") short -= 1;
    for (const slot of this.#slots) {
      if (short <= 0) return;
      if (slot.state !== "unknown") continue;
      slot.ask(this.#greeting.secret);
      short -= 1;
    }
  }

  #say(text: string): void {
    this.#socket?.write(`${text}\n`);
  }

  #error(code: string, seen: string, hint?: string): TransportError {
    return new TransportError({ code, phase: "exec", node: this.node, seen, hint });
  }
}

/** The value, or the signal's reason when that comes first. */
function sooner<Value>(over: AbortSignal, coming: Promise<Value>): Promise<Value> {
  return new Promise((resolve, reject) => {
    over.addEventListener("abort", () => reject(over.reason));
    coming.then(resolve, reject);
  });
}

/** One line of shell for the guest's script. Line breaks in words are written as the script's variable that holds one. */
export function startText(argv: readonly [string, ...string[]], { user, cwd, env }: OpenOptions): string {
  const words = (list: readonly string[]) => list.map((word) => quoteWord(word).replaceAll("\n", `'"$N"'`)).join(" ");
  const parts = [
    ...(user === undefined ? [] : [`as ${words([user])}`]),
    ...Object.entries(env ?? {}).map(([name, value]) => `export ${name}=${words([value])}`),
    ...(cwd === undefined ? [] : [`cd -- ${words([cwd])} || exit 126`]),
    `run ${words(argv)}`,
  ];
  return parts.join("; ");
}
