// Decides which sentences can be said about what cron runs: system crontabs, those of users, scripts in periodic directories. What the
// node's cron would leave out (names, modes, a last line without an end) is seen as left out, with the reason.
import type { Probe } from "../model/check.ts";
import type { Node } from "../model/node.ts";
import { about, verdict } from "./question.ts";
import { type CronFile, cronFromTree } from "./tree-cron.ts";
import { denied, missingTool, requireOpen, unreadable } from "./unanswered.ts";
import { occurs, sayWanted, type Wanted } from "./wanted.ts";

export interface CronEntry {
  readonly file: string;
  /** `0 3 * * *` with single spaces, `@daily`; of periodic directories `hourly`, `daily`, `15min`. */
  readonly at: string;
  readonly user: string;
  readonly command: string;
  /** Why cron does not run it; `undefined` where it does. */
  readonly leftOut: string | undefined;
}

/** Subject: anything. Answer: all entries. Needs `cat`; users' crontabs are seen by the administrator alone. */
export const cronEntries: Probe<string, readonly CronEntry[]> = {
  name: "cron",
  script: () => `export LC_ALL=C
command -v cat >/dev/null || exit 127
${requireOpen("/var/spool/cron /var/spool/cron/crontabs /etc/crontabs /etc/cron.d /etc/cron.hourly /etc/cron.daily /etc/cron.weekly /etc/cron.monthly /etc/cron.yearly /etc/periodic /etc/periodic/*")}
if [ -e /etc/debian_version ]; then family=debian; elif [ -e /etc/alpine-release ]; then family=alpine; else family=other; fi
printf '%s\\0' "$family"
for file in /etc/crontab /etc/cron.d/* /etc/crontabs/* /var/spool/cron/crontabs/* /var/spool/cron/*; do
  [ -f "$file" ] || continue
  printf 'table\\0%s\\0' "$file"; cat "$file" || exit 77; printf '\\0'
done
for file in /etc/cron.hourly/* /etc/cron.daily/* /etc/cron.weekly/* /etc/cron.monthly/* /etc/cron.yearly/* /etc/periodic/*/*; do
  [ -f "$file" ] || continue
  [ -x "$file" ] && mode=x || mode=-
  printf 'script\\0%s\\0%s\\0' "$file" "$mode"
done
printf 'end' | cat`,
  parse(output, subjects) {
    if (output.status === 127) throw missingTool("cat", "what cron runs");
    if (output.status === 77) throw denied("cannot see what cron runs", output.stderr.trim());
    const [family = "", ...fields] = output.stdout.toString("utf8").split("\0");
    if (output.status !== 0 || fields.at(-1) !== "end" || fields.length % 3 !== 1) throw unreadable("cron", output);
    const files: CronFile[] = [];
    for (let at = 0; at + 2 < fields.length; at += 3) {
      const [kind = "", file = "", text = ""] = fields.slice(at);
      files.push({ kind, file, text });
    }
    const entries = entriesOf(files, family);
    return subjects.map(() => entries);
  },
  async fromTree(tree, subjects) {
    const { files, family } = await cronFromTree(tree);
    const entries = entriesOf(files, family);
    return subjects.map(() => entries);
  },
};

function entriesOf(files: readonly CronFile[], family: string): readonly CronEntry[] {
  const seen = new Set<string>();
  return files.flatMap(({ kind, file, text }) => {
    // Alpine's /var/spool/cron/crontabs is a link to /etc/crontabs: its tables are the same ones.
    const name = file.slice(file.lastIndexOf("/") + 1);
    const key = /crontabs\//.test(file) ? `user ${name}` : file;
    if (seen.has(key)) return [];
    seen.add(key);
    return kind === "script" ? [readScript(file, text, family)] : readTable(file, text, family);
  });
}

/**
 * What cron runs on a node.
 * @example await expect(soe).toMeet(cron().runs(/certbot renew/, { as: "root", at: "0 3 * * *" }));
 * @example await expect(soe).toMeet(all(cron().leavesNothingOut(), cron().runs("/etc/cron.daily/apt-compat", { at: "daily" })));
 */
