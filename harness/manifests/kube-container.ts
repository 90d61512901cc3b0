// Decides what one container of a pod is as a declaration of ours. Refuses, with its place, what a pod's container can be and ours cannot.
import type { ContainerOptions, Mount } from "../model/container.ts";
import type { Size } from "../model/duration.ts";
import type { FromImage, Recipe } from "../model/recipe.ts";
import { type EnvSources, expandedWords, readEnv } from "./kube-env.ts";
import { type ContainerPort, readProbes } from "./kube-probe.ts";
import { type PodSecurity, readSecurity } from "./kube-security.ts";
import { type PodVolume, readMounts } from "./kube-volume.ts";
import { type Fields, once, type Placed } from "./placed.ts";
import { cpusOf, memoryOf } from "./quantity.ts";

const known = [
  ...["name", "image", "imagePullPolicy", "command", "args", "workingDir", "ports", "env", "envFrom", "resources"],
  ...["volumeMounts", "livenessProbe", "readinessProbe", "startupProbe", "securityContext"],
];
const unsupported = {
  lifecycle: "nothing is run when a container starts or ends but what its image runs",
  stdin: "nobody types",
  stdinOnce: "nobody types",
  tty: "nobody types",
  volumeDevices: "a claim is a directory",
  terminationMessagePath: "a container's log says how it ended",
  terminationMessagePolicy: "a container's log says how it ended",
  resizePolicy: "nothing is resized",
  restartPolicy: "a container is of its pod's policy",
};

/** A container as it is written, its names read. */
export interface PodContainer {
  readonly name: string;
  readonly named: Placed;
  readonly fields: Fields;
  readonly ports: readonly PodPort[];
}

export interface PodPort extends ContainerPort {
  readonly protocol: "tcp" | "udp";
  readonly hostPort: number | undefined;
  readonly placed: Placed;
}

/** What a container has of its pod and of what is around that. */
export interface ContainerSources {
  readonly env: EnvSources;
  readonly volumes: ReadonlyMap<string, PodVolume>;
  readonly security: PodSecurity;
  /** What stands for an image's name; the name itself, where nothing does. */
  image(named: Placed): string | Recipe | FromImage;
}

export function readContainers(list: readonly Placed[]): readonly PodContainer[] {
  const containers = list.map((placed) => {
    const fields = placed.fields(known, unsupported);
    const named = fields.need("name");
    if (!/^[a-z0-9]+(?:-[a-z0-9]+)*$/.test(named.text()))
      named.refuse(
        `"${named.text()}" is no name here`,
        "use lower-case letters, digits and single hyphens",
        "bad-name",
      );
    return { name: named.text(), named, fields, ports: fields.list("ports").map(readPort) };
  });
  once(containers, ({ name, named }) => [name, named], "container");
  return containers;
}

function readPort(placed: Placed): PodPort {
  const fields = placed.fields(["name", "containerPort", "protocol", "hostPort"], {
    hostIP: "ports are published on loopback",
  });
  return {
    name: fields.text("name"),
    port: fields.need("containerPort").integer(1, 65535),
    protocol: fields.get("protocol")?.oneOf(["TCP", "UDP"]) === "UDP" ? "udp" : "tcp",
    hostPort: fields.get("hostPort")?.integer(1, 65535),
    placed,
  };
}

/** All but what the pod says: network, restart, order. */
export function readContainer({ fields, ports }: PodContainer, from: ContainerSources): ContainerOptions {
  fields.only("imagePullPolicy", ["IfNotPresent", "Never"], "an image that is there is not fetched again");
  const env = readEnv(fields, from.env);
  const words = (name: string) => {
    const placed = fields.get(name);
    return placed === undefined || placed.list().length === 0 ? undefined : [...expandedWords(placed, env)];
  };
  const [command, args] = [words("command"), words("args")];
  const workdir = fields.get("workingDir");
  if (workdir !== undefined && !workdir.text().startsWith("/"))
    workdir.refuse(`"${workdir.text()}" is not an absolute path`);
  const mounts: Record<string, Mount> = { ...readMounts(fields, from.volumes) };
  return {
    image: from.image(fields.need("image")),
    // A command takes the place of both of the image's.
    ...(command === undefined ? {} : { entrypoint: command, command: args ?? [] }),
    ...(command === undefined && args !== undefined ? { command: args } : {}),
    env: { ...env },
    ...(workdir === undefined ? {} : { workdir: workdir.text() }),
    mounts,
    ...readSecurity(fields, from.security),
    ...readResources(fields),
    ready: readProbes(fields, ports),
  };
}

/** Limits. A request is what a cluster finds room by; here a limit is, so that a request without one would count for nothing. */
function readResources(container: Fields): { memory?: Size; cpus?: number } {
  const fields = container
    .get("resources")
    ?.fields(["limits", "requests"], { claims: "there are no devices to claim" });
  const other = { "ephemeral-storage": "nothing keeps a directory below a size" };
  const read = (kind: string) => fields?.get(kind)?.fields(["memory", "cpu"], other);
  const [limits, requests] = [read("limits"), read("requests")];
  for (const [name, amount] of [
    ["memory", memoryOf],
    ["cpu", cpusOf],
  ] as const) {
    const request = requests?.get(name);
    if (request === undefined) continue;
    const limit = limits?.get(name);
    if (limit === undefined)
      request.refuse(
        `a request for ${name} without a limit counts for nothing here`,
        "give a limit of as much",
        "not-supported",
      );
    else if (amount(request) > amount(limit)) request.refuse(`it is more than the limit, ${limit.word()}`);
  }
  const [memory, cpu] = [limits?.get("memory"), limits?.get("cpu")];
  return {
    ...(memory === undefined ? {} : { memory: `${memoryOf(memory)}b` as const }),
    ...(cpu === undefined ? {} : { cpus: cpusOf(cpu) }),
  };
}
