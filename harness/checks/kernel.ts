// Decides which sentences can be said about the running kernel: version, command line, taint, parameters. All are files of /proc.
// A container has the kernel of its carrier: asked of one, most of these speak of the other.
import type { Probe } from "../model/check.ts";
import type { Node } from "../model/node.ts";
import { fileContents } from "./file-bytes.ts";
import { versionMatches } from "./package.ts";
import { about, requireSubject, verdict } from "./question.ts";
import { failedProbe, requireTool, unreadable } from "./unanswered.ts";
import { occurs, sayWanted, type Wanted } from "./wanted.ts";

/** The kernel's taint flags by bit (Documentation/admin-guide/tainted-kernels). */
const taints = [
  ...["proprietary module", "module loaded by force", "processor out of specification", "module unloaded by force"],
  ...["machine check", "bad page", "requested by userspace", "oops or BUG", "ACPI table overridden", "warning issued"],
  ...["staging driver", "workaround for a firmware bug", "out-of-tree module", "unsigned module", "soft lockup"],
  ...["live patched", "distribution's flag", "randomised structures", "in-kernel test run"],
];

/** Each kernel has it: where it is not, nothing can be said of other parameters. */
const surelyThere = "/proc/sys/kernel/osrelease";

/** Subject: anything. Answer: what `uname -m` says. */
export const machineName: Probe<string, string> = {
  name: "uname -m",
  script: () => "LC_ALL=C uname -m",
  parse(output, subjects) {
    requireTool(output, "uname", "the machine's architecture");
    const said = output.stdout.toString("utf8").trim();
    if (output.status !== 0 || !/^[a-z][\w.-]*$/.test(said)) throw unreadable("uname -m", output);
    return subjects.map(() => said);
  },
};

/** @example await expect(soe).toMeet(all(kernel().isAtLeast("6.1"), kernel().hasArgument("quiet"), kernel().isNotTainted())); */
export function kernel() {
  const ask = (path: string, command: string) =>
    about<Node, string>({ subject: "kernel", command, observe: (node) => readProc(node, path) });
  const version = ask(surelyThere, "uname -r");
  const commandLine = ask("/proc/cmdline", "cat /proc/cmdline");
  return {
    /** Text is the version's beginning, at the end of a number: `6.1` is met by `6.1.0-56-cloud-amd64`, not by `6.10`. */
    hasVersion: (wanted: Wanted) =>
      version(`has version ${wanted}`, (seen) => verdict(versionMatches(wanted, seen), `version ${wanted}`, seen)),
    /** Compared number by number, as far as the wanted version goes. */
    isAtLeast(wanted: string) {
      requireSubject(/^\d+(\.\d+)*$/.test(wanted), `"${wanted}" is not a version`, 'write numbers, as in "6.1"');
      return version(`is at least ${wanted}`, (seen) => verdict(isAtLeast(seen, wanted), `${wanted} or newer`, seen));
    },
    /** The machine's word for it, of a container its carrier's: `x86_64`, `aarch64`. @example kernel().hasArchitecture("aarch64") */
    hasArchitecture: (wanted: string) =>
      about<Node, string>({
        subject: "kernel",
        command: "uname -m",
        observe: (node) => node.observe(machineName, "machine"),
      })(`has architecture ${wanted}`, (seen) => verdict(seen === wanted, wanted, seen)),
    /** One of the command line's words is this text, or has this pattern. @example kernel().hasArgument("console=ttyS0") */
    hasArgument: (wanted: Wanted) =>
      commandLine(`has argument ${typeof wanted === "string" ? wanted : sayWanted(wanted)}`, (seen) =>
        verdict(hasWord(wanted, seen), sayWanted(wanted), seen),
      ),
    /** Nothing happened that makes kernel developers refuse a bug report; else it is told what. */
    isNotTainted: () =>
      ask("/proc/sys/kernel/tainted", "cat /proc/sys/kernel/tainted")("is not tainted", (seen) =>
        verdict(seen === "0", "not tainted", sayTaint(seen)),
      ),
  };
}

