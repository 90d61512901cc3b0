// Decides which sentences can be said about users and groups, as the node's name service knows them (`getent`, `id`).
import { type Probe, quoteWord } from "../model/check.ts";
import type { Node } from "../model/node.ts";
import { askNameService, byFile } from "./name-service.ts";
import { type PasswordState, passwordState, sayPassword } from "./password.ts";
import { type PasswordAge, passwordAge, sayAge } from "./password-age.ts";
import { about, requireSubject, verdict } from "./question.ts";
import { groupsFromTree, membershipsFromTree, usersFromTree } from "./tree-account.ts";
import { failedProbe, requireTool, unreadable } from "./unanswered.ts";

export interface UserEntry {
  readonly uid: number;
  readonly gid: number;
  /** Full name and more, as the database has it. */
  readonly gecos: string;
  readonly home: string;
  readonly shell: string;
}

export interface GroupEntry {
  readonly gid: number;
  /** Who is in it by the database's own list: not those whose primary group it is. */
  readonly members: readonly string[];
}

/** Subject: a user name. Answer: its entry, `undefined` where there is no such user. */
export const userEntry: Probe<string, UserEntry | undefined> = {
  name: "getent passwd",
  script: (names) => askNameService("passwd", names),
  parse: (output, names) =>
    entries(output, names, "passwd", [7], ([, , uid, gid, gecos = "", home = "", shell = ""]) => ({
      uid: Number(uid),
      gid: Number(gid),
      gecos,
      home,
      shell,
    })),
  fromTree: usersFromTree,
};

/** Subject: a group name. Answer: its entry, `undefined` where there is no such group. */
export const groupEntry: Probe<string, GroupEntry | undefined> = {
  name: "getent group",
  script: (names) => askNameService("group", names),
  // musl's getent leaves out the last field where a group has no members.
  parse: (output, names) =>
    entries(output, names, "group", [4, 3], ([, , gid, members = ""]) => ({
      gid: Number(gid),
      members: members.split(",").filter(Boolean),
    })),
  fromTree: groupsFromTree,
};

/** Subject: a user name. Answer: all groups the user is in, the primary one first; `undefined` where there is no such user. */
export const groupsOf: Probe<string, readonly string[] | undefined> = {
  name: "id -Gn",
  script: (names) => `export LC_ALL=C
command -v id >/dev/null || exit 127
for name in ${names.map(quoteWord).join(" ")}; do groups=$(id -Gn -- "$name" 2>&1); printf '%s %s\\0' "$?" "$groups"; done`,
  parse(output, names) {
    requireTool(output, "id", "a user's groups");
    const records = output.stdout.toString("utf8").split("\0");
    if (records.length !== names.length + 1) throw unreadable("id -Gn", output);
    return names.map((name, index) => {
      const [status, ...groups] = (records[index] ?? "").split(" ");
      // Every user has a primary group: an empty list is not id's.
      if (status === "0")
        return groups.every((group) => /^[^:\s]+$/.test(group)) ? groups : unreadable("id -Gn", output);
      const said = groups.join(" ");
      return /no such user|unknown user/i.test(said)
        ? undefined
        : failedProbe(`cannot list the groups of ${name}`, said);
    });
  },
  fromTree: membershipsFromTree,
};

const noUser = "there is no such user";
const noGroup = "there is no such group";

