// Decides which sentences can be said about a machine's SELinux: its mode, its policy and what that would decide. Only the mode can
// be told of a kernel without it; everything else is skipped there, with the reason.
import type { Check } from "../model/check.ts";
import { sayCommand } from "../model/exec.ts";
import type { Node } from "../model/node.ts";
import type { Judgement } from "../model/outcome.ts";
import { about, requireSubject, verdict } from "./question.ts";
import {
  type Access,
  accessDecision,
  type Decision,
  type NoSelinux,
  selinuxBooleanValue,
  selinuxModule,
} from "./selinux-policy.ts";
import { type SelinuxMode, type SelinuxState, selinuxState } from "./selinux-state.ts";
import { failedProbe } from "./unanswered.ts";

/**
 * The SELinux of a machine. In a container the checks reject: ask its carrier.
 * @example await expect(machine).toMeet(all(selinux().isEnforcing(), selinux().hasPolicy("default"), selinux().hasModule("container")));
 */
export function selinux() {
  const ask = about<Node, SelinuxState>({
    subject: "SELinux",
    command: "sestatus",
    observe: (node) => node.observe(selinuxState, "SELinux"),
  });
  const mode = (wanted: SelinuxMode) =>
    ask(`is ${wanted}`, (seen) => verdict(seen.mode === wanted, wanted, sayMode(seen)));
  const live = (predicate: string, judge: (seen: Exclude<SelinuxState, { mode: "disabled" }>) => Judgement) =>
    ask(predicate, (seen) => (seen.mode === "disabled" ? { skipped: seen.why } : judge(seen)));
  return {
    /** What the policy does not allow is denied. A single domain can still be permissive: see `allows`. */
    isEnforcing: () => mode("enforcing"),
    /** What the policy does not allow is logged, and allowed. */
    isPermissive: () => mode("permissive"),
    /** The kernel runs without SELinux, or no policy was loaded. */
    isDisabled: () => mode("disabled"),
    /** What the next boot will be by /etc/selinux/config. The kernel's command line can overrule it: see `kernel().hasArgument`. */
    isConfigured: (wanted: SelinuxMode) =>
      live(`is configured to be ${wanted}`, ({ configured }) =>
        verdict(configured === wanted, wanted, configured ?? "/etc/selinux/config does not say"),
      ),
    /** By its name, which is also its directory's: `default`, `targeted`, `mls`. */
    hasPolicy: (name: string) =>
      live(`has policy ${name}`, ({ policy }) =>
        verdict(policy === name, name, policy ?? "/etc/selinux/config names none"),
      ),
    /** Contexts have levels and categories, without which no two containers are apart. */
    hasCategories: () =>
      live("has categories", ({ mls }) => verdict(mls, "levels and categories", mls ? "both" : "neither")),
    /** The policy on the disk has the module, and it is not switched off. */
    hasModule(name: string): Check<Node, "installed" | "disabled" | "absent" | NoSelinux> {
      requireWord(name, "a module");
      return about<Node, "installed" | "disabled" | "absent" | NoSelinux>({
        subject: "SELinux",
        command: "semodule -lfull",
        observe: (node) => node.observe(selinuxModule, name),
      })(`has module ${name}`, (seen) =>
        typeof seen === "string" ? verdict(seen === "installed", "installed", seen) : { skipped: seen.without },
      );
    },
    /**
     * The loaded policy allows it, asked of the kernel itself. Types alone stand for contexts at level `s0`.
     * @example selinux().allows({ source: "container_t", target: "container_file_t", class: "file", permission: "write" })
     */
    allows: (access: Access) => decide(access, "allows", ({ allowed }) => allowed),
    /** The loaded policy denies it, and the domain is not a permissive one. */
    denies: (access: Access) => decide(access, "denies", ({ allowed, permissive }) => !allowed && !permissive),
  };
}

/**
 * A boolean of the loaded policy, as it is in force.
 * @example await expect(machine).toMeet(selinuxBoolean("container_use_nfs").isOff());
 */
export function selinuxBoolean(name: string) {
  requireWord(name, "a boolean");
  const ask = about<Node, boolean | NoSelinux | undefined>({
    subject: `SELinux boolean ${name}`,
    command: sayCommand(["getsebool", name]),
    observe: (node) => node.observe(selinuxBooleanValue, name),
  });
  const is = (wanted: boolean) =>
    ask(`is ${wanted ? "on" : "off"}`, (seen) =>
      typeof seen === "object"
        ? { skipped: seen.without }
        : verdict(
            seen === wanted,
            wanted ? "on" : "off",
            seen === undefined ? "the policy has no such boolean" : seen ? "on" : "off",
          ),
    );
  return { isOn: () => is(true), isOff: () => is(false) };
}

type Known = Exclude<Decision, { unknown: unknown }>;

function decide(
  access: Access,
  verb: "allows" | "denies",
  met: (decision: Known) => boolean,
): Check<Node, Known | NoSelinux> {
  const { source, target, class: kind, permission } = access;
  for (const word of [source, target, kind, permission]) requireWord(word, "a type, context, class or permission");
  return about<Node, Known | NoSelinux>({
    subject: "SELinux",
    command: sayCommand(["sesearch", "-A", "-s", source, "-t", target, "-c", kind, "-p", permission]),
    async observe(node) {
      const seen = await node.observe(accessDecision, access);
      // A typing error would make "denies" true for ever.
      if ("unknown" in seen)
        throw failedProbe(
          "the policy cannot be asked that",
          `it does not know the ${seen.unknown} ${access[seen.unknown]}`,
          "see whether the module that brings it is loaded, and how the word is spelt",
        );
      return seen;
    },
  })(`${verb} ${source} to ${permission} a ${kind} of type ${target}`, (seen) =>
    "without" in seen ? { skipped: seen.without } : verdict(met(seen), verb, sayDecision(seen)),
  );
}

function requireWord(word: string, what: string): void {
  requireSubject(
    /^[\w.:,-]+$/.test(word),
    `"${word}" is not the name of ${what}`,
    "use letters, digits and underscores",
  );
}

function sayMode(seen: SelinuxState): string {
  return seen.mode === "disabled" ? `disabled: ${seen.why}` : seen.mode;
}

function sayDecision({ allowed, audited, permissive }: Known): string {
  if (allowed) return "allowed";
  if (permissive) return "allowed, because the domain is permissive; the policy denies it";
  return audited ? "denied" : "denied, and not logged (dontaudit)";
}
