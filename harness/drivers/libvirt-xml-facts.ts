// Decides what has to be known of a machine before libvirt can be asked for it: concrete facts, every path absolute, nothing left
// to be chosen. Data only.

/** A virtual disk. Nothing is probed: the format is always said. */
export interface DiskFacts {
  readonly file: string;
  readonly format: "qcow2" | "raw";
  readonly bus: "virtio" | "scsi" | "sata";
  /** As the guest sees it below /dev/disk/by-id; at most 20 characters on virtio. */
  readonly serial?: string | undefined;
  readonly readOnly?: boolean;
  /** Nothing is ever flushed to the host's disk: quick, and right for an overlay that dies with the machine. Default true. */
  readonly cacheUnsafe?: boolean;
}

export interface InterfaceFacts {
  /** libvirt's name of the network, or the bridge of its machine's. */
  readonly source: { readonly network: string } | { readonly bridge: string };
  readonly mac: string;
  /** Default `virtio`. */
  readonly model?: "virtio" | "e1000e" | "e1000";
}

/** A virtio-serial port; QEMU listens on a unix socket for the host's side. */
export interface ChannelFacts {
  /** As in /sys/class/virtio-ports/…/name: `dev.assay.control`. */
  readonly name: string;
  /** At most 107 bytes, as a unix socket's address is no longer. */
  readonly path: string;
}

export type FirmwareFacts =
  | { readonly kind: "bios" }
  /** `code` and `vars` as `findUefi` gives them; `nvram` is the machine's own copy of `vars`, made by libvirt at the first start. */
  | { readonly kind: "uefi"; readonly code: string; readonly vars: string; readonly nvram: string };

export type BootFacts =
  | { readonly from: "disk" }
  | {
      readonly from: "kernel";
      readonly kernel: string;
      readonly initrd?: string | undefined;
      /** Words of the kernel's command line. */
      readonly arguments: readonly string[];
    };

export interface DomainFacts {
  readonly name: string;
  readonly uuid: string;
  /** Whose it is: `labelsOf` of names.ts. */
  readonly labels: Readonly<Record<string, string>>;
  readonly accelerator: "kvm" | "qemu";
  readonly memoryBytes: number;
  readonly vcpus: number;
  readonly machine: "q35" | "pc";
  /** `default`: QEMU's own model; `host`: the host's, with `kvm` only; else a model's name. */
  readonly cpu: string;
  readonly firmware: FirmwareFacts;
  readonly boot: BootFacts;
  /** The first is booted from. */
  readonly disks: readonly DiskFacts[];
  /** ISO file with a NoCloud seed. */
  readonly seed?: string | undefined;
  readonly interfaces: readonly InterfaceFacts[];
  readonly channels: readonly ChannelFacts[];
  /** Serial console ttyS0: everything it shows is appended to `log`; who types on it connects to `socket`. */
  readonly console: { readonly log: string; readonly socket: string };
  /** Socket of a QMP monitor that is ours alone; QEMU makes it, so its directory must be QEMU's user's to write. */
  readonly qmp: string;
  readonly rng: boolean;
  /** Control socket of a swtpm that runs: see `startTpm`. libvirt 9.0 or later. */
  readonly tpm?: string | undefined;
  /** A VGA screen, for screenshots. */
  readonly screen: boolean;
  /** Channel of the QEMU guest agent, as images expect it, its socket `agent` beside the monitor's; default true. */
  readonly agent?: boolean;
  /** Tells of a kernel that panicked (GUEST_PANICKED), where its kernel has pvpanic; the machine then stands still. Default true. */
  readonly panic?: boolean;
  /** MiB of QEMU's cache of translated code; emulated machines only. Default 64: less slows the boot, more is memory. */
  readonly translationMib?: number;
  /**
   * Whom QEMU runs as, from `LibvirtClient.qemuUser`. When given, libvirt changes the owner of no file, neither of the image nor
   * of the kernel: what QEMU is to write must be that user's already. When absent, it is libvirt's way.
   */
  readonly user?: { readonly uid: number; readonly gid: number } | undefined;
}
