// Decides that this machine's transport keeps the contract. Needs a shell and nothing else, so it runs with the unit tests.
import { describe, expect, test } from "vitest";
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
});
