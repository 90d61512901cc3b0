// Decides which sentences can be said about processes. A process goes by the kernel's name for it or by its program's.
import type { Probe } from "../model/check.ts";
import { type Size, sayBytes, sizeBytes } from "../model/duration.ts";
import { sayCommand } from "../model/exec.ts";
import type { Node } from "../model/node.ts";
import { groupEntry, userEntry } from "./account.ts";
import { labelMatches } from "./file-label.ts";
import {
  type Limit,
  type LimitName,
  limitTitles,
  openFiles,
  processEnvironment,
  processLimits,
} from "./process-inside.ts";
import { type ProcessFacts, processesNamed } from "./process-table.ts";
import { about, requireSubject, sayWord, verdict } from "./question.ts";
import type { NoSelinux } from "./selinux-policy.ts";
import { processContext } from "./selinux-process.ts";

/**
 * Processes of a node by name; a zombie does not run. The shells through which Assay asks are not among them.
 * On the host, processes of containers are seen too: they run there.
 * @example await expect(soe).toMeet(process("sshd").isRunning(), { within: "5s" });
 */
export function process(name: string) {
  requireSubject(
    name !== "" && !name.includes("/") && !name.includes("\0"),
    `"${name}" is not a process name`,
    "give the program's name without its directory",
  );
  const subject = `process ${sayWord(name)}`;
  const command = sayCommand(["pgrep", "-a", "-x", name.slice(0, 15)]);
  const ask = about<Node, readonly ProcessFacts[]>({
    subject,
    command,
    observe: (node) => node.observe(processesNamed, name),
  });
  const askInside = <Answer>(probe: Probe<number, Answer>, what: string) =>
    about<Node, readonly Inside<Answer>[]>({
      subject,
      command: `pgrep -x ${sayWord(name.slice(0, 15))} | xargs -I{} ${what}`,
      async observe(node) {
        const processes = await node.observe(processesNamed, name);
        const answers = await Promise.all(processes.map(({ pid }) => node.observe(probe, pid)));
        return processes.map((each, index) => ({ process: each, inside: answers[index] as Answer }));
      },
    });
  /** Ids are compared; a name is looked up on the node. */
  const owned = (kind: "user" | "group", wanted: string | number) =>
    about<Node, { processes: readonly ProcessFacts[]; id: number | undefined }>({
      subject,
      command: `ps -o euser,euid,egroup,egid,args -C ${sayWord(name)}`,
      async observe(node) {
        const [processes, id] = await Promise.all([node.observe(processesNamed, name), idOf(node, kind, wanted)]);
        return { processes, id };
      },
    })(`runs ${kind === "user" ? "as" : "in group"} ${wanted}`, ({ processes, id }) =>
      verdict(
        processes.length > 0 && id !== undefined && processes.every((each) => each[idOfKind[kind]] === id),
        typeof wanted === "number" || id === undefined
          ? `${kind} ${wanted}`
          : `${kind} ${wanted} (${idOfKind[kind]} ${id})`,
        `${id === undefined ? `there is no ${kind} ${wanted}; ` : ""}${sayProcesses(processes)}`,
      ),
    );
  return {
    isRunning: () => ask("is running", (seen) => verdict(seen.length > 0, "at least one", sayProcesses(seen))),
    hasCount: (count: number) =>
      ask(`has count ${count}`, (seen) => verdict(seen.length === count, `${count} running`, sayProcesses(seen))),
    /**
     * At least one runs, and all that do have this effective user. A number is compared with the id; a name is looked up on
     * the node.
     */
    runsAs: (user: string | number) => owned("user", user),
    /** As `runsAs`, of the effective group. */
    runsInGroup: (group: string | number) => owned("group", group),
    /** At least one runs, and the resident memory of each is no more than this: what it shares with others counts for each. */
    usesAtMost(size: Size) {
      const most = sizeBytes(size);
      return ask(`uses at most ${size}`, (seen) =>
        verdict(
          seen.length > 0 && seen.every(({ memory }) => memory <= most),
          `${size} or less`,
          seen.map(({ pid, memory }) => `pid ${pid}: ${sayBytes(memory)}`).join("; ") || "none runs",
        ),
      );
    },
    /** At least one runs, and each was started by a process of this name, or taken over by it. @example process("worker").isChildOf("celery") */
    isChildOf(parent: string) {
      return about<Node, { processes: readonly ProcessFacts[]; parents: readonly ProcessFacts[] }>({
        subject,
        command: `pgrep -x ${sayWord(name.slice(0, 15))} -P "$(pgrep -d, -x ${sayWord(parent.slice(0, 15))})"`,
        async observe(node) {
          const [processes, parents] = await Promise.all([
            node.observe(processesNamed, name),
            node.observe(processesNamed, parent),
          ]);
          return { processes, parents };
        },
      })(`is a child of ${parent}`, ({ processes, parents }) =>
        verdict(
          processes.length > 0 && processes.every((each) => parents.some(({ pid }) => pid === each.parent)),
          `parent ${parent}`,
          processes.map(({ pid, parent: of }) => `pid ${pid} of ${of}`).join("; ") || "none runs",
        ),
      );
    },
    /**
     * At least one runs, and all that do have this SELinux domain: a type alone, or a whole context. Skipped where the node's
     * kernel has no SELinux.
     * @example process("dockerd").hasDomain("dockerd_t")
     */
    hasDomain: (domain: string) =>
      about<Node, readonly string[] | NoSelinux>({
        subject,
        command: sayCommand(["ps", "-o", "label,pid,args", "-C", name.slice(0, 15)]),
        async observe(node) {
          const processes = await node.observe(processesNamed, name);
          const contexts = await Promise.all([
            node.observe(processContext, "self"),
            ...processes.map(({ pid }) => node.observe(processContext, pid)),
          ]);
          const without = contexts.find((each) => typeof each === "object");
          return without ?? contexts.slice(1).filter((each) => typeof each === "string");
        },
      })(`has domain ${domain}`, (seen) =>
        "without" in seen
          ? { skipped: seen.without }
          : verdict(
              seen.length > 0 && seen.every((each) => labelMatches(domain, each)),
              domain,
              [...new Set(seen)].join(", ") || "none runs",
            ),
      ),
    /**
     * At least one runs, and all that do were started with this variable set, and to this value where one is given. What a process
     * changed itself since, the kernel does not show.
     * @example process("celery").hasEnv("PULP_SETTINGS", "/etc/pulp/settings.py")
     */
    hasEnv: (variable: string, value?: string) =>
      askInside(processEnvironment, "cat /proc/{}/environ")(
        `has ${variable}${value === undefined ? "" : `=${sayWord(value)}`} in its environment`,
        (seen) =>
          verdict(
            seen.length > 0 &&
              seen.every(
                ({ inside }) => inside.has(variable) && (value === undefined || inside.get(variable) === value),
              ),
            value === undefined ? `${variable} is set` : `${variable}=${value}`,
            sayInside(seen, (inside) =>
              inside.has(variable) ? `${variable}=${JSON.stringify(inside.get(variable))}` : "not set",
            ),
          ),
      ),
    /** One of them has this file open, by its path in the node. @example process("nginx").hasOpen("/var/log/nginx/access.log") */
    hasOpen: (path: string) =>
      askInside(openFiles, "ls -l /proc/{}/fd")(`has ${sayWord(path)} open`, (seen) =>
        verdict(
          seen.some(({ inside }) => inside.includes(path)),
          path,
          sayInside(seen, (inside) => [...new Set(inside)].slice(0, 10).join(", ") || "nothing"),
        ),
      ),
    /**
     * At least one runs, and all that do have this limit, by its name in limits.conf(5): bytes for sizes, `Infinity` for unlimited.
     * @example process("mongod").hasLimit("nofile", { soft: 64000, hard: 64000 })
     */
    hasLimit(limit: LimitName, wanted: Partial<Limit>) {
      const said = Object.entries(wanted)
        .map(([word, value]) => `${word} ${value}`)
        .join(", ");
      requireSubject(said !== "", "hasLimit() was given no limit", "write soft, hard or both");
      const title = limitTitles[limit];
      return askInside(processLimits, "cat /proc/{}/limits")(`has limit ${limit} ${said}`, (seen) =>
        verdict(
          seen.length > 0 &&
            seen.every(({ inside }) => {
              const held = inside.get(title);
              return (
                held !== undefined &&
                { ...held, ...wanted }.soft === held.soft &&
                { ...held, ...wanted }.hard === held.hard
              );
            }),
          said,
          sayInside(seen, (inside) => {
            const held = inside.get(title);
            return held === undefined ? "no such limit" : `soft ${held.soft}, hard ${held.hard}`;
          }),
        ),
      );
    },
    /** One of them has these arguments, in this order, next to each other. */
    hasArguments: (...wanted: readonly string[]) =>
      ask(`has arguments ${wanted.map(sayWord).join(" ")}`, (seen) =>
        verdict(
          seen.some(({ args }) => hasRun(args.slice(1), wanted)),
          wanted.map(sayWord).join(" "),
          sayProcesses(seen),
        ),
      ),
  };
}

