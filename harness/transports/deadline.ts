// Decides when a command has had its time, from the moment that it was asked for: waiting for a shell counts.
import { TransportError } from "../model/errors.ts";
import { type Command, type ExecOptions, sayCommand } from "../model/exec.ts";

const defaultTimeoutMs = 60_000;
/** 25 days: what is longer, a timer takes for no time at all. */
const mostTimerMs = 2 ** 31 - 1;

/** The deadline and the abort signal of one command. End it in `finally`. */
export class Deadline {
  readonly #node: string;
  readonly #obstacle: (() => string) | undefined;
  readonly #said: string;
  readonly #timer: NodeJS.Timeout;
  readonly #signal: AbortSignal | undefined;
  readonly #aborted = () => this.#pass("aborted", `"${this.#said}" was cancelled`);
  #reason: TransportError | undefined;
  #late: (reason: TransportError) => unknown = () => undefined;

  /** `obstacle`: see `Opener`. */
  constructor(node: string, command: Command, options: ExecOptions, obstacle?: () => string) {
    this.#node = node;
    this.#obstacle = obstacle;
    this.#said = sayCommand(command).slice(0, 200);
    const timeoutMs = options.timeoutMs ?? defaultTimeoutMs;
    this.#timer = setTimeout(
      () => {
        const seen = `"${this.#said}" had not ended after ${timeoutMs} ms and was killed`;
        this.#pass("deadline", seen, "give it a longer timeoutMs, or find what it waits for");
      },
      Math.min(timeoutMs, mostTimerMs),
    );
    this.#signal = options.signal;
    if (this.#signal?.aborted === true) this.#aborted();
    this.#signal?.addEventListener("abort", this.#aborted, { once: true });
  }

  /** What to do when the time is over; done at once when it is over already. */
  onLate(late: (reason: TransportError) => unknown): void {
    this.#late = late;
    if (this.#reason !== undefined) late(this.#reason);
  }

  /** The value, or a rejection when the time is over first; then `unwanted` gets the value when it comes after all. */
  before<Value>(coming: Promise<Value>, unwanted: (value: Value) => unknown = () => undefined): Promise<Value> {
    return new Promise((resolve, reject) => {
      let over = false;
      this.onLate((reason) => {
        over = true;
        const why = this.#obstacle?.();
        const seen = reason.seen.replace("had not ended", "could not be started").replace(" and was killed", "");
        reject(
          new TransportError({
            code: reason.code,
            phase: reason.phase,
            node: this.#node,
            seen: why === undefined ? seen : `${seen}: ${why}`,
            hint: "the node does not answer, or all that can run on it at a time is running",
          }),
        );
      });
      coming.then(
        (value) => (over ? unwanted(value) : resolve(value)),
        (error) => reject(error),
      );
    });
  }

  end(): void {
    clearTimeout(this.#timer);
    this.#signal?.removeEventListener("abort", this.#aborted);
  }

  #pass(code: string, seen: string, hint?: string): void {
    this.#reason ??= new TransportError({ code, phase: "exec", node: this.#node, seen, hint });
    this.#late(this.#reason);
  }
}
