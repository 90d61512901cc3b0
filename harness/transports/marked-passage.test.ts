// Decides where a program's output begins and ends, however the bytes are cut on their way.
import { describe, expect, test } from "vitest";
import { MarkedPassage } from "./marked-passage.ts";

const token = "0123456789abcdef";
const begin = `\x01${token} b77\x02`;
const end = `\x01${token} e3\x02`;

function passage() {
  const calls: string[] = [];
  const subject = new MarkedPassage(token, { pause: () => calls.push("pause"), resume: () => calls.push("resume") });
  return { subject, calls };
}

async function read(subject: MarkedPassage): Promise<string> {
  let text = "";
  for await (const chunk of subject.stream) text += String(chunk);
  return text;
}

describe("a passage", () => {
  test.each([1, 2, 3, 7, 1000])("is cut out of a stream that comes in pieces of %i bytes", async (size) => {
    const { subject } = passage();
    const bytes = Buffer.from(`left over\x01${begin}out\x01put \x01${token.slice(0, 9)} of its own${end}noise`);
    for (let at = 0; at < bytes.length; at += size) subject.take(bytes.subarray(at, at + size));
    expect(await read(subject)).toBe(`out\x01put \x01${token.slice(0, 9)} of its own`);
    expect([await subject.begun, await subject.ended]).toEqual([77, 3]);
  });

  test("passes on what cannot be a marker without waiting for more", () => {
    const { subject } = passage();
    subject.take(Buffer.from(`${begin}prompt> `));
    expect(String(subject.stream.read())).toBe("prompt> ");
    subject.take(Buffer.from("more\x01"));
    expect(String(subject.stream.read())).toBe("more");
  });

  test("may end before it began: who is killed early says nothing", async () => {
    const { subject } = passage();
    subject.take(Buffer.from(`stale${end}`));
    expect(await read(subject)).toBe("");
    expect([await subject.begun, await subject.ended]).toEqual([undefined, 3]);
  });

  test("that is lost gives what came, and no number", async () => {
    const { subject } = passage();
    subject.take(Buffer.from(`${begin}half\x01${token.slice(0, 4)}`));
    subject.lose();
    expect(await read(subject)).toBe(`half\x01${token.slice(0, 4)}`);
    expect(await subject.ended).toBeUndefined();
  });

  test("holds the connection back while nobody reads, and lets it flow when nobody will", async () => {
    const { subject, calls } = passage();
    subject.take(Buffer.from(begin));
    subject.take(Buffer.alloc(2 << 20));
    expect(calls.at(-1)).toBe("pause");
    subject.stream.destroy();
    expect(calls.at(-1)).toBe("resume");
    subject.take(Buffer.alloc(2 << 20));
    subject.take(Buffer.from(end));
    expect(await subject.ended).toBe(3);
  });
});
