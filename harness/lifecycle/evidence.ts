// Decides where what a node leaves behind is kept: in the run's report, redacted, under the name of its stand-up.
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { EvidenceFile } from "../drivers/driver.ts";
import type { EventSink } from "../model/event.ts";
import { redact } from "../model/secret.ts";

/** Whose evidence it is, and where reports are. */
export interface Left {
  readonly environment: string;
  readonly scope: string;
  readonly node: string;
  /** The run's report directory. */
  readonly report: string;
}

/** Writes a node's files, and tells of each. */
export async function keepEvidence(
  { environment, scope, node, report }: Left,
  files: readonly EvidenceFile[],
  events: EventSink,
): Promise<void> {
  const folder = join("evidence", `${environment}-${scope}`);
  await mkdir(join(report, folder), { recursive: true });
  for (const { title, name, content } of files) {
    const path = join(folder, `${node}.${name}`);
    await writeFile(join(report, path), typeof content === "string" ? redact(content) : content);
    events.say({ event: "evidence", at: Date.now(), environment, scope, node, title, path });
  }
}
