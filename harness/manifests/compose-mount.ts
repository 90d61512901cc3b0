// Decides what the volumes of a service are here: short (`data:/var/lib:ro`) and long, tmpfs beside them.
import { resolve } from "node:path";
import { bind, type Mount, tmpfs, volume } from "../model/container.ts";
import { composeSize, interpolated, type Values } from "./compose-value.ts";
import type { Fields, Placed } from "./placed.ts";

export interface MountSources {
  readonly values: Values;
  /** The compose file's directory, which relative paths begin at. */
  readonly directory: string;
  /** Volumes that the file declares. */
  readonly volumes: ReadonlySet<string>;
}

export function readComposeMounts(service: Fields, from: MountSources): Record<string, Mount> {
  const mounts: Record<string, Mount> = {};
  const add = (target: string, mount: Mount, placed: Placed) => {
    if (!target.startsWith("/")) placed.refuse(`"${target}" is not an absolute path`);
    if (mounts[target] !== undefined) placed.refuse(`something is mounted at ${target} already`, undefined, "doubled");
    mounts[target] = mount;
  };
  for (const placed of service.list("volumes")) {
    const [target, mount] = placed.isTable ? long(placed, from) : short(placed, from);
    add(target, mount, placed);
  }
  const memory = service.get("tmpfs");
  for (const placed of memory === undefined ? [] : memory.isList ? memory.list() : [memory]) {
    const [target = "", options] = interpolated(placed, from.values).split(":");
    add(target, memoryMount(options ?? "", placed), placed);
  }
  return mounts;
}

function short(placed: Placed, from: MountSources): readonly [string, Mount] {
  const [source = "", target, mode = "rw", more] = interpolated(placed, from.values).split(":");
  if (target === undefined)
    return placed.refuse(
      "an anonymous volume is not supported: nothing could name it",
      "give it a name, and declare that in volumes",
      "not-supported",
    );
  if (more !== undefined) placed.refuse("it has a colon too many", "write source:target:ro");
  const words = mode.split(",");
  const unknown = words.find((word) => !["rw", "ro", "z", "Z", "nocopy"].includes(word));
  if (unknown !== undefined)
    placed.refuse(`"${unknown}" is not supported`, "there is ro, rw, z, Z, nocopy", "not-supported");
  const readOnly = words.includes("ro");
  const selinux = words.find((word) => word === "z" || word === "Z") as "z" | "Z" | undefined;
  if (/^[./~]/.test(source))
    return [target, hostMount(source, { readOnly, ...(selinux === undefined ? {} : { selinux }) }, placed, from)];
  return [target, named(source, { readOnly, noCopy: words.includes("nocopy") }, placed, from)];
}

function long(placed: Placed, from: MountSources): readonly [string, Mount] {
  const fields = placed.fields(["type", "source", "target", "read_only", "bind", "volume", "tmpfs"], {
    consistency: "a mount is what the engine makes of it",
  });
  const type = fields.need("type").oneOf(["bind", "volume", "tmpfs", "npipe", "cluster", "image"]);
  const target = interpolated(fields.need("target"), from.values);
  const readOnly = fields.flag("read_only");
  for (const other of ["bind", "volume", "tmpfs"] as const)
    if (other !== type) fields.get(other)?.refuse(`it is of type ${type}`);
  if (type === "tmpfs") {
    const options = fields.get("tmpfs")?.fields(["size", "mode"]);
    const size = options?.get("size");
    const mode = options?.get("mode");
    return [
      target,
      tmpfs({
        readOnly,
        ...(size === undefined ? {} : { size: composeSize(interpolated(size, from.values), size) }),
        ...(mode === undefined ? {} : { mode: modeOf(mode.word(), mode) }),
      }),
    ];
  }
  if (type === "volume") {
    const source = fields.need("source");
    const noCopy =
      fields.get("volume")?.fields(["nocopy"], { subpath: "a volume is mounted whole" }).flag("nocopy") ?? false;
    return [target, named(interpolated(source, from.values), { readOnly, noCopy }, source, from)];
  }
  if (type !== "bind")
    return fields.need("type").refuse(`${type} is not supported`, "there is bind, volume, tmpfs", "not-supported");
  const source = fields.need("source");
  const options = fields.get("bind")?.fields(["propagation", "selinux", "create_host_path"]);
  options?.only("create_host_path", [false], "nothing is made on this machine that no run owns");
  const selinux = options?.get("selinux")?.oneOf(["z", "Z"]);
  const propagation = options
    ?.get("propagation")
    ?.oneOf(["private", "rprivate", "shared", "rshared", "slave", "rslave"]);
  const said = {
    readOnly,
    ...(selinux === undefined ? {} : { selinux }),
    ...(propagation === undefined ? {} : { propagation }),
  };
  return [target, hostMount(interpolated(source, from.values), said, source, from)];
}

function hostMount(
  source: string,
  options: Parameters<typeof bind>[1],
  placed: Placed,
  { directory }: MountSources,
): Mount {
  if (source.startsWith("~"))
    placed.refuse(
      "a home directory is not supported: whose it is depends on who asks",
      "write the path",
      "not-supported",
    );
  return placed.declare(() => bind(resolve(directory, source), options));
}

function named(
  source: string,
  options: Parameters<typeof volume>[1],
  placed: Placed,
  { volumes }: MountSources,
): Mount {
  if (!volumes.has(source))
    placed.refuse(
      `there is no volume "${source}"`,
      `volumes declares ${[...volumes].join(", ") || "none"}`,
      "unknown-volume",
    );
  return volume(nodeName(source), options);
}

function memoryMount(options: string, placed: Placed): Mount {
  const said: { size?: ReturnType<typeof composeSize>; mode?: number; uid?: number; gid?: number; readOnly?: boolean } =
    {};
  for (const option of options.split(",").filter((each) => each !== "" && each !== "rw")) {
    const [name = "", value = ""] = option.split("=");
    if (name === "ro") said.readOnly = true;
    else if (name === "size") said.size = composeSize(value, placed);
    else if (name === "mode") said.mode = modeOf(value, placed);
    else if (name === "uid" || name === "gid") said[name] = idOf(value, placed);
    else placed.refuse(`"${option}" is not supported`, "there is size, mode, uid, gid, ro", "not-supported");
  }
  return tmpfs(said);
}

function modeOf(word: string, placed: Placed): number {
  if (!/^0?o?[0-7]{1,5}$/.test(word)) placed.refuse(`"${word}" is no mode`, "write it as in 1777");
  return Number.parseInt(word.replace("o", ""), 8);
}

function idOf(word: string, placed: Placed): number {
  return /^\d+$/.test(word) ? Number(word) : placed.refuse(`"${word}" is no number of a user or group`);
}

/** A name of ours for one of compose's: underscores and dots become hyphens. */
export function nodeName(name: string): string {
  return name.toLowerCase().replace(/[_.]+/g, "-").replace(/-+/g, "-").replace(/^-|-$/g, "");
}
