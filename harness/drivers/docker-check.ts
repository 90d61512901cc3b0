// Decides what of a declaration can be found wrong by looking at this machine and its engine, before anything is created.
import { access } from "node:fs/promises";
import type Docker from "dockerode";
import type { ContainerDeclaration } from "../model/container.ts";
import { DeclarationError, messageOf } from "../model/errors.ts";
import { ensureImage } from "./docker-image.ts";
import { containersOn } from "./docker-names.ts";
import { imageReference } from "./docker-options.ts";
import type { Standing } from "./driver.ts";

/** Rejects with the first thing that is not there: source of a bind mount, device, image. Fetches images a registry has. */
export async function checkStanding(docker: Docker, standing: Standing, on?: string): Promise<void> {
  const nodes = [...containersOn(standing, on)];
  // What costs nothing comes first: nobody waits for a registry to be told of a wrong path.
  for (const [node, declaration] of nodes) await pathsAreThere(`${standing.environment.name}/${node}`, declaration);
  await Promise.all(
    nodes.map(async ([node, declaration]) => {
      if (standing.images.has(imageReference(declaration))) return;
      await ensureImage(docker, imageReference(declaration), `${standing.environment.name}/${node}`);
    }),
  );
}

async function pathsAreThere(node: string, declaration: ContainerDeclaration): Promise<void> {
  const must = (path: string, code: string, what: string, hint: string) =>
    access(path).catch((cause: unknown) => {
      const seen = `${what} cannot be reached: ${messageOf(cause)}`;
      throw new DeclarationError({ code, at: declaration.at, node, seen, hint, cause });
    });
  for (const [target, mount] of Object.entries(declaration.mounts)) {
    if (mount.mount !== "bind") continue;
    const hint = "make it first, or use scratch() for a fresh directory";
    await must(mount.source, "mount-source-missing", `the source of the bind mount at ${target}`, hint);
  }
  for (const path of Object.keys(declaration.devices))
    await must(path, "device-missing", `the device ${path}`, "name a device that this machine has");
}
