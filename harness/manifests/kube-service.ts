// Decides what a Service is here: names and variables for one pod's address. Refuses what only a cluster's proxy can do: other ports than
// the pod's, several pods, addresses outside.
import { type AddressText, addressOf } from "../model/address-text.ts";
import type { KubeObject } from "./kube-object.ts";
import { once, type Placed } from "./placed.ts";

export interface ServicePort {
  readonly name: string | undefined;
  readonly port: number;
  readonly protocol: "tcp" | "udp";
  /** Published on this machine's loopback: 0 is a free port. */
  readonly nodePort: number | undefined;
}

export interface Service {
  readonly name: string;
  readonly pod: string;
  readonly headless: boolean;
  readonly ports: readonly ServicePort[];
}

/** What a Service has to know of a pod. */
export interface ServedPod {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly ports: readonly {
    readonly name: string | undefined;
    readonly port: number;
    readonly protocol: "tcp" | "udp";
  }[];
}

const unsupported = Object.fromEntries(
  [
    ...[
      "externalName",
      "externalIPs",
      "loadBalancerIP",
      "loadBalancerClass",
      "loadBalancerSourceRanges",
      "externalTrafficPolicy",
    ],
    ...[
      "internalTrafficPolicy",
      "healthCheckNodePort",
      "publishNotReadyAddresses",
      "sessionAffinityConfig",
      "trafficDistribution",
    ],
  ].map((field) => [field, "nothing stands between who asks and the pod"]),
);

export function readService({ name, fields }: KubeObject, pods: readonly ServedPod[]): Service {
  const spec = fields
    .need("spec")
    .fields(["selector", "ports", "type", "clusterIP", "sessionAffinity", "ipFamilyPolicy"], {
      ...unsupported,
      ipFamilies: "addresses are the engine's",
      clusterIPs: "write clusterIP",
    });
  spec.only("sessionAffinity", ["None"], "a service is one pod");
  spec.only("ipFamilyPolicy", ["SingleStack"], "addresses are the engine's");
  spec.only("clusterIP", ["None"], "the address of a service is its pod's");
  const type = spec.get("type")?.oneOf(["ClusterIP", "NodePort", "LoadBalancer", "ExternalName"]) ?? "ClusterIP";
  if (type === "LoadBalancer" || type === "ExternalName")
    spec.need("type").refuse(`${type} is not supported`, "there is ClusterIP and NodePort", "not-supported");
  const pod = selected(spec.need("selector"), pods);
  const ports = spec
    .need("ports")
    .list()
    .map((placed) => readPort(placed, pod, type === "NodePort"));
  if (ports.length === 0) spec.need("ports").refuse("a service has a port at least");
  if (ports.length > 1)
    for (const [index, { name: portName }] of ports.entries())
      if (portName === undefined) spec.list("ports")[index]?.refuse("of several ports, each has a name");
  once(
    [...ports.entries()],
    ([index, port]) => [`${port.port}/${port.protocol}`, spec.list("ports")[index] as Placed],
    "port",
  );
  return { name, pod: pod.name, headless: spec.get("clusterIP") !== undefined, ports };
}

function selected(selector: Placed, pods: readonly ServedPod[]): ServedPod {
  const wanted = selector.entries().map(([key, value]) => [key, value.text()] as const);
  if (wanted.length === 0) selector.refuse("it selects nothing", undefined, "selects-nothing");
  const found = pods.filter(({ labels }) => wanted.every(([key, value]) => labels[key] === value));
  const [first, second] = found;
  const said = wanted.map(([key, value]) => `${key}=${value}`).join(",");
  if (first === undefined)
    return selector.refuse(
      `no pod has the labels ${said}`,
      pods
        .map(
          ({ name, labels }) =>
            `${name} has ${
              Object.entries(labels)
                .map(([key, value]) => `${key}=${value}`)
                .join(",") || "none"
            }`,
        )
        .join("; "),
      "selects-nothing",
    );
  if (second !== undefined)
    selector.refuse(
      `${found.map(({ name }) => name).join(" and ")} have the labels ${said}: nothing shares work among pods here`,
      "select one",
      "not-supported",
    );
  return first;
}

function readPort(placed: Placed, pod: ServedPod, published: boolean): ServicePort {
  const fields = placed.fields(["name", "port", "targetPort", "protocol", "nodePort"], {
    appProtocol: "bytes are passed on as they are",
  });
  const port = fields.need("port").integer(1, 65535);
  const protocol = fields.get("protocol")?.oneOf(["TCP", "UDP"]) === "UDP" ? "udp" : "tcp";
  const target = fields.get("targetPort");
  const has = pod.ports
    .map((each) => `${each.port}/${each.protocol}${each.name === undefined ? "" : ` (${each.name})`}`)
    .join(", ");
  const named = target?.isText === true ? target.text() : undefined;
  const meant = pod.ports.find((each) =>
    named === undefined
      ? each.port === (target?.integer(1, 65535) ?? port) && each.protocol === protocol
      : each.name === named && each.protocol === protocol,
  );
  if (meant === undefined)
    return (target ?? fields.need("port")).refuse(
      `${named === undefined ? `${target?.integer() ?? port}/${protocol}` : `"${named}"`} is no port of pod ${pod.name}'s containers`,
      `they declare ${has || "none"}`,
      "unknown-port",
    );
  if (meant.port !== port)
    (target ?? fields.need("port")).refuse(
      `port ${port} is another than the pod's ${meant.port}: nothing translates ports here`,
      `let the service have port ${meant.port}`,
      "not-supported",
    );
  const nodePort = fields.get("nodePort");
  if (nodePort !== undefined && !published) nodePort.refuse("a service with it is of type NodePort");
  return {
    name: fields.text("name"),
    port,
    protocol,
    nodePort: published ? (nodePort?.integer(1, 65535) ?? 0) : undefined,
  };
}

/** The names that a service's pod answers to, shortest first. */
export function serviceNames({ name }: Service, namespace: string): readonly string[] {
  return [name, `${name}.${namespace}`, `${name}.${namespace}.svc`, `${name}.${namespace}.svc.cluster.local`];
}

/**
 * The variables that Kubernetes gives every container of the namespace, the older ones of docker's links among them. A headless service
 * has none.
 * @see https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables
 */
export function serviceVariables(
  { name, headless, ports }: Service,
  node: string,
): Readonly<Record<string, string | AddressText>> {
  const [first] = ports;
  if (headless || first === undefined) return {};
  const upper = (word: string) => word.toUpperCase().replaceAll("-", "_");
  const begin = upper(name);
  const url = ({ port, protocol }: ServicePort) => addressOf(node, { before: `${protocol}://`, after: `:${port}` });
  const found: Record<string, string | AddressText> = {
    [`${begin}_SERVICE_HOST`]: addressOf(node),
    [`${begin}_SERVICE_PORT`]: String(first.port),
    [`${begin}_PORT`]: url(first),
  };
  for (const each of ports) {
    if (each.name !== undefined) found[`${begin}_SERVICE_PORT_${upper(each.name)}`] = String(each.port);
    const link = `${begin}_PORT_${each.port}_${each.protocol.toUpperCase()}`;
    found[link] = url(each);
    found[`${link}_PROTO`] = each.protocol;
    found[`${link}_PORT`] = String(each.port);
    found[`${link}_ADDR`] = addressOf(node);
  }
  return found;
}
