// Decides how a program's streams are one: what it said last is read though its input went first. Programs themselves: `tunnel.contract.test.ts`.
import { once } from "node:events";
import { PassThrough } from "node:stream";
import { text } from "node:stream/consumers";
import { expect, test } from "vitest";
import type { Channel } from "./transport.ts";
import { streamOf } from "./tunnel.ts";

function program() {
  const { promise: ended, resolve: end } = Promise.withResolvers<number | undefined>();
  const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()];
  const channel: Channel = { stdin, stdout, stderr, ended, destroy: () => end(undefined) };
  stdin.on("error", () => undefined);
  return { channel, stdin, stdout, end };
}

test("its input is closed before its output has ended: all of that is read, and then it is over", async () => {
  const { channel, stdin, stdout, end } = program();
  const stream = streamOf(channel);
  const read = text(stream);
  stdin.destroy();
  await once(stdin, "close");
  stdout.end("the last words");
  expect(await read).toBe("the last words");
  end(0);
  if (!stream.closed) await once(stream, "close");
  expect(stream.errored).toBe(null);
});

test("who writes on to what is closed is told", async () => {
  const { channel, stdin } = program();
  const stream = streamOf(channel);
  stdin.destroy();
  await once(stdin, "close");
  const [error] = await Promise.all([once(stream, "error"), stream.write("more")]);
  expect(error).toMatchObject([{ code: "ERR_STREAM_DESTROYED" }]);
});

test("what is written arrives, and an end of it is the program's end of input", async () => {
  const { channel, stdin } = program();
  const stream = streamOf(channel);
  const arrived = text(stdin);
  stream.write("one ");
  stream.end("two");
  expect(await arrived).toBe("one two");
});
