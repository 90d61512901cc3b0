// Decides which units systemd says have failed, at a price that can be paid at the end of each test: nobody is asked where systemd has not had
// a moment of the processor since it was asked last, as no unit fails without it; its tool, which is slow to start, is asked where some have.
// Refuses a list that does not agree with the count printed below it.
import { type Probe, quoteWord } from "../model/check.ts";
import { noneFailed } from "../model/no-failed-units.ts";
import { failedProbe, requireTool, unreadable } from "./unanswered.ts";

/** `behind`: the `moment` of an earlier answer of the same boot. */
export interface FailedUnitsQuestion {
  readonly behind?: string | undefined;
}

export interface FailedUnits {
  /** Names. */
  readonly failed: readonly string[];
  /** How long systemd has run, and how often, in the kernel's words, when it had answered; `undefined` where that cannot be read. */
  readonly moment: string | undefined;
}

const unchanged = "unchanged";
const none = "none";

/** Answer: the failed units, or `unchanged` where nothing can have become of any; where systemd does not run, there is none. */
export const failedUnits: Probe<FailedUnitsQuestion, FailedUnits | "unchanged"> = {
  name: "systemctl list-units",
  // A systemd that is about to run may have heard of an end that it has not yet told: only one that sleeps knows everything. Who asks it is
  // answered behind that. After an answer it has its caller's end to see to, and where it stays busy, no moment is worth keeping. All of this
  // is the shell's own doing, without a process.
  script: (subjects) => `export LC_ALL=C SYSTEMD_COLORS=0
command -v systemctl >/dev/null || exit 127
[ -d /run/systemd/system ] || exit 77
rests() {
  { read -r moment </proc/1/schedstat && read -r _ _ state _ </proc/1/stat; } 2>/dev/null || state=
  [ "$state" = S ] && [ "$moment" != '0 0 0' ]
}
${noneFailed}
known=${quoteWord(knownMoment(subjects) ?? "")}
[ -z "$known" ] || ! rests || [ "$moment" != "$known" ] || { printf '\\0${unchanged}'; exit 0; }
if none_failed; then printf ${none}
else systemctl list-units --all --state=failed --plain --no-pager --full || exit; fi
tries=0
until rests; do
  tries=$((tries + 1))
  [ $tries -lt 25 ] || { moment=; break; }
done
printf '\\0%s' "$moment"`,
  parse(output, subjects) {
    requireTool(output, "systemctl", "failed units");
    if (output.status === 77) throw failedProbe("cannot ask systemd", "it does not run on this node");
    if (output.status !== 0 && output.stderr !== "") throw failedProbe("cannot ask systemd", output.stderr.trim());
    const [said = "", moment] = output.stdout.toString("utf8").split("\0");
    if (said === "" && moment === unchanged && knownMoment(subjects) !== undefined)
      return subjects.map(() => unchanged);
    if (said === none && output.status === 0 && moment !== undefined) return subjects.map(() => answer([], moment));
    // A list without units has no words below it but these, so that an empty answer is none.
    const count = /^(\d+) loaded units listed\./m.exec(said)?.[1];
    if (output.status !== 0 || count === undefined || moment === undefined)
      throw unreadable("systemctl list-units", output);
    const lines = said.split("\n");
    const rows = lines.slice(0, lines.indexOf("")).filter((line) => !/^ *UNIT +LOAD /.test(line));
    const failed = Number(count) === 0 ? [] : rows.flatMap((line) => line.trim().split(" ")[0] || []);
    if (failed.length !== Number(count))
      throw failedProbe("cannot see failed units", `systemctl counts ${count} and lists ${failed.length}`, "ask again");
    return subjects.map(() => answer(failed, moment));
  },
};

const answer = (failed: readonly string[], moment: string): FailedUnits => ({
  failed,
  moment: moment === "" ? undefined : moment,
});

/** Where several ask, each from another moment, all get everything. */
function knownMoment(subjects: readonly FailedUnitsQuestion[]): string | undefined {
  return subjects.length === 1 ? subjects[0]?.behind : undefined;
}
