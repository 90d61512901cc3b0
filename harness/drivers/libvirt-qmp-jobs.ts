// Decides how QEMU's jobs are waited for (by their events, never by asking again), and how memory and disks are kept and brought back.
import { ProvisionError } from "../model/errors.ts";
import type { Qmp, QmpEvent } from "./libvirt-qmp.ts";

/** A block node as query-named-block-nodes tells it; only what is read here. */
interface BlockNode {
  readonly "node-name": string;
  readonly drv: string;
  readonly ro: boolean;
  readonly file: string;
  readonly image: { readonly snapshots?: readonly { readonly name: string; readonly "vm-state-size": number }[] };
}

let jobs = 0;

/**
 * Starts a job by `command`, with an id of its own among `options`, and resolves when it has concluded well. Rejects with
 * `job-failed` and QEMU's words when it has not, `deadline` after `timeoutMs` (default 120 000; the job is then cancelled).
 */
export async function runJob(
  qmp: Qmp,
  command: string,
  options: Readonly<Record<string, unknown>>,
  { timeoutMs = 120_000 }: { readonly timeoutMs?: number } = {},
): Promise<void> {
  const id = `assay-${process.pid}-${++jobs}`;
  const over = new AbortController();
  const timer = setTimeout(() => over.abort(tooSlow(command, timeoutMs)), timeoutMs);
  const concluded = qmp.nextEvent((event) => isEnd(event, id), over.signal);
  // It is waited for below; where the command itself is refused, nobody does.
  concluded.catch(() => undefined);
  try {
    await qmp.execute(command, { "job-id": id, ...options });
    await concluded;
    const all = (await qmp.execute("query-jobs")) as readonly { readonly id: string; readonly error?: string }[];
    const failure = all.find((job) => job.id === id)?.error;
    await qmp.execute("job-dismiss", { id });
    if (failure !== undefined) throw failed(command, failure);
  } catch (error) {
    if (error === over.signal.reason) await qmp.execute("job-cancel", { id }).catch(() => undefined);
    throw error;
  } finally {
    clearTimeout(timer);
    over.abort();
  }
}

function isEnd({ event, data }: QmpEvent, id: string): boolean {
  return event === "JOB_STATUS_CHANGE" && data["id"] === id && data["status"] === "concluded";
}

/**
 * Keeps memory and all writable disks under a name, in the disks' own files. The guest stands still meanwhile and then runs on if it
 * ran. Rejects with `no-snapshot` when a writable disk has a format that cannot keep one, and for a machine without any.
 */
export async function snapshotSave(qmp: Qmp, tag: string): Promise<void> {
  const devices = writableNames(await blockNodes(qmp));
  const [vmstate] = devices;
  if (vmstate === undefined) throw noSnapshot("the machine has no writable qcow2 disk to keep its memory in");
  await runJob(qmp, "snapshot-save", { tag, vmstate, devices });
}

/**
 * Brings memory and disks back to what `snapshotSave` kept, in this very QEMU: its sockets stay. A guest that ran runs on, one that was
 * stopped stays so. Disks that were plugged in since must be out. The guest's clock is behind afterwards and its random pool repeats: that
 * is for the caller to mend. Rejects with `no-snapshot` when the name is not there; when the load itself fails the guest does not run.
 */
export async function snapshotLoad(qmp: Qmp, tag: string): Promise<void> {
  const nodes = await blockNodes(qmp);
  const state = nodes.find(({ image }) =>
    image.snapshots?.some((snapshot) => snapshot.name === tag && snapshot["vm-state-size"] > 0),
  );
  if (state === undefined) throw noSnapshot(`no writable disk has a snapshot "${tag}" with a memory`);
  await runJob(qmp, "snapshot-load", { tag, vmstate: state["node-name"], devices: writableNames(nodes) });
}

/** Forgets what `snapshotSave` kept; the space is used again. A name that is not there is success. */
export async function snapshotDelete(qmp: Qmp, tag: string): Promise<void> {
  const devices = (await blockNodes(qmp))
    .filter(({ image }) => image.snapshots?.some(({ name }) => name === tag) === true)
    .map((node) => node["node-name"]);
  if (devices.length > 0) await runJob(qmp, "snapshot-delete", { tag, devices });
}

/** Names of the snapshots that have a memory. */
export async function snapshotTags(qmp: Qmp): Promise<readonly string[]> {
  const kept = (await blockNodes(qmp)).flatMap(({ image }) => image.snapshots ?? []);
  return kept.filter((snapshot) => snapshot["vm-state-size"] > 0).map(({ name }) => name);
}

/** Writable disks, in the order in which libvirt numbered them; not the files they lie in, and not the firmware's variables. */
async function blockNodes(qmp: Qmp): Promise<readonly BlockNode[]> {
  const nodes = (await qmp.execute("query-named-block-nodes", { flat: true })) as readonly BlockNode[];
  const order = new Intl.Collator("en", { numeric: true });
  return nodes
    .filter(({ drv, ro, ...node }) => !ro && formats.includes(drv) && !node["node-name"].includes("pflash"))
    .sort((a, b) => order.compare(a["node-name"], b["node-name"]));
}

/** Drivers of formats, as against those of the files that they lie in. */
const formats = ["qcow2", "raw", "qed", "vmdk", "vdi", "vpc", "vhdx"];

function writableNames(nodes: readonly BlockNode[]): readonly string[] {
  const other = nodes.find(({ drv }) => drv !== "qcow2");
  if (other !== undefined) throw noSnapshot(`the disk ${other.file} is ${other.drv}; only qcow2 can keep its state`);
  return nodes.map((node) => node["node-name"]);
}

function noSnapshot(seen: string): ProvisionError {
  return new ProvisionError({ code: "no-snapshot", phase: "exec", seen });
}

function failed(command: string, words: string): ProvisionError {
  return new ProvisionError({ code: "job-failed", phase: "exec", seen: `QEMU's ${command} failed: ${words}` });
}

function tooSlow(command: string, timeoutMs: number): ProvisionError {
  return new ProvisionError({
    code: "deadline",
    phase: "exec",
    seen: `QEMU's ${command} was not done within ${timeoutMs / 1000} s`,
    hint: "the host may be short of memory or disk",
  });
}
