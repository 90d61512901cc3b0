// Decides when a run leaves a capsule, and gathers what goes into it: files, recipes as they were resolved, the packages of each image.
// Refuses to change what the run concluded: a capsule that cannot be written is said, and no more.
import { execFile } from "node:child_process";
import { lstatSync, readFileSync } from "node:fs";
import { isAbsolute, join, relative } from "node:path";
import { promisify } from "node:util";
import { failuresIn, imagesOf, nodesOf, specsIn } from "../capsule/facts.ts";
import { type Content, writeCapsule } from "../capsule/pack.ts";
import { packagesIn } from "../capsule/packages.ts";
import { projectFiles, runFiles, sizeOf } from "../capsule/project-files.ts";
import type { Config } from "../config.ts";
import { messageOf } from "../model/errors.ts";
import type { RunEvent } from "../model/event.ts";
import { redact, secretNamed, secretNames } from "../model/secret.ts";
import { installed } from "../place.ts";
import { oneLine } from "../reporting/escape.ts";
import type { Report } from "../reporting/report.ts";
import { canonicalJson, type Digest } from "../store/canonical.ts";
import { readManifest } from "../store/entry.ts";
import { Rooms } from "../store/rooms.ts";
import { inTree } from "../store/tree-path.ts";
import type { Substitutes } from "../vitest/substitute.ts";

/** What the report does not say. */
export interface Packing {
  readonly config: Pick<Config, "project" | "store" | "disks">;
  /** The run's report directory. */
  readonly directory: string;
  readonly events: readonly RunEvent[];
  readonly projects: readonly string[];
  readonly seed: number;
  readonly with?: string;
  readonly substitutes: Substitutes;
}

/** Packs a capsule where something failed that a spec has to do with; answers what to say of it. Never rejects. */
export async function packedCapsule(report: Report, packing: Packing): Promise<readonly string[]> {
  const specs = specsIn(report);
  if (specs.length === 0 || report.verdict === "met" || report.verdict === "cancelled") return [];
  const file = join(packing.directory, "capsule.tar.gz");
  try {
    const { project } = packing.config;
    const files = projectFiles(project, madeOf(specs, packing));
    const images = imagesOf(report);
    const resolved = await recipesOf(images, packing.config);
    const told = [...files.contents, ...resolved];
    const written = runFiles(packing.directory, sizeOf(told));
    const revision = await revisionOf(project);
    await writeCapsule(
      file,
      {
        ...{ run: report.run, assay: report.version, startedAt: report.startedAt },
        ...{ verdict: report.verdict, exitCode: report.exitCode, command: report.command },
        projects: [...packing.projects],
        ...(packing.with === undefined ? {} : { with: packing.with }),
        seed: packing.seed,
        host: report.host,
        project: { kind: installed ? "package" : "checkout", ...(revision === undefined ? {} : { revision }) },
        specs,
        failures: failuresIn(report).filter((each) => specs.includes(each.file)),
        images,
        nodes: nodesOf(report),
        secrets: secretNames().map((name) => ({ name, variables: variablesOf(name) })),
        leftOut: [...files.leftOut, ...written.leftOut],
        links: files.links,
      },
      [...told, ...written.contents],
    );
    const said = relative(process.cwd(), file);
    return [`\ncapsule   ${oneLine(said)}; assay repro ${oneLine(said)}`];
  } catch (error) {
    return [`\ncapsule   none: ${oneLine(redact(messageOf(error)))}`];
  }
}

/** Absolute paths, by what the test processes said. */
function madeOf(specs: readonly string[], { config: { project }, events, substitutes }: Packing): string[] {
  const reads = events.flatMap((event) => (event.event === "reads" && specs.includes(event.file) ? event.paths : []));
  const stand = Object.values({ ...substitutes.recipes, ...substitutes.environments });
  const stood = stand.flatMap((each) => ("file" in each ? [each.file.replace(/^file:\/\//, "")] : []));
  const own = installed ? [join(project, "package.json")] : [];
  return [...new Set([...specs.map((spec) => join(project, spec)), ...reads, ...stood, ...own])].filter(isAbsolute);
}

/** Manifests of recipes as the store has them, and the packages that their trees have. */
async function recipesOf(images: readonly { tag: string; recipeDigest: string }[], config: Packing["config"]) {
  const rooms = new Rooms(config.store, config.disks);
  const found: Content[] = [];
  for (const { tag, recipeDigest } of images) {
    const place = rooms.image(recipeDigest as Digest);
    const manifest = readManifest(place);
    if (manifest === undefined) continue;
    found.push({ path: `recipes/${tag}.json`, bytes: Buffer.from(`${canonicalJson(manifest, "  ")}\n`) });
    const packages = await packagesOf(join(place, "tree"));
    if (packages !== undefined) found.push({ path: `packages/${tag}.txt`, bytes: Buffer.from(packages) });
  }
  return found;
}

/** A line each, of Debian's; `undefined` where the tree has none of them. */
export async function packagesOf(tree: string): Promise<string | undefined> {
  const file = await inTree(tree, "/var/lib/dpkg/status");
  if (lstatSync(file, { throwIfNoEntry: false })?.isFile() !== true) return undefined;
  return packagesIn(readFileSync(file, "utf8"));
}

function variablesOf(name: string): string[] {
  return Object.entries(process.env)
    .flatMap(([variable, value]) =>
      value !== undefined && secretNamed(value) === name && /^\w+$/.test(variable) ? [variable] : [],
    )
    .sort();
}

/** Absent where the project is in no git repository, or there is no git. */
async function revisionOf(project: string): Promise<string | undefined> {
  try {
    const { stdout } = await promisify(execFile)("git", ["-C", project, "rev-parse", "--verify", "HEAD^{commit}"]);
    return stdout.trim();
  } catch {
    return undefined;
  }
}
