// Decides how a stack of services is measured: in a run of its own, whose supervisor clears up.
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { hostNode } from "../drivers/shell-node.ts";
import type { Measuring } from "./measure.ts";
import { stackRows } from "./stack-rows.ts";
import type { Row } from "./table.ts";
import { toldBy } from "./told.ts";

/** All rows of the stack. */
export async function measureStack({ config, say, rounds, warmUp }: Measuring): Promise<Row[]> {
  mkdirSync(join(config.state, "bench"), { recursive: true });
  const room = mkdtempSync(join(config.state, "bench", "work-"));
  const host = hostNode();
  try {
    const settings = { answer: join(room, "answer.json"), warmUp, rounds };
    return stackRows(await toldBy({ config, host, say, settings }, "/stack.bench"));
  } finally {
    await host.close();
    rmSync(room, { recursive: true, force: true });
  }
}
