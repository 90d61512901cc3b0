// Decides the difference of two images of what was read of both. Pure: the same snapshots give the same difference, and the other way
// round its mirror. Refuses to take what could not be seen for alike.
import type { TreeEntry } from "../model/tree.ts";
import { accountChanges } from "./accounts.ts";
import { bootChanges, bootFile, kernelChanges, kernelFile, kernels, partChanges } from "./boot.ts";
import { type Digests, entryChanges, isRegular } from "./entries.ts";
import {
  type DiffChange,
  type DiffFilter,
  type DiffTopic,
  type DiffUnknown,
  diffFilters,
  diffTopics,
  type ImageDiff,
} from "./image-diff.ts";
import { exposedPorts, metadataChanges } from "./metadata.ts";
import { noiseOf } from "./noise.ts";
import { packageChanges } from "./packages.ts";
import { sizesOf } from "./sizes.ts";
import type { Snapshot } from "./snapshot.ts";
import { enabledUnits, enabling, portChanges, socketPorts, unitChanges, unitFile } from "./units.ts";

export interface Compared {
  readonly old: Snapshot;
  readonly new: Snapshot;
  /** Contents that differ though their sizes do not. */
  readonly digests: Digests;
  /** Contents that could not be read. */
  readonly unread: readonly DiffUnknown[];
}

/** `all`: nothing is left out, and what would be says by which filter. */
export function compare({ old, new: now, digests, unread }: Compared, { all = false } = {}): ImageDiff {
  const enabled = [enabledUnits(old.paths), enabledUnits(now.paths)] as const;
  const ports = [old, now].map(
    (side, at) => new Map([...exposedPorts(side.image), ...socketPorts(side.sockets, enabled[at] ?? new Map())]),
  ) as [Map<string, string>, Map<string, string>];
  const unknown = [...unread, ...notSeen(old, now)];
  // Of a side that cannot tell, nothing came or went.
  const told = (old.packagesUnknown === undefined) === (now.packagesUnknown === undefined);
  const packages = told ? packageChanges(old.packages, now.packages) : packageChanges([], []);
  const accounts = accountChanges(old.accounts, now.accounts);
  const facts = {
    packages: packages.names,
    accounts: accounts.length > 0,
    engine: old.source === "engine" || now.source === "engine",
  };
  const every = [
    ...fileChanges(old, now, digests),
    ...accounts,
    ...unitChanges(...enabled),
    ...packages.changes,
    // Where one side has no configuration, its ports are not "removed".
    ...(comparable(old, now) ? portChanges(...ports) : portChanges(...(ports.map(withoutExposed) as typeof ports))),
    ...kernelChanges(kernels(old.paths), kernels(now.paths)),
    ...bootChanges(old.boot, now.boot),
    ...partChanges(old.parts, now.parts),
    ...metadataChanges(old.image, now.image),
  ];
  const counts = new Map<DiffFilter, DiffChange[]>();
  const shown: DiffChange[] = [];
  for (const change of every) {
    const filter = noiseOf(change, facts);
    if (filter === undefined) shown.push(change);
    else if (all) shown.push({ ...change, filter });
    else {
      const left = counts.get(filter) ?? [];
      left.push(change);
      counts.set(filter, left);
    }
  }
  const changes = shown.sort(inOrder);
  return {
    schemaVersion: 1,
    old: sideOf(old),
    new: sideOf(now),
    verdict: changes.some(({ filter }) => filter === undefined)
      ? "different"
      : unknown.length > 0
        ? "unknown"
        : every.length > 0
          ? "equal"
          : "identical",
    changes,
    filtered: filterNames.flatMap((filter) => {
      const left = counts.get(filter);
      if (left === undefined) return [];
      const of = filter === "package-files" ? { of: counted(left) } : {};
      return [{ filter, why: diffFilters[filter], count: left.length, ...of }];
    }),
    unknown,
    sizes: told ? sizesOf(old, now) : { ...sizesOf(old, now), packages: [] },
  };
}

const filterNames = Object.keys(diffFilters) as readonly DiffFilter[];
const order = new Map(diffTopics.map((topic, at) => [topic, at] as const));

