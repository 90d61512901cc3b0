// Decides what can be declared of a virtual machine, and that nothing else can. Data only.
import { isAbsolute, join } from "node:path";
import { z } from "zod";
import { callSite } from "./call-site.ts";
import type { Check } from "./check.ts";
import { type Edge, edgesOf, waits } from "./edge.ts";
import { DeclarationError } from "./errors.ts";
import { groupOf, type VmGroup, type VmGroupOptions } from "./group.ts";
import { tolerates } from "./health.ts";
import type { VmNode } from "./node.ts";
import { absolute, duration, hostName, ipv4, name, size, words } from "./option-words.ts";
import { readOptions } from "./options.ts";
import type { Recipe } from "./recipe.ts";
import { isSecret, type Secret } from "./secret.ts";

/** A disk image that somebody else made. It is only read: a machine writes to an overlay of its own. */
export interface FromQcow2 {
  readonly disk: "qcow2";
  /** Absolute. */
  readonly path: string;
  /** Of the whole file, lower-case hex; checked before the machine is made and after it is gone. */
  readonly sha256: string;
  readonly at: string | undefined;
}

/**
 * Names a qcow2 file by its digest. A path is relative to the directory that is given as `in`. A file with a backing file,
 * a data file, encryption or an absurd virtual size is refused before anything opens it.
 * @example fromQcow2("debian-12-generic.qcow2", { in: import.meta.dirname, sha256: "9b5c…" })
 */
export function fromQcow2(path: string, options: { readonly sha256: string; readonly in?: string }): FromQcow2 {
  const at = callSite();
  const read = readOptions("fromQcow2", qcow2Options(), options);
  if (!isAbsolute(path) && read.in === undefined)
    throw new DeclarationError({
      code: "bad-path",
      at,
      seen: `disk image "${path}" is relative to nothing`,
      hint: "write an absolute path, or { in: import.meta.dirname }",
    });
  return { disk: "qcow2", path: isAbsolute(path) ? path : join(read.in ?? "/", path), sha256: read.sha256, at };
}

// Schemas are made when the first machine is declared: most specs declare none.
let schemas: ReturnType<typeof makeSchemas> | undefined;
const all = () => {
  schemas ??= makeSchemas();
  return schemas;
};
const qcow2Options = () => all().qcow2;
const vmOptions = () => all().vm;

function makeSchemas() {
  const secretText = z.custom<Secret>(isSecret, "expected a secret");
  const mac = z
    .string()
    .regex(/^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/i, "not a MAC address")
    .refine((text) => (Number.parseInt(text.slice(0, 2), 16) & 1) === 0, "that is a multicast address")
    .refine(
      (text) => (Number.parseInt(text.slice(0, 2), 16) & 2) !== 0,
      "that is a vendor's address; use a locally administered one, 02:…",
    );
  const disk = z.strictObject({
    size,
    bus: z.enum(["virtio", "scsi", "sata"]).default("virtio"),
    /** As the guest sees it, below /dev/disk/by-id; the disk's name when absent. */
    serial: z
      .string()
      .regex(/^[\w.-]{1,20}$/, "use up to 20 letters, digits, dots, hyphens and underscores")
      .optional(),
  });
  const ready = z.strictObject({
    /**
     * `booted`: the boot is over, whether every unit was started or not. `shell`: the first command was answered.
     * A unit's name: it is active.
     */
    unit: z.union([z.literal(["booted", "shell"]), z.string().regex(/^[\w@:.\\-]+\.[a-z]+$/)]).default("booted"),
    /**
     * It has the address that its network's DHCP server reserves for it, on each; on a bridge of this machine's, any. Default: asked
     * where it is on a bridge, whose addresses are known in no other way.
     */
    addresses: z.boolean().optional(),
    /** A TCP port on which something listens inside. */
    port: z.int().min(1).max(65535).optional(),
    check: z
      .custom<Check<VmNode>>(
        (value) => typeof value === "object" && value !== null && "observe" in value,
        "expected a check",
      )
      .optional(),
    within: duration.default(300_000),
  });
  return {
    qcow2: z.strictObject({
      sha256: z.string().regex(/^[0-9a-f]{64}$/, "expected 64 lower-case hex digits"),
      in: absolute.optional(),
    }),
    vm: z.strictObject({
      /** A recipe with a `disk`, or `fromQcow2`. */
      image: z.custom<Recipe | FromQcow2>(
        (value) => typeof value === "object" && value !== null && ("kind" in value || "disk" in value),
        "expected a recipe with a disk, or fromQcow2(…)",
      ),
      /** The guest's memory; the run reserves it, and something for QEMU, before the machine is started. */
      memory: size
        .refine((bytes) => bytes >= 64 * 1024 ** 2, "no guest boots with less than 64m")
        .default(256 * 1024 ** 2),
      vcpus: z.int().min(1).max(64).default(1),
      machine: z.enum(["q35", "pc"]).default("q35"),
      /** `default`: QEMU's own model, the quickest when emulated; `host`: what the host has, with hardware virtualisation only. */
      cpu: z
        .string()
        .regex(/^[\w.-]+$/)
        .default("default"),
      firmware: z.enum(["bios", "uefi"]).default("bios"),
      /** `kernel`: kernel and initrd from outside, which recipes bring. `disk`: firmware and the disk's own boot loader. */
      boot: z.enum(["kernel", "disk"]).optional(),
      /** Appended to the kernel's command line; with `boot: "kernel"` only. */
      kernelArguments: words.default([]),
      /** Empty disks beside the first, by name. */
      disks: z.record(name, disk).default({}),
      /** Networks of the environment. Without any: no network at all. */
      networks: z
        .union([z.array(name), z.record(name, z.strictObject({ mac: mac.optional(), address: ipv4.optional() }))])
        .default([]),
      hostname: hostName.optional(),
      devices: z
        .strictObject({ rng: z.boolean().default(true), tpm: z.boolean().default(false) })
        .default({ rng: true, tpm: false }),
      /** NoCloud seed for cloud-init; what the harness needs is added to it. */
      seed: z.strictObject({ userData: z.record(z.string(), z.unknown()).default({}) }).optional(),
      /**
       * How a shell of the harness comes into the guest. `initrd`: beside the kernel, which touches no disk; needs
       * `boot: "kernel"`. `seed`: by cloud-init. `console`: typed after a login. Default: `initrd` where it can be, else
       * `console` where a login is given, else `seed`.
       */
      access: z
        .union([
          z.literal(["initrd", "seed"]),
          z.strictObject({ console: z.strictObject({ user: z.string().min(1), password: secretText }) }),
        ])
        .optional(),
      /** How commands travel: over virtio-serial ports, which needs no network, or ssh to a daemon of the harness's own. */
      transport: z.enum(["ports", "ssh"]).default("ports"),
      /** A guest that only carries others, of which nothing is asserted: booted the quick way, with what it does not need left out. */
      carrier: z.boolean().default(false),
      ready: ready.default({ unit: "booted", within: 300_000 }),
      /**
       * `warm`: from the memory of a machine like it that was ready before, where one is kept, with an identity of its own; else it
       * boots. A machine that waits for another node always boots. `boot`: always by its own boot, for what is asserted of that; and for what draws an identity at its boot that Assay does not know.
       */
      start: z.enum(["warm", "boot"]).default("warm"),
      /** How long `shutdown` waits for the guest. */
      stopTimeout: duration.default(90_000),
      /** As a container's. */
      after: waits,
      /** What may be found of it while it is watched and fails no test, each with the reason: `{ "unit-failed": "apt-daily has no network here" }`. */
      tolerates,
    }),
  };
}

