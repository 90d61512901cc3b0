// Decides which programs of the machine Assay calls, which Debian package each is in, and whether they are there.
import { accessSync, constants, existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import type { Finding } from "../model/capabilities.ts";

export interface Tool {
  /** The program's name; an absolute path for a file that is no program. */
  readonly name: string;
  /** Debian package that brings it. */
  readonly package: string;
  /** What Assay does with it: the end of "… is there to". */
  readonly use: string;
  /** Most recipes do without it. */
  readonly seldom?: true;
}

/** What containers need; `assay setup` installs the packages of those that are missing. */
export const tools: readonly Tool[] = [
  { name: "mmdebstrap", package: "mmdebstrap", use: "build a Debian root file system" },
  { name: "ansible-playbook", package: "ansible", use: "configure an image by its playbook" },
  { name: "tar", package: "tar", use: "pack image layers" },
  { name: "unshare", package: "util-linux", use: "keep a build's mounts to itself" },
  { name: "ps", package: "procps", use: "end a command with all its children" },
  {
    name: "/etc/ssl/certs/ca-certificates.crt",
    package: "ca-certificates",
    use: "let the engine trust a registry",
    seldom: true,
  },
  { name: "busybox", package: "busybox-static", use: "look into containers whose images have no tools", seldom: true },
  // Its own service, which loads rules of the machine's at boot, stays disabled, as Debian brings it.
  { name: "nft", package: "nftables", use: "cut nodes off from each other (partition)", seldom: true },
  { name: "buildah", package: "buildah", use: 'build a Dockerfile whose recipe says builder: "buildah"', seldom: true },
];

/** Where a program is; `undefined` when it is in no directory of `path`. System directories are looked through as well. */
export function findTool(name: string, path: string): string | undefined {
  if (name.startsWith("/")) return existsSync(name) ? name : undefined;
  return [...path.split(delimiter).filter((directory) => directory !== ""), "/usr/sbin", "/usr/bin", "/sbin", "/bin"]
    .map((directory) => join(directory, name))
    .find(runnable);
}

function runnable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Those of `list` that are not there. */
export function missingTools(path: string, list: readonly Tool[] = tools): readonly Tool[] {
  return list.filter(({ name }) => findTool(name, path) === undefined);
}

/** One line for all tools that are there, one for each that is not. `needed`: containers cannot be run without. */
export function toolFindings(
  missing: readonly Tool[],
  { list = tools, what = "programs", needed = true } = {},
): readonly Finding[] {
  // A file's name says little without its package.
  const there = list
    .filter((tool) => !missing.includes(tool))
    .map((tool) => (tool.name.startsWith("/") ? tool.package : tool.name));
  const all: Finding = { what, can: "yes", detail: [...new Set(there)].join(", "), needed };
  const without = missing.map(
    (tool): Finding => ({
      what: tool.name.replace(/^.*\//, ""),
      can: "no",
      detail: "not there",
      cause: `package ${tool.package} is not installed; Assay needs it to ${tool.use}`,
      remedy: `npx assay setup --yes, or: apt-get install ${tool.package}`,
      needed: needed && tool.seldom !== true,
    }),
  );
  return there.length === 0 ? without : [all, ...without];
}
