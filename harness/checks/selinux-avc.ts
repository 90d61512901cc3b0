// Decides which sentences can be said about what SELinux denied. That nothing was denied is only said of a log that is whole.
import { randomUUID } from "node:crypto";
import type { Check } from "../model/check.ts";
import { sayCommand } from "../model/exec.ts";
import type { Node } from "../model/node.ts";
import type { Judgement } from "../model/outcome.ts";
import { labelMatches } from "./file-label.ts";
import { about, requireSubject, verdict } from "./question.ts";
import { adviceOn } from "./selinux-advice.ts";
import { type AuditLog, type AuditMark, auditLog, type Denial, setAuditMark } from "./selinux-audit.ts";
import { type Access, accessDecision, type NoSelinux } from "./selinux-policy.ts";
import { failedProbe } from "./unanswered.ts";

type Seen = (AuditLog & { readonly note?: string }) | NoSelinux;

/** Some denials, by what is given of them. Types alone, or whole contexts. */
export type Denied = Partial<Access>;

/**
 * A place in a node's audit log, behind everything that was logged before. Needs auditd on the node; `undefined` where its
 * kernel has no SELinux, of which `avc` then is skipped.
 * @example
 * const before = await auditMark(machine);
 * await mongo.fail(["touch", "/data/db/file"]);
 * await expect(machine).toMeet(avc({ since: before }).hasDenied({ source: "container_t", target: "user_home_t", class: "dir" }));
 */
export async function auditMark(node: Node): Promise<AuditMark | undefined> {
  const mark = await node.observe(setAuditMark, randomUUID());
  return "without" in mark ? undefined : mark;
}

/**
 * What SELinux denied on a machine since a mark, or ever since its log begins. Ask the machine, not a container on it: the
 * audit log is the kernel's. Rejects where auditd does not run, or records were lost and the answer depends on them.
 *
 * Denials of containers on files are told with what is usually done about them. A policy hides some of its denials (`dontaudit`): where a denial is not found, the message says whether it would be.
 *
 * @example await expect(machine).toMeet(avc({ since: before }).hasDeniedNothing({ except: [{ source: "semanage_t" }] }));
 */
export function avc(options: { readonly since?: AuditMark | undefined } = {}) {
  const { since } = options;
  const subject = since === undefined ? "SELinux" : "SELinux, since the mark,";
  const command = sayCommand(["ausearch", "--input-logs", "-m", "avc,user_avc,selinux_err"]);
  return {
    /**
     * Denied, and not merely logged as a permissive mode does.
     * @example avc({ since }).hasDenied({ source: "container_t", target: "container_file_t", class: "file", permission: "append" })
     */
    hasDenied(wanted: Denied): Check<Node, Seen> {
      requireSubject(
        Object.keys(wanted).length > 0,
        "hasDenied was given nothing",
        "name at least a source or a target",
      );
      const ask = about<Node, Seen>({
        subject,
        command,
        async observe(node) {
          const seen = await node.observe(auditLog, since);
          if ("without" in seen || seen.denials.some((each) => isDenied(wanted, each))) return seen;
          if (seen.lost > 0) throw lostRecords(seen.lost);
          return { ...seen, note: await whyNot(node, wanted) };
        },
      });
      return ask(`has denied ${sayWanted(wanted)}`, (seen) =>
        judge(seen, ({ denials, note }) =>
          verdict(
            denials.some((each) => isDenied(wanted, each)),
            sayWanted(wanted),
            `${sayDenials(denials)}${note === undefined ? "" : `; ${note}`}`,
          ),
        ),
      );
    },

    /** Nothing was denied, nor would have been in a permissive mode, except what is given. */
    hasDeniedNothing(allowances: { readonly except?: readonly Denied[] } = {}): Check<Node, Seen> {
      const { except = [] } = allowances;
      const ask = about<Node, Seen>({
        subject,
        command,
        async observe(node) {
          const seen = await node.observe(auditLog, since);
          if (!("without" in seen) && seen.lost > 0) throw lostRecords(seen.lost);
          return seen;
        },
      });
      const exceptions = except.length === 0 ? "" : `, except ${except.map(sayWanted).join(", ")}`;
      return ask(`has denied nothing${exceptions}`, (seen) =>
        judge(seen, ({ denials, errors }) => {
          const left = denials.filter((each) => !except.some((one) => matches(one, each)));
          return verdict(
            left.length === 0 && errors.length === 0,
            `no denial${exceptions}`,
            [...(left.length > 0 ? [sayDenials(left)] : []), ...errors].join("; ") || "none",
          );
        }),
      );
    },
  };
}

function judge(seen: Seen, met: (seen: AuditLog & { readonly note?: string }) => Judgement): Judgement {
  return "without" in seen ? { skipped: seen.without } : met(seen);
}

function isDenied(wanted: Denied, seen: Denial): boolean {
  return !seen.permissive && matches(wanted, seen);
}

function matches(wanted: Denied, seen: Denial): boolean {
  return (
    (wanted.source === undefined || labelMatches(wanted.source, seen.source)) &&
    (wanted.target === undefined || labelMatches(wanted.target, seen.target)) &&
    (wanted.class === undefined || wanted.class === seen.class) &&
    (wanted.permission === undefined || seen.permissions.includes(wanted.permission))
  );
}

/** What the policy says of an access that no denial was found of: only the whole question can be asked. */
async function whyNot(node: Node, wanted: Denied): Promise<string> {
  const { source, target, class: kind, permission } = wanted;
  if (source === undefined || target === undefined || kind === undefined || permission === undefined)
    return "whether the policy would deny it can be told of a source, a target, a class and a permission";
  const decision = await node.observe(accessDecision, { source, target, class: kind, permission });
  if ("without" in decision) return decision.without;
  if ("unknown" in decision) return `the loaded policy does not know this ${decision.unknown}`;
  if (decision.allowed) return "the policy allows it, as far as types go";
  return decision.audited
    ? "the policy denies it and would say so: it was not tried, or refused before SELinux was asked"
    : "the policy denies it and says nothing (dontaudit); semodule -DB makes it speak";
}

function lostRecords(lost: number) {
  return failedProbe(
    "the audit log is not complete",
    `the kernel lost ${lost} of its records`,
    "give it a larger backlog (auditctl -b), or ask for less at a time",
  );
}

function sayWanted({ source, target, class: kind, permission }: Denied): string {
  return `${permission === undefined ? "something" : `{ ${permission} }`}${kind === undefined ? "" : ` on a ${kind}`}${source === undefined ? "" : ` to ${source}`}${target === undefined ? "" : `, of type ${target}`}`;
}

function sayDenials(denials: readonly Denial[]): string {
  if (denials.length === 0) return "no denial";
  const most = 5;
  const told = denials.slice(-most).map(sayDenial);
  const said = `${denials.length} denied${denials.length > most ? `, the last ${most}` : ""}: ${told.join("; ")}`;
  return [said, ...adviceOn(denials.slice(-most))].join("\n  ");
}

/** @example sayDenial(denial) // '{ write } by mongod of file "db": container_t → user_home_t' with whole contexts */
export function sayDenial({ permissions, source, target, class: kind, comm, name, permissive }: Denial): string {
  const who = comm === undefined ? "" : ` by ${comm}`;
  const what = name === undefined ? "" : ` "${name}"`;
  return `{ ${permissions.join(" ")} }${who} of ${kind}${what}: ${source} → ${target}${permissive ? ", only logged" : ""}`;
}
