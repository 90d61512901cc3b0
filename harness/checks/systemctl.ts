// Decides how units are seen: any number of them with one `systemctl show` where systemd runs, else their files alone.
// Refuses to guess a unit's state from its processes.
import { type Probe, type ProbeOutput, quoteWord } from "../model/check.ts";
import type { ObservationError } from "../model/errors.ts";
import { endFrame, readFrames } from "./frames.ts";
import { failedProbe, requireTool, unreadable } from "./unanswered.ts";

export interface UnitFacts {
  /** systemd's word for the unit's file: `enabled`, `disabled`, `masked`, `static`, …; `not-found` where there is none. */
  readonly file: string;
  /** What the running systemd knows of it; `undefined` on a node where systemd does not run: a container, mostly. */
  readonly live: LiveUnit | undefined;
}

export interface LiveUnit {
  /** `loaded`, `not-found`, `masked`, `error`, `bad-setting` */
  readonly load: string;
  /** `active`, `inactive`, `failed`, `activating`, `deactivating`, `reloading` */
  readonly active: string;
  /** `running`, `exited`, `dead`, `waiting` */
  readonly sub: string;
  /** `success`, `exit-code`, `timeout`, … */
  readonly result: string;
  /** Exit status of its main process, 0 where it has none or never ended. */
  readonly status: number;
  readonly after: readonly string[];
  readonly before: readonly string[];
  /** Units that it requires or wants. */
  readonly pulls: readonly string[];
  /** Units that require or want it. */
  readonly pulledBy: readonly string[];
  /** Of a timer: when it elapses next, in systemd's words; empty for none and for other units. */
  readonly next: string;
}

const fileStates = new Set([
  ...[
    "enabled",
    "enabled-runtime",
    "linked",
    "linked-runtime",
    "alias",
    "masked",
    "masked-runtime",
    "static",
    "indirect",
  ],
  ...["disabled", "generated", "transient", "bad", "not-found"],
]);
const properties = [
  ...["Id", "LoadState", "ActiveState", "SubState", "UnitFileState", "Result", "ExecMainStatus", "After", "Before"],
  ...["Requires", "Wants", "RequiredBy", "WantedBy", "NextElapseUSecRealtime", "NextElapseUSecMonotonic"],
].join(",");

/** Subject: a unit's whole name, `ssh.service`. Answer: what systemd says of it, also of one that it does not know. */
export const unitFacts: Probe<string, UnitFacts> = {
  name: "systemctl show",
  script: (units) => `export LC_ALL=C SYSTEMD_COLORS=0
command -v systemctl >/dev/null || exit 127
if [ -d /run/systemd/system ]; then
  printf 'live\\0'; systemctl show --no-pager -p ${properties} -- ${units.map(quoteWord).join(" ")}
else
  printf 'files\\0'
  for unit in ${units.map(quoteWord).join(" ")}; do state=$(systemctl --root=/ is-enabled -- "$unit" 2>&1); printf '%s\\0' "$state"; done
fi`,
  parse(output, units) {
    requireTool(output, "systemctl", "a unit");
    const [way, ...fields] = output.stdout.toString("utf8").split("\0");
    if (way === "files") return readFileStates(output, fields, units);
    if (output.status !== 0 && output.stderr !== "") throw failedProbe("cannot ask systemd", output.stderr.trim());
    const blocks = (fields[0] ?? "").trimEnd().split("\n\n");
    if (way !== "live" || output.status !== 0 || blocks.length !== units.length)
      throw unreadable("systemctl show", output);
    return blocks.map((block) => readUnit(block) ?? unreadable("systemctl show", output));
  },
};

export interface UnitProperty {
  /** `loaded`, `not-found`, `masked`, `error`, `bad-setting` */
  readonly load: string;
  readonly value: string;
}

