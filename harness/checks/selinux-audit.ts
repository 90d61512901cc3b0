// Decides how denials are read out of the audit log: the kernel's and those of programs that ask the policy themselves. The log is
// complete up to a mark that is sent through it after everything else. Refuses a log of which records were lost, or that nobody keeps.
import { randomUUID } from "node:crypto";
import type { Probe, ProbeOutput } from "../model/check.ts";
import type { NoSelinux } from "./selinux-policy.ts";
import { ruledOut, whereSelinux } from "./selinux-state.ts";
import { denied, failedProbe, missingTool, unreadable } from "./unanswered.ts";

/** An access that the policy does not allow, as it was logged. */
export interface Denial {
  /** When, in milliseconds since the epoch, by the node's clock. */
  readonly timeMs: number;
  readonly permissions: readonly string[];
  /** Context of who asked. */
  readonly source: string;
  /** Context of what it asked for. */
  readonly target: string;
  readonly class: string;
  /** It was only logged, and allowed all the same. */
  readonly permissive: boolean;
  /** The program's name, as the kernel knows it: 15 bytes of it. */
  readonly comm: string | undefined;
  /** Path or name of what it asked for, where the record has one. */
  readonly name: string | undefined;
}

/** A denial, or that contexts could not be computed: in the record's own words. */
export interface AuditLog {
  readonly denials: readonly Denial[];
  /** Records `SELINUX_ERR`, whole. */
  readonly errors: readonly string[];
  /** How many records of any kind the kernel could not deliver meanwhile. */
  readonly lost: number;
}

/** A place in a node's audit log. */
export interface AuditMark {
  readonly token: string;
}

const prefix = "assay-mark";
/** No record waits longer than this on its way through auditd, s. */
const patience = 20;

/** Sends a mark behind everything that was logged, waits until the log has it, and prints what may be a denial. */
const script = (token: string, what: string) => `${whereSelinux}
command -v auditctl >/dev/null || { echo auditctl >&2; exit 74; }
for tool in tail grep timeout; do command -v $tool >/dev/null || { echo $tool >&2; exit 74; }; done
state=$(auditctl -s) || exit 75
pid= lost=
while read -r key value; do case $key in pid) pid=$value ;; lost) lost=$value ;; esac; done <<STATE
$state
STATE
[ -n "$pid" ] && [ -n "$lost" ] || { echo "auditctl -s said: $state" >&2; exit 73; }
[ "$pid" != 0 ] || { echo "auditd does not run" >&2; exit 76; }
log=/var/log/audit/audit.log
while read -r key _ value; do case $key in log_file) log=$value ;; esac; done </etc/audit/auditd.conf
[ -r "$log" ] || { echo "$log: Permission denied" >&2; exit 75; }
auditctl -m "${prefix}-${token}-lost-$lost" >/dev/null || exit 75
timeout ${patience} tail -n +1 -F "$log" 2>/dev/null | grep -a -q -m 1 -e "${token}" || { echo "${token} did not come" >&2; exit 72; }
${what}`;

const everything = `for file in "$log".4 "$log".3 "$log".2 "$log".1 "$log"; do
  [ ! -e "$file" ] || grep -a -e '^type=AVC ' -e '^type=USER_AVC ' -e '^type=SELINUX_ERR ' -e '${prefix}' "$file"
done
:`;

/** Subject: a token of one's own. Answer: the mark, which lies behind all that was logged before. */
export const setAuditMark: Probe<string, AuditMark | NoSelinux> = {
  name: "audit mark",
  script: (tokens) => script(tokens[0] ?? "", `printf 'marked\\n'`),
  parse(output, tokens) {
    const without = readBeginning(output);
    if (without !== undefined) return tokens.map(() => ({ without }));
    if (!output.stdout.toString("utf8").endsWith("marked\n")) throw unreadable("auditctl -m", output);
    return tokens.map(() => ({ token: tokens[0] ?? "" }));
  },
};

