// Decides which sentences can be said about what is mounted, as the kernel tells the node (mountinfo).
import { isAbsolute } from "node:path";
import type { Probe } from "../model/check.ts";
import { type Duration, durationMs } from "../model/duration.ts";
import { unescapeOctal } from "../model/escaped-name.ts";
import type { Node } from "../model/node.ts";
import { type MountAnswer, mountAnswer } from "./mount-answer.ts";
import { about, requireSubject, sayWord, verdict } from "./question.ts";
import { failedProbe, requireTool, unreadable } from "./unanswered.ts";

export interface MountFacts {
  readonly target: string;
  /** `tmpfs`, `ext4`, `overlay`, `nfs4` */
  readonly type: string;
  /** Device, `tmpfs`, or `server:/export`. */
  readonly source: string;
  /** Directory of the source's file system that is mounted; `/` unless it is a bind mount. */
  readonly root: string;
  /** Options of the mount and of its file system; `ro` where either says so, else `rw`. */
  readonly options: readonly string[];
}

/** Subject: a mount point. Answer: what is mounted there, the uppermost of several; `undefined` for nothing. */
export const mountFacts: Probe<string, MountFacts | undefined> = {
  name: "mountinfo",
  script: () => "LC_ALL=C cat /proc/self/mountinfo",
  parse(output, targets) {
    requireTool(output, "cat", "what is mounted");
    if (output.status !== 0)
      throw failedProbe("cannot read /proc/self/mountinfo", output.stderr.trim() || "no reason was given");
    // A later line covers an earlier one at the same place.
    const mounts = new Map<string, MountFacts>();
    for (const line of output.stdout.toString("utf8").split("\n").filter(Boolean)) {
      const mount = readMountLine(line);
      if (mount === undefined) throw unreadable("cat /proc/self/mountinfo", output);
      mounts.set(mount.target, mount);
    }
    if (mounts.size === 0) throw unreadable("cat /proc/self/mountinfo", output);
    return targets.map((target) => mounts.get(target));
  },
};

/** @example await expect(soe).toMeet(all(mount("/scratch").hasType("tmpfs"), mount("/scratch").hasOption("size=65536k"))); */
export function mount(target: string) {
  requireSubject(isAbsolute(target), `"${target}" is not an absolute path`, "write the mount point from /");
  const path = target.length > 1 ? target.replace(/\/+$/, "") : target;
  const ask = about<Node, MountFacts | undefined>({
    subject: `mount ${sayWord(path)}`,
    command: `grep ' ${path} ' /proc/self/mountinfo`,
    observe: (node) => node.observe(mountFacts, path),
  });
  return {
    /** Something is mounted at exactly this path. */
    exists: () => ask("exists", (seen) => verdict(seen !== undefined, "something mounted there", sayMount(seen))),
    hasType: (type: string) => ask(`has type ${type}`, (seen) => verdict(seen?.type === type, type, sayMount(seen))),
    /** Device, `tmpfs`, or `server:/export`. A bind mount's source is the device; its directory is asked for with `hasRoot`. */
    hasSource: (source: string) =>
      ask(`has source ${source}`, (seen) => verdict(seen?.source === source, source, sayMount(seen))),
    /** The directory of the source's file system that is mounted. */
    hasRoot: (root: string) => ask(`has root ${root}`, (seen) => verdict(seen?.root === root, root, sayMount(seen))),
    /** `ro`, `noexec`, `size=65536k`: as the kernel writes them. */
    hasOption: (option: string) =>
      ask(`has option ${option}`, (seen) => verdict(seen?.options.includes(option) === true, option, sayMount(seen))),
    /**
     * Who asks it gets an answer, which of a network's file system comes from its server: within whole seconds, up to 30; default 5 s. A mount
     * that hangs is judged so, and not waited for.
     * @example await server.crash(); await expect(client).not.toMeet(mount("/vfx").answers());
     */
    answers({ within = "5s" }: { readonly within?: Duration } = {}) {
      const seconds = durationMs(within) / 1000;
      requireSubject(
        Number.isInteger(seconds) && seconds >= 1 && seconds <= 30,
        `"${within}" is not between 1s and 30s in whole seconds`,
        'write within: "5s"',
      );
      return about<Node, { mounted: MountFacts | undefined; answer: MountAnswer }>({
        subject: `mount ${sayWord(path)}`,
        command: `timeout -s KILL ${seconds} stat -f ${sayWord(path)}`,
        async observe(node) {
          const mounted = await node.observe(mountFacts, path);
          if (mounted === undefined) return { mounted, answer: { answers: false, said: "nothing is mounted there" } };
          return { mounted, answer: await node.observe(mountAnswer, { target: path, within: seconds }) };
        },
      })(`answers within ${within}`, ({ mounted, answer }) =>
        verdict(
          answer.answers,
          `an answer within ${within}`,
          mounted === undefined
            ? sayMount(mounted)
            : `${answer.answers ? "it answers" : answer.said}: ${sayMount(mounted)}`,
        ),
      );
    },
  };
}

/** One line of proc(5) mountinfo; `undefined` for anything else. */
export function readMountLine(line: string): MountFacts | undefined {
  const [before = "", after] = line.split(" - ");
  const [, , , root, target, mountOptions] = before.split(" ");
  const [type, source, fileSystemOptions = ""] = after?.split(" ") ?? [];
  if (
    root === undefined ||
    target === undefined ||
    mountOptions === undefined ||
    type === undefined ||
    source === undefined
  )
    return undefined;
  const given = [...mountOptions.split(","), ...fileSystemOptions.split(",")].filter(Boolean);
  const access = given.includes("ro") ? "ro" : "rw";
  const others = given.filter((option) => option !== "ro" && option !== "rw");
  return {
    target: unescapeOctal(target),
    type,
    source: unescapeOctal(source),
    root: unescapeOctal(root),
    options: [...new Set([access, ...others.map(unescapeOctal)])],
  };
}

function sayMount(seen: MountFacts | undefined): string {
  if (seen === undefined) return "nothing is mounted there";
  const root = seen.root === "/" ? "" : ` (${seen.root} of it)`;
  return `${seen.type} from ${seen.source}${root}, ${seen.options.join(",")}`;
}
