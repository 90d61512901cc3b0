// Decides what can be declared of a container, and that nothing else can. Data only.
import { isAbsolute, normalize } from "node:path";
import { z } from "zod";
import { type AddressText, isAddressText } from "./address-text.ts";
import { callSite } from "./call-site.ts";
import type { Check } from "./check.ts";
import { type Edge, edgesOf, waits } from "./edge.ts";
import { DeclarationError } from "./errors.ts";
import { tolerates } from "./health.ts";
import { capabilityNames, leastMemory, signalNames, ulimitNames } from "./kernel-words.ts";
import type { ContainerNode } from "./node.ts";
import { absolute, duration, hostName, id, ipv4, mode, name, size, wordOf, words } from "./option-words.ts";
import { readOptions } from "./options.ts";
import type { FromImage, Recipe } from "./recipe.ts";
import { isSecret, type Secret } from "./secret.ts";

const capability = wordOf("capability", capabilityNames);
const signal = wordOf("signal", signalNames);
const propagation = z.enum(["private", "rprivate", "shared", "rshared", "slave", "rslave"]);
/** Relabelling of a bind mount's source: `z` shares it between containers, `Z` keeps it to one. */
const selinux = z.enum(["z", "Z"]);

const bindOptions = z.strictObject({
  readOnly: z.boolean().default(false),
  selinux: selinux.optional(),
  propagation: propagation.optional(),
});
const hostBindOptions = bindOptions.extend({
  /** What the source has to be; without it, anything that is there. */
  is: z.enum(["directory", "file", "socket", "character device", "block device"]).optional(),
});
const fileName = z
  .string()
  .regex(/^[-._a-zA-Z0-9]+$/, "a file's name is made of letters, digits, dots, hyphens and underscores")
  .refine((text) => text !== "." && text !== "..", "not a file's name");
const scratchFile = z.strictObject({
  content: z.string(),
  encoding: z.enum(["utf8", "base64"]).default("utf8"),
  mode: mode.default(0o644),
});
const scratchOptions = bindOptions.extend({
  owner: z.strictObject({ uid: id, gid: id }).default({ uid: 0, gid: 0 }),
  mode: mode.default(0o755),
  /** One directory for all mounts of the environment that give this name, and the same of all else but `readOnly` and `file`. */
  shared: name.optional(),
  /** What lies in it from the beginning: name → contents. */
  files: z.record(fileName, scratchFile).optional(),
  /** Mounts this one of `files` alone, in the place of the directory. */
  file: fileName.optional(),
});
const volumeOptions = z.strictObject({ readOnly: z.boolean().default(false), noCopy: z.boolean().default(false) });
const tmpfsOptions = z.strictObject({
  size: size.optional(),
  mode: mode.optional(),
  uid: id.optional(),
  gid: id.optional(),
  readOnly: z.boolean().default(false),
});

export type BindMount = { readonly mount: "bind"; readonly source: string } & z.output<typeof hostBindOptions>;
export type ScratchMount = { readonly mount: "scratch" } & z.output<typeof scratchOptions>;
export type VolumeMount = { readonly mount: "volume"; readonly volume: string } & z.output<typeof volumeOptions>;
export type TmpfsMount = { readonly mount: "tmpfs" } & z.output<typeof tmpfsOptions>;
export type Mount = BindMount | ScratchMount | VolumeMount | TmpfsMount;

/** A directory or file of the host, mounted as it is. It must exist. @example bind("/etc/localtime", { readOnly: true }) */
export function bind(source: string, options: z.input<typeof hostBindOptions> = {}): BindMount {
  if (!isAbsolute(source))
    throw new DeclarationError({
      code: "bad-path",
      at: callSite(),
      seen: `bind source "${source}" is not an absolute path`,
    });
  return { mount: "bind", source, ...readOptions("bind", hostBindOptions, options) };
}

/**
 * A fresh directory of the host, bind-mounted; made for the environment and removed with it. Empty, unless `files` says what is in it.
 * @example scratch({ owner: { uid: 1000, gid: 1000 } })
 * @example scratch({ shared: "spool", mode: 0o1777 }) // the same directory in every container that says so
 * @example scratch({ files: { "server.conf": { content: "port = 27017\n" } }, readOnly: true })
 */
