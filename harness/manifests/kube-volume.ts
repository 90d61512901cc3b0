// Decides what the volumes of a pod are here, and what a container's volumeMounts make of them. Claims and emptyDir are directories of the
// environment's own, empty whatever the image has there, as a cluster's are.
import { bind, type Mount, scratch, tmpfs } from "../model/container.ts";
import { writtenSize } from "../model/duration.ts";
import { type ConfigMap, configMapNamed } from "./kube-config-map.ts";
import type { KubeObject } from "./kube-object.ts";
import { type Fields, once, type Placed } from "./placed.ts";
import { memoryOf, storageOf } from "./quantity.ts";

/** What one mount of a volume asks for. */
interface Wanted {
  readonly readOnly: boolean;
  readonly subPath: Placed | undefined;
}

export type PodVolume = (wanted: Wanted, at: Placed) => Mount;

/** What a pod's volumes may refer to. */
export interface VolumeSources {
  readonly pod: string;
  /** Of the pod's security context: the group that its volumes are given. */
  readonly fsGroup: number | undefined;
  readonly claims: ReadonlyMap<string, KubeObject>;
  readonly configMaps: ReadonlyMap<string, ConfigMap>;
}

const sourceKinds = ["emptyDir", "hostPath", "persistentVolumeClaim", "configMap"] as const;
const otherKinds = Object.fromEntries(
  [
    "secret",
    "projected",
    "downwardAPI",
    "nfs",
    "csi",
    "ephemeral",
    "iscsi",
    "fc",
    "image",
    "gitRepo",
    "cephfs",
    "glusterfs",
    "rbd",
  ].map((kind) => [kind, `a volume is ${sourceKinds.join(", ")}`]),
);

/** A claim is checked by itself, used or not. */
export function readClaim({ fields }: KubeObject): void {
  const spec = fields.need("spec").fields(["accessModes", "resources", "storageClassName", "volumeMode"], {
    volumeName: "no volume is there beforehand",
    selector: "no volume is there beforehand",
    dataSource: "a claim begins empty",
    dataSourceRef: "a claim begins empty",
  });
  spec.only("volumeMode", ["Filesystem"], "a claim is a directory");
  spec.text("storageClassName");
  const modes = spec.need("accessModes").list();
  for (const mode of modes) mode.oneOf(["ReadWriteOnce", "ReadOnlyMany", "ReadWriteMany", "ReadWriteOncePod"]);
  if (modes.length === 0) spec.need("accessModes").refuse("it names no mode");
  const resources = spec.need("resources").fields(["requests"], { limits: "nothing keeps a directory below a size" });
  storageOf(resources.need("requests").fields(["storage"]).need("storage"));
}

/** The pod's volumes by name. `users`: how many containers mount a volume. */
export function readVolumes(
  volumes: readonly Placed[],
  from: VolumeSources,
  users: (name: string) => number,
): ReadonlyMap<string, PodVolume> {
  const read = volumes.map((placed) => {
    const fields = placed.fields(["name", ...sourceKinds], otherKinds);
    return { name: fields.need("name"), fields };
  });
  once(read, ({ name }) => [name.text(), name], "volume");
  return new Map(read.map(({ name, fields }) => [name.text(), readVolume(name, fields, from, users(name.text()))]));
}

function readVolume(name: Placed, fields: Fields, from: VolumeSources, users: number): PodVolume {
  const found = sourceKinds.filter((kind) => fields.get(kind) !== undefined);
  const [kind, second] = found;
  if (second !== undefined) fields.need(second).refuse(`it is ${kind} already: a volume is one thing`);
  if (kind === undefined)
    return name.refuse(`volume "${name.text()}" has no source`, `there is ${sourceKinds.join(", ")}`);
  if (!/^[a-z0-9]+(?:-[a-z0-9]+)*$/.test(name.text()))
    name.refuse(`"${name.text()}" is no name here`, "use lower-case letters, digits and single hyphens", "bad-name");
  const source = fields.need(kind);
  if (kind === "emptyDir") return emptyDir(name.text(), source, from, users);
  if (kind === "hostPath") return hostPath(source);
  return kind === "configMap" ? configMap(name.text(), source, from) : claim(source, from);
}

/** As the kubelet does it: the group may write, and what is made in the directory is the group's. */
function owned(mode: number, fsGroup: number | undefined) {
  return fsGroup === undefined ? { mode } : { mode: mode | 0o2770, owner: { uid: 0, gid: fsGroup } };
}

function noSubPath({ subPath }: Wanted): void {
  subPath?.refuse(
    "this is not supported: what is below a directory is for a container to make",
    undefined,
    "not-supported",
  );
}

function emptyDir(name: string, source: Placed, { pod, fsGroup }: VolumeSources, users: number): PodVolume {
  const fields = source.fields(["medium", "sizeLimit"]);
  const limit = fields.get("sizeLimit");
  const medium = fields.get("medium")?.text() ?? "";
  if (medium === "Memory") {
    if (users > 1)
      fields.need("medium").refuse("memory that containers share is not supported", undefined, "not-supported");
    const size = limit === undefined ? {} : { size: writtenSize(memoryOf(limit)) };
    return (wanted) => {
      noSubPath(wanted);
      const group = fsGroup === undefined ? { mode: 0o1777 } : { mode: 0o3777, gid: fsGroup };
      return tmpfs({ ...group, readOnly: wanted.readOnly, ...size });
    };
  }
  if (medium !== "") fields.need("medium").refuse(`"${medium}" is not supported`, 'there is "Memory"', "not-supported");
  limit?.refuse("nothing keeps a directory below a size", "use medium: Memory", "not-supported");
  return (wanted) => {
    noSubPath(wanted);
    return scratch({ shared: `${pod}-${name}`, ...owned(0o777, fsGroup), readOnly: wanted.readOnly });
  };
}

