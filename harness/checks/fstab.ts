// Decides which sentences can be said about fstab: what is in it, and what `findmnt --verify` has against it.
import type { Probe } from "../model/check.ts";
import { unescapeOctal } from "../model/escaped-name.ts";
import type { Node } from "../model/node.ts";
import { fileContents } from "./file-bytes.ts";
import { about, verdict } from "./question.ts";
import { failedProbe, requireTool, unreadable } from "./unanswered.ts";

export interface FstabEntry {
  readonly source: string;
  readonly target: string;
  readonly type: string;
  readonly options: readonly string[];
}

/** Subject: always `/etc/fstab`. Answer: what `findmnt --verify` has against it: errors, and warnings. */
export const fstabFaults: Probe<string, { readonly errors: readonly string[]; readonly warnings: readonly string[] }> =
  {
    name: "findmnt --verify",
    script: () => "LC_ALL=C findmnt --verify --verbose",
    parse(output, subjects) {
      requireTool(output, "findmnt", "whether fstab is right");
      const said = output.stdout.toString("utf8");
      // It prints its sum on standard error, or first of all on standard output: that depends on where they go.
      const whole = `${said}\n${output.stderr}`;
      const [, parse, error] = /^(\d+) parse errors?, (\d+) errors?, \d+ warnings?/m.exec(whole) ?? [];
      const fine = /^Success, no errors or warnings detected$/m.test(whole);
      if (!fine && error === undefined) {
        if (/can't read|cannot|No such file/i.test(output.stderr))
          throw failedProbe("cannot verify fstab", output.stderr.trim());
        throw unreadable("findmnt --verify", output);
      }
      const marked = (mark: string) => {
        let target = "";
        return said.split("\n").flatMap((line) => {
          if (/^\S/.test(line)) target = line;
          const text = line.startsWith(`   [${mark}] `) ? line.slice(7) : undefined;
          return text === undefined ? [] : [`${target}: ${text}`];
        });
      };
      const errors = [...marked("E"), ...(Number(parse ?? 0) > 0 ? [`${parse} lines cannot be parsed`] : [])];
      if (errors.length === 0 && Number(error ?? 0) > 0) throw unreadable("findmnt --verify", output);
      return subjects.map(() => ({ errors, warnings: marked("W") }));
    },
  };

/** @example await expect(soe).toMeet(all(fstab().isValid(), fstab().hasEntry("/tmp", { type: "tmpfs", options: ["nosuid"] }))); */
export function fstab() {
  return {
    /** `findmnt --verify` finds no error: sources exist, types are known. Its warnings do not count. */
    isValid: () =>
      about<Node, { readonly errors: readonly string[]; readonly warnings: readonly string[] }>({
        subject: "fstab",
        command: "findmnt --verify --verbose",
        observe: (node) => node.observe(fstabFaults, "/etc/fstab"),
      })("is valid", ({ errors, warnings }) =>
        verdict(
          errors.length === 0,
          "no errors",
          [...errors, ...warnings.map((text) => `warning: ${text}`)].join("; ") || "no errors",
        ),
      ),
    /** An entry for this mount point, with this source, type and these options among its own, where they are given. */
    hasEntry: (
      target: string,
      wanted: { readonly source?: string; readonly type?: string; readonly options?: readonly string[] } = {},
    ) =>
      about<Node, readonly FstabEntry[]>({ subject: "fstab", command: "cat /etc/fstab", observe: readFstabOf })(
        `has an entry for ${target}${Object.keys(wanted).length === 0 ? "" : ` with ${[wanted.source, wanted.type, wanted.options?.join(",")].filter(Boolean).join(" ")}`}`,
        (seen) => {
          const entries = seen.filter((each) => each.target === target);
          const met = entries.some(
            ({ source, type, options }) =>
              (wanted.source === undefined || source === wanted.source) &&
              (wanted.type === undefined || type === wanted.type) &&
              (wanted.options ?? []).every((option) => options.includes(option)),
          );
          return verdict(
            met,
            `an entry for ${target}`,
            (entries.length > 0 ? entries : seen).map(sayEntry).join("; ") || "no entry at all",
          );
        },
      ),
  };
}

/** The node's own; without a file, no entries. */
export async function readFstabOf(node: Node): Promise<readonly FstabEntry[]> {
  const seen = await node.observe(fileContents, "/etc/fstab");
  return "nothing" in seen ? [] : readFstab(seen.bytes.toString("utf8"));
}

/** Lines of fstab(5); spaces in a field are written `\040`. */
export function readFstab(text: string): readonly FstabEntry[] {
  const lines = text.split("\n").map((line) => line.trim());
  return lines
    .filter((line) => line !== "" && !line.startsWith("#"))
    .map((line) => {
      const [source = "", target = "", type = "", options = "defaults"] = line.split(/\s+/).map(unescapeOctal);
      return { source, target, type, options: options.split(",") };
    });
}

function sayEntry({ source, target, type, options }: FstabEntry): string {
  return `${source} ${target} ${type} ${options.join(",")}`;
}
