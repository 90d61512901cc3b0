// Decides in which order a recipe's steps are applied, and how each is told.
import { sayMs } from "../model/duration.ts";
import { sayCommand } from "../model/exec.ts";
import type { Step } from "../model/recipe.ts";
import { applyPlaybook } from "./steps-ansible.ts";
import { copyIntoTree } from "./steps-copy.ts";
import { runInTree } from "./steps-run.ts";
import type { Workplace } from "./steps-tool.ts";

/** Applies the steps in their order; `say` gets a line as each ends. The first failure rejects. */
export async function applySteps(place: Workplace, steps: readonly Step[], say: (line: string) => void): Promise<void> {
  for (const step of steps) {
    const started = performance.now();
    place.log.begin(titleOf(step));
    await apply(place, step);
    say(`${titleOf(step)}: ${sayMs(performance.now() - started)}`);
  }
}

function apply(place: Workplace, step: Step): Promise<void> {
  if (step.step === "ansible") return applyPlaybook(place, step);
  return step.step === "run" ? runInTree(place, step) : copyIntoTree(place, step);
}

/** A step in a few words. */
export function titleOf(step: Step): string {
  if (step.step === "ansible") return `ansible ${step.playbook}`;
  return step.step === "run" ? `run ${sayCommand(step.command)}` : `copy ${step.source} to ${step.target}`;
}
