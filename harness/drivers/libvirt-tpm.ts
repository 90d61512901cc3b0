// Decides how a machine gets a TPM of its own: swtpm, started before each QEMU, as the user that QEMU runs as. libvirt would start it as another
// user and then hand QEMU its socket, which it does not where it is told to leave the owners of files alone. Keeps everything in the
// machine's directory; whoever removes that ends it first.
import { execFile } from "node:child_process";
import { chmod, chown, mkdir, stat } from "node:fs/promises";
import { connect } from "node:net";
import { promisify } from "node:util";
import { messageOf, ProvisionError } from "../model/errors.ts";
import type { QemuUser } from "./libvirt-client.ts";
import type { MachineFiles } from "./libvirt-names.ts";

const run = promisify(execFile);

/** How long one may take to end after its QEMU. */
const patienceSeconds = "10";
/** CMD_SHUTDOWN of swtpm's control channel (swtpm_ioctls(3)): four bytes, most significant first. */
const shutdown = Buffer.from([0, 0, 0, 3]);

export interface Tpm {
  /** `environment/node` */
  readonly title: string;
  readonly files: MachineFiles;
  readonly owner: QemuUser | undefined;
}

/**
 * Starts it; its socket can be connected to when this resolves. What it remembers lies in the machine's directory, so that it is
 * the same TPM at each start. It ends with the QEMU that connects. Rejects with `tpm-not-started`.
 */
export async function startTpm({ title, files, owner }: Tpm): Promise<void> {
  const words = [
    ...["swtpm", "socket", "--tpm2", "--daemon", "--terminate"],
    ...["--tpmstate", `dir=${files.tpm},mode=0600`],
    ...["--ctrl", `type=unixio,path=${files.tpmSocket},mode=0600`],
  ];
  try {
    await mkdir(files.tpm, { recursive: true });
    await chmod(files.tpm, 0o700);
    if (owner !== undefined) await chown(files.tpm, owner.uid, owner.gid);
    // It holds the lock for as long as it lives: the next one waits for the last.
    await run("flock", ["--timeout", patienceSeconds, files.tpmLock, ...words], {
      ...(owner !== undefined && process.getuid?.() === 0 ? owner : {}),
      cwd: "/",
    });
  } catch (error) {
    const { stdout = "", stderr = "" } = error as { stdout?: string; stderr?: string };
    throw new ProvisionError({
      code: "tpm-not-started",
      phase: "start",
      node: title,
      seen: `swtpm: ${`${stdout}${stderr}`.trim() || messageOf(error)}`,
      hint: "an AppArmor or SELinux profile of swtpm may keep it out of the state directory",
      cause: error,
    });
  }
}

/**
 * Ends the TPM of a machine that is gone, if there is one: without a QEMU that connects, it would wait for ever. Resolves when it is
 * gone; rejects when it stays.
 */
export async function endTpm(files: MachineFiles): Promise<void> {
  const there = await stat(files.tpmLock).catch(() => undefined);
  if (there === undefined) return;
  const socket = connect(files.tpmSocket);
  // Refused, or not there: it has ended, or is about to. Silent: it still has a QEMU, and goes with that.
  socket.on("error", () => undefined).setTimeout(Number(patienceSeconds) * 1000, () => socket.destroy());
  socket.resume().write(shutdown);
  await new Promise((resolve) => socket.once("close", resolve));
  await run("flock", ["--timeout", patienceSeconds, files.tpmLock, "true"]);
}
