// Decides that real shells complete the command line by the scripts that are printed for them: typed words in, what they offer out.
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { home } from "../place.ts";
import { completionScripts } from "./completion-scripts.ts";

const here = mkdtempSync(join(tmpdir(), "assay-completion-"));
afterAll(() => rmSync(here, { recursive: true, force: true }));
// Shells find it as people have it: by its name, on the PATH.
symlinkSync(join(home, "harness/assay"), join(here, "assay"));
const env = {
  ...process.env,
  PATH: [here, process.env["PATH"]].join(delimiter),
  HOME: here,
  ASSAY_SETTINGS: undefined,
};

/** Runs `script`, which has the completion in `$1`; standard output. */
const shell = (program: string, script: string) =>
  execFileSync(program, ["-c", script, program, completionScripts[program] ?? ""], {
    cwd: home,
    env,
    encoding: "utf8",
    timeout: 60_000,
  });
const missing = (program: string) =>
  spawnSync(program, ["--version"]).error === undefined ? undefined : `${program} is not installed`;

/** What `program` offers where `typed` is on the line, a word each. */
const offered: Readonly<Record<string, (typed: readonly string[]) => readonly string[]>> = {
  bash: (typed) => {
    const line = ["assay", ...typed].map((word) => `'${word}'`).join(" ");
    const said = shell(
      "bash",
      `eval "$1"; complete -p assay >/dev/null || exit 9
COMP_WORDS=(${line}); COMP_CWORD=${typed.length}; _assay 2>/dev/null; printf '%s\\n' "\${COMPREPLY[@]}"`,
    );
    return said.split("\n").filter(Boolean);
  },
  // There is no prompt here: what is handed to the completion system is what counts.
  zsh: (typed) => {
    const line = ["assay", ...typed].map((word) => `'${word}'`).join(" ");
    const said = shell(
      "zsh",
      `compdef() { registered="$*" }; eval "$1"; [[ $registered == "_assay assay" ]] || exit 9
_describe() { print -rl -- "\${(@P)3}" }; _files() { print -r -- :files }
words=(${line}); CURRENT=${typed.length + 1}; _assay; true`,
    );
    return said
      .split("\n")
      .filter(Boolean)
      .map((each) => each.replace(/(?<!\\):.*$/, ""));
  },
  fish: (typed) => {
    const said = shell("fish", `printf %s $argv[2] | source; complete -C '${["assay", ...typed].join(" ")}'`);
    return said
      .split("\n")
      .filter(Boolean)
      .map((line) => line.split("\t")[0] ?? "");
  },
};

test.for(["bash", "zsh", "fish"])(
  "%s offers commands, options, an option's values and names of the project",
  (program, { skip }) => {
    const why = missing(program);
    if (why !== undefined) skip(why);
    const offers = offered[program] ?? expect.fail(`${program} is never asked`);
    expect(offers(["bui"])).toEqual(["build"]);
    expect(offers(["doctor", "--"])).toEqual(["--json", "--help"]);
    expect(offers(["run", "--keep", ""])).toEqual(["on-failure", "always"]);
    expect(offers(["run", "docker-soe-bas"])).toEqual(["docker-soe-bash"]);
    expect(offers(["doctor", ""])).toEqual([]);
  },
);
