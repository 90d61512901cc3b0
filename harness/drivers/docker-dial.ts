// Decides how an engine is spoken to whose socket is elsewhere: HTTP over whatever stream leads there.
import { Agent } from "node:http";
import type { Duplex } from "node:stream";
import { asSocket } from "../transports/tunnel.ts";

/** Opens a stream to the engine's socket. Rejections reach whoever asked the engine. */
export type Dial = () => Promise<Duplex>;

/** For `dockerClient({ protocol: "http", host: "engine", port: 80, agent })`. Destroy it when done: it closes every stream. */
export class DialAgent extends Agent {
  readonly #dial: Dial;
  readonly #streams = new Set<Duplex>();

  constructor(dial: Dial) {
    // A new connection costs more than one of this machine: a few are kept for the next requests.
    super({ keepAlive: true, maxFreeSockets: 3 });
    this.#dial = dial;
  }

  override createConnection(_options: unknown, connected?: (error: Error | null, stream: Duplex) => void): undefined {
    this.#dial().then(
      (stream) => connected?.(null, this.#kept(stream)),
      (error: unknown) => connected?.(error as Error, undefined as never),
    );
  }

  override destroy(): void {
    super.destroy();
    for (const stream of this.#streams) stream.destroy();
    this.#streams.clear();
  }

  #kept(stream: Duplex): Duplex {
    this.#streams.add(stream);
    asSocket(stream);
    stream.once("close", () => this.#streams.delete(stream));
    return stream;
  }
}
