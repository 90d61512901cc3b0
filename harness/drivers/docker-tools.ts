// Decides how a container is looked into whose image has no shell or no `stat`: with a static busybox of ours, mounted read-only where
// nothing of the image is. Nothing of it is written into the container's layer, and the image's own programs run as ever.
import { realpath, stat } from "node:fs/promises";
import { join } from "node:path";
import type Docker from "dockerode";
import type { Busybox } from "../model/capabilities.ts";
import type { ContainerDeclaration } from "../model/container.ts";
import { ProvisionError } from "../model/errors.ts";
import type { ExecShell } from "../transports/docker-exec.ts";
import type { ProbingShell } from "../transports/transport.ts";
import { isGone } from "./docker-engine.ts";

/** Where it is in the container. `/dev` is the engine's own and lies in memory: no file has to be made in the image's tree. */
export const busyboxTarget = "/dev/.assay/busybox";

export function busyboxMount(source: string): Docker.MountSettings {
  return { Type: "bind", Source: source, Target: busyboxTarget, ReadOnly: true };
}

/**
 * Its shell finds its own tools first, whatever the image has by their names. Two of them would take the place of the image's
 * packagers and know nothing of their databases: by those names the image's own are called, or nobody.
 */
export const busyboxShell: ProbingShell = {
  argv: [busyboxTarget, "sh"],
  prelude: `_assay_own() { _assay_name=$1; shift; _assay_ifs=$IFS; IFS=:
for _assay_at in $PATH; do if [ -x "$_assay_at/$_assay_name" ]; then IFS=$_assay_ifs; "$_assay_at/$_assay_name" "$@"; return; fi; done
IFS=$_assay_ifs; return 127; }
rpm() { _assay_own rpm "$@"; }
dpkg() { _assay_own dpkg "$@"; }`,
};

/** Whether a container is looked into with tools of ours, by what the engine says of it. */
export function hasBusybox(facts: Pick<Docker.ContainerInspectInfo, "Mounts">): boolean {
  return facts.Mounts.some(({ Destination }) => Destination === busyboxTarget);
}

export interface WantedTools extends Pick<ContainerDeclaration, "probedBy"> {
  /** The image's. */
  readonly reference: string;
  /** The image's files on this machine, where it was built here. */
  readonly tree: string | undefined;
  /** The node's, for errors. */
  readonly title: string;
}

/** What an engine's containers are looked into with. */
export class ContainerTools {
  /** References of images that have tools of their own. */
  readonly #enough = new Set<string>();
  readonly #find: () => Promise<Busybox>;
  #found: Promise<Busybox> | undefined;

  /** `find`: see `EnginePlace`. Called when an image lacks tools, or its own are not wanted. */
  constructor(find: (() => Promise<Busybox>) | undefined) {
    this.#find = find ?? (async () => ({ missing: "nothing can be brought to an engine on another machine" }));
  }

  /**
   * A container that can be looked into: by its image's tools, or by ours; as it is where there are none. `make` creates it, with
   * our busybox from the path it is given. Where only the engine knows the image, it is asked once an image, in about 30 ms.
   */
  async made(
    { probedBy, reference, tree, title }: WantedTools,
    make: (busybox?: string) => Promise<Docker.Container>,
  ): Promise<Docker.Container> {
    if (probedBy === "busybox") {
      const { path, missing } = await this.#busybox();
      if (path !== undefined) return make(path);
      throw new ProvisionError({ code: "no-busybox", phase: "create", node: title, seen: missing });
    }
    if (probedBy === "image" || this.#enough.has(reference) || (await treeHasTools(tree))) return make();
    const bare = await make();
    if (await containerHasTools(bare)) {
      this.#enough.add(reference);
      return bare;
    }
    const { path } = await this.#busybox();
    if (path === undefined) return bare;
    // It has not run: nothing is lost with it.
    await bare.remove({ v: true });
    return make(path);
  }

  async shellOf(facts: Docker.ContainerInspectInfo): Promise<ExecShell> {
    if (hasBusybox(facts)) return { probing: busyboxShell };
    const { missing } = (await this.#found) ?? {};
    return missing === undefined ? {} : { shellHint: `it could be looked into all the same, but ${missing}` };
  }

  #busybox(): Promise<Busybox> {
    this.#found ??= this.#find();
    return this.#found;
  }
}

/** A program of each line has to be there. */
const tools: readonly (readonly string[])[] = [["/bin/sh"], ["/usr/bin/stat", "/bin/stat"]];

async function haveAll(there: (path: string) => Promise<boolean>): Promise<boolean> {
  const found = await Promise.all(
    tools.map(async (anyOf) => {
      for (const path of anyOf) if (await there(path)) return true;
      return false;
    }),
  );
  return !found.includes(false);
}

/** Whether a tree on this machine has them for certain. Costs no question to an engine. */
async function treeHasTools(tree: string | undefined): Promise<boolean> {
  const top = tree === undefined ? undefined : await realpath(tree).catch(() => undefined);
  if (top === undefined) return false;
  return haveAll(async (path) => {
    // An absolute link of the image's would lead to a file of this machine.
    const file = await realpath(join(top, path)).catch(() => undefined);
    return file?.startsWith(`${top}/`) === true && ((await stat(file)).mode & 0o111) !== 0;
  });
}

/** The same of any container, as the engine sees it, running or not. Rejects with the engine's error. */
function containerHasTools(container: Docker.Container): Promise<boolean> {
  const there = async (path: string, links = 0): Promise<boolean> => {
    const seen = await look(container, path);
    if (seen === undefined) return false;
    if (seen.linkTarget !== "") return links < 8 && there(seen.linkTarget, links + 1);
    return (seen.mode & 0o111) !== 0;
  };
  return haveAll(there);
}

interface PathStat {
  /** Its last nine bits are the permissions. @see io/fs, FileMode */
  readonly mode: number;
  /** Absolute, inside the container; empty for what is no link. */
  readonly linkTarget: string;
}

async function look(container: Docker.Container, path: string): Promise<PathStat | undefined> {
  try {
    const answer = (await container.infoArchive({ path })) as NodeJS.ReadableStream & {
      readonly headers: Readonly<Record<string, string | undefined>>;
    };
    answer.resume();
    const { mode, linkTarget } = JSON.parse(
      Buffer.from(answer.headers["x-docker-container-path-stat"] ?? "", "base64").toString("utf8"),
    );
    return { mode: Number(mode), linkTarget: String(linkTarget ?? "") };
  } catch (error) {
    if (isGone(error)) return undefined;
    throw error;
  }
}
