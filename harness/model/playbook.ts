// Decides what a playbook for live nodes is, what it is applied to, and what comes of it. Data only; `plays/` applies it.
import { isAbsolute, resolve } from "node:path";
import { z } from "zod";
import { callSite } from "./call-site.ts";
import type { Node } from "./node.ts";
import { duration } from "./option-words.ts";
import { readOptions } from "./options.ts";
import { type AnsibleStep, ansible } from "./recipe.ts";
import type { Secret } from "./secret.ts";

/** A playbook with its roles and variables. Its files count as a recipe's do: what is not among them, it does not see. */
export interface Playbook {
  readonly kind: "playbook";
  /** Path of its file, relative to the context. */
  readonly name: string;
  readonly steps: readonly [AnsibleStep];
  /** Absolute directory that paths are relative to. */
  readonly context: string;
  /** How long one command on a node may take. */
  readonly timeoutMs: number;
  /** `file:line:column` of the declaration. */
  readonly at: string | undefined;
}

const playbookOptions = z.strictObject({
  roles: z.string().min(1).optional(),
  vars: z.record(z.string(), z.unknown()).default({}),
  vault: z.unknown().optional(),
  timeout: duration.default(600_000),
  context: z
    .string()
    .refine(isAbsolute, "not an absolute path; write import.meta.dirname")
    .transform((path) => resolve(path)),
});

export interface PlaybookOptions {
  /** Directory of roles, relative to the context. */
  readonly roles?: string;
  /** Extra variables; a secret's value travels by file and is never shown. */
  readonly vars?: Readonly<Record<string, unknown>>;
  /** Password for ansible-vault. */
  readonly vault?: Secret;
  /** How long one command on a node may take, default `10m`. */
  readonly timeout?: z.input<typeof playbookOptions>["timeout"];
  /** Directory that paths are relative to: `import.meta.dirname`. */
  readonly context: string;
}

/**
 * Declares a playbook that `play` applies to live nodes. Plain data: nothing is read until then. The same files may be a recipe's
 * `ansible` step.
 *
 * @example
 * export const nfsClient = playbook("client.yml", { roles: "roles", vars: { nfs_server: "10.0.0.2" }, context: import.meta.dirname });
 */
export function playbook(file: string, options: PlaybookOptions): Playbook {
  const { context, timeout, roles, vars } = readOptions(`playbook ${file}`, playbookOptions, options);
  const { vault } = options;
  const step = ansible({
    playbook: file,
    vars,
    ...(roles === undefined ? {} : { roles }),
    ...(vault === undefined ? {} : { vault }),
  });
  return { kind: "playbook", name: file, steps: [step], context, timeoutMs: timeout, at: callSite() };
}

/**
 * Group of the inventory → its nodes. One that is named `all` holds those that are in no other. A group without a node is known to the
 * playbook as empty.
 */
export type Hosts = Readonly<Record<string, Node | readonly Node[]>>;

/** What came of one task on one host. */
export interface PlayedTask {
  /** As ansible calls it: `nfs-client : The mount point`. */
  readonly task: string;
  /** `ignored`: it failed, and the playbook goes on all the same. */
  readonly outcome: "ok" | "failed" | "ignored" | "skipped" | "unreachable";
  /** It changed something, as ansible counts that. */
  readonly changed: boolean;
  /** What the module said: its message, output and errors; the end of it where it is long. */
  readonly said: string;
}

/** What came of a playbook on one host: ansible's own counts, and its tasks in their order. */
export interface PlayedHost {
  /** `environment/node` */
  readonly node: string;
  readonly ok: number;
  readonly changed: number;
  readonly failed: number;
  readonly unreachable: number;
  readonly skipped: number;
  readonly tasks: readonly PlayedTask[];
}

/** What came of a playbook. */
export interface Played {
  readonly playbook: string;
  /** By the node's name; those alone that a play was meant for. */
  readonly hosts: Readonly<Record<string, PlayedHost>>;
}