export function cron() {
  const ask = about<Node, readonly CronEntry[]>({
    subject: "cron",
    command: "cat /etc/crontab /etc/cron.d/* /var/spool/cron/crontabs/*; ls /etc/cron.*",
    observe: (node) => node.observe(cronEntries, "all"),
  });
  return {
    /**
     * There is an entry, not left out, whose command holds this text or pattern; by this user and at this time where they are given.
     * Times are compared as they are written.
     */
    runs(wanted: Wanted, { as, at }: { readonly as?: string; readonly at?: string } = {}) {
      const when = at?.trim().replace(/\s+/g, " ");
      const sentence = `${sayWanted(wanted)}${as === undefined ? "" : ` as ${as}`}${when === undefined ? "" : ` at ${when}`}`;
      return ask(`runs ${sentence}`, (seen) => {
        const alike = seen.filter(({ command }) => occurs(wanted, command));
        const met = alike.some(
          (entry) =>
            entry.leftOut === undefined &&
            (as === undefined || entry.user === as) &&
            (when === undefined || entry.at === when),
        );
        return verdict(met, sentence, alike.map(sayEntry).join("; ") || `none of ${seen.length} entries`);
      });
    },
    /**
     * Nothing is run but what is named: the command of each entry that is not left out holds one of these texts or patterns. Without any,
     * nothing is run.
     * @example cron().runsOnly("/etc/cron.daily/dpkg", /e2scrub_all/)
     */
    runsOnly: (...wanted: readonly Wanted[]) =>
      ask(`runs only ${wanted.map(sayWanted).join(", ") || "nothing"}`, (seen) => {
        const more = seen.filter(
          ({ command, leftOut }) => leftOut === undefined && !wanted.some((each) => occurs(each, command)),
        );
        return verdict(more.length === 0, "nothing more", more.map(sayEntry).join("; ") || "nothing more");
      }),
    /** Every file and line that is there to be run is run. */
    leavesNothingOut: () =>
      ask("leaves nothing out", (seen) => {
        const out = seen.filter(({ leftOut }) => leftOut !== undefined);
        return verdict(out.length === 0, "nothing left out", out.map(sayEntry).join("; ") || "nothing left out");
      }),
  };
}

/** run-parts(8) of Debian and of busybox. */
const plainName = /^[A-Za-z0-9_-]+$/;

function readScript(file: string, mode: string, family: string): CronEntry {
  const [, at = "", name = ""] = /\/(?:cron\.|periodic\/)([^/]+)\/([^/]+)$/.exec(file) ?? [];
  const leftOut =
    mode !== "x"
      ? "it is not executable"
      : family !== "other" && !plainName.test(name)
        ? "run-parts skips names with other characters than letters, digits, _ and -"
        : undefined;
  return { file, at, user: "root", command: file, leftOut };
}

/** crontab(5); with a user's name before the command in `/etc/crontab` and `/etc/cron.d`. */
export function readTable(file: string, text: string, family: string): readonly CronEntry[] {
  const system = file === "/etc/crontab" || file.startsWith("/etc/cron.d/");
  const name = file.slice(file.lastIndexOf("/") + 1);
  const whole =
    family === "debian" && file.startsWith("/etc/cron.d/") && !plainName.test(name)
      ? "cron skips names with other characters than letters, digits, _ and -"
      : family === "debian" && text !== "" && !text.endsWith("\n")
        ? "cron refuses the whole table: its last line has no end"
        : undefined;
  const entries: CronEntry[] = [];
  for (const line of text.split("\n").map((each) => each.trim())) {
    if (line === "" || line.startsWith("#") || /^[A-Za-z_]\w*\s*=/.test(line)) continue;
    const time = /^(@[a-z]+|(?:[\d*,/A-Za-z~-]+\s+){4}[\d*,/A-Za-z~-]+)\s+(.+)$/.exec(line);
    const [, user = "", command = ""] = (system ? /^(\S+)\s+(.+)$/ : /^()(.+)$/).exec(time?.[2] ?? "") ?? [];
    const broken = time === null || command === "" ? "it is no line of a crontab" : undefined;
    entries.push({
      file,
      at: (time?.[1] ?? "").replace(/\s+/g, " "),
      user: system ? user : name,
      command: broken === undefined ? command : line,
      leftOut: whole ?? broken,
    });
  }
  return entries;
}

function sayEntry({ file, at, user, command, leftOut }: CronEntry): string {
  return `${file}: ${at} ${user} ${command.slice(0, 120)}${leftOut === undefined ? "" : ` (left out: ${leftOut})`}`;
}
