// Decides that nobody waits for a shell for ever that neither answers nor ends.
import { expect, test } from "vitest";
import { LiveShell } from "./live-shell.ts";
import { localOpener } from "./local.ts";
import type { Opener } from "./transport.ts";

const user = { user: undefined };

test("a shell that never answers is told as such, and what was started is ended", async () => {
  let ended: Promise<number | undefined> | undefined;
  const silent: Opener = {
    ...localOpener,
    open: async (_, options) => {
      const channel = await localOpener.open(["sleep", "1000"], options);
      ended = channel.ended;
      return channel;
    },
  };
  await expect(LiveShell.open(silent, user, undefined, 100)).rejects.toMatchObject({
    name: "TransportError",
    code: "no-answer",
    phase: "exec",
    node: "host",
    seen: "a shell that was started said nothing for 100 ms",
  });
  expect(await ended).not.toBe(0);
});

test("a shell that stands still is not waited for, and not taken again", async () => {
  const shell = await LiveShell.open(localOpener, user);
  await shell.fence();
  expect(shell.closed).toBe(false);
  process.kill(shell.pid, "SIGSTOP");
  try {
    await shell.fence(100);
    expect(shell.closed).toBe(true);
  } finally {
    process.kill(shell.pid, "SIGKILL");
  }
  await expect(shell.send(["true"])[0]).rejects.toMatchObject({ code: "no-answer" });
});
