// Decides what differs in users and groups, by the lines of passwd, group and shadow. Pure. Refuses to tell anything of a password but
// whether there is one.
import { bothKeys, type DiffChange, differing, kindOf } from "./image-diff.ts";

/** Lines of the databases, by name: facts in the databases' own order. */
export interface Accounts {
  readonly users: ReadonlyMap<string, Readonly<Record<string, string>>>;
  readonly groups: ReadonlyMap<string, Readonly<Record<string, string>>>;
  /** Of shadow, as it stands there. */
  readonly passwords: ReadonlyMap<string, string>;
}

type Lines = readonly (readonly string[])[];

/** Of lines that are split at their colons. Of two with one name the first counts, as to the C library. */
export function accountsOf(passwd: Lines, group: Lines, shadow: Lines): Accounts {
  const byName = <Value>(lines: Lines, value: (line: readonly string[]) => Value) =>
    new Map([...lines].reverse().map((line) => [line[0] ?? "", value(line)] as const));
  return {
    users: byName(passwd, ([, , uid = "", gid = "", gecos = "", home = "", shell = ""]) => ({
      uid,
      gid,
      gecos,
      home,
      shell,
    })),
    groups: byName(group, ([, , gid = "", members = ""]) => ({
      gid,
      members: members.split(",").filter(Boolean).sort().join(","),
    })),
    passwords: byName(shadow, ([, password = ""]) => password),
  };
}

export function accountChanges(old: Accounts, now: Accounts): DiffChange[] {
  const table = (topic: "user" | "group", one: Accounts["users"], other: Accounts["users"]) =>
    bothKeys(one, other).flatMap((subject): DiffChange[] => {
      const [before, after] = [one.get(subject), other.get(subject)];
      const details = Object.keys(before ?? after ?? {}).flatMap((of) =>
        // What is empty is none.
        differing(of, before?.[of] || null, after?.[of] || null),
      );
      if (topic === "user") details.push(...passwordDetails(old.passwords.get(subject), now.passwords.get(subject)));
      return details.length === 0 ? [] : [{ topic, kind: kindOf(before, after), subject, details }];
    });
  return [...table("user", old.users, now.users), ...table("group", old.groups, now.groups)];
}

function passwordDetails(old: string | undefined, now: string | undefined) {
  if (old === now) return [];
  // Two hashes differ: both are "set", and the change is told all the same.
  return [{ of: "password", old: sayPassword(old), new: sayPassword(now) }];
}

/** Of shadow(5). */
function sayPassword(field: string | undefined): string | null {
  if (field === undefined) return null;
  if (field === "") return "empty: none is asked for";
  return /^[!*]/.test(field) ? "locked" : "set";
}
