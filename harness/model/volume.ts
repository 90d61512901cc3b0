// Decides what can be declared of an environment's volume: an engine's own directory, or another machine's that it mounts. Data only.
import { z } from "zod";
import { absolute, hostName } from "./option-words.ts";

/** An option of nfs(5), alone: what is joined by a comma would be several, and an address is the server's. */
const mountOption = z
  .string()
  .regex(/^(?!addr=)[\w.:=/-]+$/, 'expected one option of nfs(5), as in "hard" or "timeo=50"');

export const volumeOptions = z.strictObject({
  labels: z.record(z.string(), z.string()).default({}),
  /**
   * What an NFS server exports: the engine mounts it for the first container that has the volume, and unmounts it after the last. Its data
   * are the server's, and stay when the volume goes: containers on several machines' engines share them by a volume for each.
   */
  nfs: z
    .strictObject({
      /** Name or address, as the engine's machine knows it. */
      server: z.union([hostName, z.ipv6()]),
      /** What it exports, or a directory below. */
      path: absolute,
      version: z.enum(["4", "4.0", "4.1", "4.2"]).default("4.2"),
      /** @example ["hard", "timeo=50"] */
      options: z.array(mountOption).default([]),
    })
    .optional(),
});

export type VolumeDeclaration = z.output<typeof volumeOptions>;
