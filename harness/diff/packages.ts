// Decides what differs in packages: the distribution's, by its own order of versions, and those of languages that no package of the
// distribution brought. Pure, of what was read.
import type { RpmPackage } from "../checks/rpm-package.ts";
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

/** Of rpm: keys that packages are signed with are each their own. */
export function ofRpm(packages: readonly RpmPackage[]): PackageFact[] {
  return packages.map(({ name, version, architecture }) => ({
    name: name === "gpg-pubkey" ? `${name}-${version}` : name,
    version,
    architecture: architecture === "(none)" ? "" : architecture,
    state: "installed",
    manager: "rpm",
  }));
}

/**
 * By name, where a name is there once on both sides; else by name and architecture, so that each is held against its own; and with its
 * version, where that is there twice as well: rpm keeps old kernels beside new ones. `names`: the distribution's packages that these are.
 */
export function packageChanges(
  old: readonly PackageFact[],
  now: readonly PackageFact[],
): { readonly changes: DiffChange[]; readonly names: ReadonlySet<string> } {
  const names = doubled(old, now, ({ name }) => name);
  const several = doubled(old, now, withArchitecture);
  const keyed = (facts: readonly PackageFact[]) =>
    new Map(facts.map((fact) => [keyOf(fact, names, several), fact] as const));
  const [before, after] = [keyed(old), keyed(now)];
  const changed = new Set<string>();
  const changes = bothKeys(before, after).flatMap((subject): DiffChange[] => {
    const [had, has] = [before.get(subject), after.get(subject)];
    const details = (["manager", "version", "architecture", "state"] as const).flatMap((of) =>
      differing(of, had?.[of] || null, has?.[of] || null),
    );
    if (details.length === 0) return [];
    for (const each of [had, has]) if (each !== undefined && !ofLanguage(each)) changed.add(each.name);
    const order = had === undefined || has === undefined ? 0 : versionsCompared(had, has);
    const direction = order === 0 ? {} : { direction: order < 0 ? ("newer" as const) : ("older" as const) };
    // That it is whole, and whose it is, is said where it is not as always.
    const told =
      had !== undefined && has !== undefined
        ? details
        : details.filter(({ of }) => of === "version" || of === "architecture");
    return [{ topic: "package", kind: kindOf(had, has), subject, details: told, ...direction }];
  });
  return { changes, names: changed };
}

const ofLanguage = ({ manager }: PackageFact): boolean => manager === "pip" || manager === "gem" || manager === "npm";
const withArchitecture = ({ name, architecture }: PackageFact): string => `${name}:${architecture}`;

function keyOf(fact: PackageFact, names: ReadonlySet<string>, several: ReadonlySet<string>): string {
  const { name, version, architecture, manager } = fact;
  // Of a language, the place stands where the distribution's have their architecture.
  if (ofLanguage(fact)) return `${name} (${manager}, ${architecture})`;
  if (!names.has(name)) return name;
  return several.has(withArchitecture(fact)) ? `${name}-${version}:${architecture}` : withArchitecture(fact);
}

/** What several facts of one side are called. */
function doubled(
  old: readonly PackageFact[],
  now: readonly PackageFact[],
  called: (fact: PackageFact) => string,
): ReadonlySet<string> {
  const found = new Set<string>();
  for (const side of [old, now]) {
    const seen = new Set<string>();
    for (const fact of side) {
      const word = called(fact);
      if (seen.has(word)) found.add(word);
      seen.add(word);
    }
  }
  return found;
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
