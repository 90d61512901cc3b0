// Archives and layouts for tests, written as the programs do that images come from; a test says what is in them.
import { createHash } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { type Header, pack } from "tar-stream";
import type { StillContents } from "../../model/still.ts";
import { openStill } from "../still-image.ts";

export type Entry = Partial<Header> & { readonly name: string } & { readonly content?: string | Buffer };

/** A tar. */
export async function tar(entries: readonly Entry[]): Promise<Buffer> {
  const packing = pack();
  for (const { content, ...header } of entries) packing.entry(header, content ?? "");
  packing.finalize();
  return buffer(packing);
}

/** Of each image that is made here. */
export const configuration = {
  architecture: "amd64",
  created: "2026-01-01T00:00:00Z",
  config: { Env: ["A=b=c"], Cmd: ["x"] },
};

/** As `docker save` writes it. */
export async function saved(room: string, name: string, layers: readonly Buffer[]): Promise<string> {
  const names = layers.map((_, index) => `${index}/layer.tar`);
  const parts: Entry[] = [
    ...layers.map((content, index) => ({ name: names[index] ?? "", content })),
    { name: "c.json", content: JSON.stringify(configuration) },
    { name: "manifest.json", content: JSON.stringify([{ Config: "c.json", RepoTags: ["x:1"], Layers: names }]) },
  ];
  const path = join(room, `${name}.tar`);
  writeFileSync(path, await tar(parts));
  return path;
}

/** As skopeo and buildah write it. */
export function layout(
  room: string,
  name: string,
  layers: readonly Buffer[],
  spoil: (digest: string) => string = (digest) => digest,
): string {
  const path = join(room, name);
  mkdirSync(join(path, "blobs", "sha256"), { recursive: true });
  const blob = (bytes: Buffer) => {
    const hex = createHash("sha256").update(bytes).digest("hex");
    writeFileSync(join(path, "blobs", "sha256", hex), bytes);
    return { digest: `sha256:${hex}`, size: bytes.length };
  };
  const json = (value: unknown) => blob(Buffer.from(JSON.stringify(value)));
  const manifest = json({ config: json(configuration), layers: layers.map((layer) => ({ ...blob(layer) })) });
  const index = {
    manifests: [
      { ...manifest, digest: spoil(manifest.digest), annotations: { "org.opencontainers.image.ref.name": "1" } },
    ],
  };
  writeFileSync(join(path, "index.json"), JSON.stringify(index));
  return path;
}

/** Opens one. */
export const open = (
  path: string,
  still: "docker-archive" | "oci-layout" | "rootfs" = "docker-archive",
): Promise<StillContents> => openStill({ still, path, image: undefined, at: "environments/x.ts:1:1" });
