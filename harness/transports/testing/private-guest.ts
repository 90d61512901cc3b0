// Decides how a test gets a guest of its own without any driver: one QEMU on an overlay of a built disk, with the harness's ports. When
// the test process dies, so does QEMU.
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, watch } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { BuiltDisk } from "../../model/image.ts";
import { appended } from "../cpio.ts";
import { emulatedArguments } from "../guest-access.ts";
import { guestSlots, portPrefix } from "../guest-shell.ts";
import type { SlotSockets } from "../port-slot.ts";

export interface PrivateGuest {
  readonly control: string;
  readonly slots: readonly SlotSockets[];
  /** Unix sockets of the serial console and of QEMU's monitor. */
  readonly console: string;
  readonly qmp: string;
  /** Ends QEMU as nothing else would. */
  kill(): Promise<void>;
  stop(): Promise<void>;
}

export interface PrivateGuestOptions {
  /** An archive for the initrd; without it the guest has nothing of ours. */
  readonly addition?: Uint8Array;
  /** The disk's usual initrd in place of the quick one for carriers. */
  readonly usualInitrd?: boolean;
  /** Default: as many as a machine has that carries nothing. */
  readonly slots?: number;
}

/** Starts a guest and resolves when QEMU listens: nothing has booted by then. Stop it in `afterAll`. */
export async function privateGuest(disk: BuiltDisk, options: PrivateGuestOptions = {}): Promise<PrivateGuest> {
  const initrd = options.usualInitrd === true ? disk.initrd : (disk.carrierInitrd ?? disk.initrd);
  if (disk.kernel === undefined || initrd === undefined) throw new Error("this disk brings no kernel from outside");
  const directory = await mkdtemp(join(tmpdir(), "assay-guest-"));
  const at = (name: string) => join(directory, name);
  await writeFile(at("initrd"), appended(await readFile(initrd), options.addition ?? Buffer.alloc(0)));
  execFileSync("qemu-img", ["create", "-q", "-f", "qcow2", "-F", "qcow2", "-b", disk.path, at("overlay")]);
  const socket = (id: string) => ["-chardev", `socket,id=${id},path=${at(id)},server=on,wait=off`];
  const numbers = Array.from({ length: options.slots ?? guestSlots }, (_, index) => index + 1);
  const names = [
    ["control", "control"] as const,
    ...numbers.flatMap((k) => ["in", "out", "err"].map((stream) => [`s${k}${stream}`, `${k}.${stream}`] as const)),
  ];
  // The first port of each controller is the console's.
  const perController = 30;
  const ports = names.flatMap(([id, name], index) => {
    const bus = `serial${Math.floor(index / perController)}`;
    const controller = ["-device", `virtio-serial-pci,id=${bus},max_ports=${perController + 1}`];
    return [
      ...(index % perController === 0 ? controller : []),
      ...socket(id),
      ...["-device", `virtserialport,bus=${bus}.0,chardev=${id},name=${portPrefix}${name}`],
    ];
  });
  const words = [
    ...["-nodefaults", "-no-user-config", "-display", "none", "-accel", "tcg,thread=multi", "-machine", "q35"],
    ...["-m", "256", "-kernel", disk.kernel, "-initrd", at("initrd")],
    ...["-append", ["console=ttyS0", "panic=-1", ...emulatedArguments, ...disk.kernelArguments].join(" ")],
    ...["-drive", `file=${at("overlay")},if=none,id=disk,cache=unsafe`, "-device", "virtio-blk-pci,drive=disk"],
    ...["-device", "virtio-rng-pci", ...socket("console"), "-serial", "chardev:console"],
    ...ports,
    ...["-qmp", `unix:${at("qmp")},server=on,wait=off`],
    // They are made in this order, and listen a moment after they appear: who sees the last one can connect to all others.
    ...socket("last"),
  ];
  const child = spawn("setpriv", ["--pdeathsig", "KILL", "qemu-system-x86_64", ...words], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  await listening(child, directory, "last");
  const kill = async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, "exit");
    child.kill("SIGKILL");
    await gone;
  };
  return {
    control: at("control"),
    slots: numbers.map((k) => ({ in: at(`s${k}in`), out: at(`s${k}out`), err: at(`s${k}err`) })),
    console: at("console"),
    qmp: at("qmp"),
    kill,
    async stop() {
      await kill();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

function listening(child: ChildProcess, directory: string, name: string): Promise<void> {
  return new Promise((resolve, reject) => {
    let said = "";
    child.stderr?.on("data", (bytes) => {
      said += String(bytes);
    });
    const look = () => {
      if (!existsSync(join(directory, name))) return;
      watcher.close();
      resolve();
    };
    const watcher = watch(directory, look);
    look();
    child.once("error", reject);
    child.once("exit", () => {
      watcher.close();
      reject(new Error(`QEMU did not start: ${said}`));
    });
  });
}
