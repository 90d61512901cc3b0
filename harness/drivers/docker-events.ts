// Decides how the engine's events reach those who wait for them: one stream a driver, told apart by container id.
import type Docker from "dockerode";

/** `die`, `start`, `health_status: healthy`, `oom`, … with the engine's attributes (`exitCode`). */
export interface EngineEvent {
  readonly action: string;
  readonly attributes: Readonly<Record<string, string>>;
}

type Heard = (event: EngineEvent) => void;

/** The engine's container events of one run, from now on. */
export class EngineEvents {
  readonly #docker: Docker;
  readonly #filter: string;
  readonly #listeners = new Map<string, Set<Heard>>();
  #stream: Promise<NodeJS.ReadableStream> | undefined;
  #closed = false;

  constructor(docker: Docker, filter: string) {
    this.#docker = docker;
    this.#filter = filter;
  }

  /** Resolves once the engine listens: what happens after that is heard. Idempotent. */
  async open(): Promise<void> {
    if (this.#closed) return;
    if (this.#stream === undefined) this.#stream = this.#listen();
    try {
      await this.#stream;
    } catch (error) {
      this.#stream = undefined; // an engine that comes back is asked again
      throw error;
    }
  }

  #listen(): Promise<NodeJS.ReadableStream> {
    const listening: Promise<NodeJS.ReadableStream> = this.#docker
      .getEvents({ filters: { type: ["container"], label: [this.#filter] } })
      .then((stream) => {
        let kept = "";
        stream.on("data", (chunk: Buffer) => {
          kept += chunk.toString("utf8");
          const lines = kept.split("\n");
          kept = lines.pop() ?? "";
          for (const line of lines) if (line.trim() !== "") this.#hear(line);
        });
        const lost = () => {
          // It may end in two ways at once, and be opened anew in between.
          if (this.#stream !== listening) return;
          this.#stream = undefined;
          if (!this.#closed)
            for (const each of [...this.#listeners.values()])
              for (const heard of each) heard({ action: "engine-lost", attributes: {} });
        };
        stream.once("end", lost);
        stream.once("error", lost);
        return stream;
      });
    return listening;
  }

  /** Calls `heard` for each event of a container until the returned function is called. */
  listen(id: string, heard: Heard): () => void {
    const listeners = this.#listeners.get(id) ?? new Set<Heard>();
    this.#listeners.set(id, listeners.add(heard));
    return () => {
      listeners.delete(heard);
      if (listeners.size === 0) this.#listeners.delete(id);
    };
  }

  async close(): Promise<void> {
    this.#closed = true;
    const stream = (await this.#stream?.catch(() => undefined)) as
      | (NodeJS.ReadableStream & { destroy?: () => void })
      | undefined;
    stream?.destroy?.();
  }

  #hear(line: string): void {
    const event = JSON.parse(line) as {
      id?: string;
      status?: string;
      Action?: string;
      Actor?: { ID?: string; Attributes?: Record<string, string> };
    };
    const id = event.Actor?.ID ?? event.id ?? "";
    for (const heard of [...(this.#listeners.get(id) ?? [])])
      heard({ action: event.Action ?? event.status ?? "", attributes: event.Actor?.Attributes ?? {} });
  }
}
