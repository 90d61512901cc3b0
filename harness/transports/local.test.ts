// Decides that this machine's transport keeps the contract. Needs a shell and nothing else, so it runs with the unit tests.
import { describe, expect, test } from "vitest";
import type { Probe } from "../model/check.ts";
import { shell } from "../model/exec.ts";
import { transportContract } from "./contract.ts";
import { localTransport } from "./local.ts";

transportContract("local", async () => localTransport());

describe("local", () => {
  test("runs as another user, by number without a passwd entry", async ({ skip }) => {
    if (process.getuid?.() !== 0) skip("only root may become another user");
    const transport = localTransport();
    expect((await transport.exec(["id", "-u"], { user: "4321:8765" })).stdout.trim()).toBe("4321");
    expect((await transport.exec(["id", "-G"], { user: "4321:8765", stdin: "" })).stdout.trim()).toBe("8765");
    await transport.close();
  });

  test("a user without a group has the one of its passwd entry, whatever that is called", async ({ skip }) => {
    if (process.getuid?.() !== 0) skip("only root may become another user");
    const transport = localTransport();
    // Debian's own: games is in a group of another number, nobody in one of another name.
    for (const [user, ids] of [
      ["nobody", "65534 65534"],
      ["5", "5 60"],
    ] as const)
      for (const options of [{ user }, { user, stdin: "" }])
        expect((await transport.exec(shell('echo "$(id -u) $(id -g)"'), options)).stdout.trim()).toBe(ids);
    await expect(transport.exec(["true"], { user: "nosuch" })).rejects.toMatchObject({
      code: "cannot-start",
      seen: expect.stringContaining("nosuch"),
    });
    await transport.close();
  });
});

describe("a node whose programs lie", () => {
  const says = (script: string): Probe<string, number> => ({
    name: "stat",
    script: () => script,
    parse: ({ stdout }, subjects) => subjects.map(() => stdout.toString("utf8").split("\0").length),
  });

  test("what prints without end is given up, and the next question is answered", async () => {
    const transport = localTransport();
    await expect(transport.observe(says("yes"), "/a")).rejects.toMatchObject({ code: "output-too-big" });
    expect(await transport.observe(says("printf 'a\\0b'"), "/a")).toBe(2);
    await transport.close();
  });

  test("an answer of more records than any list can have is refused before it is read", async () => {
    const transport = localTransport();
    const answer = transport.observe(says("head -c 25000000 /dev/zero"), "/a");
    await expect(answer).rejects.toMatchObject({ code: "output-too-big", seen: expect.stringContaining('"stat"') });
    await transport.close();
  });
});
