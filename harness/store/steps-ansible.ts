// Decides how ansible is run on this machine, and how a playbook is applied to a tree: tasks in the tree through chroot, no engine.
// Variables and the vault's password travel in files that only root can read and that are gone afterwards.
import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { AnsibleStep } from "../model/recipe.ts";
import { isSecret } from "../model/secret.ts";
import { inNamespace } from "./steps-run.ts";
import { findTool, runTool, stepFailed, type Workplace } from "./steps-tool.ts";

/** Applies the playbook. Rejects with a `ProvisionError`, code `ansible-failed`, that names the task and what it said. */
export async function applyPlaybook(place: Workplace, step: AnsibleStep): Promise<void> {
  const status = await inNamespace(place, (script) =>
    runAnsible(place, step, { inventory: inventory(place), through: ["sh", script, place.tree], settings: inTree }),
  );
  if (status !== 0) throw stepFailed(place, { code: "ansible-failed", seen: ansibleFailure(place.log.lines, status) });
}

/**
 * Runs ansible-playbook on files that were staged in `place.context` and resolves with its exit status. `inventory`: its text; `through`:
 * a program that starts it; `settings`: ansible's own, beside those that keep this machine's configuration out of it.
 */
export async function runAnsible(
  place: Workplace,
  step: AnsibleStep,
  options: {
    readonly inventory: string;
    readonly through?: readonly [string, ...string[]];
    readonly settings: Readonly<Record<string, string>>;
  },
): Promise<number> {
  const program = findTool("ansible-playbook", place.recipe);
  const home = join(place.scratch, "ansible");
  await mkdir(home, { mode: 0o700 });
  try {
    const keep = (name: string, content: string) => writeFile(join(home, name), content, { mode: 0o600 });
    await keep("ansible.cfg", "");
    await keep("inventory.json", options.inventory);
    await keep("vars.json", JSON.stringify(plain(step.vars)));
    if (step.vault !== undefined) await keep("vault", step.vault.reveal());
    const command = [
      ...(options.through ?? []),
      program,
      ...["--inventory", join(home, "inventory.json")],
      ...["--extra-vars", `@${join(home, "vars.json")}`],
      ...(step.vault === undefined ? [] : ["--vault-password-file", join(home, "vault")]),
      join(place.context, step.playbook),
    ] as unknown as readonly [string, ...string[]];
    return await runTool(place, command, {
      cwd: place.context,
      environment: { ...settings(place, step, home), ...options.settings },
    });
  } finally {
    await rm(home, { recursive: true, force: true });
  }
}

/** One host, called like the recipe, which is the tree. */
function inventory(place: Workplace): string {
  const host = {
    ansible_connection: "community.general.chroot",
    ansible_host: place.tree,
    ansible_python_interpreter: "/usr/bin/python3",
  };
  return JSON.stringify({ all: { hosts: { [place.recipe]: host } } });
}

/** Files go to root's home, which `clean` knows. */
const inTree = { ANSIBLE_REMOTE_TMP: "/root/.ansible/tmp" };

/** Ansible's own settings, all given, so that no configuration of this machine or user plays a part. */
function settings(place: Workplace, step: AnsibleStep, home: string): Record<string, string> {
  return {
    HOME: home,
    ANSIBLE_CONFIG: join(home, "ansible.cfg"),
    ANSIBLE_HOME: home,
    ANSIBLE_LOCAL_TEMP: join(home, "tmp"),
    ANSIBLE_RETRY_FILES_ENABLED: "0",
    ANSIBLE_CACHE_PLUGIN: "memory",
    ANSIBLE_NOCOLOR: "1",
    ANSIBLE_NOCOWS: "1",
    ANSIBLE_STDOUT_CALLBACK: "default",
    ANSIBLE_PIPELINING: "1",
    ...(step.roles === undefined ? {} : { ANSIBLE_ROLES_PATH: join(place.context, step.roles) }),
  };
}

function plain(value: unknown): unknown {
  if (isSecret(value)) return value.reveal();
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, plain(item)]));
}

/** The task that failed and what it said, from ansible's output. Pure. */
export function ansibleFailure(lines: readonly string[], status: number): string {
  // A failure that the playbook ignores is none; of several the last one ended it.
  const fatal = lines.findLastIndex(
    (line, at) => /^(fatal|failed): \[/.test(line) && !/^\.\.\.ignoring/.test(lines[at + 1] ?? ""),
  );
  if (fatal < 0) {
    const said = lines.filter((line) => line.trim() !== "" && !line.startsWith("$ "));
    const error = said.findIndex((line) => line.startsWith("ERROR!"));
    const told = error < 0 ? said.slice(-5) : said.slice(error, error + 2);
    return `ansible-playbook ended with status ${status}: ${told.join(" / ")}`;
  }
  const task = lines
    .slice(0, fatal)
    .findLast((line) => /^(TASK|RUNNING HANDLER) \[/.test(line))
    ?.replace(/^[A-Z ]+\[(.*)\][ *]*$/, "$1");
  return `task "${task ?? "unknown"}" failed: ${fatalMessage(lines[fatal] ?? "")}`;
}

function fatalMessage(line: string): string {
  const json = /=> (\{.*\})\s*$/.exec(line)?.[1];
  try {
    const facts = JSON.parse(json ?? "") as Record<string, unknown>;
    const said = ["msg", "stderr", "module_stderr", "stdout", "module_stdout"]
      .map((key) => facts[key])
      .filter((text): text is string => typeof text === "string" && text.trim() !== "");
    return said.slice(0, 2).join(" / ").trim().split("\n").slice(-8).join("\n");
  } catch {
    return line;
  }
}
