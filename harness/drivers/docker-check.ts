// Decides what of a declaration can be found wrong by looking at an engine and its machine, before anything is created.
import type Docker from "dockerode";
import type { ContainerDeclaration, Mount } from "../model/container.ts";
import { DeclarationError, HarnessError, messageOf, ProvisionError } from "../model/errors.ts";
import { spokenBy } from "./docker-dialect.ts";
import { engineError } from "./docker-engine.ts";
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
  for (const [node, { mounts }] of nodes)
    for (const [target, mount] of Object.entries(mounts))
      await mustBeAble(docker, `${standing.environment.name}/${node}`, target, mount);
  await Promise.all(
    nodes.map(async ([node, declaration]) => {
      if (standing.images.has(imageReference(declaration))) return;
      const title = `${standing.environment.name}/${node}`;
      await ensureImage(docker, imageReference(declaration), title, declaration.platform);
    }),
  );
}

/** Only what some engine cannot do is asked about. */
async function mustBeAble(docker: Docker, node: string, target: string, mount: Mount): Promise<void> {
  const owned = mount.mount === "tmpfs" && ((mount.uid ?? 0) !== 0 || (mount.gid ?? 0) !== 0);
  const bare = mount.mount === "volume" && mount.noCopy;
  if (!owned && !bare) return;
  const failed = (error: unknown) => Promise.reject(engineError(error, "declare", node));
  const { name, tmpfsOwners, bareVolumes } = await spokenBy(docker).catch(failed);
  const cannot = (seen: string, hint: string) =>
    new ProvisionError({ code: "engine-cannot", phase: "declare", node, seen: `${name} ${seen}`, hint });
  if (owned && !tmpfsOwners)
    throw cannot(
      `makes a tmpfs root's alone, and the one at ${target} is declared another user's`,
      "declare a mode that lets that user in, or scratch({ owner })",
    );
  if (bare && !bareVolumes)
    throw cannot(
      `puts into an empty volume what the image has there, and the one at ${target} is declared noCopy`,
      "use scratch(), or a directory that the image does not have",
    );
}

async function pathsAreThere(
  node: string,
  declaration: ContainerDeclaration,
  directories: Pick<Directories, "has">,
): Promise<void> {
  const must = async (path: string, code: string, what: string, hint: string) => {
    const wrong = (seen: string, cause?: unknown) =>
      new DeclarationError({ code, at: declaration.at, node, seen: `${what} cannot be reached: ${seen}`, hint, cause });
    const there = await directories.has(path).catch((error: unknown) => {
      // Not a word about the path: its machine could not be asked.
      throw error instanceof HarnessError ? error : wrong(messageOf(error), error);
    });
    if (!there) throw wrong(`there is no ${path}`);
  };
  for (const [target, mount] of Object.entries(declaration.mounts)) {
    if (mount.mount !== "bind") continue;
    const hint = "make it first, or use scratch() for a fresh directory";
    await must(mount.source, "mount-source-missing", `the source of the bind mount at ${target}`, hint);
  }
  for (const path of Object.keys(declaration.devices))
    await must(path, "device-missing", `the device ${path}`, "name a device that this machine has");
}
