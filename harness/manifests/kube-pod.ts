// Decides what a pod is here: a container that holds its network and waits, as a cluster's does, and its own containers, which share that
// network and the pod's volumes. Refuses what needs a cluster around it.
import type { ConfigMap } from "./kube-config-map.ts";
import { type PodContainer, type PodPort, readContainers } from "./kube-container.ts";
import type { KubeObject } from "./kube-object.ts";
import { type PodSecurity, readPodSecurity } from "./kube-security.ts";
import type { ServedPod } from "./kube-service.ts";
import { type PodVolume, readVolumes } from "./kube-volume.ts";
import type { Fields } from "./placed.ts";

const known = [
  ...["containers", "initContainers", "volumes", "restartPolicy", "securityContext", "hostname", "hostAliases"],
  ...["terminationGracePeriodSeconds", "enableServiceLinks", "dnsPolicy", "automountServiceAccountToken"],
  ...["hostNetwork", "hostPID", "hostIPC", "shareProcessNamespace"],
];
const cluster = "there is no cluster that it could be meant for";
const unsupported: Readonly<Record<string, string>> = {
  ...Object.fromEntries(
    [
      ...[
        "nodeSelector",
        "nodeName",
        "affinity",
        "tolerations",
        "topologySpreadConstraints",
        "schedulerName",
        "priority",
      ],
      ...[
        "priorityClassName",
        "preemptionPolicy",
        "serviceAccountName",
        "serviceAccount",
        "runtimeClassName",
        "overhead",
      ],
      ...["readinessGates", "schedulingGates", "resourceClaims", "os", "hostUsers", "resources"],
    ].map((field) => [field, cluster]),
  ),
  ephemeralContainers: "assay shell looks into a container",
  imagePullSecrets: "the engine logs in to registries by itself",
  subdomain: "a pod has the names of its services",
  setHostnameAsFQDN: "a pod has its own name",
  dnsConfig: "names are asked of the engine",
  activeDeadlineSeconds: "a run has an end of its own",
};

export interface Pod extends ServedPod {
  readonly object: KubeObject;
  readonly spec: Fields;
  readonly ports: readonly PodPort[];
  /** Its own, beside the one that holds the network. */
  readonly init: readonly PodContainer[];
  readonly containers: readonly PodContainer[];
  readonly security: PodSecurity;
  readonly restart: "always" | "on-failure" | undefined;
}

export function readPod(object: KubeObject): Pod {
  const spec = object.fields.need("spec").fields(known, unsupported);
  for (const [field, why] of [
    ["hostNetwork", "a pod has a network of its own"],
    ["hostPID", "a container sees its own processes"],
    ["hostIPC", "a container has memory of its own"],
    ["shareProcessNamespace", "a container sees its own processes"],
    ["automountServiceAccountToken", cluster],
  ] as const)
    spec.only(field, [false], why);
  spec.only("dnsPolicy", ["ClusterFirst"], "names are asked of the engine");
  const init = readContainers(spec.list("initContainers"));
  const containers = readContainers(spec.need("containers").list());
  if (containers.length === 0) spec.need("containers").refuse("a pod has a container at least");
  for (const { name, named } of containers) {
    const first = init.find((each) => each.name === name);
    if (first !== undefined)
      named.refuse(`there is a container "${name}" already`, `the other is at ${first.named.at}`, "doubled");
  }
  const policy = spec.get("restartPolicy")?.oneOf(["Always", "OnFailure", "Never"]) ?? "Always";
  const ports = containers.flatMap((each) => each.ports);
  const seen = new Map<string, string>();
  for (const { port, protocol, placed } of ports) {
    const key = `${port}/${protocol}`;
    const other = seen.get(key);
    if (other !== undefined)
      placed.refuse(
        `${key} is another container's of the pod already`,
        `the other is at ${other}: they share one network`,
        "doubled",
      );
    seen.set(key, placed.at);
  }
  return {
    object,
    name: object.name,
    labels: object.labels,
    spec,
    init,
    containers,
    ports,
    security: readPodSecurity(spec),
    restart: policy === "Always" ? "always" : policy === "OnFailure" ? "on-failure" : undefined,
  };
}

/** The pod's volumes, by name. */
export function podVolumes(
  { name, spec, init, containers, security }: Pod,
  sources: { readonly claims: ReadonlyMap<string, KubeObject>; readonly configMaps: ReadonlyMap<string, ConfigMap> },
): ReadonlyMap<string, PodVolume> {
  const users = (volume: string) =>
    [...init, ...containers].filter(({ fields }) =>
      fields.list("volumeMounts").some((mount) => new Map(mount.entries()).get("name")?.text() === volume),
    ).length;
  return readVolumes(spec.list("volumes"), { pod: name, fsGroup: security.fsGroup, ...sources }, users);
}

/** Name → address, as the pod's hostAliases say. */
export function hostAliases(spec: Fields): Readonly<Record<string, string>> {
  return Object.fromEntries(
    spec.list("hostAliases").flatMap((placed) => {
      const fields = placed.fields(["ip", "hostnames"]);
      return fields
        .need("hostnames")
        .texts()
        .map((host) => [host, fields.need("ip").text()] as const);
    }),
  );
}
