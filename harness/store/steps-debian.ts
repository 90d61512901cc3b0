// Decides how a Debian root file system is made: mmdebstrap into a directory, without the documentation, manual pages and
// translations that Debian's own slim images leave out too.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { DebianRootfs } from "../model/recipe.ts";
import { findTool, runTool, stepFailed, type Workplace } from "./steps-tool.ts";

const leftOut = [
  "/usr/share/doc/*",
  "/usr/share/man/*",
  "/usr/share/info/*",
  "/usr/share/locale/*",
  "/usr/share/lintian/*",
];
const keptAllTheSame = ["/usr/share/doc/*/copyright", "/usr/share/locale/locale.alias"];

/** mmdebstrap's arguments. The package lists are left for `archiveDate` to read. */
export function mmdebstrapArguments(base: DebianRootfs, tree: string): string[] {
  return [
    "--mode=root",
    "--format=directory",
    `--variant=${base.variant}`,
    `--components=${base.components.join(",")}`,
    ...(base.include.length === 0 ? [] : [`--include=${[...new Set(base.include)].sort().join(",")}`]),
    ...leftOut.map((path) => `--dpkgopt=path-exclude=${path}`),
    ...keptAllTheSame.map((path) => `--dpkgopt=path-include=${path}`),
    "--skip=cleanup/apt/lists",
    base.suite,
    tree,
  ];
}

/**
 * Makes the tree. Rejects with a `ProvisionError`: `package-unknown`, `suite-unknown`, `mirror-unreachable`, `disk-full`, `tool-missing`, or
 * `mmdebstrap-failed` for the rest.
 */
export async function bootstrapDebian(place: Workplace, base: DebianRootfs): Promise<void> {
  const status = await runTool(place, [findTool("mmdebstrap", place.recipe), ...mmdebstrapArguments(base, place.tree)]);
  if (status !== 0) throw stepFailed(place, debianFailure(place.log.lines, status));
}

/** What mmdebstrap's output says went wrong. Pure. */
export function debianFailure(lines: readonly string[], status: number): { code: string; seen: string } {
  const errors = lines.filter((line) => /^(E|W|Err):|^E /.test(line.trim()));
  const find = (pattern: RegExp) => errors.find((line) => pattern.test(line));
  const unknown = find(/Unable to locate package|has no installation candidate/);
  if (unknown !== undefined) return { code: "package-unknown", seen: unknown.trim() };
  const suite = find(/does not have a Release file/);
  if (suite !== undefined) return { code: "suite-unknown", seen: suite.trim() };
  const network = find(
    /Could not resolve|Temporary failure|Failed to fetch|Could not connect|Unable to connect|Network is unreachable/,
  );
  if (network !== undefined)
    return { code: "mirror-unreachable", seen: `the package mirror was not reached: ${network.trim()}` };
  const last = errors.slice(-3).map((line) => line.trim());
  return {
    code: "mmdebstrap-failed",
    seen: `mmdebstrap ended with status ${status}: ${(last.length > 0 ? last : lines.slice(-3)).join(" / ")}`,
  };
}

/**
 * Seconds since the epoch of the newest archive index in a tree: no package in it is younger. It dates what the build makes, so
 * that the same archive gives the same layer. `undefined` when no index is there.
 */
export function archiveDate(tree: string): number | undefined {
  const lists = join(tree, "var/lib/apt/lists");
  const dates = readdirSync(lists)
    .filter((name) => /_(In)?Release$/.test(name))
    .map((name) => releaseDate(readFileSync(join(lists, name), "utf8")))
    .filter((seconds) => seconds !== undefined);
  return dates.length === 0 ? undefined : Math.max(...dates);
}

/** The `Date:` of a Release file, in seconds since the epoch. */
export function releaseDate(text: string): number | undefined {
  const date = Date.parse(/^Date: (.+)$/m.exec(text)?.[1] ?? "");
  return Number.isNaN(date) ? undefined : Math.floor(date / 1000);
}
