// Decides what the lines of ansible's callback mean: what came of a playbook on each host, whom it was not meant for, and how a failure
// is told. Pure.
import type { Played, PlayedHost, PlayedTask } from "../model/playbook.ts";
import { redact } from "../model/secret.ts";

/** What ansible told of one run. */
export interface Told {
  readonly played: Played;
  /** It came to its end: without that, hosts tell half the story. */
  readonly ended: boolean;
  /** Patterns of plays that no host matched. */
  readonly unmatched: readonly string[];
}

type Words = Readonly<Partial<Record<string, string>>>;

type Line =
  | {
      readonly event: "task";
      readonly host: string;
      readonly task: string;
      readonly outcome: PlayedTask["outcome"];
      readonly changed: boolean;
      readonly said: Words;
      readonly items: readonly { readonly item: string; readonly said: Words }[];
    }
  | { readonly event: "unmatched"; readonly hosts: readonly string[] }
  | { readonly event: "stats"; readonly host: string; readonly counts: Readonly<Record<string, number>> };

/** Reads what `ansible/callback/assay.py` writes. Nothing that it gives has a secret in it. `titles`: of hosts. */
export function toldBy(playbook: string, lines: readonly string[], titles: (host: string) => string): Told {
  const tasks = new Map<string, PlayedTask[]>();
  const hosts: Record<string, PlayedHost> = {};
  const unmatched: string[] = [];
  for (const line of lines.map((text) => JSON.parse(text) as Line)) {
    if (line.event === "unmatched") unmatched.push(...line.hosts);
    else if (line.event === "task") {
      const { host, task, outcome, changed, said, items } = line;
      const words = [sayWords(said), ...items.map((each) => `${each.item}: ${sayWords(each.said)}`)];
      const told = { task, outcome, changed, said: redact(words.filter((text) => text !== "").join("\n")) };
      tasks.set(host, [...(tasks.get(host) ?? []), told]);
    } else {
      const { ok = 0, changed = 0, failures: failed = 0, unreachable = 0, skipped = 0 } = line.counts;
      // A host that did not fail was rescued from what did.
      const own = (tasks.get(line.host) ?? []).map((each) =>
        each.outcome === "failed" && failed === 0 ? { ...each, outcome: "ignored" as const, changed: false } : each,
      );
      hosts[line.host] = { node: titles(line.host), ok, changed, failed, unreachable, skipped, tasks: own };
    }
  }
  return { played: { playbook, hosts }, ended: Object.keys(hosts).length > 0, unmatched };
}

/** The module's message, then what its program said. */
function sayWords(words: Words): string {
  const order = ["msg", "reason", "stderr", "module_stderr", "stdout", "module_stdout", "censored"];
  const said = order.map((word) => words[word]?.trim()).filter((text) => text !== undefined && text !== "");
  return [...new Set(said)].slice(0, 3).join("\n");
}

/** The tasks that changed something. */
export function changedTasks({ tasks }: PlayedHost): readonly PlayedTask[] {
  return tasks.filter(({ changed }) => changed);
}

/** The task by which a host failed or was lost; `undefined` where neither is so. */
export function brokenTask({ failed, unreachable, tasks }: PlayedHost): PlayedTask | undefined {
  if (unreachable > 0) return tasks.findLast(({ outcome }) => outcome === "unreachable");
  return failed > 0 ? tasks.findLast(({ outcome }) => outcome === "failed") : undefined;
}

/** Ansible's counts in a few words, as its recap has them. */
export function sayCounts({ ok, changed, skipped }: PlayedHost): string {
  return [`${ok} ok`, `${changed} changed`, ...(skipped === 0 ? [] : [`${skipped} skipped`])].join(", ");
}

/**
 * Why a playbook that was applied before has still changed something, by host and task; `undefined` where it has not.
 * @example whatChanged(again) // "studio/one: task \"nfs-client : The mount point\""
 */
export function whatChanged({ hosts }: Played): string | undefined {
  const said = Object.values(hosts).flatMap((host) =>
    changedTasks(host).map((task) => `  ${host.node}: ${sayTask(task)}`),
  );
  return said.length === 0 ? undefined : said.join("\n");
}

/** The last lines of what a task said, indented, for a message. */
export function sayTask({ task, said }: PlayedTask): string {
  const lines = said.split("\n").filter((line) => line.trim() !== "");
  return [`task "${task}"`, ...lines.slice(-12).map((line) => `    ${line}`)].join("\n");
}
