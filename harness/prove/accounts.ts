// Decides which changes of users, groups and passwords a spec ought to notice that asks for them. What of an entry nobody reads is not changed.
import type { GroupEntry, UserEntry } from "../checks/account.ts";
import { byScript, type Mutation, type Observation } from "./mutation.ts";

type Made = Omit<Mutation, "from">;

/** Sets one field of a line of a colon-separated file: the file, the name, the field's number, the value. */
const set = `awk -F: -v OFS=: -v name="$2" -v at="$3" -v value="$4" '$1 == name { $at = value } { print }' "$kept/0" >"$1"`;
const drop = `awk -F: -v name="$2" '$1 != name' "$kept/0" >"$1"`;
const passwd = { paths: ["/etc/passwd"] } as const;
const groups = { paths: ["/etc/group"] } as const;

function reads(seen: Observation, member: string): boolean {
  return seen.facets.size === 0 || seen.facets.has(member);
}

/** Of `getent passwd`. */
export function ofUser(seen: Observation): readonly Made[] {
  const name = String(seen.subject);
  const entry = seen.answer as UserEntry | undefined;
  if (entry === undefined)
    return [
      byScript(seen, "user", `add the user ${name}`, {
        ...passwd,
        change: /^\d+$/.test(name)
          ? 'echo "assayprove:x:$2:$2::/:/bin/sh" >>"$1"'
          : 'echo "$2:x:54321:54321::/:/bin/sh" >>"$1"',
        args: [name],
      }),
    ];
  const field = (member: keyof UserEntry, at: number, what: string, value: string): readonly Made[] =>
    reads(seen, member)
      ? [
          byScript(seen, "user", `give the user ${name} ${what}`, {
            ...passwd,
            change: set,
            args: [name, String(at), value],
          }),
        ]
      : [];
  return [
    byScript(seen, "user", `take the user ${name} away`, { ...passwd, change: drop, args: [name] }),
    ...field("uid", 3, "another uid", String(entry.uid + 40_000)),
    ...field("gid", 4, "another primary group", entry.gid === 0 ? "1" : "0"),
    ...field("home", 6, "another home", "/nowhere"),
    ...field("shell", 7, "another shell", entry.shell === "/bin/false" ? "/bin/sh" : "/bin/false"),
  ];
}

/** Of `getent group`. */
export function ofGroup(seen: Observation): readonly Made[] {
  const name = String(seen.subject);
  const entry = seen.answer as GroupEntry | undefined;
  if (entry === undefined)
    return [
      byScript(seen, "group", `add the group ${name}`, {
        ...groups,
        change: 'echo "$2:x:54321:" >>"$1"',
        args: [name],
      }),
    ];
  const field = (member: keyof GroupEntry, at: number, what: string, value: string): readonly Made[] =>
    reads(seen, member)
      ? [
          byScript(seen, "group", `give the group ${name} ${what}`, {
            ...groups,
            change: set,
            args: [name, String(at), value],
          }),
        ]
      : [];
  return [
    byScript(seen, "group", `take the group ${name} away`, { ...groups, change: drop, args: [name] }),
    ...field("gid", 3, "another gid", String(entry.gid + 40_000)),
    ...field("members", 4, "one member more", [...entry.members, "daemon"].join(",")),
  ];
}

/** Of `id -Gn`: one group more, and another primary one. */
export function ofMemberships(seen: Observation): readonly Made[] {
  const name = String(seen.subject);
  const memberships = seen.answer as readonly string[] | undefined;
  if (memberships === undefined) return [];
  const joins = ["shadow", "adm", "disk", "video", "users"].find((each) => !memberships.includes(each)) ?? "daemon";
  return [
    byScript(seen, "user", `let the user ${name} into the group ${joins}`, {
      ...groups,
      change: `awk -F: -v OFS=: -v name="$2" -v group="$3" '$1 == group { $4 = $4 == "" ? name : $4 "," name } { print }' "$kept/0" >"$1"`,
      args: [name, joins],
    }),
    byScript(seen, "user", `give the user ${name} another primary group`, {
      ...passwd,
      change: set,
      args: [name, "4", memberships[0] === "root" ? "1" : "0"],
    }),
  ];
}

/** Of `getent shadow`: no password is asked for any more, or one is where none was. */
export function ofPassword(seen: Observation): readonly Made[] {
  const name = String(seen.subject);
  const state = seen.answer as { readonly is: string } | undefined;
  if (state === undefined) return [];
  const other = (what: string, value: string) =>
    byScript(seen, "user", `${what} the user ${name}`, {
      paths: ["/etc/shadow"],
      change: set,
      args: [name, "2", value],
    });
  return [
    ...(state.is === "empty" ? [] : [other("ask no password of", "")]),
    // crypt(5)'s for nobody's password: it has a form and no text.
    ...(state.is === "set" ? [other("lock", "!")] : [other("set a password for", `$6$assay$${"a".repeat(86)}`)]),
  ];
}
