// Decides how images of containers that run on a machine get to the engine inside: each archive as a disk that can only be read,
// loaded before the machine counts as ready. Nothing travels over a network, and no registry is asked.
import { constants, copyFile, link, stat } from "node:fs/promises";
import { join } from "node:path";
import { quoteWord } from "../model/check.ts";
import { ProvisionError } from "../model/errors.ts";
import { shell } from "../model/exec.ts";
import type { Transport } from "../transports/transport.ts";
import { imagesOn } from "./docker-names.ts";
import type { Standing } from "./driver.ts";
import type { DiskFacts } from "./libvirt-xml-facts.ts";

/** One image for the engine in a machine. */
export interface Payload {
  /** `name:tag` */
  readonly tag: string;
  /** What the engine calls it once it has it: `sha256:…`. */
  readonly imageId: string;
  /** As `docker load` takes it. */
  readonly archive: string;
  /** Of the disk it is brought on. */
  readonly serial: string;
}

/** Images of the containers that are declared to run on a machine, each once. */
export function payloadOf(standing: Standing, machine: string): readonly Payload[] {
  return imagesOn(standing, machine).flatMap(({ tag, imageId, archive }) =>
    // Twenty characters are all that a virtio disk's serial has.
    archive === undefined
      ? []
      : [{ tag, imageId, archive, serial: `image-${imageId.replace("sha256:", "").slice(0, 14)}` }],
  );
}

/** Puts an archive where QEMU may read it, without a second copy of it where the file system can do that. */
export async function placePayload(directory: string, { archive, serial }: Payload): Promise<DiskFacts> {
  const file = join(directory, `${serial}.tar`);
  const { mode } = await stat(archive);
  const copy = () => copyFile(archive, file, constants.COPYFILE_FICLONE);
  // A second name leads past the store's closed door; the bytes are as little writable as before.
  if ((mode & 0o004) !== 0) await link(archive, file).catch(copy);
  else await copy();
  return { file, format: "raw", bus: "virtio", serial, readOnly: true };
}

/**
 * Loads what the engine in the guest does not have. docker's engine is asked where there is one, else podman's. Rejects with
 * `no-engine`, or `image-not-loaded` and the engine's words.
 */
export async function loadPayload(
  title: string,
  transport: Transport,
  payload: readonly Payload[],
  timeoutMs: number,
): Promise<void> {
  for (const { tag, imageId, serial } of payload) {
    const script = [
      "engine=$(command -v docker || command -v podman) || exit 70",
      "has() {",
      `  id=$("$engine" image inspect --format '{{.Id}}' ${quoteWord(tag)} 2>/dev/null) && [ "sha256:\${id#sha256:}" = '${imageId}' ]`,
      "}",
      "has && exit 0",
      `disk=/dev/disk/by-id/virtio-${serial}`,
      `[ -e "$disk" ] || udevadm settle --timeout=10`,
      `"$engine" load --quiet --input "$disk" || exit 71`,
      "has || exit 72",
    ].join("\n");
    const { status, stdout, stderr } = await transport.exec(shell(script), { timeoutMs });
    if (status === 0) continue;
    const said = (stderr.trim() || stdout.trim()).split("\n").slice(-3).join(" | ");
    throw new ProvisionError({
      code: status === 70 ? "no-engine" : "image-not-loaded",
      phase: "ready",
      node: title,
      seen:
        status === 70
          ? "containers are declared to run on this machine, and there is neither docker nor podman in it"
          : status === 72
            ? `the engine in the guest loaded ${tag} and calls it something else than ${imageId}`
            : `the engine in the guest could not load ${tag}: ${said || `status ${status}`}`,
      hint: status === 70 ? "install one in the machine's recipe" : "the guest's journal is in the run's evidence",
    });
  }
}
