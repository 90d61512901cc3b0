// Decides how a playbook is applied to live nodes: its counted files, ansible on this machine, tasks on the nodes by their own
// transports. A host that fails stops none of the others; afterwards it is told which failed, by which task, and what that said.
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Hosts, Playbook, Played } from "../model/playbook.ts";
import { BuildLog } from "../store/build-log.ts";
import { contextFiles, stageFiles } from "../store/context-files.ts";
import { runAnsible } from "../store/steps-ansible.ts";
import { inventoryOf, titleIn } from "./inventory.ts";
import { openPassage } from "./passage.ts";
import { toldBy } from "./told.ts";
import { wrongWith } from "./verdict.ts";

/** Where a playbook is applied from. */
export interface PlayPlace {
  /** Directory for what is gone afterwards; goes with the run that owns it. */
  readonly directory: string;
  /** File for ansible's whole output, redacted. */
  readonly log: string;
  readonly signal?: AbortSignal | undefined;
}

/** More hosts at a time than this keep a machine busy with Python. */
const mostForks = 4;

/** What came of a playbook, also where something is wrong with it. */
export interface Applied {
  readonly played: Played;
  /** See `wrongWith`. */
  readonly wrong: Error | undefined;
}

/**
 * Applies a playbook and resolves with what came of it on each host, once all of them have been done or have failed. Rejects with a
 * `DeclarationError` for hosts that it cannot be applied to, or a file that is missing, before any of them is touched.
 */
export async function applyToNodes(playbook: Playbook, hosts: Hosts, at: PlayPlace): Promise<Applied> {
  const inventory = inventoryOf(playbook, hosts);
  const files = await contextFiles(playbook);
  await mkdir(at.directory, { recursive: true });
  await mkdir(dirname(at.log), { recursive: true });
  const scratch = await mkdtemp(join(at.directory, "play-"));
  const log = new BuildLog(at.log);
  try {
    const context = join(scratch, "context");
    await stageFiles(playbook, files, context);
    const passage = await openPassage(scratch, inventory.nodes, playbook.timeoutMs);
    const place = { recipe: playbook.name, tree: "/", scratch, context, log, signal: at.signal, environment: {} };
    let status: number;
    try {
      status = await runAnsible(place, playbook.steps[0], {
        inventory: inventory.text,
        settings: {
          ASSAY_PLAY_SOCKET: passage.socket,
          ANSIBLE_CONNECTION_PLUGINS: join(import.meta.dirname, "ansible/connection"),
          ANSIBLE_CALLBACK_PLUGINS: join(import.meta.dirname, "ansible/callback"),
          ANSIBLE_CALLBACKS_ENABLED: "assay",
          // Not in the inventory, where they would go before what a task says itself.
          ANSIBLE_TRANSPORT: "assay",
          ANSIBLE_PYTHON_INTERPRETER: "python3",
          ANSIBLE_REMOTE_USER: "root",
          ANSIBLE_FORKS: String(mostForks),
          ANSIBLE_LOCALHOST_WARNING: "0",
          ANSIBLE_DEPRECATION_WARNINGS: "0",
        },
      });
    } finally {
      await passage.close();
    }
    const told = toldBy(playbook.name, passage.told, (host) => titleIn(inventory, host));
    return { played: told.played, wrong: wrongWith(playbook, { told, inventory, passage, status, log }) };
  } finally {
    await log.close();
    await rm(scratch, { recursive: true, force: true });
  }
}