/**
 * A kernel parameter by sysctl's name. Of a container, those of its own name spaces.
 * @example await expect(soe).toMeet(sysctl("net.ipv4.ip_forward").is("1"));
 */
export function sysctl(name: string) {
  requireSubject(
    /^[\w-]+([./][\w.:/*-]+)+$/.test(name) && !name.includes(".."),
    `"${name}" is not the name of a kernel parameter`,
    'write it as sysctl does, as in "net.ipv4.ip_forward"',
  );
  const path = sysctlPath(name);
  const ask = about<Node, string | undefined>({
    subject: `sysctl ${name}`,
    command: `sysctl ${name}`,
    async observe(node) {
      const [seen, known] = await Promise.all([path, surelyThere].map((each) => node.observe(fileContents, each)));
      if (seen === undefined || known === undefined || "nothing" in known)
        throw failedProbe(`cannot read ${path}`, `there is no ${surelyThere}`, "see whether /proc is mounted");
      if (!("nothing" in seen)) return oneLine(seen.bytes);
      if (seen.nothing === "irregular") throw failedProbe(`cannot read ${path}`, "it holds parameters, and is none");
      return undefined;
    },
  });
  const none = "the kernel has no such parameter";
  return {
    /** Exactly this value; several numbers are written with one space between them. */
    is: (wanted: string | number) =>
      ask(`is ${wanted}`, (seen) => verdict(seen === String(wanted), String(wanted), seen ?? none)),
    /** A number, and no less than this one. */
    isAtLeast: (wanted: number) =>
      ask(`is at least ${wanted}`, (seen) =>
        verdict(/^-?\d+$/.test(seen ?? "") && Number(seen) >= wanted, `${wanted} or more`, seen ?? none),
      ),
  };
}

/** As sysctl(8) reads names: the first separator decides which of `.` and `/` is one; the other is part of a name. */
export function sysctlPath(name: string): string {
  const swapped = name.replace(/[./]/g, (mark) => (mark === "." ? "/" : "."));
  return `/proc/sys/${name.search(/\./) === name.search(/[./]/) ? swapped : name}`;
}

/** @example isAtLeast("6.10.3-amd64", "6.9") // true */
export function isAtLeast(version: string, wanted: string): boolean {
  const numbers = (/^\d+(\.\d+)*/.exec(version)?.[0] ?? "").split(".").map(Number);
  const least = wanted.split(".").map(Number);
  const at = least.findIndex((number, index) => (numbers[index] ?? 0) !== number);
  return at === -1 || (numbers[at] ?? 0) > (least[at] ?? 0);
}

/** A word of a command line may hold spaces in double quotes. */
export function hasWord(wanted: Wanted, commandLine: string): boolean {
  const words = (commandLine.match(/(?:[^\s"]|"[^"]*")+/g) ?? []).map((word) => word.replaceAll('"', ""));
  return words.some((word) => (typeof wanted === "string" ? word === wanted : occurs(wanted, word)));
}

function sayTaint(seen: string): string {
  const bits = BigInt(/^\d+$/.test(seen) ? seen : 0);
  const told = taints.filter((_, bit) => (bits >> BigInt(bit)) & 1n);
  return seen === "0" ? "not tainted" : `${seen}: ${told.join(", ") || "flags without a name"}`;
}

async function readProc(node: Node, path: string): Promise<string> {
  const seen = await node.observe(fileContents, path);
  const text = "nothing" in seen ? "" : oneLine(seen.bytes);
  if (text === "") throw failedProbe(`cannot read ${path}`, "nothing is there", "see whether /proc is mounted");
  return text;
}

function oneLine(bytes: Buffer): string {
  return bytes.toString("utf8").trim().replace(/\s+/g, " ");
}
