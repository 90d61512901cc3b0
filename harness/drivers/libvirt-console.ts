// Decides how a machine's serial console is read: the log that virtlogd or QEMU appends to, followed by the kernel's notice of
// each write. Reads only; refuses to type anything.
import { type FSWatcher, watch } from "node:fs";
import { open, readdir, readFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";

/** Lines kept for messages. */
const kept = 40;

/** The console's log, line by line, while the machine runs. */
export class ConsoleLog {
  readonly #path: string;
  readonly #heard = new Set<(line: string) => void>();
  readonly #lines: string[] = [];
  #watcher: FSWatcher | undefined;
  #offset = 0;
  #inode = 0;
  #rest = "";
  #reading: Promise<void> | undefined;
  #again = false;
  #closed = false;

  /** The file must be there. */
  constructor(path: string) {
    this.#path = path;
    this.#watch();
    this.#read();
  }

  /** Calls `heard` for each whole line from now on; gives the function that ends it. */
  onLine(heard: (line: string) => void): () => void {
    this.#heard.add(heard);
    return () => this.#heard.delete(heard);
  }

  /** The last lines that have something in them, newest last; the unfinished one, a login prompt say, too. */
  lastLines(count: number): readonly string[] {
    return [...this.#lines, plain(this.#rest)].filter((line) => line.trim() !== "").slice(-count);
  }

  /** Reads what was written up to now; for a machine whose end may be known sooner than its last words. */
  async settle(): Promise<void> {
    this.#read();
    while (this.#reading !== undefined) await this.#reading;
  }

  close(): void {
    this.#closed = true;
    this.#watcher?.close();
    this.#heard.clear();
  }

  #watch(): void {
    this.#watcher?.close();
    if (this.#closed) return;
    try {
      this.#watcher = watch(this.#path, { persistent: false }, (what) => {
        // virtlogd moves a long log aside and begins another of the same name.
        if (what === "rename") this.#watch();
        this.#read();
      });
      this.#watcher.on("error", () => undefined);
    } catch {
      this.#watcher = undefined; // the machine's directory is gone, and nobody needs its lines any more
    }
  }

  #read(): void {
    if (this.#reading !== undefined) {
      this.#again = true;
      return;
    }
    this.#reading = this.#readNew()
      .catch(() => undefined)
      .finally(() => {
        this.#reading = undefined;
        if (!this.#again) return;
        this.#again = false;
        this.#read();
      });
  }

  async #readNew(): Promise<void> {
    const file = await open(this.#path);
    try {
      const { size, ino } = await file.stat();
      if (ino !== this.#inode || size < this.#offset) this.#offset = 0;
      this.#inode = ino;
      const bytes = Buffer.alloc(Math.min(size - this.#offset, 1 << 20));
      const { bytesRead } = await file.read(bytes, 0, bytes.length, this.#offset);
      this.#offset += bytesRead;
      if (size > this.#offset && bytesRead > 0) this.#again = true;
      this.#hear(bytes.toString("latin1", 0, bytesRead));
    } finally {
      await file.close();
    }
  }

  #hear(text: string): void {
    const lines = `${this.#rest}${text}`.split("\n");
    this.#rest = (lines.pop() ?? "").slice(-4096);
    for (const line of lines) {
      const said = plain(line);
      this.#lines.push(said);
      if (this.#lines.length > kept) this.#lines.shift();
      for (const heard of [...this.#heard]) heard(said);
    }
  }
}

/** A line as people read it: without control sequences of terminals. Consoles are read as Latin-1, so it is decoded here. */
export function plain(line: string): string {
  return (
    Buffer.from(line, "latin1")
      .toString("utf8")
      // biome-ignore lint/suspicious/noControlCharactersInRegex: those are what is taken out
      .replace(/\u001b(?:\[[0-9;?]*[ -/]*[@-~]|\][^\u0007\u001b]*(?:\u0007|\u001b\\)|[@-_])/g, "")
      // biome-ignore lint/suspicious/noControlCharactersInRegex: as above
      .replace(/[\u0000-\u0008\u000b-\u001f]/g, "")
  );
}

/** The whole console log, older parts that were moved aside first. Empty where nothing was ever written. */
export async function readConsole(path: string): Promise<string> {
  const name = basename(path);
  const parts = (await readdir(dirname(path))).filter((each) =>
    new RegExp(`^${name.replace(".", "\\.")}\\.\\d+$`).test(each),
  );
  const numbered = parts.sort((a, b) => Number(b.slice(name.length + 1)) - Number(a.slice(name.length + 1)));
  const texts = await Promise.all(
    [...numbered, name].map((part) => readFile(join(dirname(path), part), "utf8").catch(absent)),
  );
  return texts.join("");
}

function absent(error: NodeJS.ErrnoException): string {
  if (error.code === "ENOENT") return "";
  throw error;
}

const panic = /^(?:\[ *\d+\.\d+\](?:\[[^\]]*\])? )?Kernel panic - not syncing: ?(.*)$/;

/** What the kernel said of its panic, when the line tells of one. */
export function panicIn(line: string): string | undefined {
  return panic.exec(line)?.[1];
}
