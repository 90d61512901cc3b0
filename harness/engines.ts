// Decides what the drivers of a process are given: the one place where engines, this host and the store meet.
import { join } from "node:path";
import { Engines } from "./drivers/by-kind.ts";
import type { EngineAddress } from "./drivers/docker-address.ts";

/** Plain data, so that a supervisor can hand it to its test processes. */
export interface EngineFacts extends EngineAddress {
  /** `qemu:///system` */
  readonly libvirtUri: string;
  /** Root of all runs' scratch directories. */
  readonly scratch: string;
  readonly state: string;
  /** `PATH` */
  readonly path: string;
  /** Effective user id. */
  readonly uid: number;
}

/** Drivers over what is given. Opens nothing yet. */
export function enginesOf(facts: EngineFacts): Engines {
  return new Engines({
    dockerHost: facts.dockerHost,
    ...(facts.engine === undefined ? {} : { engine: facts.engine }),
    dockerTls: facts.dockerTls,
    ssh: facts.ssh,
    libvirtUri: facts.libvirtUri,
    scratch: facts.scratch,
    busybox: async () => (await import("./host/busybox.ts")).staticBusybox(facts.path),
    // Loaded when a machine is made: most processes make none.
    accelerator: async () => (await import("./host/accelerator.ts")).accelerator(facts),
    kept: async () => {
      const { WarmMachines } = await import("./store/warm.ts");
      return new WarmMachines({ directory: join(facts.state, "store"), disks: join(facts.state, "disks") });
    },
    still: {
      files: async (source) => (await import("./store/still-image.ts")).openStill(source),
      built: async (image) => (await import("./store/still-image.ts")).openBuilt(image),
      exported: async (...exported) => (await import("./store/still-image.ts")).openExported(...exported),
    },
    archives: {
      merge: async (...merged) => (await import("./store/merged-archive.ts")).mergeArchives(...merged),
    },
    disks: {
      verify: async (disk) => (await import("./store/verify-disk.ts")).verifyDisk(disk),
      inspect: async (image) => (await import("./store/foreign-disk.ts")).inspectForeignDisk(image),
    },
  });
}
