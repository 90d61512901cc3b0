// Decides how a flattened root file system, as an engine exports it, becomes a tree.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { ProvisionError } from "../model/errors.ts";
import type { Workplace } from "./steps-tool.ts";

/** Unpacks into the workplace's tree, which it makes. A `ProvisionError` of code `import-failed`. */
export async function unpackTree(place: Workplace, reference: string, exported: Readable): Promise<void> {
  await mkdir(place.tree, { mode: 0o755 });
  const tar = spawn(
    "tar",
    [
      "--extract",
      "--numeric-owner",
      "--same-owner",
      "--preserve-permissions",
      "--xattrs",
      "--xattrs-include=*",
      "--directory",
      place.tree,
    ],
    { stdio: ["pipe", "ignore", "pipe"], env: { PATH: "/usr/bin:/bin", LC_ALL: "C" } },
  );
  tar.stderr.setEncoding("utf8").on("data", (chunk: string) => place.log.write(chunk));
  const ended = once(tar, "close");
  const fed = pipeline(exported, tar.stdin);
  const [[status], feeding] = await Promise.all([
    ended as Promise<[number | null]>,
    fed.then(
      () => undefined,
      (error: unknown) => error,
    ),
  ]);
  if (status !== 0 || feeding !== undefined) {
    throw new ProvisionError({
      code: "import-failed",
      phase: "build",
      node: place.recipe,
      seen: `${reference} could not be unpacked: ${place.log.lines.slice(-3).join(" / ") || String(feeding)}`,
      cause: feeding,
    });
  }
  // The engine's mark on a container's root, no part of the image.
  await rm(join(place.tree, ".dockerenv"), { force: true });
}
