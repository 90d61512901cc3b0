// Decides how images of containers that run on a machine get to the engine inside: as one archive on a disk that can only be read, in
// which a layer that several share lies once, loaded before the machine counts as ready. Nothing travels over a network, and no registry
// is asked.
import { createHash } from "node:crypto";
import { constants, copyFile, link, stat } from "node:fs/promises";
import { join } from "node:path";
import { quoteWord } from "../model/check.ts";
import { ProvisionError } from "../model/errors.ts";
import { shell } from "../model/exec.ts";
import type { Transport } from "../transports/transport.ts";
import { imagesOn } from "./docker-names.ts";
import type { Standing } from "./driver.ts";
import type { DiskFacts } from "./libvirt-xml-facts.ts";

/** What the store knows of images' archives. */
export interface ArchiveRoom {
  /** Writes a new file with the images of all of them, each layer once. */
  merge(file: string, archives: readonly string[]): Promise<void>;
}

/** One image for the engine in a machine. */
export interface PayloadImage {
  /** `name:tag` */
  readonly tag: string;
  /** What the engine calls it once it has it: `sha256:…`. */
  readonly imageId: string;
  /** As `docker load` takes it. */
  readonly archive: string;
}

/** What a machine's engine is brought. */
export interface Payload {
  readonly images: readonly PayloadImage[];
  /** Of the disk that they are brought on. */
  readonly serial: string;
}

/** Images of the containers that are declared to run on a machine, each once; `undefined` where there are none. */
export function payloadOf(standing: Standing, machine: string): Payload | undefined {
  const images = imagesOn(standing, machine).flatMap(({ tag, imageId, archive }) =>
    archive === undefined ? [] : [{ tag, imageId, archive }],
  );
  if (images.length === 0) return undefined;
  const all = createHash("sha256").update(JSON.stringify(images.map(({ tag, imageId }) => [tag, imageId])));
  // Twenty characters are all that a virtio disk's serial has.
  return { images, serial: `images-${all.digest("hex").slice(0, 13)}` };
}

/** Puts the archive where QEMU may read it; that of one image without a second copy of it where the file system can do that. */
export async function placePayload(
  directory: string,
  { images, serial }: Payload,
  archives: ArchiveRoom,
): Promise<DiskFacts> {
  const file = join(directory, `${serial}.tar`);
  const [first, ...more] = images.map(({ archive }) => archive) as [string, ...string[]];
  if (more.length > 0) await archives.merge(file, [first, ...more]);
  else {
    const copy = () => copyFile(first, file, constants.COPYFILE_FICLONE);
    // A second name leads past the store's closed door; the bytes are as little writable as before.
    if (((await stat(first)).mode & 0o004) !== 0) await link(first, file).catch(copy);
    else await copy();
  }
  return { file, format: "raw", bus: "virtio", serial, readOnly: true };
}

/**
 * Loads what the engine in the guest does not have. docker's engine is asked where there is one, else podman's. Rejects with
 * `no-engine`, or `image-not-loaded` and the engine's words.
 */
export async function loadPayload(
  title: string,
  transport: Transport,
  { images, serial }: Payload,
  timeoutMs: number,
): Promise<void> {
  const script = [
    "engine=$(command -v docker || command -v podman) || exit 70",
    "has() {",
    `  id=$("$engine" image inspect --format '{{.Id}}' "$1" 2>/dev/null) && [ "sha256:\${id#sha256:}" = "$2" ]`,
    "}",
    'all() { while [ $# -gt 0 ]; do has "$1" "$2" || { echo "$1"; return 1; }; shift 2; done; }',
    `set -- ${images.map(({ tag, imageId }) => `${quoteWord(tag)} ${quoteWord(imageId)}`).join(" ")}`,
    'all "$@" >/dev/null && exit 0',
    `disk=/dev/disk/by-id/virtio-${serial}`,
    `[ -e "$disk" ] || udevadm settle --timeout=10`,
    // Its words of each image are nobody's: what it lacks afterwards is.
    `"$engine" load --quiet --input "$disk" >/dev/null || exit 71`,
    'all "$@" || exit 72',
  ].join("\n");
  const { status, stdout, stderr } = await transport.exec(shell(script), { timeoutMs });
  if (status === 0) return;
  const said = (stderr.trim() || stdout.trim()).split("\n").slice(-3).join(" | ");
  const tags = images.map(({ tag }) => tag).join(", ");
  throw new ProvisionError({
    code: status === 70 ? "no-engine" : "image-not-loaded",
    phase: "ready",
    node: title,
    seen:
      status === 70
        ? "containers are declared to run on this machine, and there is neither docker nor podman in it"
        : status === 72
          ? `the engine in the guest loaded ${tags}, and has no ${stdout.trim()} whose id is that of the recipe's`
          : `the engine in the guest could not load ${tags}: ${said || `status ${status}`}`,
    hint: status === 70 ? "install one in the machine's recipe" : "the guest's journal is in the run's evidence",
  });
}
