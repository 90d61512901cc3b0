// Decides how one slot of a guest carries one program after the other: three ports, of which standard input is connected anew
// for each. Refuses to give a slot out before the guest has said that nothing holds its ports any more.
import { randomBytes } from "node:crypto";
import { connect, type Socket } from "node:net";
import { MarkedPassage } from "./marked-passage.ts";
import type { Channel } from "./transport.ts";

/** Unix sockets of one slot, on which QEMU listens. */
export interface SlotSockets {
  readonly in: string;
  readonly out: string;
  readonly err: string;
}

/** What a slot needs of the guest's control port. */
export interface SlotControl {
  /** Kills one process of the guest, not its children. */
  kill(pid: number): void;
  /** The slot may be asked for again: it is free, or has become unusable. */
  changed(): void;
}

interface Use {
  readonly channel: Channel;
  readonly out: MarkedPassage;
  readonly err: MarkedPassage;
}

/**
 * For how long a slot that was asked is waited for before its input is connected anew, and twice as long each time after. QEMU has room for 32
 * notices of who has come and who has left, for all ports of a controller, and drops what a busy guest has not taken by then: the guest would
 * wait for ever for a host that is there.
 */
const noticedMs = 2_000;

/** A guest that does not say within it that a program began has lost what it was told, or says it to nobody: it is unknown which. */
const beginningMs = 120_000;

export class PortSlot {
  readonly number: number;
  readonly #paths: SlotSockets;
  readonly #control: SlotControl;
  #secret = "";
  #in: Socket | undefined;
  #out: Socket | undefined;
  #err: Socket | undefined;
  #nonce = "";
  #again: NodeJS.Timeout | undefined;
  #use: Use | undefined;
  /** `taken`: promised to somebody who has not started anything yet. */
  state: "unknown" | "asked" | "free" | "taken" | "used" = "unknown";

  constructor(number: number, paths: SlotSockets, control: SlotControl) {
    this.number = number;
    this.#paths = paths;
    this.#control = control;
  }

  /** Asks the guest whether the slot is free; `heard` is told the answer. A slot in use is not asked. */
  ask(secret: string, waitMs = noticedMs): void {
    if (this.state !== "unknown" && this.state !== "asked") return;
    this.#secret = secret;
    this.state = "asked";
    this.#out ??= this.#reading(this.#paths.out, "out");
    this.#err ??= this.#reading(this.#paths.err, "err");
    if (this.#in === undefined) {
      const socket = connect({ path: this.#paths.in, allowHalfOpen: true });
      socket.on("error", () => undefined); // told by the control port
      socket.resume(); // the guest writes here to find out that somebody is connected
      this.#in = socket;
    }
    this.#nonce = randomBytes(8).toString("hex");
    this.#in.write(`\n${secret} ${this.#nonce} ping\n`);
    clearTimeout(this.#again);
    this.#again = setTimeout(() => {
      if (this.state !== "asked") return;
      this.#leave();
      this.ask(secret, 2 * waitMs);
    }, waitMs).unref();
  }

  #leave(): void {
    this.#in?.destroy();
    this.#in = undefined;
  }

  /** The guest said that the slot is open and idle. */
  heard(nonce: string): void {
    if (this.state !== "asked" || nonce !== this.#nonce) return;
    this.state = "free";
    this.#control.changed();
  }

  /** Starts what `text` says, one line of shell. Only when taken. */
  start(text: string): Channel {
    const stdin = this.#in as Socket;
    const token = randomBytes(16).toString("hex");
    const out = new MarkedPassage(token, flowOf(this.#out as Socket));
    const err = new MarkedPassage(token, flowOf(this.#err as Socket));
    this.state = "used";
    stdin.write(`\n${this.#secret} ${token} ${text}\n`);
    const ended = Promise.all([out.ended, err.ended]).then(([status]) => {
      this.#over(out);
      return status;
    });
    const channel: Channel = {
      stdin,
      stdout: out.stream,
      stderr: err.stream,
      ended,
      destroy: () => {
        out.stream.destroy();
        err.stream.destroy();
        stdin.end();
        // Only what was started: what it left running on purpose goes on, and the slot with it.
        void out.begun.then((pid) => {
          if (pid !== undefined && !out.over) this.#control.kill(pid);
        });
      },
    };
    this.#use = { out, err, channel };
    const late = setTimeout(() => {
      if (this.#use?.out !== out) return;
      this.lose();
      this.#control.changed();
    }, beginningMs);
    void out.begun.then(() => clearTimeout(late));
    return channel;
  }

  /** What runs here now. */
  get channel(): Channel | undefined {
    return this.#use?.channel;
  }

  /** Its pid in the guest; never resolves where nothing runs. */
  get pid(): Promise<number | undefined> {
    return this.#use?.out.begun ?? new Promise(() => undefined);
  }

  /**
   * What was asked may have been answered in a time that is no more, and what ran is of that time. Its outputs stay connected: QEMU would be
   * late to see that somebody else has come for them, and until then throws away what the guest writes.
   */
  forget(): void {
    const use = this.#use;
    this.#use = undefined;
    if (this.state === "used" || this.state === "taken") this.#leave();
    this.state = "unknown";
    use?.out.lose();
    use?.err.lose();
    // What ran may have been told to wait.
    this.#out?.resume();
    this.#err?.resume();
  }

  /** Whatever ran here is unknown from now on: the guest started again, or is gone. */
  lose(): void {
    const use = this.#use;
    this.#use = undefined;
    for (const socket of [this.#in, this.#out, this.#err]) socket?.destroy();
    this.#in = this.#out = this.#err = undefined;
    this.state = "unknown";
    use?.out.lose();
    use?.err.lose();
  }

  #over(out: MarkedPassage): void {
    if (this.#use?.out !== out) return;
    this.#use = undefined;
    // What it did not read must not be what the next one reads.
    this.#leave();
    this.state = "unknown";
    this.#control.changed();
  }

  #reading(path: string, stream: "out" | "err"): Socket {
    const socket = connect(path);
    socket.on("error", () => undefined); // told by the control port
    socket.on("data", (chunk) => this.#use?.[stream].take(chunk));
    return socket;
  }
}

function flowOf(socket: Socket): { pause(): void; resume(): void } {
  return { pause: () => void socket.pause(), resume: () => void socket.resume() };
}
