// Decides which files of a recipe's or a playbook's context count, and what of each counts: contents and whether it can be executed.
// Never times, owners or the umask of whoever cloned it. What is not listed here, no step of a build can see.
import {
  chmodSync,
  constants,
  copyFileSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  realpathSync,
  symlinkSync,
} from "node:fs";
import { basename, dirname, join, relative } from "node:path";
import { DeclarationError, messageOf, ProvisionError } from "../model/errors.ts";
import { nearest } from "../model/options.ts";
import { type ContextOwner, inContext } from "../model/recipe.ts";
import { hashFile } from "./canonical.ts";

/** What of a file counts. A mode is 0755 or 0644, as git keeps it. */
export type FileFact =
  | { readonly sha256: string; readonly mode: "0644" | "0755" }
  | { readonly link: string }
  | { readonly directory: true };

/** Path relative to the context → what counts of it. */
export type ContextFiles = Readonly<Record<string, FileFact>>;

/** What ansible looks for beside a playbook, without being told. */
const besidePlaybook =
  /^(files|templates|vars|tasks|handlers|group_vars|host_vars|library|module_utils|(action|callback|filter|lookup|test|vars)_plugins)$/;

/**
 * Everything that the recipe's steps name: the source of each `copy`; the playbook, its roles, and the directories beside
 * it that ansible searches. A `DeclarationError` when something is missing or leads out of the context.
 */
export async function contextFiles(recipe: ContextOwner): Promise<ContextFiles> {
  const found = new Map<string, FileFact>();
  for (const step of recipe.steps) {
    if (step.step === "copy") await visit(recipe, step.source, found);
    if (step.step === "ansible") {
      await visit(recipe, step.playbook, found);
      if (step.roles !== undefined) await visit(recipe, step.roles, found);
      const beside = dirname(inContext(recipe, step.playbook));
      for (const entry of readdirSync(beside)) {
        if (besidePlaybook.test(entry)) await visit(recipe, relative(recipe.context, join(beside, entry)), found);
      }
    }
  }
  return Object.fromEntries([...found].sort(([a], [b]) => (a < b ? -1 : 1)));
}

async function visit(recipe: ContextOwner, path: string, found: Map<string, FileFact>): Promise<void> {
  const full = inContext(recipe, path);
  const key = relative(recipe.context, full);
  if (found.has(key)) return;
  // Not through the thread pool: a context has tens of small files, and to recognise it unchanged shall cost no more than they do.
  const stat = present(recipe, full, () => lstatSync(full));
  if (stat.isSymbolicLink()) {
    const target = present(recipe, full, () => realpathSync(full));
    found.set(key, { link: readlinkSync(full) });
    // What a link leads to counts too: ansible follows links. One that leads out of the context is refused there.
    return visit(recipe, relative(realpathSync(recipe.context), target), found);
  }
  if (stat.isDirectory()) {
    found.set(key, { directory: true });
    for (const entry of readdirSync(full).sort()) await visit(recipe, join(key, entry), found);
    return;
  }
  if (!stat.isFile()) throw refused(recipe, `"${key}" is neither a file, a directory nor a symbolic link`);
  found.set(key, { sha256: await hashFile(full, stat.size), mode: (stat.mode & 0o100) === 0 ? "0644" : "0755" });
}

function present<Result>(recipe: ContextOwner, full: string, look: () => Result): Result {
  try {
    return look();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw refused(recipe, messageOf(error));
    throw missing(recipe, full);
  }
}

function missing(recipe: ContextOwner, full: string): DeclarationError {
  const key = relative(recipe.context, full);
  const parent = lstatSync(dirname(full), { throwIfNoEntry: false });
  const guess = nearest(basename(full), parent?.isDirectory() === true ? readdirSync(dirname(full)) : []);
  return new DeclarationError({
    code: "missing-file",
    at: recipe.at,
    seen: `${recipe.kind} ${recipe.name}: there is no "${key}" in ${recipe.context}`,
    ...(guess === undefined ? {} : { hint: `did you mean "${join(dirname(key), guess)}"?` }),
  });
}

function refused(recipe: ContextOwner, seen: string): DeclarationError {
  return new DeclarationError({ code: "bad-file", at: recipe.at, seen: `${recipe.kind} ${recipe.name}: ${seen}` });
}

/**
 * Copies the counted files, and nothing else, below `target`, and proves that each is what was counted: what is built is
 * what the digest covers, even when somebody edits meanwhile. A changed file is a `ProvisionError` (code `context-changed`).
 */
export async function stageFiles(recipe: ContextOwner, files: ContextFiles, target: string): Promise<void> {
  mkdirSync(target, { recursive: true });
  for (const [path, fact] of Object.entries(files)) {
    const copied = join(target, path);
    mkdirSync(dirname(copied), { recursive: true });
    if ("directory" in fact) mkdirSync(copied, { recursive: true });
    else if ("link" in fact) symlinkSync(fact.link, copied);
    else {
      copyFileSync(join(recipe.context, path), copied, constants.COPYFILE_FICLONE);
      chmodSync(copied, Number.parseInt(fact.mode, 8));
      if ((await hashFile(copied)) !== fact.sha256) {
        throw new ProvisionError({
          code: "context-changed",
          phase: "build",
          node: recipe.name,
          seen: `${join(recipe.context, path)} changed while it was being read`,
          hint: "do it again",
        });
      }
    }
  }
}
