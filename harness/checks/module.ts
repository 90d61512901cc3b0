// Decides which sentences can be said about kernel modules: loaded, built in, there to be loaded. Loads none.
import { type Probe, quoteWord } from "../model/check.ts";
import type { Node } from "../model/node.ts";
import { about, requireSubject, verdict } from "./question.ts";
import { failedProbe, requireTool, unreadable } from "./unanswered.ts";

export interface ModuleFacts {
  /** Version of the running kernel. */
  readonly release: string;
  readonly loaded: boolean;
  /** Part of the kernel; `undefined` where the node has no list of what is. */
  readonly builtIn: boolean | undefined;
  /** A file for this kernel; `undefined` where the node has no modules of this kernel at all. */
  readonly file: string | undefined;
  readonly hasModules: boolean;
}

/** A line that the tool has to find, so that its silence is not taken for "no such module". */
const canary = "assay looked";

/** Subject: a module's name; `-` and `_` are one. Answer: where it is. Of a container: modules of its carrier's kernel, in its own tree. */
export const moduleFacts: Probe<string, ModuleFacts> = {
  name: "kernel modules",
  script: (names) => `export LC_ALL=C
release=$(uname -r) || exit
tree=/lib/modules/$release
printf '%s\\0' "$release"
[ -r "$tree/modules.builtin" ] && printf 'builtin\\0' || printf 'none\\0'
[ -r "$tree/modules.dep" ] && printf 'modules\\0' || printf 'none\\0'
printf '%s\\n' ${quoteWord(canary)} | grep -sHE ${quoteWord(`^${canary}$|${pattern(names)}`)} - /proc/modules "$tree/modules.builtin" "$tree/modules.dep"
status=$?; [ $status -lt 126 ] || exit $status`,
  parse(output, names) {
    requireTool(output, "uname and grep", "kernel modules");
    const [release = "", builtins, files, found = ""] = output.stdout.toString("utf8").split("\0");
    const lines = found.split("\n");
    if (output.status !== 0 || !/^\d+\.\d+/.test(release) || lines[0] !== `(standard input):${canary}`)
      throw unreadable("grep /proc/modules", output);
    return names.map((name) => {
      const spelt = new RegExp(`(?:^|/)${spelling(name)}(?:\\.ko[.\\w]*)?(?:[: ]|$)`);
      const among = (file: string) =>
        lines.flatMap((line) => {
          const text = line.startsWith(`${file}:`) ? line.slice(file.length + 1) : "";
          return spelt.test(text.split(/(?<=\.ko[.\w]*):/)[0] ?? "") ? [text] : [];
        });
      const tree = `/lib/modules/${release}`;
      const [file] = among(`${tree}/modules.dep`);
      return {
        release,
        loaded: among("/proc/modules").length > 0,
        builtIn: builtins === "builtin" ? among(`${tree}/modules.builtin`).length > 0 : undefined,
        file: file?.split(":")[0],
        hasModules: files === "modules",
      };
    });
  },
};

/** @example await expect(soe).toMeet(all(module("ext4").isLoaded(), module("nfs").isAvailable())); */
export function module(name: string) {
  requireSubject(/^[\w-]+$/.test(name), `"${name}" is not a module's name`, "write it without directory and .ko");
  const ask = about<Node, ModuleFacts>({
    subject: `module ${name}`,
    command: `modinfo ${name}; grep ${name} /proc/modules`,
    observe: (node) => node.observe(moduleFacts, name),
  });
  return {
    /** In the running kernel now, as a module; what is built in is not loaded. */
    isLoaded: () => ask("is loaded", (seen) => verdict(seen.loaded, "loaded", sayModule(seen))),
    /** Part of the running kernel, by the list that was installed with it. Without that list the check rejects. */
    isBuiltIn: () =>
      about<Node, ModuleFacts>({
        subject: `module ${name}`,
        command: `grep ${name} /lib/modules/$(uname -r)/modules.builtin`,
        observe: async (node) => requireBuiltins(name, await node.observe(moduleFacts, name)),
      })("is built in", (seen) => verdict(seen.builtIn === true, "built in", sayModule(seen))),
    /**
     * Loaded, built in, or there for the running kernel to be loaded: a tree of another kernel's modules does not count. Rejects where
     * it is neither loaded nor there, and the node has no list of what is built in.
     */
    isAvailable: () =>
      about<Node, ModuleFacts>({
        subject: `module ${name}`,
        command: `modinfo ${name}; grep ${name} /proc/modules`,
        observe: async (node) => requireAvailability(name, await node.observe(moduleFacts, name)),
      })("is available", (seen) => verdict(isAvailable(seen), `available to ${seen.release}`, sayModule(seen))),
  };
}

function isAvailable({ loaded, builtIn, file }: ModuleFacts): boolean {
  return loaded || builtIn === true || file !== undefined;
}

export function requireAvailability(name: string, seen: ModuleFacts): ModuleFacts {
  return isAvailable(seen) ? seen : requireBuiltins(name, seen);
}

export function requireBuiltins(name: string, seen: ModuleFacts): ModuleFacts {
  if (seen.builtIn !== undefined) return seen;
  throw failedProbe(
    `cannot tell whether ${name} is built in`,
    `there is no /lib/modules/${seen.release}/modules.builtin`,
    "the node has no modules of the kernel that runs; install them, or ask the node that carries this one",
  );
}

function spelling(name: string): string {
  return name.replace(/[-_]/g, "[-_]");
}

/** As the three files have it: `kvm 114 …`, `kernel/x/kvm.ko`, `kernel/x/kvm.ko.zst: …`. */
function pattern(names: readonly string[]): string {
  const any = names.map(spelling).join("|");
  return `^(${any}) |/(${any})\\.ko[.a-z0-9]*(:|$)`;
}

function sayModule({ release, loaded, builtIn, file, hasModules }: ModuleFacts): string {
  if (loaded) return "loaded";
  if (builtIn === true) return "built in";
  if (file !== undefined) return `not loaded; there is ${file}`;
  return hasModules ? `${release} has none` : `not loaded, and there is no /lib/modules/${release}`;
}
