// Decides what nsupdate(1) is told, and what its words mean. Pure. Refuses names and addresses that could be read as anything else.
import { isIPv4 } from "node:net";
import { domainPattern, type Publication } from "../model/publication.ts";
import { reverseName } from "../model/reverse-name.ts";

/** What one node is called on one network. */
export interface NodeNames {
  readonly node: string;
  readonly network: string;
  /** With all that they end with; the first is what its address is called. */
  readonly names: readonly [string, ...string[]];
  readonly address: string;
}

/** One message to a name server: all of it is done, or nothing. */
export interface Update {
  /** The zone it changes, as far as it is known beforehand. */
  readonly about: string;
  /** For nsupdate's standard input; holds the key. */
  readonly script: string;
}

export type Change = "publish" | "withdraw";

/**
 * The updates by which names appear, in place of what these stood for before, or by which they are gone: one for the names, and
 * one for each 256 addresses, as no zone of addresses is smaller by custom.
 */
export function updatesFor(
  change: Change,
  nodes: readonly NodeNames[],
  { server, domain, publish: { key, ttl, reverse } }: { server: string; domain: string; publish: Publication },
): readonly Update[] {
  const names = nodes.flatMap((each) =>
    each.names.map((name) => ({ name, type: "A", value: wellMade(each.address, isIPv4) })),
  );
  const addresses = nodes.map(({ names: [first], address }) => ({
    name: reverseName(address),
    type: "PTR",
    value: `${first}.`,
  }));
  const zones = Map.groupBy(reverse ? addresses : [], ({ name }) => name.replace(/^[^.]+\./, ""));
  const head = [`server ${server}`, `key ${key.algorithm}:${key.name} ${key.secret.reveal()}`];
  return [[domain, names] as const, ...zones]
    .filter(([, records]) => records.length > 0)
    .map(([about, records]) => ({ about, script: [...head, ...lines(change, records, ttl), "send", ""].join("\n") }));
}

interface Wanted {
  readonly name: string;
  readonly type: string;
  readonly value: string;
}

function lines(change: Change, records: readonly Wanted[], ttl: number): string[] {
  const said = records.map(({ name, type, value }) => ({ name: wellMade(name, isName), type, value }));
  // Of what is withdrawn only what was published goes.
  if (change === "withdraw") return said.map(({ name, type, value }) => `update delete ${name}. ${type} ${value}`);
  return said.flatMap(({ name, type, value }) => [
    `update delete ${name}. ${type}`,
    `update add ${name}. ${ttl} ${type} ${value}`,
  ]);
}

const isName = (text: string) => domainPattern.test(text);

/** A line of the script holds words: a line break in one would be another command. */
function wellMade(word: string, is: (word: string) => boolean): string {
  if (!is(word)) throw new TypeError(`${JSON.stringify(word)} cannot be published`);
  return word;
}

/** Why nsupdate failed: a code, what was seen, what to do. */
export interface Refusal {
  readonly code: string;
  readonly seen: string;
  readonly hint: string;
}

/** What status and words of a failed nsupdate mean. */
export function readRefusal(
  { status, stdout, stderr }: { readonly status: number; readonly stdout: string; readonly stderr: string },
  about: string,
  key: string,
): Refusal {
  const said = `${stderr}\n${stdout}`;
  const word = /update failed: (\S+)/.exec(said)?.[1] ?? /Communication with \S+ failed: (.+)/.exec(said)?.[1];
  const quoted = said.trim().replace(/\s*\n\s*/g, "; ") || `status ${status}`;
  const refusal = (code: string, seen: string, hint: string) => ({ code, seen: `${seen} (${quoted})`, hint });
  if (status === 126 || status === 127)
    return refusal("no-nsupdate", "nsupdate is not there", "add it to the server's image: bind9-dnsutils has it");
  switch (word) {
    case "NOTAUTH(BADKEY)":
      return refusal(
        "update-refused",
        `the name server knows no such key "${key}"`,
        "compare the key's name and algorithm with its configuration",
      );
    case "NOTAUTH(BADSIG)":
      return refusal(
        "update-refused",
        `the name server has another secret for the key "${key}"`,
        "give both the same secret",
      );
    case "NOTAUTH(BADTIME)":
      return refusal("update-refused", "the name server's clock and nsupdate's differ", "set the server's clock");
    case "NOTAUTH":
    case "NOTZONE":
      return refusal("no-zone", `the name server has no zone for ${about}`, "add the zone to its configuration");
    case "REFUSED":
      return /^update failed/m.test(said)
        ? refusal(
            "update-refused",
            `the name server lets the key "${key}" change nothing of ${about}`,
            "see allow-update and update-policy of the zone",
          )
        : refusal(
            "no-zone",
            `the name server has no zone for ${about}, or lets nobody ask`,
            "add the zone to its configuration",
          );
    case "SERVFAIL":
      return refusal(
        "update-failed",
        `the name server could not change ${about}`,
        "read its log: it may not be allowed to write beside the zone's file",
      );
    case "connection refused":
    case "timed out":
      return refusal("no-answer", "the name server does not answer", "see whether it runs and listens on its network");
    default:
      return refusal("update-failed", `names of ${about} could not be changed`, "read the name server's log");
  }
}