/** Subject: a unit's whole name and a property's, parted by a space. Answer: its value as systemd writes it, also of an unknown unit. */
export const unitProperty: Probe<string, UnitProperty> = {
  name: "systemctl show -p",
  script: (subjects) => `export LC_ALL=C SYSTEMD_COLORS=0
command -v systemctl >/dev/null || exit 127
[ -d /run/systemd/system ] || exit 78
${subjects
  .map((subject) => {
    const [unit = "", property = ""] = subject.split(" ");
    return `systemctl show --no-pager -p LoadState -p ${quoteWord(property)} -- ${quoteWord(unit)} 2>&1; ${endFrame('"$?"')}`;
  })
  .join("\n")}`,
  parse(output, subjects) {
    requireTool(output, "systemctl", "a unit's property");
    if (output.status === 78) throw notRunning("cannot see what systemd knows");
    return readFrames("systemctl show -p", output, subjects.length).map(({ bytes, words }, index) => {
      const [unit, property = ""] = (subjects[index] ?? "").split(" ");
      const said = bytes.toString("utf8");
      const held = readProperties(said);
      if (words === "0" && held["LoadState"] !== undefined)
        return held[property] === undefined
          ? failedProbe(
              `cannot see ${property} of ${unit}`,
              "systemd has no such property of it",
              "see `systemctl show` for their names",
            )
          : { load: held["LoadState"], value: held[property] };
      return /^Failed to /.test(said)
        ? failedProbe(`cannot see ${property} of ${unit}`, said.trim())
        : unreadable("systemctl show -p", { ...output, stdout: bytes });
    });
  },
};

/** Without a running systemd nobody knows a state: files do not tell it. */
export function notRunning(what: string): ObservationError {
  return failedProbe(
    what,
    "systemd does not run on this node",
    "ask whether it is enabled, which its files tell; or ask a machine that boots",
  );
}

function readFileStates(
  output: ProbeOutput,
  fields: readonly string[],
  units: readonly string[],
): readonly (UnitFacts | ObservationError)[] {
  if (fields.length !== units.length + 1) throw unreadable("systemctl is-enabled", output);
  return units.map((unit, index) => {
    const said = fields[index] ?? "";
    if (fileStates.has(said)) return { file: said, live: undefined };
    if (/: No such file or directory$/.test(said)) return { file: "not-found", live: undefined };
    return said.startsWith("Failed to ")
      ? failedProbe(`cannot look at the files of ${unit}`, said)
      : unreadable("systemctl is-enabled", output);
  });
}

/** One block of `systemctl show`; `undefined` for anything else. */
function readUnit(block: string): UnitFacts | undefined {
  const held = readProperties(block);
  const { Id, LoadState: load = "", ActiveState: active = "", SubState: sub = "" } = held;
  if (Id === undefined || load === "" || active === "") return undefined;
  const list = (...names: readonly string[]) =>
    names.flatMap((name) => (held[name] ?? "").split(" ").filter((unit) => unit !== ""));
  const { NextElapseUSecRealtime: date = "", NextElapseUSecMonotonic: span = "" } = held;
  return {
    file: held["UnitFileState"] || (load === "not-found" ? "not-found" : "static"),
    live: {
      load,
      active,
      sub,
      result: held["Result"] ?? "",
      status: Number(held["ExecMainStatus"] ?? 0),
      after: list("After"),
      before: list("Before"),
      pulls: list("Requires", "Wants"),
      pulledBy: list("RequiredBy", "WantedBy"),
      // An unset time is empty, an unset span is 0 or infinity.
      next: date !== "" ? date : span === "" || span === "0" || span === "infinity" ? "" : `${span} after boot`,
    },
  };
}

/** Lines `Name=value`. @example readProperties("A=1\nB=x=y") // { A: "1", B: "x=y" } */
export function readProperties(text: string): Readonly<Record<string, string>> {
  return Object.fromEntries([...text.matchAll(/^(\w+)=(.*)$/gm)].map(([, name = "", value = ""]) => [name, value]));
}