const hostPathTypes = {
  "": undefined,
  Directory: "directory",
  File: "file",
  Socket: "socket",
  CharDevice: "character device",
  BlockDevice: "block device",
} as const;

function hostPath(source: Placed): PodVolume {
  const fields = source.fields(["path", "type"]);
  const path = fields.need("path");
  if (!path.text().startsWith("/")) path.refuse(`"${path.text()}" is not an absolute path`);
  const type = fields.get("type");
  const word = type?.text() ?? "";
  if (/OrCreate$/.test(word))
    type?.refuse(
      `${word} is not supported: nothing is made on this machine that no run owns`,
      "use emptyDir, or make it first",
      "not-supported",
    );
  const known = type?.oneOf(Object.keys(hostPathTypes) as (keyof typeof hostPathTypes)[]) ?? "";
  const is = hostPathTypes[known];
  return (wanted) => {
    noSubPath(wanted);
    return path.declare(() => bind(path.text(), { readOnly: wanted.readOnly, ...(is === undefined ? {} : { is }) }));
  };
}

function claim(source: Placed, { claims, fsGroup }: VolumeSources): PodVolume {
  const fields = source.fields(["claimName", "readOnly"]);
  const name = fields.need("claimName");
  if (!claims.has(name.text()))
    name.refuse(
      `there is no PersistentVolumeClaim "${name.text()}"`,
      `there is ${[...claims.keys()].join(", ") || "none"}`,
      "unknown-claim",
    );
  const readOnly = fields.flag("readOnly");
  return (wanted) => {
    noSubPath(wanted);
    return scratch({ shared: `claim-${name.text()}`, ...owned(0o755, fsGroup), readOnly: readOnly || wanted.readOnly });
  };
}

function configMap(volume: string, source: Placed, { pod, configMaps }: VolumeSources): PodVolume {
  const fields = source.fields(["name", "items", "defaultMode"], {
    optional: "what is not there beforehand never comes",
  });
  const map = configMapNamed(configMaps, fields.need("name"));
  const mode = fields.get("defaultMode")?.integer(0, 0o777) ?? 0o644;
  const all = [...map.text.keys(), ...map.bytes.keys()].map((key) => ({ key, file: key, mode }));
  const items = fields
    .get("items")
    ?.list()
    .map((item) => {
      const of = item.fields(["key", "path", "mode"]);
      const [key, path] = [of.need("key"), of.need("path")];
      if (!map.text.has(key.text()) && !map.bytes.has(key.text()))
        key.refuse(`ConfigMap ${map.name} has no key "${key.text()}"`, undefined, "unknown-key");
      if (path.text().includes("/"))
        path.refuse("directories in a ConfigMap's volume are not supported", undefined, "not-supported");
      return { key: key.text(), file: path.text(), mode: of.get("mode")?.integer(0, 0o777) ?? mode };
    });
  const files = Object.fromEntries(
    (items ?? all).map(({ key, file, mode: fileMode }) => {
      const bytes = map.bytes.get(key);
      const content = bytes ?? map.text.get(key) ?? "";
      return [
        file,
        { content, encoding: bytes === undefined ? ("utf8" as const) : ("base64" as const), mode: fileMode },
      ];
    }),
  );
  return ({ subPath }) => {
    const file = subPath?.text();
    if (file !== undefined && files[file] === undefined)
      subPath?.refuse(
        `ConfigMap ${map.name} has no file "${file}"`,
        `there is ${Object.keys(files).join(", ")}`,
        "unknown-key",
      );
    // Nobody writes into a ConfigMap, whatever the mount says.
    return scratch({ shared: `${pod}-${volume}`, files, readOnly: true, ...(file === undefined ? {} : { file }) });
  };
}

/** Mounts of one container, by path. */
export function readMounts(
  container: Fields,
  volumes: ReadonlyMap<string, PodVolume>,
): Readonly<Record<string, Mount>> {
  const mounts: Record<string, Mount> = {};
  const unsupported = { subPathExpr: "write subPath", mountPropagation: "only containers see what containers mount" };
  for (const placed of container.list("volumeMounts")) {
    const fields = placed.fields(["name", "mountPath", "readOnly", "subPath"], unsupported);
    const name = fields.need("name");
    const volume = volumes.get(name.text());
    if (volume === undefined) {
      const known = [...volumes.keys()].join(", ");
      return name.refuse(`the pod has no volume "${name.text()}"`, `it has ${known || "none"}`, "unknown-volume");
    }
    const path = fields.need("mountPath");
    if (!path.text().startsWith("/") || path.text().includes(":"))
      path.refuse(`"${path.text()}" is not an absolute path without colons`);
    if (mounts[path.text()] !== undefined)
      path.refuse(`something is mounted at ${path.text()} already`, undefined, "doubled");
    mounts[path.text()] = volume({ readOnly: fields.flag("readOnly"), subPath: fields.get("subPath") }, placed);
  }
  return mounts;
}
