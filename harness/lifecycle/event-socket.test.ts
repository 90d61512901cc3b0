// Decides that what processes say arrives whole, in order, and that nobody waits for a supervisor that is gone.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { RunEvent } from "../model/event.ts";
import { connectEvents, eventSocketPath, type ListeningSocket, listenForEvents } from "./event-socket.ts";

let directory: string;
let path: string;
let heard: RunEvent[];
let secrets: string[];
let malformed: string[];
let listening: ListeningSocket | undefined;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "assay-socket-"));
  path = eventSocketPath(join(directory, "sockets"), "r1");
  [heard, secrets, malformed] = [[], [], []];
});
afterEach(async () => {
  await listening?.close();
  rmSync(directory, { recursive: true });
});
const listen = async () => {
  listening = await listenForEvents(path, {
    event: (event) => heard.push(event),
    secret: (name, value) => secrets.push(`${name}=${value}`),
    malformed: (reason) => malformed.push(reason),
  });
  return listening;
};
const planned = (file: string): RunEvent => ({ event: "planned", at: 1, file, tests: [] });

describe("an event socket", () => {
  test("carries events and secrets in order, big ones whole, and acknowledges them", async () => {
    await listen();
    const sink = connectEvents(path);
    const big = "é✓".repeat(100_000);
    sink.secret("password", "hunter22");
    for (let i = 0; i < 500; i += 1) sink.say(planned(i === 250 ? big : `${i}\n`));
    await sink.flushed();
    expect(secrets).toEqual(["password=hunter22"]);
    expect(heard.map((event) => (event.event === "planned" ? event.file : ""))).toEqual(
      Array.from({ length: 500 }, (_, i) => (i === 250 ? big : `${i}\n`)),
    );
    sink.close();
  });

  test("is for its user alone", async () => {
    await listen();
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(statSync(join(directory, "sockets")).mode & 0o777).toBe(0o700);
    await listening?.close();
    expect(existsSync(path)).toBe(false);
  });

  test("hears everything that was sent before it was closed, from processes that ended without waiting", async () => {
    const socket = await listen();
    const module = new URL("./event-socket.ts", import.meta.url).href;
    const code = `import { connectEvents } from ${JSON.stringify(module)};
      const sink = connectEvents(${JSON.stringify(path)});
      for (let i = 0; i < 2000; i++) sink.say({ event: "planned", at: 1, file: process.argv[1] + i, tests: [] });
      await sink.flushed(); sink.say({ event: "planned", at: 1, file: process.argv[1] + "last", tests: [] }); sink.close();`;
    const children = ["a", "b", "c"].map((name) =>
      spawn(process.execPath, ["--input-type=module", "-e", code, name], { stdio: ["ignore", "inherit", "inherit"] }),
    );
    await Promise.all(children.map((child) => once(child, "exit")));
    await socket.close();
    for (const name of ["a", "b", "c"]) {
      const own = heard.flatMap((event) =>
        event.event === "planned" && event.file.startsWith(name) ? [event.file.slice(1)] : [],
      );
      expect(own).toEqual([...Array.from({ length: 2000 }, (_, i) => String(i)), "last"]);
    }
  });

  test("passes over what is no message, and over a line that was cut off", async () => {
    const socket = await listen();
    const raw = connect(path);
    const good = JSON.stringify({ event: planned("good") });
    // One character at a time around the middle of a message: lines arrive in any pieces.
    for (const piece of ["nonsense\n", '{"event":5}\n', "[]\n", "null\n", "\n", ...good, "\n", '{"event":{"ev'])
      raw.write(piece);
    raw.end();
    await once(raw, "close");
    await socket.close();
    expect(heard).toEqual([planned("good")]);
    expect(malformed).toHaveLength(4);
  });

  test("without a supervisor, or with one that died, saying is nothing and waiting is over", async () => {
    const nobody = connectEvents(path);
    nobody.say(planned("x"));
    await nobody.flushed();
    const socket = await listen();
    const sink = connectEvents(path);
    sink.say(planned("one"));
    await sink.flushed();
    await socket.close(0);
    sink.say(planned("two"));
    await sink.flushed();
    sink.secret("late", "later");
    await sink.flushed();
    expect(heard).toEqual([planned("one")]);
    sink.close();
    nobody.close();
  });

  test("does not keep a process alive that has nothing else to do", async () => {
    await listen();
    const module = new URL("./event-socket.ts", import.meta.url).href;
    const code = `import { connectEvents } from ${JSON.stringify(module)};
      const sink = connectEvents(${JSON.stringify(path)});
      sink.say({ event: "planned", at: 1, file: "x", tests: [] }); await sink.flushed();`;
    const child = spawn(process.execPath, ["--input-type=module", "-e", code], {
      stdio: ["ignore", "inherit", "inherit"],
    });
    expect(await once(child, "exit")).toEqual([0, null]);
    expect(heard).toEqual([planned("x")]);
  });

  test("a path that is too long for a socket is replaced by a short one, the same each time", async () => {
    const deep = join(directory, "d".repeat(100));
    path = eventSocketPath(deep, "r1");
    expect(Buffer.byteLength(path)).toBeLessThanOrEqual(107);
    expect(eventSocketPath(deep, "r1")).toBe(path);
    expect(eventSocketPath(deep, "r2")).not.toBe(path);
    await listen();
    const sink = connectEvents(path);
    sink.say(planned("short"));
    await sink.flushed();
    expect(heard).toEqual([planned("short")]);
    sink.close();
  });

  test("what cannot be listened on is told with path and remedy", async () => {
    writeFileSync(join(directory, "file"), "");
    const inside = join(directory, "file", "x.sock");
    await expect(listenForEvents(inside, { event: () => {}, secret: () => {} })).rejects.toMatchObject({
      name: "ProvisionError",
      code: "no-event-socket",
      seen: expect.stringContaining(inside),
    });
  });

  test("a socket that a dead supervisor left is taken over", async () => {
    const module = new URL("./event-socket.ts", import.meta.url).href;
    const code = `import { listenForEvents } from ${JSON.stringify(module)};
      await listenForEvents(${JSON.stringify(path)}, { event() {}, secret() {} }); process.kill(process.pid, "SIGKILL");`;
    const child = spawn(process.execPath, ["--input-type=module", "-e", code], { stdio: "ignore" });
    expect(await once(child, "exit")).toEqual([null, "SIGKILL"]);
    expect(existsSync(path)).toBe(true);
    await listen();
    const sink = connectEvents(path);
    sink.say(planned("again"));
    await sink.flushed();
    expect(heard).toEqual([planned("again")]);
    sink.close();
  });
});
