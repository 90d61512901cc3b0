// Decides what becomes of commands and questions at the edges of a transport's life: held, closed, flooded, or with no shell to be had.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { Probe } from "../model/check.ts";
import { TransportError } from "../model/errors.ts";
import { shell } from "../model/exec.ts";
import { localOpener } from "./local.ts";
import { ShellTransport } from "./shell-transport.ts";
import type { Opener } from "./transport.ts";

const touched: Probe<string, number> = {
  name: "touched",
  script: ([file]) => `: >'${file}'`,
  parse: ({ status }) => [status],
};

test("too much output is an error, also of a command with standard input, which is ended", async () => {
  const transport = new ShellTransport(localOpener);
  const flood = transport.exec(shell("head -c 300000000 /dev/zero; sleep 300"), { stdin: "" });
  // Not the answer itself, which would be more than a message can show.
  const came = flood.then(
    ({ status }) => `status ${status}`,
    (error: TransportError) => error.code,
  );
  expect(await came).toBe("output-too-big");
  await transport.close();
});

test("a deadline that no timer can count to is far away, and not at once", async () => {
  const transport = new ShellTransport(localOpener);
  const { status } = await transport.exec(["sleep", "0.05"], { timeoutMs: Number.POSITIVE_INFINITY });
  expect(status).toBe(0);
  await transport.close();
});

test("a variable's name is no place for shell text, with standard input either", async () => {
  const transport = new ShellTransport(localOpener);
  for (const options of [{}, { stdin: "" }])
    await expect(transport.exec(["true"], { ...options, env: { "A=1; touch b": "x" } })).rejects.toThrow(RangeError);
  await transport.close();
});

describe("a node that stands still", () => {
  const standing = () => {
    const transport = new ShellTransport(localOpener);
    transport.hold({ channels: new Set(), opener: undefined });
    return transport;
  };

  test("holds up nobody past the deadline or the signal", async () => {
    const transport = standing();
    await expect(transport.exec(["true"], { timeoutMs: 50 })).rejects.toMatchObject({ code: "deadline" });
    const aborted = transport.exec(["true"], { signal: AbortSignal.abort() });
    await expect(aborted).rejects.toMatchObject({ code: "aborted" });
    await transport.close();
  });

  test("goes on when it could not be brought to rest", async () => {
    const gone = new TransportError({ code: "cannot-start", phase: "exec", node: "n", seen: "the node has gone" });
    const transport = new ShellTransport({ ...localOpener, open: () => Promise.reject(gone) });
    await expect(transport.quiesce()).rejects.toMatchObject({ code: "cannot-start" });
    await expect(transport.exec(["true"], { timeoutMs: 1_000 })).rejects.toMatchObject({ code: "cannot-start" });
    await transport.close();
  });

  test("starts nothing any more once it is closed", async () => {
    const directory = mkdtempSync(join(tmpdir(), "assay-still-"));
    const file = join(directory, "touched");
    const transport = standing();
    const asked = [transport.exec(["touch", file]), transport.observe(touched, file)].map((each) =>
      expect(each).rejects.toMatchObject({ code: "closed" }),
    );
    // The question has left with its tick, and waits as the command does.
    await new Promise(setImmediate);
    await transport.close();
    await Promise.all(asked);
    rmSync(directory, { recursive: true });
  });
});

describe("a transport that is closed", () => {
  test("asks nothing that was asked in the same tick", async () => {
    const transport = new ShellTransport(localOpener);
    const asked = expect(transport.observe(touched, "/dev/null")).rejects.toMatchObject({ code: "closed" });
    await transport.close();
    await asked;
  });

  test("rejects a question, and does not throw it back", async () => {
    const transport = new ShellTransport(localOpener);
    await transport.close();
    const asked = transport.observe(touched, "/dev/null");
    await expect(asked).rejects.toMatchObject({ code: "closed" });
  });
});

test("who waits for a shell is not left waiting when those that were on their way do not come", async () => {
  const gone = Promise.withResolvers<never>();
  let opened = 0;
  // The first shell shows that the node has one. Seven may be opened beside it; when the last of them is wanted, the node has gone.
  const leaving: Opener = {
    ...localOpener,
    open(argv, options) {
      opened += 1;
      if (opened === 1) return localOpener.open(argv, options);
      if (opened === 8)
        gone.reject(new TransportError({ code: "cannot-start", phase: "exec", node: "n", seen: "the node has gone" }));
      return gone.promise;
    },
  };
  const transport = new ShellTransport(leaving);
  await transport.exec(["true"]);
  const running = transport.exec(["sleep", "300"]);
  const asked = Array.from({ length: 9 }, () => transport.exec(["true"], { timeoutMs: 5_000 }));
  await Promise.all(asked.map((each) => expect(each).rejects.toMatchObject({ code: "cannot-start" })));
  await Promise.all([transport.close(), expect(running).rejects.toMatchObject({ code: "closed" })]);
});
