// Decides that a process is taken for no other: not for one with its pid, not for one of another boot, machine or namespace.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { hostname } from "node:os";
import { describe, expect, test } from "vitest";
import { identityOf, liveness } from "./identity.ts";

const parts = identityOf().split(" ");
const other = (change: Partial<Record<"host" | "boot" | "namespace" | "pid" | "started", string>>) => {
  const [host, boot, namespace, pid, started] = parts;
  return Object.values({ host, boot, namespace, pid, started, ...change }).join(" ");
};

describe("an identity", () => {
  test("is five words, the same each time, and alive while the process is", async () => {
    expect(parts).toHaveLength(5);
    expect(parts[0]).toBe(hostname());
    expect(identityOf()).toBe(parts.join(" "));
    const child = spawn("sleep", ["1000"], { stdio: "ignore" });
    await once(child, "spawn");
    const identity = identityOf(child.pid);
    expect(liveness(identity)).toBe("alive");
    const ended = once(child, "exit");
    child.kill("SIGKILL");
    await ended;
    expect(liveness(identity)).toBe("dead");
  });

  test.each([
    ["a pid that another process has by now", { started: "1" }, "dead"],
    ["a pid that nobody has", { pid: "999999999" }, "dead"],
    ["an earlier boot of this machine", { boot: "other" }, "dead"],
    ["this machine under an earlier name", { host: "before" }, "alive"],
    ["another machine", { host: "elsewhere", boot: "other" }, "foreign"],
    ["another pid namespace of this machine", { namespace: "1" }, "foreign"],
  ] as const)("of %s", (_, change, expected) => {
    expect(liveness(other(change))).toBe(expected);
  });

  test("of a process that was never there is dead, whatever it is asked for", () => {
    expect(identityOf(999_999_999)).toMatch(/ 999999999 gone$/);
    expect(liveness(identityOf(999_999_999))).toBe("dead");
    expect(liveness("")).toBe("foreign");
  });

  test("of a zombie is dead: it holds nothing", async () => {
    // The inner shell ends at once; the outer one, now a sleep, never asks for its status.
    const child = spawn("sh", ["-c", "sh -c exit & echo $!; exec sleep 1000"], { stdio: ["ignore", "pipe", "ignore"] });
    const [pid] = await once(child.stdout.setEncoding("utf8"), "data");
    const state = () => liveness(identityOf(Number(pid)));
    await expect.poll(state).toBe("dead");
    child.kill("SIGKILL");
    await once(child, "exit");
  });
});
