// Decides which sentences can be said about one unit of systemd. What is said of the running unit needs a running systemd.
import type { Check } from "../model/check.ts";
import { sayCommand } from "../model/exec.ts";
import type { Node } from "../model/node.ts";
import type { Judgement } from "../model/outcome.ts";
import { about, requireSubject, verdict } from "./question.ts";
import { type LiveUnit, notRunning, type UnitFacts, type UnitProperty, unitFacts, unitProperty } from "./systemctl.ts";
import { excerpt, occurs, sayWanted, type Wanted } from "./wanted.ts";

const unitName = /^[\w:.\\@-]+\.(service|socket|target|timer|mount|automount|path|slice|scope|swap|device)$/;

/**
 * A unit of systemd by its whole name. On a node where systemd does not run (a container, mostly), `exists`, `isEnabled` and
 * `isMasked` are answered from the unit's files, and the others reject.
 *
 * @example await expect(soe).toMeet(all(unit("ssh.service").isActive(), unit("ssh.service").isEnabled()));
 * @example await expect(soe).toMeet(unit("apt-daily.timer").isScheduled());
 */
export function unit(name: string) {
  requireUnit(name);
  const subject = `unit ${name}`;
  const command = sayCommand(["systemctl", "status", name]);
  const observe = (node: Node) => node.observe(unitFacts, name);
  const ask = about<Node, UnitFacts>({ subject, command, observe });
  const askLive = about<Node, LiveUnit>({
    subject,
    command,
    observe: async (node) => requireLive(name, await observe(node)),
  });
  const ordered = (word: "after" | "before", other: string) => {
    requireUnit(other);
    return askLive(`is ordered ${word} ${other}`, (seen) => among(seen, seen[word], other, `${word} nothing`));
  };
  return {
    /** systemd has a file for it, masked or not. */
    exists: () => ask("exists", (seen) => verdict(seen.file !== "not-found", "a unit", sayFile(seen))),
    /** Started at boot or by what installs it: `static` units, which only others start, are not. */
    isEnabled: () =>
      ask("is enabled", (seen) =>
        verdict(["enabled", "enabled-runtime", "alias"].includes(seen.file), "enabled", sayFile(seen)),
      ),
    isMasked: () => ask("is masked", (seen) => verdict(/^masked(-runtime)?$/.test(seen.file), "masked", sayFile(seen))),
    /** Runs, or has done what it is for and stays active. */
    isActive: () => askLive("is active", (seen) => verdict(seen.active === "active", "active", sayState(seen))),
    isFailed: () => askLive("is failed", (seen) => verdict(seen.active === "failed", "failed", sayState(seen))),
    /** Where both are started, it is started after the other one. */
    isAfter: (other: string) => ordered("after", other),
    isBefore: (other: string) => ordered("before", other),
    /** Required or wanted by the other one, which starts it. */
    isWantedBy(other: string): Check<Node, LiveUnit> {
      requireUnit(other);
      return askLive(`is wanted by ${other}`, (seen) => among(seen, seen.pulledBy, other, "by nothing"));
    },
    /** It requires or wants the other one. */
    wants(other: string): Check<Node, LiveUnit> {
      requireUnit(other);
      return askLive(`wants ${other}`, (seen) => among(seen, seen.pulls, other, "nothing"));
    },
    /**
     * A property as `systemctl show` writes it: text is the whole value, a pattern is searched in it.
     * @example unit("ssh.service").hasProperty("Restart", "on-failure")
     * @example unit("mongod.service").hasProperty("LimitNOFILE", "64000")
     */
    hasProperty(property: string, wanted: Wanted) {
      requireSubject(
        /^[A-Z][A-Za-z0-9]*$/.test(property),
        `"${property}" is not a property`,
        'write it as in "Restart"',
      );
      return about<Node, UnitProperty>({
        subject,
        command: sayCommand(["systemctl", "show", "-p", property, name]),
        observe: (node) => node.observe(unitProperty, `${name} ${property}`),
      })(`has ${property} ${sayWanted(wanted)}`, ({ load, value }) =>
        verdict(
          load !== "not-found" && (typeof wanted === "string" ? value === wanted : occurs(wanted, value)),
          sayWanted(wanted),
          load === "not-found" ? "there is no such unit" : excerpt(value),
        ),
      );
    },
    /** A timer that will elapse again. */
    isScheduled: () =>
      askLive("is scheduled", (seen) =>
        verdict(seen.active === "active" && seen.next !== "", "a next run", seen.next || `none; ${sayState(seen)}`),
      ),
  };
}

/** What the running systemd knows; where it does not run, an `ObservationError`: files do not tell a state. */
export function requireLive(name: string, { live }: UnitFacts): LiveUnit {
  if (live !== undefined) return live;
  throw notRunning(`cannot see the state of ${name}`);
}

function requireUnit(name: string): void {
  requireSubject(
    unitName.test(name),
    `"${name}" is not the name of a unit`,
    'write it whole, as in "ssh.service" or "logrotate.timer"',
  );
}

function among(seen: LiveUnit, list: readonly string[], wanted: string, none: string): Judgement {
  const met = list.includes(wanted);
  return verdict(
    met,
    wanted,
    seen.load === "not-found" ? "there is no such unit" : met ? wanted : list.join(", ") || none,
  );
}

function sayFile({ file, live }: UnitFacts): string {
  if (file === "not-found") return "there is no such unit";
  return live === undefined ? `${file}, by its files` : file;
}

/** `failed (exit-code, status 3)` */
function sayState({ load, active, sub, result, status }: LiveUnit): string {
  if (load === "not-found") return "there is no such unit";
  if (load === "masked") return "masked";
  const why = active === "failed" ? ` (${result}${status === 0 ? "" : `, status ${status}`})` : ` (${sub})`;
  return `${active}${why}`;
}
