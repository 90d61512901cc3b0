// Decides that a change is undone to the last bit, and that none is made where others would see it. The scripts run on this machine as they do
// in a node, but in a mount namespace of their own, on files in memory that go with it.
import { spawnSync } from "node:child_process";
import { expect, test } from "vitest";
import type { Command } from "../model/exec.ts";
import type { Script } from "./mutation.ts";
import { applyCommand, scriptStatus, undoCommand } from "./script.ts";

const may = process.getuid?.() === 0 && spawnSync("unshare", ["--mount", "true"]).status === 0;
const why = "needs root and mount namespaces";
const ground = { of: "container", memory: ["/mnt"] } as const;

/** In a namespace: `set up`, then each command; its statuses and outputs, one JSON a line. */
function inNamespace(setUp: string, commands: readonly Command[]) {
  const script = `mount -t tmpfs none /mnt && mount -t tmpfs none /dev/shm && ${setUp} || exit 90
run() { out=$("$@" 2>&1 | tr '\\0' '|'); echo "$out"; echo "== $?"; }
${commands.map((command) => `(${(command as readonly string[]).map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(" ")}) 2>&1 | tr '\\0' '|'; echo "=="`).join("\n")}`;
  const { status, stdout, stderr } = spawnSync("unshare", ["--mount", "sh", "-c", script], { encoding: "utf8" });
  expect([status, stderr]).toEqual([0, ""]);
  return stdout.split("==\n").map((each) => each.trim());
}

const changes: readonly (readonly [string, Script])[] = [
  ["take away", { paths: ["/mnt/a b"], whole: true, change: 'rm -rf -- "$1"' }],
  ["owner", { paths: ["/mnt/a b"], change: 'chown -h -- "$2" "$1"', args: ["7:8"] }],
  ["mode", { paths: ["/mnt/a b"], change: 'chmod -- "$2" "$1"', args: ["0777"] }],
  ["contents", { paths: ["/mnt/a b"], change: 'echo more >>"$1"' }],
  ["a directory's owner", { paths: ["/mnt/d"], change: 'chown -h -- "$2" "$1"', args: ["7:8"] }],
  ["a whole directory", { paths: ["/mnt/d"], whole: true, change: 'rm -rf -- "$1"' }],
  ["a link", { paths: ["/mnt/l"], change: 'ln -sfn -- /nowhere "$1"' }],
  [
    "what is looked at beside paths",
    {
      paths: ["/mnt/new"],
      args: ["/mnt/d/f", "kept in", "in"],
      look: 'cat "$1"',
      change: 'echo "$3" >"$2"',
      undo: 'echo "$4" >"$2"',
    },
  ],
  ["what was not there", { paths: ["/mnt/new"], change: ': >"$1"' }],
];
const setUp = `echo text >'/mnt/a b' && chown 3:4 '/mnt/a b' && chmod 4755 '/mnt/a b' && mkdir -m 2750 /mnt/d && echo in >/mnt/d/f && ln -s 'a b' /mnt/l`;
const all = ["sh", "-c", "find /mnt -printf '%p %y %m %U %G %l\\n' | sort; cat '/mnt/a b' /mnt/d/f"] as const;

test.skipIf(!may).each(changes)(`${may ? "" : `${why}: `}%s is made, and undone`, (_, script) => {
  const [before, applied = "", between, undone, after] = inNamespace(setUp, [
    all,
    applyCommand(script, script.paths, ground),
    all,
    undoCommand(script, script.paths),
    all,
  ]);
  const [was = "", is = ""] = applied.split("|").map((each) => each.trim());
  expect(is).not.toBe(was);
  expect(between).not.toBe(before);
  expect(undone).toBe(was);
  expect(after).toBe(before);
});

test.skipIf(!may).each([
  [
    "a mount that is not declared as the node's own memory",
    "/mnt/shared/a",
    "mkdir /mnt/shared && mount -t tmpfs none /mnt/shared && echo a >/mnt/shared/a",
  ],
  [
    "a directory's link into one",
    "/mnt/via/a",
    "mkdir /mnt/shared && mount -t tmpfs none /mnt/shared && echo a >/mnt/shared/a && ln -s /mnt/shared /mnt/via",
  ],
  ["the kernel's own files", "/proc/sys/kernel/hostname", "true"],
  ["what is no absolute path of anything", "/no/such/directory/a", "true"],
])(`${may ? "" : `${why}: `}%s is refused, and nothing is touched`, (_, path, more) => {
  const script: Script = { paths: [path], change: 'echo changed >"$1"' };
  const command = applyCommand(script, [path], ground) as readonly string[];
  const [said = ""] = inNamespace(`${setUp} && ${more}`, [
    [
      "sh",
      "-c",
      `before=$(cat ${path} 2>&1); "$@"; echo "status $?"; [ "$before" = "$(cat ${path} 2>&1)" ] && echo untouched`,
      "sh",
      ...command,
    ],
  ]);
  expect(said).toMatch(/not the node's alone|there is no directory/);
  expect(said).toContain(`status ${scriptStatus.refused}`);
  expect(said).toContain("untouched");
});
