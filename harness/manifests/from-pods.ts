// Decides what an environment is that is written as pods of Kubernetes. Reads files, and creates nothing.
import { callSite } from "../model/call-site.ts";
import { type ContainerDeclaration, type ContainerOptions, container } from "../model/container.ts";
import { defineEnvironment, type Environment } from "../model/environment.ts";
import { DeclarationError } from "../model/errors.ts";
import { nearest } from "../model/options.ts";
import { readConfigMap } from "./kube-config-map.ts";
import { type PodContainer, readContainer } from "./kube-container.ts";
import { type Kind, type KubeObject, readObjects } from "./kube-object.ts";
import { hostAliases, type Pod, podVolumes, readPod } from "./kube-pod.ts";
import { readService, type Service, serviceNames, serviceVariables } from "./kube-service.ts";
import { readClaim } from "./kube-volume.ts";
import { type ImageNames, Images, manifestFiles } from "./manifest-files.ts";
import { once, type Placed } from "./placed.ts";

export interface PodsOptions<Names extends Readonly<Record<string, string>>> {
  /** The directory that `files` are relative to: `import.meta.dirname`. */
  readonly context: string;
  /** Paths and patterns of YAML or JSON. */
  readonly files: readonly string[];
  /** What the names of images in them stand for; one that is not named here, the engine has or fetches. */
  readonly images?: ImageNames;
  /** What specs call a container: name → `pod/container`. The others are called `pod-container`. */
  readonly nodes?: Names;
}

/**
 * Declares an environment by Kubernetes' Pod, Service, PersistentVolumeClaim and ConfigMap. Each container is a node; beside them a pod has
 * the node `pod-pod`, which holds its network. What is not supported, unknown, doubled or malformed is a `DeclarationError` with file, line
 * and column; nothing is passed over but annotations and what a cluster has added.
 *
 * @example
 * export const studio = fromPods("studio", {
 *   context: import.meta.dirname,
 *   files: ["../fixtures/pods/*.yaml"],
 *   images: { "studio-web:latest": web },
 *   nodes: { web: "web/server" },
 * });
 */
export function fromPods<const Names extends Readonly<Record<string, string>> = Record<never, never>>(
  name: string,
  { context, files, images = {}, nodes: names = {} as Names }: PodsOptions<Names>,
): Environment<{ readonly [Name in keyof Names & string]: ContainerDeclaration }> {
  const at = callSite();
  const objects = readObjects(manifestFiles(files, context, at), at);
  const stands = new Images(images);
  const called = new NodeNames(names);
  const nodes = podNodes(objects, stands, called);
  stands.close(at);
  called.close(at);
  if (Object.keys(nodes).length === 0)
    throw new DeclarationError({ code: "empty-environment", at, seen: `${files.join(", ")}: there is no Pod` });
  // The compiler knows the names that were given; the others are there as well.
  return defineEnvironment(name, { networks: { pods: {} }, nodes }) as never;
}

