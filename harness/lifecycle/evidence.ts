// Decides where what a node leaves behind is kept: in the run's report, redacted, under the name of its stand-up.
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { EvidenceFile, PlannedResource } from "../drivers/driver.ts";
import { messageOf } from "../model/errors.ts";
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

interface Keeping extends Omit<Left, "node"> {
  readonly events: EventSink;
  of(resource: PlannedResource): Promise<readonly EvidenceFile[]>;
  /** What nobody should have to look for, and what could not be kept. */
  remark(node: string | undefined, text: string): void;
}

/** Keeps what there is of each node at once, and tells how long that took. Never rejects. */
export async function keepAll(
  resources: readonly PlannedResource[],
  { events, of, remark, ...where }: Keeping,
): Promise<void> {
  const began = performance.now();
  const keep = async (resource: PlannedResource) => {
    const files = await of(resource);
    const remarks = files.flatMap((file) => file.remark ?? []);
    if (remarks.length > 0) remark(resource.node, remarks.join("; "));
    await keepEvidence({ ...where, node: resource.node ?? "" }, files, events);
  };
  const nodes = resources.filter(({ node, kind }) => node !== undefined && kind !== "directory");
  await Promise.all(
    nodes.map((resource) =>
      keep(resource).catch((error: unknown) =>
        remark(resource.node, `evidence could not be kept: ${messageOf(error)}`),
      ),
    ),
  );
  events.say({ event: "overhead", at: Date.now(), of: "evidence", ms: performance.now() - began });
}