function inOrder(a: DiffChange, b: DiffChange): number {
  return (
    (order.get(a.topic) ?? 0) - (order.get(b.topic) ?? 0) ||
    (a.subject < b.subject ? -1 : a.subject > b.subject ? 1 : 0)
  );
}

function fileChanges(old: Snapshot, now: Snapshot, digests: Digests): DiffChange[] {
  const changes: DiffChange[] = [];
  const look = (path: string, entry: TreeEntry) => {
    // Told of the unit that it enables.
    if (enabling(path, entry) !== undefined) return;
    for (const change of entryChanges(path, [old, now], digests, topicOf(path))) {
      const owner = now.owners.get(path) ?? old.owners.get(path);
      changes.push(owner === undefined ? change : { ...change, package: owner });
    }
  };
  for (const [path, entry] of now.paths) look(path, entry);
  for (const [path, entry] of old.paths) if (!now.paths.has(path)) look(path, entry);
  return changes;
}

function topicOf(path: string): DiffTopic {
  if (unitFile.test(path)) return "unit";
  if (kernelFile.test(path)) return "kernel";
  if (bootFile.test(path)) return "boot";
  return path.startsWith("/etc/") ? "config" : "file";
}

const comparable = (old: Snapshot, now: Snapshot): boolean => (old.image === undefined) === (now.image === undefined);

function withoutExposed(ports: ReadonlyMap<string, string>): ReadonlyMap<string, string> {
  return new Map([...ports].filter(([port]) => !port.endsWith(" of EXPOSE")));
}

function notSeen(old: Snapshot, now: Snapshot): DiffUnknown[] {
  const found: DiffUnknown[] = [];
  if (!comparable(old, now))
    found.push({
      what: "image metadata",
      why: `${(old.image === undefined ? old : now).name} has no configuration`,
      topics: ["metadata", "port"],
    });
  if ((old.parts === undefined) !== (now.parts === undefined))
    found.push({
      what: "partitions beside the root's",
      why: `${(old.parts === undefined ? old : now).name} is no disk`,
      topics: ["boot"],
    });
  for (const [name, said] of [...(old.parts ?? []), ...(now.parts ?? [])])
    if (said.endsWith("not read") && !found.some(({ what }) => what === name))
      found.push({ what: name, why: "it is bigger than what is read beside the root's partition", topics: ["boot"] });
  const [blind] = [old, now].filter(({ attributes }) => !attributes);
  if (blind !== undefined)
    found.push({
      what: "capabilities, access control lists, labels",
      why: `${blind.name} is a directory, of which only modes and owners are told`,
      topics: ["capability", "file"],
    });
  for (const { packagesUnknown, name } of [old, now])
    if (packagesUnknown !== undefined)
      found.push({ what: "packages", why: `${name}: ${packagesUnknown}`, topics: ["package"] });
  const odd = [...new Set([...old.paths.keys(), ...now.paths.keys()])].filter((path) => path.includes("\ufffd"));
  if (odd.length > 0)
    found.push({
      what: `contents of ${odd.length} files`,
      why: "their names are no UTF-8",
      topics: ["file", "config"],
    });
  return found;
}

function sideOf({ name, source, image, paths, packages, packagesUnknown }: Snapshot): ImageDiff["old"] {
  let files = 0;
  let bytes = 0;
  for (const entry of paths.values()) {
    if (!isRegular(entry)) continue;
    files += 1;
    bytes += entry.size;
  }
  const ofSystem = packages.filter(({ manager }) => manager === "dpkg" || manager === "apk" || manager === "rpm");
  const known = packagesUnknown === undefined && ofSystem.length > 0;
  return { name, source, image: image?.id ?? null, files, bytes, packages: known ? ofSystem.length : null };
}

/** How many of each package, the most first. */
function counted(changes: readonly DiffChange[]): { name: string; count: number }[] {
  const counts = new Map<string, number>();
  for (const { package: name = "" } of changes) counts.set(name, (counts.get(name) ?? 0) + 1);
  return [...counts]
    .map(([name, count]) => ({ name, count }))
    .sort((a, b) => b.count - a.count || (a.name < b.name ? -1 : 1));
}
