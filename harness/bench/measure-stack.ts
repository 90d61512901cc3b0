// Decides how a stack of services is measured: in a run of its own, whose supervisor clears up.
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { hostNode } from "../drivers/shell-node.ts";
import type { Measuring } from "./measure.ts";
import { resetRows, stackRows } from "./stack-rows.ts";
import type { Row } from "./table.ts";
import { type Told, toldBy } from "./told.ts";

/** Rows of the stack on this machine's engine. */
export async function measureStack(measuring: Measuring): Promise<Row[]> {
  return stackRows(await told(measuring, "/stack.bench"));
}

/** The row of the stack on the engine of a machine, which takes a quarter of an hour where that is emulated. */
export async function measureStackReset(measuring: Measuring): Promise<Row[]> {
  return resetRows(await told(measuring, "/stack-reset.bench"));
}

async function told({ config, say, rounds, warmUp }: Measuring, pattern: string): Promise<Told> {
  mkdirSync(join(config.state, "bench"), { recursive: true });
  const room = mkdtempSync(join(config.state, "bench", "work-"));
  const host = hostNode();
  try {
    const settings = { answer: join(room, "answer.json"), warmUp, rounds };
    return await toldBy({ config, host, say, settings }, pattern);
  } finally {
    await host.close();
    rmSync(room, { recursive: true, force: true });
  }
}