interface Inside<Answer> {
  readonly process: ProcessFacts;
  readonly inside: Answer;
}

function sayInside<Answer>(seen: readonly Inside<Answer>[], say: (inside: Answer) => string): string {
  return seen.map(({ process: { pid }, inside }) => `pid ${pid}: ${say(inside)}`).join("; ") || "none runs";
}

const idOfKind = { user: "uid", group: "gid" } as const;

async function idOf(node: Node, kind: "user" | "group", wanted: string | number): Promise<number | undefined> {
  if (typeof wanted === "number") return wanted;
  if (kind === "user") return (await node.observe(userEntry, wanted))?.uid;
  return (await node.observe(groupEntry, wanted))?.gid;
}

function hasRun(args: readonly string[], wanted: readonly string[]): boolean {
  return args.some((_, start) => wanted.length > 0 && wanted.every((word, index) => args[start + index] === word));
}

function sayProcesses(seen: readonly ProcessFacts[]): string {
  if (seen.length === 0) return "none runs";
  const most = 5;
  const told = seen.slice(0, most).map(({ pid, uid, gid, args, name }) => {
    const [program, ...rest] = args;
    return `pid ${pid}, uid ${uid}, gid ${gid}: ${(program === undefined ? `[${name}]` : sayCommand([program, ...rest])).slice(0, 120)}`;
  });
  return `${seen.length} running (${told.join("; ")}${seen.length > most ? "; …" : ""})`;
}
