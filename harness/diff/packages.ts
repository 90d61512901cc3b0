// Decides what differs in packages: the distribution's, by its own order of versions, and those of languages that no package of the
// distribution brought. Pure, of what was read.
import { compareSemantic, soleVersion } from "../checks/semantic-version.ts";
import { type PackageManager, versionOrder } from "../checks/version-order.ts";
import { bothKeys, type DiffChange, differing, kindOf } from "./image-diff.ts";

export interface PackageFact {
  readonly name: string;
  readonly version: string;
  readonly architecture: string;
  readonly state: string;
  readonly manager: PackageManager | "pip" | "gem" | "npm";
}

/** Those that are there. What dpkg keeps configuration of and nothing else is not. */
export function installed(
  facts: Iterable<readonly [key: string, Omit<PackageFact, "name" | "manager">]>,
  manager: PackageManager,
): PackageFact[] {
  const found: PackageFact[] = [];
  // Each is there by its name and by name:architecture; the latter are each once.
  for (const [key, { version, architecture, state }] of facts)
    if (key.includes(":") && state !== "config-files")
      found.push({ name: key.slice(0, key.lastIndexOf(":")), version, architecture, state, manager });
  return found;
}

/** By name, where a name is there once on both sides; else by name and architecture, so that each is held against its own. */
export function packageChanges(old: readonly PackageFact[], now: readonly PackageFact[]): DiffChange[] {
  const several = new Set([...doubled(old), ...doubled(now)]);
  const keyed = (facts: readonly PackageFact[]) => new Map(facts.map((fact) => [keyOf(fact, several), fact] as const));
  const [before, after] = [keyed(old), keyed(now)];
  return bothKeys(before, after).flatMap((subject): DiffChange[] => {
    const [had, has] = [before.get(subject), after.get(subject)];
    const details = (["manager", "version", "architecture", "state"] as const).flatMap((of) =>
      differing(of, had?.[of] || null, has?.[of] || null),
    );
    if (details.length === 0) return [];
    const order = had === undefined || has === undefined ? 0 : versionsCompared(had, has);
    const direction = order === 0 ? {} : { direction: order < 0 ? ("newer" as const) : ("older" as const) };
    // That it is whole, and whose it is, is said where it is not as always.
    const told =
      had !== undefined && has !== undefined
        ? details
        : details.filter(({ of }) => of === "version" || of === "architecture");
    return [{ topic: "package", kind: kindOf(had, has), subject, details: told, ...direction }];
  });
}

function keyOf({ name, architecture, manager }: PackageFact, several: ReadonlySet<string>): string {
  const language = manager === "pip" || manager === "gem" || manager === "npm";
  // Of a language, the place stands where the distribution's have their architecture.
  if (language) return `${name} (${manager}, ${architecture})`;
  return several.has(name) ? `${name}:${architecture}` : name;
}

function doubled(facts: readonly PackageFact[]): string[] {
  const seen = new Set<string>();
  return facts.flatMap(({ name }) => {
    const known = seen.has(name);
    seen.add(name);
    return known ? [name] : [];
  });
}

/** Below zero where the new one is newer; zero where nobody says which is. */
function versionsCompared(old: PackageFact, now: PackageFact): number {
  if (old.manager !== now.manager) return 0;
  if (old.manager === "dpkg" || old.manager === "apk" || old.manager === "rpm")
    return versionOrder[old.manager](old.version, now.version);
  const both = soleVersion(old.version) !== undefined && soleVersion(now.version) !== undefined;
  return both ? compareSemantic(old.version, now.version) : 0;
}

const python = /^(\/.*\/(?:site|dist)-packages)\/([A-Za-z0-9][\w.]*)-([^/-]+)(?:-[^/]*)?\.(?:dist|egg)-info$/;
const ruby = /^(\/.*)\/specifications\/(?:default\/)?([\w.-]+?)-(\d[\w.]*)\.gemspec$/;
/** Files that say which package for Node lies there. */
export const nodePackage = /^(\/usr(?:\/local)?\/lib\/node_modules)\/((?:@[^/]+\/)?[^/@]+)\/package\.json$/;

/** Packages of languages by the names of their files; `versions` are those that the files of `nodePackage` tell. */
export function languagePackages(
  paths: Iterable<string>,
  owned: (path: string) => boolean,
  versions: ReadonlyMap<string, string>,
): PackageFact[] {
  const found: PackageFact[] = [];
  for (const path of paths) {
    const manager = path.endsWith("-info")
      ? "pip"
      : path.endsWith(".gemspec")
        ? "gem"
        : path.endsWith("/package.json")
          ? "npm"
          : undefined;
    if (manager === undefined || owned(path)) continue;
    const [, place = "", name, version] = { pip: python, gem: ruby, npm: nodePackage }[manager].exec(path) ?? [];
    if (name === undefined) continue;
    const said = manager === "npm" ? (versions.get(path) ?? "of an unknown version") : (version ?? "");
    found.push({ name, version: said, architecture: place, state: "installed", manager });
  }
  return found;
}
