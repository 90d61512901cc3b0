// Decides how files of the context get into a tree: owners and modes as declared, links of the tree followed inside it.
import { chmod, copyFile, lchown, lstat, mkdir, readdir, readlink, rm, symlink } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
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
    if (there !== undefined && !there.isDirectory()) throw inTheWay(place, step);
    await mkdir(target, { recursive: true, mode: 0o755 });
    // What was there keeps its owner; what is made to hold the files is theirs.
    if (there === undefined) await lchown(target, step.owner.uid, step.owner.gid);
    return copyChildren(source, target, step);
  }
  if (step.target.endsWith("/") || there?.isDirectory() === true)
    target = await inTree(place.tree, `${step.target}/${basename(step.source)}`);
  await mkdir(dirname(target), { recursive: true, mode: 0o755 });
  await copyEntry(source, target, step);
}

async function copyChildren(source: string, target: string, step: CopyStep): Promise<void> {
  for (const name of (await readdir(source)).sort()) await copyEntry(join(source, name), join(target, name), step);
}

async function copyEntry(source: string, target: string, step: CopyStep): Promise<void> {
  const stat = await lstat(source);
  const { uid, gid } = step.owner;
  if (stat.isDirectory()) {
    const made = await mkdir(target, { recursive: true, mode: 0o755 });
    if (made !== undefined) await lchown(target, uid, gid);
    return copyChildren(source, target, step);
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

function inTheWay(place: Workplace, step: CopyStep): ProvisionError {
  return new ProvisionError({
    code: "copy-failed",
    phase: "build",
    node: place.recipe,
    seen: `${step.source} is a directory, and ${step.target} is a file in the image`,
  });
}
