// Decides that the guest's script is POSIX shell, and how commands are written as lines of it. What it does is proved in a guest.
import { execFileSync } from "node:child_process";
import { describe, expect, test } from "vitest";
import { becomeScript } from "./become.ts";
import { startText } from "./guest-ports.ts";
import { guestShell, guestSlots } from "./guest-shell.ts";

const run = (script: string) =>
  execFileSync("dash", ["-c", script], { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });

describe("the guest's script", () => {
  test.each(["dash", "bash"])("is understood by %s", (shell) => {
    expect(() => execFileSync(shell, ["-n"], { input: guestShell, stdio: ["pipe", "pipe", "pipe"] })).not.toThrow();
  });

  test("fits the ports of one controller, with the one that a console may take", () => {
    expect(1 + 3 * guestSlots + 1).toBeLessThanOrEqual(31);
  });
});

describe("a command's line", () => {
  const nothing = { user: undefined };

  test.each([[["printf", "%s|", "a\nb", "it's", "$HOME", "\\", ""]], [["printf", "%s", "\n\n'\n"]]])(
    "is one line and gives back %j",
    (argv) => {
      const text = startText(argv as unknown as [string, ...string[]], nothing);
      expect(text).not.toContain("\n");
      const said = run(`N='\n'\nrun() { "$@"; }\n${text}`);
      expect(said).toBe(execFileSync(argv[0] as string, argv.slice(1), { encoding: "utf8" }));
    },
  );

  test("sets directory, variables and user before the program", () => {
    expect(startText(["id"], { user: "ops", cwd: "/a b", env: { A: "x" } })).toBe(
      "as 'ops'; export A='x'; cd -- '/a b' || exit 126; run 'id'",
    );
  });
});

describe("another user", () => {
  const words = (user: string) => run(`become=\n${becomeScript}\nas '${user}'; echo "$become|$HOME|$USER"`).trim();

  test("has the group and home of its own line, whatever the group is called", () => {
    expect(words("nobody")).toBe("setpriv --reuid=65534 --regid=65534 --init-groups --|/nonexistent|nobody");
    expect(words("65534")).toBe(words("nobody"));
  });
  test("by uid and gid needs no line", () =>
    expect(words("4321:8765")).toBe("setpriv --reuid=4321 --regid=8765 --clear-groups --|/|4321"));
  test("is root without a change", () => expect(words("0")).toBe("|/root|root"));
  test("by a name that nobody has is an error with its name", () => {
    expect(() => words("nosuch")).toThrow(/no user "nosuch"/);
  });
});