export function scratch(options: z.input<typeof scratchOptions> = {}): ScratchMount {
  const read = readOptions("scratch", scratchOptions, options);
  if (read.file !== undefined && read.files?.[read.file] === undefined)
    throw new DeclarationError({
      code: "bad-option",
      at: callSite(),
      seen: `scratch: file "${read.file}" is none of its files`,
    });
  return { mount: "scratch", ...read };
}

/** A volume of the environment, kept by the engine as long as the environment lives. Declare its name in `volumes`. @example volume("data") */
export function volume(volumeName: string, options: z.input<typeof volumeOptions> = {}): VolumeMount {
  return { mount: "volume", volume: volumeName, ...readOptions("volume", volumeOptions, options) };
}

/** Memory, gone with the container. @example tmpfs({ size: "64m", mode: 0o1777 }) */
export function tmpfs(options: z.input<typeof tmpfsOptions> = {}): TmpfsMount {
  return { mount: "tmpfs", ...readOptions("tmpfs", tmpfsOptions, options) };
}

const envValue = z.union(
  [z.string(), z.custom<Secret>(isSecret), z.custom<AddressText>(isAddressText)],
  "expected text, a secret or addressOf(…)",
);
const port = z.union([
  z.int().min(1).max(65535),
  z.strictObject({
    container: z.int().min(1).max(65535),
    /** Host port; chosen by the engine when absent. A fixed port is claimed: two runs wait for each other. */
    host: z.int().min(1).max(65535).optional(),
    address: ipv4.default("127.0.0.1"),
    protocol: z.enum(["tcp", "udp"]).default("tcp"),
  }),
]);
const health = z.strictObject({
  test: words,
  interval: duration.optional(),
  timeout: duration.optional(),
  startPeriod: duration.optional(),
  retries: z.int().min(1).optional(),
});

/** What "ready" means; every given condition must hold. Without any: the main process runs. */
const ready = z.strictObject({
  /** The engine has started it, whatever has become of it since: where a spec judges how it ends. Goes alone. */
  started: z.literal(true).optional(),
  /** A line of the log, standard output or error. */
  log: z.instanceof(RegExp).optional(),
  /** The health check says healthy. */
  healthy: z.literal(true).optional(),
  /** A TCP port on which something listens inside the container. */
  port: z.int().min(1).max(65535).optional(),
  /** The main process ends: with status 0 (`true`), a one-shot container; or with this one, which is how a refusal is expected. */
  exited: z.union([z.literal(true), z.int().min(0).max(255)]).optional(),
  /** Any check is met. */
  check: z
    .custom<Check<ContainerNode>>(
      (value) => typeof value === "object" && value !== null && "observe" in value,
      "expected a check",
    )
    .optional(),
  within: duration.default(60_000),
});

/** What "ready" means for once, as `container` takes it. */
export type ReadyOptions = z.input<typeof ready>;

/** Reads what a start is to wait for. A `DeclarationError` where it cannot be read. */
export function readReady(options: ReadyOptions): ContainerDeclaration["ready"] {
  return readOptions("start", ready, options);
}

const limit = z.union([
  z.int(),
  z
    .strictObject({ soft: z.int(), hard: z.int() })
    .refine(({ soft, hard }) => hard === -1 || soft <= hard, "the soft limit is above the hard one"),
]);

const image = z.union([
  z.string().min(1),
  z.custom<Recipe | FromImage>(
    (value) => typeof value === "object" && value !== null && ("kind" in value || "base" in value),
    "expected name:tag, a recipe or fromImage(…)",
  ),
]);