export type VmOptions = z.input<ReturnType<typeof makeSchemas>["vm"]>;

export interface VmDeclaration extends Omit<z.output<ReturnType<typeof makeSchemas>["vm"]>, "after"> {
  readonly kind: "vm";
  readonly after: readonly string[];
  readonly awaits: readonly Edge[];
  readonly boot: "kernel" | "disk";
  readonly at: string | undefined;
}

/**
 * Declares a virtual machine. Its disk is always an overlay; the image is never written to.
 * An unknown or malformed option is a type error, and at run time a `DeclarationError` with file and line.
 * With `count` and `name` it is several of them, which a test has as an array: what differs is a function of the number, from 1.
 *
 * @example
 * vm({ image: soeVm, memory: "512m", networks: { studio: { mac: "02:00:00:00:00:01" } }, ready: { unit: "ssh.service" } })
 * @example
 * vm({ image: soeVm, count: 3, name: (n) => `dev-00${n}`, networks: { studio: { mac: (n) => `02:00:00:00:00:0${n}` } } })
 */
export function vm(options: VmGroupOptions): VmGroup;
export function vm(options: VmOptions): VmDeclaration;
export function vm(options: VmOptions | VmGroupOptions): VmDeclaration | VmGroup {
  const at = callSite();
  if ("count" in options || "name" in options) return groupOf(options as VmGroupOptions, (one) => vm(one), at);
  const read = readOptions("vm", vmOptions(), options);
  const boot = read.boot ?? ("kind" in read.image ? "kernel" : "disk");
  const wrong = contradiction({ ...read, boot });
  if (wrong !== undefined) throw new DeclarationError({ code: "bad-option", at, seen: `vm: ${wrong}` });
  return { kind: "vm", ...read, ...edgesOf(read.after), boot, at };
}

/** What two options say against each other; each alone is well. */
function contradiction(read: Omit<VmDeclaration, "kind" | "at" | "after" | "awaits">): string | undefined {
  const { image, boot, access } = read;
  if ("kind" in image && image.disk === undefined)
    return `recipe ${image.name} gives no disk; add disk: {} to it, or use container(…)`;
  if (boot === "kernel" && !("kind" in image)) return 'boot: "kernel" needs a recipe: a foreign disk brings no kernel';
  if (boot === "disk" && read.kernelArguments.length > 0)
    return 'kernelArguments need boot: "kernel"; the disk\'s own boot loader has its own';
  if (boot === "disk" && read.carrier) return 'carrier needs boot: "kernel"';
  if (boot === "disk" && access === "initrd") return 'access: "initrd" needs boot: "kernel"';
  if (read.transport === "ssh" && Object.keys(read.networks).length === 0) return 'transport: "ssh" needs a network';
  if (read.seed !== undefined && access === "initrd")
    return 'a seed is for cloud-init; choose access: "seed", or leave it out';
  return undefined;
}