/** @example await expect(soe).toMeet(all(user("ops").hasUid(1000), user("ops").isInGroup("docker"))); */
export function user(name: string) {
  requireName("user", name);
  const subject = `user ${name}`;
  const entry = about<Node, UserEntry | undefined>({
    subject,
    command: `getent passwd ${name}`,
    observe: (node) => node.observe(userEntry, name),
  });
  const has = <Field extends keyof UserEntry>(what: string, field: Field, wanted: UserEntry[Field]) =>
    entry(`has ${what} ${wanted}`, (seen) =>
      verdict(seen?.[field] === wanted, String(wanted), String(seen?.[field] ?? noUser)),
    );
  const password = (predicate: string, wanted: PasswordState["is"], expected: string) =>
    about<Node, PasswordState | undefined>({
      subject,
      command: `getent shadow ${name}`,
      observe: (node) => node.observe(passwordState, name),
    })(predicate, (seen) => verdict(seen?.is === wanted, expected, sayPassword(seen)));
  const age = <Field extends keyof PasswordAge>(predicate: string, field: Field, wanted: PasswordAge[Field]) =>
    about<Node, PasswordAge | undefined>({
      subject,
      command: `chage -l ${name}`,
      observe: (node) => node.observe(passwordAge, name),
    })(predicate, (seen) => verdict(seen?.[field] === wanted, String(wanted ?? "none"), sayAge(seen)));
  return {
    exists: () =>
      entry("exists", (seen) => verdict(seen !== undefined, "a user", seen === undefined ? noUser : `uid ${seen.uid}`)),
    hasUid: (uid: number) => has("uid", "uid", uid),
    /** Its primary group, by id. */
    hasGid: (gid: number) => has("gid", "gid", gid),
    hasHome: (path: string) => has("home", "home", path),
    hasShell: (path: string) => has("shell", "shell", path),
    /** Its fifth field, whole: full name, room and telephones. */
    hasGecos: (text: string) => has("gecos", "gecos", text),
    /** In these groups and in no others, its primary one among them; in any order. */
    hasOnlyGroups: (...groups: readonly string[]) =>
      about<Node, readonly string[] | undefined>({
        subject,
        command: `id -Gn ${name}`,
        observe: (node) => node.observe(groupsOf, name),
      })(`has only the groups ${groups.join(", ")}`, (seen) =>
        verdict(
          seen !== undefined && [...seen].sort().join() === [...new Set(groups)].sort().join(),
          groups.join(", "),
          seen?.join(", ") ?? noUser,
        ),
      ),
    /** As primary or further group. */
    isInGroup: (group: string) => inGroup(subject, name, group, `is in group ${group}`),
    /** No password works, by the shadow database; a key may still do. */
    hasLockedPassword: () => password("has a locked password", "locked", "locked"),
    /** A password works, whichever. */
    hasPassword: () => password("has a password", "set", "a password that is set"),
    /** Whoever knows the name gets in, wherever a password is asked for. Mostly held as `.not`. */
    hasEmptyPassword: () => password("has an empty password", "empty", "an empty password"),
    /** Its password has to be changed after so many days. */
    hasPasswordMaxAge: (days: number) => age(`has a password that lasts ${days} days`, "most", days),
    /** Its password may not be changed again for so many days. */
    hasPasswordMinAge: (days: number) => age(`has a password that stays for ${days} days`, "least", days),
    /** It is warned so many days before its password has to be changed. */
    hasPasswordWarning: (days: number) => age(`is warned ${days} days before its password ends`, "warning", days),
    /** The account ends on this day, `2027-01-31`; `never` for one that does not. */
    expires: (day: string) => {
      requireSubject(
        day === "never" || (/^\d{4}-\d\d-\d\d$/.test(day) && !Number.isNaN(Date.parse(day))),
        `"${day}" is not a day`,
        'write it as in "2027-01-31", or "never"',
      );
      return age(day === "never" ? "never expires" : `expires on ${day}`, "expires", day);
    },
  };
}

/** @example await expect(soe).toMeet(group("vfx").hasGid(1000)); */
export function group(name: string) {
  requireName("group", name);
  const subject = `group ${name}`;
  const entry = about<Node, GroupEntry | undefined>({
    subject,
    command: `getent group ${name}`,
    observe: (node) => node.observe(groupEntry, name),
  });
  return {
    exists: () =>
      entry("exists", (seen) =>
        verdict(seen !== undefined, "a group", seen === undefined ? noGroup : `gid ${seen.gid}`),
      ),
    hasGid: (gid: number) =>
      entry(`has gid ${gid}`, (seen) => verdict(seen?.gid === gid, String(gid), String(seen?.gid ?? noGroup))),
    /** A user is in it, as primary or further group. */
    hasMember: (member: string) => inGroup(subject, member, name, `has member ${member}`),
    /** By its own list these are in it, and no others; whose primary group it is does not count. None: an empty list. */
    hasOnlyMembers: (...members: readonly string[]) =>
      entry(`has only the members ${members.join(", ") || "none"}`, (seen) =>
        verdict(
          seen !== undefined && [...seen.members].sort().join() === [...new Set(members)].sort().join(),
          members.join(", ") || "none",
          seen === undefined ? noGroup : seen.members.join(", ") || "none",
        ),
      ),
  };
}

function inGroup(subject: string, userName: string, groupName: string, predicate: string) {
  requireName("user", userName);
  requireName("group", groupName);
  return about<Node, readonly string[] | undefined>({
    subject,
    command: `id -Gn ${userName}`,
    observe: (node) => node.observe(groupsOf, userName),
  })(predicate, (seen) =>
    verdict(
      seen?.includes(groupName) === true,
      `user ${userName} in ${groupName}`,
      seen === undefined ? `there is no user ${userName}` : `user ${userName} in ${seen.join(", ")}`,
    ),
  );
}

function requireName(what: string, name: string): void {
  requireSubject(
    /^[^-:\s\0][^:\s\0]*$/.test(name),
    `"${name}" is not the name of a ${what}`,
    "give its name; ids are compared by hasUid, hasGid and ownedBy",
  );
}

/** Lines of `getent`, by name. Status 2 is "some key was not found"; getent has no word for a name service that is down. */
function entries<Entry>(
  output: Parameters<Probe<string, Entry>["parse"]>[0],
  names: readonly string[],
  database: string,
  fieldCounts: readonly number[],
  read: (fields: readonly string[]) => Entry,
): readonly (Entry | undefined)[] {
  requireTool(output, "getent", `the ${database} database`);
  if (![0, 2, byFile].includes(output.status)) throw unreadable(`getent ${database}`, output);
  const found = new Map<string, Entry>();
  for (const line of output.stdout.toString("utf8").split("\n").filter(Boolean)) {
    const fields = line.split(":");
    if (!fieldCounts.includes(fields.length)) throw unreadable(`getent ${database}`, output);
    found.set(fields[0] ?? "", read(fields));
  }
  if (output.status !== 2 && names.length > 0 && found.size === 0) throw unreadable(`getent ${database}`, output);
  return names.map((name) => found.get(name));
}