const containerOptions = z.strictObject({
  /** A virtual machine of the environment whose engine runs it; without it the host's does. It starts when that is ready. */
  on: name.optional(),
  /** `name:tag` the engine has, a recipe, or `fromImage`. */
  image,
  /**
   * Which of an image's architectures: `linux/arm64`. An engine's image that is of another is fetched anew. Where this machine's kernel
   * has no interpreter for it (binfmt_misc), tests are skipped with this reason. Not for recipes: they are built for this machine.
   */
  platform: z
    .string()
    .regex(/^linux\/[a-z0-9]+(\/v\d+)?$/, "write linux/arm64, or linux/arm/v7")
    .optional(),
  /** Replaces the image's command. */
  command: z.array(z.string()).optional(),
  /** Replaces the image's entrypoint. */
  entrypoint: z.array(z.string()).optional(),
  /** Replaces entrypoint and command by a process that waits: for images whose daemon is not what is tested. */
  idle: z.literal(true).optional(),
  /** `name`, `uid`, `uid:gid` */
  user: z
    .string()
    .regex(/^[\w.-]+(:[\w.-]+)?$/, "write name, uid or uid:gid")
    .optional(),
  /** Further groups of its processes, by number. */
  groups: z.array(id).default([]),
  env: z.record(z.string().regex(/^[A-Za-z_]\w*$/, "not a variable's name"), envValue).default({}),
  workdir: absolute.optional(),
  hostname: hostName.optional(),
  dns: z.array(z.union([ipv4, z.ipv6()])).default([]),
  dnsSearch: z.array(z.string().min(1)).default([]),
  dnsOptions: z.array(z.string().min(1)).default([]),
  /** Lines for /etc/hosts: name → address. */
  hosts: z.record(z.string().min(1), z.union([ipv4, z.ipv6(), z.literal("host-gateway")])).default({}),
  /** Target path → what is mounted there. */
  mounts: z
    .record(
      absolute,
      z.custom<Mount>(
        (value) => typeof value === "object" && value !== null && "mount" in value,
        "expected bind, scratch, volume or tmpfs",
      ),
    )
    .default({}),
  /** Nodes of the environment whose volumes and binds are mounted at the same paths. */
  volumesFrom: z
    .array(z.union([name, z.strictObject({ node: name, readOnly: z.boolean().default(false) })]))
    .default([]),
  /** Networks of the environment; without any, the engine's default bridge. */
  networks: z
    .union([
      z.array(name),
      z.record(name, z.strictObject({ aliases: z.array(z.string().min(1)).default([]), address: ipv4.optional() })),
    ])
    .default([]),
  /**
   * A node of the environment whose network it shares: address, ports, loopback, host name, /etc/hosts. It has no networks, ports, names
   * and name servers of its own then. When that node ends, so does the network: see `restart`.
   */
  networkFrom: name.optional(),
  /** Ports published on the host, on loopback unless an address is given. */
  ports: z.array(port).default([]),
  capabilities: z
    .strictObject({ add: z.array(capability).default([]), drop: z.array(capability).default([]) })
    .default({ add: [], drop: [] }),
  privileged: z.boolean().default(false),
  /**
   * No program may become more than it is: setuid and file capabilities do nothing. With a `user` other than root, docker's root has no
   * capabilities either: checks are errored on what only its owner may read.
   */
  noNewPrivileges: z.boolean().default(false),
  readOnlyRoot: z.boolean().default(false),
  /** Host device path → path and rights in the container. */
  devices: z
    .record(
      absolute,
      z.strictObject({
        path: absolute.optional(),
        rights: z
          .string()
          .regex(/^[rwm]{1,3}$/)
          .default("rwm"),
      }),
    )
    .default({}),
  /**
   * Whose tools answer checks: `image`, its own `/bin/sh` and `stat`; `busybox`, a static one of this machine, mounted read-only at
   * `/dev/.assay/busybox`, for images without tools and for those whose tools are not to be believed. Default: the image's where it
   * has both. `exec` and `succeed` call the image's programs either way.
   */
  probedBy: z.enum(["image", "busybox"]).optional(),
  /** Limit; also what the run reserves of the host's memory before it starts the container. */
  memory: size.refine((bytes) => bytes >= leastMemory, "the engine gives a container 6m at least").optional(),
  cpus: z.number().positive().optional(),
  pids: z.int().min(1).optional(),
  ulimits: z.record(wordOf("limit", ulimitNames), limit).default({}),
  health: health.optional(),
  stopSignal: signal.optional(),
  stopTimeout: duration.optional(),
  /**
   * What the engine does when the main process ends by itself: `always` and `on-failure` (another status than 0) start it again, docker
   * after 100 ms and twice as long each time. Such a container may end while it is waited for; it has until `ready.within`.
   */
  restart: z.enum(["always", "on-failure"]).optional(),
  labels: z.record(z.string(), z.string()).default({}),
  /**
   * What may be found of it while it is watched and fails no test, each with the reason: `{ exited: "its licence server ends it at night" }`.
   * The report shows it. For what one test does on purpose: `provokes`.
   */
  tolerates,
  ready: ready.default({ within: 60_000 }),
  /** Nodes that must be ready before this one is started; with `when(node, check)` what must be true of it besides. */
  after: waits,
});

