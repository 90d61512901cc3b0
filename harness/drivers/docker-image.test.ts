// Decides what is told where the store no longer has the archive that an engine is to load. The engine is a peer on a socket that has no image.
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { BuiltImage } from "../model/image.ts";
import { dockerClient } from "./docker-client.ts";
import { loadImage } from "./docker-image.ts";

test("an archive that is gone is no fault of the engine's", async () => {
  const directory = mkdtempSync(join(tmpdir(), "assay-image-"));
  const socketPath = join(directory, "engine.sock");
  const server = createServer((_request, response) => response.writeHead(404).end('{"message":"No such image"}'));
  await new Promise<void>((resolve) => server.listen(socketPath, resolve));
  const image: BuiltImage = {
    ...{ recipe: "soe", tag: "soe:1", recipeDigest: "sha256:1", treeDigest: "sha256:2", imageId: "sha256:0" },
    tree: directory,
    archive: join(directory, "gone.tar"),
    config: { entrypoint: [], cmd: [], env: {}, labels: {}, user: "", workdir: "", expose: [], volumes: [] },
  };
  try {
    await expect(loadImage(dockerClient({ socketPath }), image)).rejects.toMatchObject({
      name: "ProvisionError",
      code: "image-missing",
      seen: expect.stringContaining("gone.tar"),
    });
  } finally {
    server.closeAllConnections();
    server.close();
    rmSync(directory, { recursive: true });
  }
});
