// Decides how files of the context get into a tree: owners and modes as declared, links of the tree followed inside it.
import { chmod, copyFile, lchown, lstat, mkdir, readdir, readlink, rm, symlink } from "node:fs/promises";
import { basename, dirname, join, relative } from "node:path";
import { ProvisionError } from "../model/errors.ts";
import type { CopyStep } from "../model/recipe.ts";
import type { Workplace } from "./steps-tool.ts";
import { inTree } from "./tree-path.ts";

/**
 * Copies a file to the target, or below it when the target ends in a slash or is a directory; of a directory, its contents
 * into the target, which is made with their owner where it is missing. Directories above are made root's, mode 0755.
 */
export async function copyIntoTree(place: Workplace, step: CopyStep): Promise<void> {
  const source = join(place.context, step.source);
  const stat = await lstat(source);
  let target = await inTree(place.tree, step.target);
  const there = await lstat(target).catch(() => undefined);
  if (stat.isDirectory()) {
    if (there !== undefined && !there.isDirectory()) throw inTheWay(place, step.source, step.target);
    await mkdir(target, { recursive: true, mode: 0o755 });
    // What was there keeps its owner; what is made to hold the files is theirs.
    if (there === undefined) await lchown(target, step.owner.uid, step.owner.gid);
    return copyChildren(place, source, target, step);
  }
  if (step.target.endsWith("/") || there?.isDirectory() === true)
    target = await inTree(place.tree, `${step.target}/${basename(step.source)}`);
  await mkdir(dirname(target), { recursive: true, mode: 0o755 });
  await copyEntry(place, source, target, step);
}

async function copyChildren(place: Workplace, source: string, target: string, step: CopyStep): Promise<void> {
  for (const name of (await readdir(source)).sort())
    await copyEntry(place, join(source, name), join(target, name), step);
}

/** `target`: on this machine, no link above it. */
async function copyEntry(place: Workplace, source: string, target: string, step: CopyStep): Promise<void> {
  const stat = await lstat(source);
  const { uid, gid } = step.owner;
  if (stat.isDirectory()) {
    // The tree may have a link there, /var/run say, which leads somewhere else on this machine.
    const directory = await inTree(place.tree, relative(place.tree, target));
    const there = await lstat(directory).catch(() => undefined);
    if (there !== undefined && !there.isDirectory())
      throw inTheWay(place, relative(place.context, source), `/${relative(place.tree, target)}`);
    const made = await mkdir(directory, { recursive: true, mode: 0o755 });
    if (made !== undefined) await lchown(directory, uid, gid);
    return copyChildren(place, source, directory, step);
  }
  await rm(target, { force: true });
  if (stat.isSymbolicLink()) {
    await symlink(await readlink(source), target);
    return lchown(target, uid, gid);
  }
  await copyFile(source, target);
  await lchown(target, uid, gid);
  // After the owner: changing that clears setuid and setgid.
  await chmod(target, step.mode ?? stat.mode & 0o777);
}

function inTheWay(place: Workplace, source: string, target: string): ProvisionError {
  return new ProvisionError({
    code: "copy-failed",
    phase: "build",
    node: place.recipe,
    seen: `${source} is a directory, and ${target} is a file in the image`,
  });
}
