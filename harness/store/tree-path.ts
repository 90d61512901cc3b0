// Decides where a path of the image lies on the host. Links are followed as the image would follow them: an absolute link
// in the tree leads to the tree's own top, never to a file of the host.
import { lstat, readlink } from "node:fs/promises";
import { join } from "node:path";
import { ProvisionError } from "../model/errors.ts";

/**
 * The host path of `path` in `tree`, every link resolved, also the last one. Parts that do not exist are kept as they are.
 * A circle of links is a `ProvisionError` (code `link-circle`).
 */
export async function inTree(tree: string, path: string): Promise<string> {
  let rest = path.split("/");
  let here: string[] = [];
  let followed = 0;
  while (rest.length > 0) {
    const [part = "", ...after] = rest;
    rest = after;
    if (part === "" || part === ".") continue;
    if (part === "..") {
      here = here.slice(0, -1);
      continue;
    }
    const target = await linkTarget(join(tree, ...here, part));
    if (target === undefined) {
      here.push(part);
      continue;
    }
    followed += 1;
    if (followed > 40) {
      throw new ProvisionError({ code: "link-circle", phase: "build", seen: `links in ${path} lead in a circle` });
    }
    if (target.startsWith("/")) here = [];
    rest = [...target.split("/"), ...rest];
  }
  return join(tree, ...here);
}

async function linkTarget(path: string): Promise<string | undefined> {
  const stat = await lstat(path).catch(() => undefined);
  return stat?.isSymbolicLink() === true ? await readlink(path) : undefined;
}
