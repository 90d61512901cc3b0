// Decides what of a declaration can be found wrong by looking at an engine and its machine, before anything is created.
import type Docker from "dockerode";
import type { BindMount, ContainerDeclaration } from "../model/container.ts";
import { DeclarationError, HarnessError, messageOf } from "../model/errors.ts";
import { mustBeAble } from "./docker-able.ts";
import { ensureImage } from "./docker-image.ts";
import { containersOn } from "./docker-names.ts";
import { imageReference } from "./docker-options.ts";
import type { Directories } from "./docker-scratch.ts";
import type { Standing } from "./driver.ts";

/** Rejects with the first thing that is not there: source of a bind mount, device, image. Fetches images a registry has. */
export async function checkStanding(
  docker: Docker,
  directories: Pick<Directories, "has">,
  standing: Standing,
  on?: string,
): Promise<void> {
  const nodes = [...containersOn(standing, on)];
  // What costs nothing comes first: nobody waits for a registry to be told of a wrong path.
  for (const [node, declaration] of nodes)
    await pathsAreThere(`${standing.environment.name}/${node}`, declaration, directories);
  for (const [node, declaration] of nodes)
    await mustBeAble(docker, `${standing.environment.name}/${node}`, declaration, standing.environment.volumes);
  await Promise.all(
    nodes.map(async ([node, declaration]) => {
      if (standing.images.has(imageReference(declaration))) return;
      const title = `${standing.environment.name}/${node}`;
      await ensureImage(docker, imageReference(declaration), title, declaration.platform);
    }),
  );
}

async function pathsAreThere(
  node: string,
  declaration: ContainerDeclaration,
  directories: Pick<Directories, "has">,
): Promise<void> {
  const must = async (path: string, code: string, what: string, hint: string, is?: BindMount["is"]) => {
    const wrong = (seen: string, cause?: unknown) =>
      new DeclarationError({ code, at: declaration.at, node, seen: `${what} cannot be reached: ${seen}`, hint, cause });
    const there = await directories.has(path, is).catch((error: unknown) => {
      // Not a word about the path: its machine could not be asked.
      throw error instanceof HarnessError ? error : wrong(messageOf(error), error);
    });
    if (!there) throw wrong(is === undefined ? `there is no ${path}` : `there is no ${is} ${path}`);
  };
  for (const [target, mount] of Object.entries(declaration.mounts)) {
    if (mount.mount !== "bind") continue;
    const hint = "make it first, or use scratch() for a fresh directory";
    await must(mount.source, "mount-source-missing", `the source of the bind mount at ${target}`, hint, mount.is);
  }
  for (const path of Object.keys(declaration.devices))
    await must(path, "device-missing", `the device ${path}`, "name a device that this machine has");
}
