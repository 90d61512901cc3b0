// Decides what is wrong after a playbook was applied, and whose fault it is: the declaration's, a role's on some host, or nobody's, as a
// host could not be asked.
import { AssertionError } from "node:assert";
import {
  DeclarationError,
  type HarnessError,
  ObservationError,
  ProvisionError,
  TransportError,
} from "../model/errors.ts";
import type { Playbook } from "../model/playbook.ts";
import type { BuildLog } from "../store/build-log.ts";
import { ansibleFailure } from "../store/steps-ansible.ts";
import type { Inventory } from "./inventory.ts";
import type { Passage } from "./passage.ts";
import { brokenTask, sayTask, type Told } from "./told.ts";

/** All that is known when ansible has ended. */
export interface Ended {
  readonly told: Told;
  readonly inventory: Inventory;
  readonly passage: Pick<Passage, "lost" | "withoutPython">;
  /** Of ansible-playbook. */
  readonly status: number;
  readonly log: Pick<BuildLog, "lines" | "path">;
}

/** `undefined` where each host that it was meant for was done. */
export function wrongWith(
  playbook: Pick<Playbook, "name" | "at">,
  ended: Ended,
): HarnessError | AssertionError | undefined {
  return strangers(playbook, ended) ?? unread(playbook, ended) ?? broken(playbook, ended);
}

/** A play that is meant for nobody says nothing, and ansible calls that a success. */
function strangers({ name, at }: Pick<Playbook, "name" | "at">, { told, inventory, status }: Ended) {
  const known = [...inventory.groups, ...inventory.nodes.keys()];
  const nobody = status === 0 && Object.keys(told.played.hosts).length === 0;
  const stranger = told.unmatched.find((each) => !known.includes(each)) ?? (nobody ? told.unmatched[0] : undefined);
  if (stranger === undefined) return undefined;
  return new DeclarationError({
    code: "no-host",
    at,
    seen: `playbook ${name} is for hosts "${stranger}", and no host is that`,
    hint: `the inventory has ${known.join(", ")}`,
  });
}

function unread({ name, at }: Pick<Playbook, "name" | "at">, { told, status, log }: Ended) {
  if (told.ended) return undefined;
  const seen = `playbook ${name}: ${ansibleFailure(log.lines, status)}`;
  const hint = `ansible's whole output is in ${log.path}`;
  if (log.lines.some((line) => line.startsWith("ERROR!")))
    return new DeclarationError({ code: "bad-playbook", at, seen, hint });
  return new ProvisionError({ code: "ansible-failed", phase: "exec", seen, hint });
}

function broken({ name }: Pick<Playbook, "name">, { told, passage, status, log }: Ended) {
  const hosts = Object.entries(told.played.hosts);
  const hit = hosts.flatMap(([host, played]) => {
    const task = brokenTask(played);
    const why = passage.withoutPython.has(host) ? "bare" : played.failed > 0 ? "failed" : "lost";
    return task === undefined ? [] : [{ host, node: played.node, why, said: `${played.node}: ${sayTask(task)}` }];
  });
  const hint = `ansible's whole output is in ${log.path}`;
  if (hit.length === 0) {
    if (status === 0) return undefined;
    const seen = `playbook ${name}: ${ansibleFailure(log.lines, status)}`;
    return new ProvisionError({ code: "ansible-failed", phase: "exec", seen, hint });
  }
  const done = hosts.map(([host]) => host).filter((host) => !hit.some((each) => each.host === host));
  const others = done.length === 0 ? "" : `; done on ${done.join(", ")}`;
  const seen = [
    `playbook ${name} failed on ${hit.length} of ${hosts.length} hosts${others}`,
    ...hit.map(({ said }) => `  ${said}`),
  ].join("\n");
  // What a role did wrong is known, even where another host could not be asked.
  if (hit.some(({ why }) => why === "failed"))
    return new AssertionError({ message: `${seen}\n  ${hint}`, operator: "play" });
  const [first] = hit.filter(({ why }) => why === "bare");
  if (first !== undefined)
    return new ObservationError({
      code: "no-python",
      phase: "exec",
      node: first.node,
      seen: `it has no python3, by which ansible does its tasks; ${seen}`,
      hint: 'add "python3" to what its image includes',
    });
  const [lost] = hit;
  return new TransportError({
    code: "unreachable",
    phase: "exec",
    ...(lost === undefined ? {} : { node: lost.node }),
    seen,
    hint,
    cause: passage.lost.get(lost?.host ?? ""),
  });
}