function podNodes(
  objects: readonly KubeObject[],
  images: Images,
  called: NodeNames,
): Record<string, ContainerDeclaration> {
  const of = (kind: Kind) => objects.filter((object) => object.kind === kind);
  const claims = new Map(of("PersistentVolumeClaim").map((object) => [object.name, object]));
  for (const claim of claims.values()) readClaim(claim);
  const configMaps = new Map(of("ConfigMap").map((object) => [object.name, readConfigMap(object)]));
  const pods = of("Pod").map(readPod);
  const services = of("Service").map((object) => readService(object, pods));
  const given: [string, ContainerDeclaration, Placed][] = [];
  for (const pod of pods) {
    const add = (node: string, placed: Placed, options: ContainerOptions) =>
      given.push([node, { ...placed.declare(() => container(options)), at: placed.at }, placed]);
    add(holderOf(pod.name), pod.object.named, holder(pod, services, images));
    const volumes = podVolumes(pod, { claims, configMaps });
    let before: readonly string[] = [];
    for (const each of [...pod.init, ...pod.containers]) {
      const node = called.of(pod.name, each);
      const options = readContainer(each, {
        env: {
          configMaps,
          services: pod.spec.get("enableServiceLinks")?.flag() === false ? {} : variables(services),
          pod: { ...pod, namespace: pod.object.namespace, node: holderOf(pod.name) },
        },
        volumes,
        security: pod.security,
        image: (placed) => images.of(placed),
      });
      const first = pod.init.includes(each);
      add(node, each.named, {
        ...options,
        networkFrom: holderOf(pod.name),
        after: [...before],
        stopTimeout: `${pod.spec.get("terminationGracePeriodSeconds")?.integer(0, 86_400) ?? 30}s`,
        // One that comes first is to end; that it fails is told, and not tried again.
        ...(first ? { ready: { exited: true, within: "5m" } } : {}),
        ...(first || pod.restart === undefined ? {} : { restart: pod.restart }),
      });
      if (first) before = [node];
    }
  }
  once(given, ([node, , placed]) => [node, placed], "node");
  return Object.fromEntries(given.map(([node, declaration]) => [node, declaration]));
}

/** The node that holds a pod's network. */
export function holderOf(pod: string): string {
  return `${pod}-pod`;
}

function variables(services: readonly Service[]) {
  return Object.assign(
    {},
    ...services.map((service) => serviceVariables(service, holderOf(service.pod))),
  ) as ReturnType<typeof serviceVariables>;
}

/** Waits, and has address, names and published ports. */
function holder(pod: Pod, services: readonly Service[], images: Images): ContainerOptions {
  const own = services.filter((service) => service.pod === pod.name);
  const [first] = pod.containers;
  const published = [
    ...pod.ports.flatMap(({ port, protocol, hostPort }) =>
      hostPort === undefined ? [] : [{ container: port, protocol, host: hostPort }],
    ),
    ...own
      .flatMap(({ ports }) => ports)
      .flatMap(({ port, protocol, nodePort }) =>
        nodePort === undefined ? [] : [{ container: port, protocol, ...(nodePort === 0 ? {} : { host: nodePort }) }],
      ),
  ];
  return {
    image: images.of((first as PodContainer).fields.need("image")),
    idle: true,
    user: "0",
    hostname: pod.spec.text("hostname") ?? pod.name,
    networks: { pods: { aliases: own.flatMap((service) => serviceNames(service, pod.object.namespace)) } },
    hosts: { ...hostAliases(pod.spec) },
    ports: published,
  };
}

/** What containers are called as nodes. */
class NodeNames {
  readonly #given: Readonly<Record<string, string>>;
  readonly #seen = new Set<string>();

  constructor(given: Readonly<Record<string, string>>) {
    this.#given = given;
  }

  of(pod: string, { name, named }: PodContainer): string {
    const whole = `${pod}/${name}`;
    this.#seen.add(whole);
    const [given] = Object.entries(this.#given).find(([, meant]) => meant === whole) ?? [];
    const node = given ?? `${pod}-${name}`;
    if (node.length > 40)
      named.refuse(
        `"${node}" is longer than a node's name may be`,
        `call it otherwise: nodes: { … : "${whole}" }`,
        "bad-name",
      );
    return node;
  }

  /** A `DeclarationError` (`unknown-container`) for a name that stands for none. */
  close(at: string | undefined): void {
    for (const [node, meant] of Object.entries(this.#given)) {
      if (this.#seen.has(meant)) continue;
      const guess = nearest(meant, [...this.#seen]);
      throw new DeclarationError({
        code: "unknown-container",
        at,
        seen: `nodes: "${node}" is to be ${meant}, and there is no such container`,
        hint: guess === undefined ? `there is ${[...this.#seen].join(", ")}` : `did you mean "${guess}"?`,
      });
    }
  }
}
