// Decides which sentences can be said about what sudo lets a user do, in sudo's own words (`sudo -l -U`), and about its rules' files.
// Refuses to work out what a wildcard would match: rules are compared as they are written.
import { isAbsolute } from "node:path";
import { type Check, type Probe, quoteWord } from "../model/check.ts";
import type { Node } from "../model/node.ts";
import type { Judgement } from "../model/outcome.ts";
import { endFrame, readFrames } from "./frames.ts";
import { about, requireSubject, sayWord, verdict } from "./question.ts";
import { denied, failedProbe, missingTool, unreadable } from "./unanswered.ts";

export interface SudoRule {
  /** Users that it may be run as: `ALL`, names. */
  readonly as: readonly string[];
  /** `ALL`, or a command with its arguments, as the rule has it. */
  readonly command: string;
  /** False for a rule that forbids (`!command`). */
  readonly allows: boolean;
  readonly password: boolean;
}

/** Subject: a user's name. Answer: sudo's rules for it, in their order (the last that matches counts); `undefined` for no such user. */
export const sudoRules: Probe<string, readonly SudoRule[] | undefined> = {
  name: "sudo -l",
  script: (users) => `export LC_ALL=C
for user in ${users.map(quoteWord).join(" ")}; do sudo -n -l -U "$user" </dev/null 2>&1; ${endFrame('"$?"')}; done`,
  parse(output, users) {
    return readFrames("sudo -l -U", output, users.length).map(({ bytes, words }, index) => {
      const said = bytes.toString("utf8");
      if (words === "127" || words === "126") return missingTool("sudo", "what a user may do");
      if (new RegExp(`^sudo: unknown user:? ${literal(users[index] ?? "")}$`, "m").test(said)) return undefined;
      if (/password is required|not allowed to execute 'list'|may not run sudo|must be (setuid|owned)/i.test(said))
        return denied("cannot list sudo's rules", said.trim());
      // With status 0 or 1, as sudo's version is.
      if (/^User \S+ is not allowed to run sudo on /m.test(said)) return [];
      if (words !== "0") return failedProbe("cannot list sudo's rules", said.trim() || `status ${words}`);
      const [defaults = "", listing] = said.split(/^User \S+ may run the following commands on .*:$/m);
      if (listing === undefined) return unreadable("sudo -l -U", output);
      return readRules(listing, !/(^|[ ,])!authenticate(,|$)/m.test(defaults)) ?? unreadable("sudo -l -U", output);
    });
  },
};

export interface SudoersFacts {
  /** What visudo says against rules and owners: sudo leaves such files out. */
  readonly faults: readonly string[];
  /** What it says against modes, which sudo itself may put up with. */
  readonly modes: readonly string[];
}

/** Subject: `all`, or one file's path, of which only what is in it is looked at. Answer: what visudo says against it. */
export const sudoersFaults: Probe<string, SudoersFacts> = {
  name: "visudo -c",
  script: (files) => `export LC_ALL=C
for file in ${files.map(quoteWord).join(" ")}; do
  if [ "$file" = all ]; then visudo -c 2>&1; else visudo -c -f "$file" 2>&1; fi
  ${endFrame('"$?"')}
done`,
  parse(output, files) {
    return readFrames("visudo -c", output, files.length).map(({ bytes, words }) => {
      const lines = bytes.toString("utf8").split("\n").filter(Boolean);
      if (words === "127" || words === "126") return missingTool("visudo", "sudo's rules");
      const refused = lines.find((line) => /unable to (open|stat) .*: /.test(line));
      if (refused !== undefined)
        return /permission denied/i.test(refused)
          ? denied("cannot check sudo's rules", refused)
          : failedProbe("cannot check sudo's rules", refused);
      const modes = lines.filter((line) => /: bad permissions, should be mode /.test(line));
      const faults = lines.filter((line) =>
        /^\S+:\d+:\d+: |: wrong owner |^>>> |: (parse|syntax) error|: (Warning|Error): /i.test(line),
      );
      const parsed = lines.some((line) => /: parsed OK$/.test(line));
      // Its status and its words have to agree.
      if (words === "0" ? !parsed || faults.length > 0 : modes.length + faults.length === 0)
        return unreadable("visudo -c", output);
      return { faults, modes };
    });
  },
};

/** A permission, about which more can be said. */
export interface Permission extends Check<Node, readonly SudoRule[] | undefined> {
  /** The rule that counts asks for no password. */
  withoutPassword(): Check<Node, readonly SudoRule[] | undefined>;
}

/**
 * What sudo lets a user do, as sudo itself lists it. Rules are compared as they are written: `ALL` covers every command, a wildcard only itself.
 * @example await expect(soe).toMeet(sudo("ops").mayRun("ALL").withoutPassword());
 * @example await expect(soe).not.toMeet(sudo("build").mayRun("/usr/bin/passwd"));
 */