/** Subject: a mark, or `undefined` for all that the log has. Answer: what was logged since then. */
export const auditLog: Probe<AuditMark | undefined, AuditLog | NoSelinux> = {
  name: "audit log",
  script: () => script(randomUUID(), everything),
  parse(output, marks) {
    const without = readBeginning(output);
    if (without !== undefined) return marks.map(() => ({ without }));
    const lines = output.stdout.toString("utf8").split("\n").slice(1).filter(Boolean);
    const last = lines.findLastIndex((line) => marked(line) !== undefined);
    const lost = last === -1 ? undefined : marked(lines[last] ?? "")?.lost;
    if (lost === undefined) throw unreadable("the audit log", output);
    return marks.map((mark) => {
      const at = mark === undefined ? -1 : lines.findIndex((line) => marked(line)?.token === mark.token);
      const before = mark === undefined ? 0 : marked(lines[at] ?? "")?.lost;
      if (before === undefined)
        return failedProbe(
          "the audit log does not have the mark",
          "it was set on another node, or the log was rotated or rolled back since then",
          "set a mark after the node was reset, just before what is to be watched",
        );
      return readAuditLog(lines.slice(at + 1, last).join("\n"), lost - before);
    });
  },
};

/** Records of denials, in their order. Pure; throws where a record cannot be read. */
export function readAuditLog(text: string, lost: number): AuditLog {
  const denials: Denial[] = [];
  const errors: string[] = [];
  for (const line of text.split("\n")) {
    if (line.startsWith("type=SELINUX_ERR ")) errors.push(line);
    if (!/^type=(AVC|USER_AVC) /.test(line) || !/\bavc: +denied\b/.test(line)) continue;
    const raw = (key: string) => new RegExp(`[ ']${key}=("[^"]*"|[^\\s']+)`).exec(line)?.[1];
    const field = (key: string) => raw(key)?.replaceAll('"', "");
    const named = (key: string) => untangle(raw(key));
    const time = /msg=audit\((\d+)\.(\d{3}):\d+\)/.exec(line);
    const permissions = /\{ ([^}]+) \}/.exec(line)?.[1]?.split(" ");
    const [source, target, kind] = [field("scontext"), field("tcontext"), field("tclass")];
    if (time === null || permissions === undefined || !source || !target || !kind)
      throw failedProbe("cannot read a record of the audit log", line.slice(0, 300));
    denials.push({
      timeMs: Number(time[1]) * 1000 + Number(time[2]),
      permissions,
      source,
      target,
      class: kind,
      permissive: field("permissive") === "1",
      comm: named("comm"),
      name: named("path") ?? named("name"),
    });
  }
  return { denials, errors, lost };
}

/**
 * A denial that the kernel wrote into its own log, as nobody took it from it: the record that auditd would have written.
 * @example auditRecordOf('audit: type=1400 audit(1700000000.123:45): avc:  denied  { write } …') // 'type=AVC msg=audit(1700000000.123:45): avc: …'
 */
export function auditRecordOf(kernelText: string): string {
  return kernelText.replace(/^audit: type=1400 audit/, "type=AVC msg=audit");
}

/** What a program could have chosen is in quotes; in hexadecimal, without them, where it has other than plain characters. */
function untangle(value: string | undefined): string | undefined {
  if (value === undefined || value.startsWith('"')) return value?.slice(1, -1);
  return /^([0-9A-F]{2})+$/.test(value) ? Buffer.from(value, "hex").toString("utf8") : value;
}

function marked(line: string): { token: string; lost: number } | undefined {
  const [, token, lost] = new RegExp(`${prefix}-([\\w-]+)-lost-(\\d+)`).exec(line) ?? [];
  return token === undefined ? undefined : { token, lost: Number(lost) };
}

/** Why there is no SELinux; throws what kept the log from being asked. */
function readBeginning(output: ProbeOutput): string | undefined {
  const without = ruledOut(output);
  if (without !== undefined) return without;
  const said = output.stderr.trim();
  if (output.status === 74) throw missingTool(said, "the audit log");
  if (output.status === 75) throw denied("cannot ask the audit log", said);
  if (output.status === 76)
    throw failedProbe("no denial can be seen", said, "start auditd in the image: nothing else keeps denials");
  if (output.status === 72)
    throw failedProbe(
      "the audit log is not complete",
      `a mark was not written within ${patience} s`,
      "see whether auditd is suspended, as it is when its disk is full",
    );
  if (output.status !== 0) throw unreadable("auditctl", output);
  return undefined;
}
