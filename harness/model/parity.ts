// Decides what it means that two environments are to be alike: the same specs, held against each, and the differences that are meant.
import { z } from "zod";
import { callSite } from "./call-site.ts";
import type { Environment } from "./environment.ts";
import { DeclarationError } from "./errors.ts";
import { readOptions } from "./options.ts";

const intended = z.strictObject({
  /** The check's title, as the report has it; or a part of it. */
  check: z.union([z.string().min(1), z.instanceof(RegExp)]),
  /** Why it is meant. */
  why: z.string().min(1),
});
const parityOptions = z.strictObject({
  environments: z
    .array(z.custom<Environment>((value) => typeof value === "object" && value !== null && "nodes" in value))
    .length(2, "two environments are compared"),
  specs: z.array(z.string().min(1)).min(1),
  intended: z.array(intended).default([]),
});

export interface IntendedDifference {
  readonly check: string | RegExp;
  readonly why: string;
}

/** Two environments that are to be alike. */
export interface Parity<Sides extends readonly [Environment, Environment] = readonly [Environment, Environment]> {
  readonly kind: "parity";
  readonly name: string;
  readonly environments: Sides;
  /** Behaviours: each has a spec file `<environment>-<behaviour>.spec.ts` for either. */
  readonly specs: readonly string[];
  readonly intended: readonly IntendedDifference[];
  readonly at: string | undefined;
}

/**
 * Declares that two environments are to be alike. Their specs hold the same checks against each; `assay parity <name>` runs them
 * and shows what differs, with what is meant apart.
 *
 * @example
 * export const soeParity = defineParity("soe", {
 *   environments: [dockerSoe, kvmSoe],
 *   specs: ["bash", "studio"],
 *   intended: [{ check: "package systemd", why: "a container has no init" }],
 * });
 */
export function defineParity<const Sides extends readonly [Environment, Environment]>(
  name: string,
  options: {
    readonly environments: Sides;
    readonly specs: readonly string[];
    readonly intended?: readonly IntendedDifference[];
  },
): Parity<Sides> {
  const at = callSite();
  const { specs, intended } = readOptions(`parity ${name}`, parityOptions, options);
  const [left, right] = options.environments;
  const [nodes, others] = [left, right].map((each) => Object.keys(each.nodes).sort().join(", "));
  if (left.name === right.name || nodes !== others)
    throw new DeclarationError({
      code: "not-comparable",
      at,
      seen:
        left.name === right.name
          ? `parity ${name} compares ${left.name} with itself`
          : `parity ${name}: ${left.name} has the nodes ${nodes}, ${right.name} has ${others}`,
      hint: "give two environments whose nodes have the same names",
    });
  return { kind: "parity", name, environments: options.environments, specs, intended, at };
}