export function sudo(user: string) {
  requireSubject(/^[^-:\s\0][^:\s\0]*$/.test(user), `"${user}" is not the name of a user`, "give the user's name");
  const ask = about<Node, readonly SudoRule[] | undefined>({
    subject: `sudo of ${user}`,
    command: `sudo -l -U ${user}`,
    observe: (node) => node.observe(sudoRules, user),
  });
  return {
    /** May run this command, or `ALL` of them, as root or as the user named by `as`. */
    mayRun(command: string, { as = "root" }: { readonly as?: string } = {}): Permission {
      const sentence = `may run ${sayWord(command)}${as === "root" ? "" : ` as ${as}`}`;
      const decides = (seen: readonly SudoRule[]) =>
        seen.findLast(
          (rule) =>
            (rule.command === "ALL" || rule.command === command) && (rule.as.includes("ALL") || rule.as.includes(as)),
        );
      const judge =
        (password: boolean) =>
        (seen: readonly SudoRule[] | undefined): Judgement => {
          const rule = decides(seen ?? []);
          // To be allowed everything, nothing may be forbidden afterwards.
          const whole =
            command !== "ALL" ||
            rule === undefined ||
            !(seen ?? []).slice((seen ?? []).indexOf(rule)).some((each) => !each.allows);
          const met = rule?.allows === true && whole && (password || !rule.password);
          return verdict(met, `${command} as ${as}${password ? "" : " without a password"}`, sayRules(seen));
        };
      return {
        ...ask(sentence, judge(true)),
        withoutPassword: () => ask(`${sentence} without a password`, judge(false)),
      };
    },
    /** sudo has no rule for the user. */
    mayRunNothing: () =>
      ask("may run nothing", (seen) => verdict(!(seen ?? []).some(({ allows }) => allows), "no rule", sayRules(seen))),
  };
}

/**
 * sudo's rules as visudo reads them: all files, or one. Owner and mode of a file are asked with `file()`.
 * @example await expect(soe).toMeet(all(sudoers().isValid(), sudoers("/etc/sudoers.d/ops").isValid()));
 */
export function sudoers(path?: string) {
  requireSubject(path === undefined || isAbsolute(path), `"${path}" is not an absolute path`, "write it from /");
  const ask = about<Node, SudoersFacts>({
    subject: path === undefined ? "sudoers" : `sudoers file ${sayWord(path)}`,
    command: path === undefined ? "visudo -c" : `visudo -c -f ${path}`,
    observe: (node) => node.observe(sudoersFaults, path ?? "all"),
  });
  const judge = (wrong: readonly string[]) =>
    verdict(wrong.length === 0, "nothing said against it", wrong.join("; ") || "parsed OK");
  return {
    /** No fault in what the rules say, nor in who owns them: what makes sudo leave a file out. */
    isValid: () => ask("is valid", ({ faults }) => judge(faults)),
    /** visudo has nothing to say at all, also not of modes other than 0440, 0600 among them. */
    isStrictlyValid: () => ask("is strictly valid", ({ faults, modes }) => judge([...faults, ...modes])),
  };
}

/** Lines `    (runas) TAG: command, command`; `undefined` for anything else. */
function readRules(listing: string, authenticate: boolean): readonly SudoRule[] | undefined {
  const rules: SudoRule[] = [];
  for (const line of listing.split("\n").filter((text) => text.trim() !== "")) {
    const match = /^\s+\(([^)]*)\) (.+)$/.exec(line);
    if (match === null) return undefined;
    const as =
      (match[1] ?? "")
        .split(":")[0]
        ?.split(",")
        .map((name) => name.trim()) ?? [];
    let password = authenticate;
    for (const part of (match[2] ?? "").split(/(?<!\\), */)) {
      // Tags hold for the commands that follow, too.
      const tags = /^((?:[A-Z_]+: *)*)/.exec(part)?.[1] ?? "";
      if (/\bNOPASSWD:/.test(tags)) password = false;
      else if (/\bPASSWD:/.test(tags)) password = true;
      const command = part.slice(tags.length).trim();
      rules.push({ as, command: command.replace(/^!/, ""), allows: !command.startsWith("!"), password });
    }
  }
  return rules;
}

function literal(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
}

function sayRules(seen: readonly SudoRule[] | undefined): string {
  if (seen === undefined) return "there is no such user";
  if (seen.length === 0) return "it may run nothing";
  return seen
    .map(
      ({ as, command, allows, password }) =>
        `${allows ? "" : "not "}${command} as ${as.join(", ")}${allows && !password ? " without a password" : ""}`,
    )
    .join("; ");
}