export type ContainerOptions = z.input<typeof containerOptions>;

export interface ContainerDeclaration extends Omit<z.output<typeof containerOptions>, "after"> {
  readonly kind: "container";
  readonly after: readonly string[];
  readonly awaits: readonly Edge[];
  readonly at: string | undefined;
}

/**
 * Declares a container. Its image's own entrypoint runs; `idle: true` replaces it by a process that waits.
 * An unknown or malformed option is a type error, and at run time a `DeclarationError` with file and line.
 *
 * @example
 * container({ image: soe, idle: true, user: "1000:1000", mounts: { "/vfx": scratch({ mode: 0o777 }) } })
 */
export function container(options: ContainerOptions): ContainerDeclaration {
  const at = callSite();
  const read = readOptions("container", containerOptions, options);
  const wrong = contradiction(read);
  if (wrong !== undefined) throw new DeclarationError({ code: "bad-option", at, seen: `container: ${wrong}` });
  return { kind: "container", ...read, ...edgesOf(read.after), at };
}

/** What two options say against each other; each alone is well. */
function contradiction(read: z.output<typeof containerOptions>): string | undefined {
  const { image, idle, ready, health } = read;
  if (idle === true && (read.command !== undefined || read.entrypoint !== undefined))
    return "idle replaces entrypoint and command; give one or the other";
  if (ready.started === true && ["log", "healthy", "port", "exited", "check"].some((name) => name in ready))
    return "ready.started waits for nothing more; leave out the other conditions";
  if (ready.healthy === true && health === undefined && typeof image !== "string" && "kind" in image)
    return "ready.healthy needs a health check, and neither the declaration nor the recipe has one";
  if (read.platform !== undefined && typeof image !== "string" && "kind" in image)
    return "a recipe is built for this machine; platform is for images that an engine has or fetches";
  if (read.networkFrom !== undefined) {
    const own = (["networks", "ports", "dns", "dnsSearch", "dnsOptions", "hosts"] as const).find(
      (option) => Object.keys(read[option]).length > 0,
    );
    if (own !== undefined || read.hostname !== undefined)
      return `networkFrom: the network is ${read.networkFrom}'s, and so is ${own ?? "hostname"}`;
  }
  if (read.restart !== undefined && read.ready.exited !== undefined)
    return "ready.exited waits for an end that restart undoes; give one or the other";
  const targets = Object.keys(read.mounts).map((target) => normalize(`${target}/`));
  if (targets.includes("/")) return "nothing can be mounted at /";
  const again = doubled(targets);
  if (again !== undefined) return `two mounts at ${again.slice(0, -1)}`;
  const port = doubled(
    read.ports.map((each) => (typeof each === "number" ? `${each}/tcp` : `${each.container}/${each.protocol}`)),
  );
  if (port !== undefined) return `port ${port} is published twice`;
  const network = Array.isArray(read.networks) ? doubled(read.networks) : undefined;
  if (network !== undefined) return `network "${network}" is named twice`;
  return undefined;
}

function doubled(words: readonly string[]): string | undefined {
  return words.find((word, index) => words.indexOf(word) !== index);
}
