// Decides who is asked and what is said before anything of the machine is changed; the steps themselves are in host/.
import { join } from "node:path";
import { type Config, readConfig } from "../config.ts";
import type { Telling } from "../host/carry-out.ts";
import { learnSetup } from "../host/learn.ts";
import { type Plan, planSetup, type Step, sayStep } from "../host/plan.ts";
import { dockerdLog } from "../host/plan-docker.ts";
import { podmanLog } from "../host/plan-podman.ts";
import { ExitCode, ProvisionError } from "../model/errors.ts";
import { thisHost } from "./this-host.ts";

/** `assay setup`: does what is missing. 0 when all is there at the end, 3 when it stopped before doing anything. */
export async function setupCommand(options: { readonly yes?: boolean }): Promise<number> {
  const config = readConfig();
  const { plan, root } = await look(config);
  if (plan.steps?.length === 0) {
    console.log("Nothing to do: all that Assay needs is here and runs.");
    return ExitCode.met;
  }
  if (!root) return needsRoot(plan, config, "sudo npx assay setup --yes");
  console.log(tellSteps(stepsOf(plan), config));
  if (options.yes !== true && !(await agreed())) return ExitCode.couldNotAsk;
  await carryOutLocked(config);
  console.log("All that Assay needs is here and runs.");
  return ExitCode.met;
}

/**
 * What `npm start` and `npm test` begin with: all that is missing is done without a question, as the two commands promise.
 * Says nothing where there is nothing to do, which takes some 10 ms. 0 to go on, else the exit code to stop with.
 */
export async function setUpFirst(command: string): Promise<number> {
  const config = readConfig();
  const { plan, root } = await look(config);
  if (!root) return needsRoot(plan, config, `sudo ${command}`);
  if (stepsOf(plan).length > 0) await carryOutLocked(config);
  return ExitCode.met;
}

async function look(config: Config): Promise<{ readonly plan: Plan; readonly root: boolean }> {
  const facts = await learnSetup(thisHost(config));
  return { plan: planSetup(facts), root: facts.uid === 0 };
}

function stepsOf(plan: Plan): readonly Step[] {
  if (plan.blocked === undefined) return plan.steps;
  throw new ProvisionError({ code: "setup-blocked", phase: "setup", ...plan.blocked });
}

/** Root finds out by itself what an unprivileged user cannot even look at: a blocked plan says nothing more here. */
function needsRoot(plan: Plan, config: Config, command: string): number {
  if (plan.blocked === undefined && plan.steps.length > 0) console.error(tellSteps(plan.steps, config));
  console.error(`Root is needed; nothing was changed. Run:\n  ${command}\nor become root and run it without sudo.`);
  return ExitCode.couldNotAsk;
}

function tellSteps(steps: readonly Step[], { state }: Config): string {
  return ["To do:", ...steps.map((step) => `  # ${step.title}\n  ${sayStep(step, logOf(step, state))}`)].join("\n");
}

function logOf(step: Step, state: string): string {
  return step.kind === "daemon" && step.daemon === "podman" ? podmanLog(state) : dockerdLog(state);
}

/** Asks on a terminal; elsewhere nobody can answer, so it says how to agree and takes it as a no. */
async function agreed(): Promise<boolean> {
  if (process.stdin.isTTY !== true) {
    console.error("Nothing was changed. To have it done: npx assay setup --yes");
    return false;
  }
  const { createInterface } = await import("node:readline/promises");
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  try {
    const answer = await terminal.question("Do this now? [y/N] ");
    const yes = /^y(es)?$/i.test(answer.trim());
    if (!yes) console.log("Nothing was changed.");
    return yes;
  } finally {
    terminal.close();
  }
}

/** Looks once more under the lock: another setup may just have done it all. */
async function carryOutLocked(config: Config): Promise<void> {
  const { holdLock } = await import("../host/lock.ts");
  const { carryOut } = await import("../host/carry-out.ts");
  const tell = telling(config);
  using _lock = await holdLock(join(config.state, "setup.lock"), () => tell.say("another setup is at work: waiting"));
  let left = stepsOf((await look(config)).plan);
  // What a package brings may show more to do, a user of its own for instance: once.
  for (let round = 1; round <= 2 && left.length > 0; round += 1) {
    await carryOut(left, config.state, tell);
    left = stepsOf((await look(config)).plan);
  }
  // What may fail has said so, and stops nothing.
  left = left.filter((step) => step.kind !== "command" || step.mayFail !== true);
  if (left.length > 0)
    throw new ProvisionError({
      code: "setup-incomplete",
      phase: "setup",
      seen: `every step went well, and this is still to do: ${left.map(({ title }) => title).join("; ")}`,
      hint: "assay doctor shows more",
    });
}

function telling({ live }: Config): Telling {
  const wipe = live ? "\r\u001b[2K" : "";
  return {
    say: (line) => console.log(`${wipe}setup: ${line}`),
    now: (line) => {
      if (live) process.stdout.write(`${wipe}  ${line.slice(0, (process.stdout.columns ?? 80) - 4)}`);
    },
  };
}
