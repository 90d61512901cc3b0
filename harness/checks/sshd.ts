// Decides which sentences can be said about the ssh server's configuration, as the server itself works it out (`sshd -T`).
// Refuses to read sshd_config: includes, defaults and Match blocks are the server's business.
import { type Probe, quoteWord } from "../model/check.ts";
import type { Node } from "../model/node.ts";
import type { Judgement } from "../model/outcome.ts";
import { endFrame, readFrames } from "./frames.ts";
import { about, requireSubject, verdict } from "./question.ts";
import { denied, failedProbe, missingTool, unreadable } from "./unanswered.ts";
import { occurs, sayWanted, type Wanted } from "./wanted.ts";

/** Setting by lower-case name → its values, one a line of `sshd -T`; or why the server refuses to start with its configuration. */
export type SshdSettings = { readonly values: ReadonlyMap<string, readonly string[]> } | { readonly refused: string };

/** Who connects: Match blocks are decided for it. */
export interface Connection {
  readonly user: string;
  /** The client's host name. */
  readonly host?: string;
  /** The client's address. Default 127.0.0.1. */
  readonly addr?: string;
}

/** Subject: a connection as `sshd -C` has it, empty for none. Answer: the effective configuration. */
export const sshdSettings: Probe<string, SshdSettings> = {
  name: "sshd -T",
  // By its whole path: sshd refuses to run by name alone.
  script: (connections) => `export LC_ALL=C
command=$(command -v sshd) || exit 127
for connection in ${connections.map(quoteWord).join(" ")}; do
  if [ -z "$connection" ]; then "$command" -T 2>&1; else "$command" -T -C "$connection" 2>&1; fi
  ${endFrame('"$?"')}
done`,
  parse(output, connections) {
    if (output.status === 127) throw missingTool("sshd", "the ssh server's configuration");
    return readFrames("sshd -T", output, connections.length).map(({ bytes, words }) => {
      const said = bytes.toString("utf8");
      if (words === "126" || words === "127") return missingTool("sshd", "the ssh server's configuration");
      if (words !== "0") {
        if (/permission denied/i.test(said)) return denied("cannot read the ssh server's configuration", said.trim());
        if (/: line \d+: |terminating, \d+ bad configuration/.test(said)) return { refused: said.trim() };
        if (/no hostkeys available/.test(said))
          return failedProbe(
            "sshd does not tell its configuration",
            said.trim(),
            "it needs a host key that the asker may read: ask as root, on a node that has booted",
          );
        return failedProbe("sshd does not tell its configuration", said.trim() || `status ${words}`);
      }
      const values = new Map<string, readonly string[]>();
      for (const line of said.split("\n").filter(Boolean)) {
        const [, name, value = ""] = /^([a-z][a-z0-9]+)(?: (.*))?$/.exec(line) ?? [];
        if (name !== undefined) values.set(name, [...(values.get(name) ?? []), value]);
      }
      return values.has("port") && values.has("permitrootlogin") ? { values } : unreadable("sshd -T", output);
    });
  },
};

/**
 * The ssh server's effective configuration, in general or for one connection.
 * @example await expect(soe).toMeet(sshd().setting("PasswordAuthentication").is("no"));
 * @example await expect(soe).toMeet(sshd({ user: "backup", addr: "10.0.0.7" }).setting("forcecommand").is("/usr/bin/rrsync"));
 */
export function sshd(connection?: Connection) {
  const parts = Object.entries({ addr: "127.0.0.1", ...(connection ?? {}) });
  for (const [name, value] of parts)
    requireSubject(
      /^[^\s,=\0]+$/.test(value),
      `"${value}" is not a connection's ${name}`,
      "write one word without , and =",
    );
  // sshd wants all three where a Match block asks for one of them.
  const facts =
    connection === undefined
      ? ""
      : `user=${connection.user},host=${connection.host ?? "localhost"},addr=${connection.addr ?? "127.0.0.1"}`;
  const ask = about<Node, SshdSettings>({
    subject: connection === undefined ? "sshd" : `sshd for ${connection.user}`,
    command: `sshd -T${facts === "" ? "" : ` -C ${facts}`}`,
    observe: (node) => node.observe(sshdSettings, facts),
  });
  return {
    /** The server would start with its configuration. */
    isValid: () =>
      ask("is valid", (seen) =>
        verdict("values" in seen, "accepted by sshd", "values" in seen ? "accepted" : seen.refused),
      ),
    /** One setting by its name, in whichever case. A configuration that sshd refuses meets nothing. */
    setting(name: string) {
      requireSubject(/^[a-z][a-z0-9]+$/i.test(name), `"${name}" is not a setting's name`, "write it as in sshd_config");
      const key = name.toLowerCase();
      return {
        /** Exactly this value, as `sshd -T` prints it; of a setting with several, all of them in their order. */
        is: (...wanted: readonly [string, ...string[]]) =>
          ask(`setting ${name} is ${wanted.join(", ")}`, (seen) =>
            judge(
              seen,
              key,
              wanted.join(", "),
              (values) =>
                values.length === wanted.length && values.every((value, index) => same(value, wanted[index] ?? "")),
            ),
          ),
        /** One of its values, or one of the words that commas part, is this text, or has this pattern. */
        includes: (wanted: Wanted) =>
          ask(`setting ${name} includes ${sayWanted(wanted)}`, (seen) =>
            judge(seen, key, sayWanted(wanted), (values) =>
              values.some((value) =>
                typeof wanted === "string"
                  ? value === wanted || value.split(/[, ]/).includes(wanted)
                  : occurs(wanted, value),
              ),
            ),
          ),
      };
    },
  };
}

/** sshd has two names for one thing and prints the older one. */
function same(value: string, wanted: string): boolean {
  const older = (word: string) => (word === "prohibit-password" ? "without-password" : word);
  return older(value) === older(wanted);
}

function judge(
  seen: SshdSettings,
  key: string,
  expected: string,
  met: (values: readonly string[]) => boolean,
): Judgement {
  if ("refused" in seen) return verdict(false, expected, `sshd refuses its configuration: ${seen.refused}`);
  const values = seen.values.get(key);
  return verdict(values !== undefined && met(values), expected, values?.join(", ") ?? "sshd knows no such setting");
}
