// Decides which volumes of a cluster stand for the mounts of an environment: claims, directories of a pod, files, memory, the host's.
import type { BindMount, ContainerDeclaration, Mount, ScratchMount } from "../model/container.ts";

/** What is written of one pod's mounts. */
export interface Written {
  readonly volumes: readonly object[];
  /** By node. */
  readonly mounts: ReadonlyMap<string, readonly object[]>;
  /** Claims and ConfigMaps. */
  readonly objects: readonly object[];
  readonly fsGroup: number | undefined;
  readonly left: readonly string[];
}

interface Group {
  readonly name: string;
  readonly containers: readonly (readonly [string, ContainerDeclaration])[];
}

/** By the name of the pod. What several pods mount is a claim. */
export function kubeVolumes(environment: string, groups: readonly Group[]): ReadonlyMap<string, Written> {
  const users = new Map<string, Set<string>>();
  for (const { name, containers } of groups)
    for (const [, { mounts }] of containers)
      for (const mount of Object.values(mounts))
        if (mount.mount === "scratch" && mount.shared !== undefined)
          users.set(mount.shared, (users.get(mount.shared) ?? new Set()).add(name));
  const claimed = new Set<string>();
  return new Map(groups.map((group) => [group.name, writtenOf(environment, group, users, claimed)]));
}

function writtenOf(
  environment: string,
  { name, containers }: Group,
  users: ReadonlyMap<string, ReadonlySet<string>>,
  claimed: Set<string>,
): Written {
  const volumes = new Map<string, object>();
  const mounts = new Map<string, object[]>();
  const objects: object[] = [];
  const left: string[] = [];
  let fsGroup: number | undefined;
  const claim = (claimName: string, node: string) => {
    if (claimed.has(claimName)) return;
    claimed.add(claimName);
    left.push(`${node}: how much the claim "${claimName}" is to hold is not declared; 1Gi is written`);
    objects.push({
      apiVersion: "v1",
      kind: "PersistentVolumeClaim",
      metadata: { name: claimName },
      spec: { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1Gi" } } },
    });
  };
  const volumeOf = (mount: Mount, node: string, mountPath: string): readonly [string, object] => {
    const own = ownName(shortName(node, name), mountPath);
    if (mount.mount === "volume") {
      claim(mount.volume, node);
      left.push(
        `${node}: what the image has where volume "${mount.volume}" is mounted is not copied into it by a cluster`,
      );
      return [mount.volume, { persistentVolumeClaim: { claimName: mount.volume } }];
    }
    if (mount.mount === "tmpfs")
      return [
        own,
        { emptyDir: { medium: "Memory", ...(mount.size === undefined ? {} : { sizeLimit: String(mount.size) }) } },
      ];
    if (mount.mount === "bind") return [own, { hostPath: { path: mount.source, type: hostPathType(mount) } }];
    if (mount.files !== undefined) {
      const inside = mount.shared === undefined ? undefined : shortName(mount.shared, name);
      const configMap = `${environment}-${name}-${inside ?? own}`.slice(0, 40).replace(/-$/, "");
      if (!claimed.has(configMap)) objects.push(configMapOf(configMap, mount));
      claimed.add(configMap);
      const modes = Object.entries(mount.files).map(([key, { mode }]) => ({ key, path: key, mode }));
      return [inside ?? own, { configMap: { name: configMap, items: modes } }];
    }
    if ((mount.mode & 0o2000) !== 0 && mount.owner.gid !== 0) fsGroup = mount.owner.gid;
    else if (mount.owner.uid !== 0 || mount.owner.gid !== 0)
      left.push(
        `${node}: a directory of ${mount.owner.uid}:${mount.owner.gid} is nobody's to make in a cluster; fsGroup comes nearest`,
      );
    const { shared } = mount;
    if (shared === undefined) return [own, { emptyDir: {} }];
    const claimName = /^claim-(.+)$/.exec(shared)?.[1] ?? ((users.get(shared)?.size ?? 0) > 1 ? shared : undefined);
    if (claimName === undefined) return [shortName(shared, name), { emptyDir: {} }];
    claim(claimName, node);
    return [claimName, { persistentVolumeClaim: { claimName } }];
  };
  for (const [node, declared] of containers)
    for (const [mountPath, mount] of Object.entries(declared.mounts)) {
      const [volume, source] = volumeOf(mount, node, mountPath);
      volumes.set(volume, { name: volume, ...source });
      const subPath = mount.mount === "scratch" ? mount.file : undefined;
      mounts.set(node, [
        ...(mounts.get(node) ?? []),
        {
          name: volume,
          mountPath,
          ...(mount.readOnly ? { readOnly: true } : {}),
          ...(subPath === undefined ? {} : { subPath }),
        },
      ]);
    }
  return { volumes: [...volumes.values()], mounts, objects, fsGroup, left };
}

/** A name within its pod: the pod's own before it is said there already. */
export function shortName(name: string, pod: string): string {
  return name.startsWith(`${pod}-`) ? name.slice(pod.length + 1) : name;
}

/** What a volume of one mount is called, by who has it and where. */
function ownName(container: string, mountPath: string): string {
  return `${container}${mountPath}`
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-|-$/g, "")
    .slice(0, 63);
}

function hostPathType({ is }: BindMount): string {
  const types = {
    directory: "Directory",
    file: "File",
    socket: "Socket",
    "character device": "CharDevice",
    "block device": "BlockDevice",
  };
  return is === undefined ? "" : types[is];
}

function configMapOf(name: string, { files = {} }: ScratchMount): object {
  const text = Object.entries(files).filter(([, { encoding }]) => encoding === "utf8");
  const bytes = Object.entries(files).filter(([, { encoding }]) => encoding === "base64");
  const contents = (all: typeof text) => Object.fromEntries(all.map(([key, { content }]) => [key, content]));
  return {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name },
    ...(text.length === 0 ? {} : { data: contents(text) }),
    ...(bytes.length === 0 ? {} : { binaryData: contents(bytes) }),
  };
}
