// Decides that every key that is made can be read, by its both halves.
import ssh2 from "ssh2";
import { expect, test } from "vitest";
import { makeKeyPair } from "./ssh-keys.ts";

test("of so many that some would begin with a zero, each can be read, and its halves belong together", async () => {
  const { parseKey } = ssh2.utils;
  for (let number = 0; number < 1_500; number += 1) {
    const { privateKey, publicKey } = await makeKeyPair(`key ${number}`);
    const [own, told] = [parseKey(privateKey.reveal()), parseKey(publicKey)];
    if (own instanceof Error || told instanceof Error) expect.fail(`key ${number} cannot be read: ${own} ${told}`);
    expect(own.getPublicSSH()).toEqual(told.getPublicSSH());
  }
});
