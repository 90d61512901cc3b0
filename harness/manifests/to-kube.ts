// Decides how an environment of containers is written as what a cluster can run. What a cluster cannot, or what only this declaration knows,
// is told with the reason, and never left out in silence. Pure.
import { isAddressText } from "../model/address-text.ts";
import type { ContainerDeclaration } from "../model/container.ts";
import type { Environment } from "../model/environment.ts";
import { isSecret } from "../model/secret.ts";
import { kubeVolumes, shortName, type Written } from "./to-kube-volume.ts";

/** Objects of Kubernetes as plain data, and what is not in them. */
export interface Kube {
  readonly objects: readonly object[];
  /** `node: reason` */
  readonly left: readonly string[];
}

/** What an engine gives a container to stop where nothing is declared; a cluster would give three times as much. */
const usualStopMs = 10_000;

type Containers = readonly (readonly [string, ContainerDeclaration])[];

/** A pod: its own containers, and the node whose network they share. */
interface Group {
  readonly name: string;
  /** Has address, names and ports. */
  readonly owner: readonly [string, ContainerDeclaration];
  readonly containers: Containers;
}

/** `idle`: the words that a container runs which is declared to wait. */
export function toKube(environment: Environment, idle: readonly string[]): Kube {
  const left: string[] = [];
  const all = Object.entries(environment.nodes).flatMap(([name, node]) => {
    if (node.kind === "container" && node.on === undefined) return [[name, node] as const];
    left.push(`${name}: ${node.kind === "container" ? `it runs in machine ${node.on}` : "it is no container"}`);
    return [];
  });
  const groups = grouped(all);
  const served = new Map(groups.map((group) => [group.owner[0], servicesOf(group)]));
  const volumes = kubeVolumes(environment.name, groups);
  const pods = groups.map((group) => podOf(group, { served, volumes, idle, left }));
  for (const { left: lost } of volumes.values()) left.push(...lost);
  return {
    objects: [...[...volumes.values()].flatMap(({ objects }) => objects), ...pods, ...[...served.values()].flat()],
    left,
  };
}

/** Whoever shares a network is one pod. One that only holds it is none of its containers: a cluster has its own. */
function grouped(all: Containers): readonly Group[] {
  return all
    .filter(([, node]) => node.networkFrom === undefined)
    .map((owner): Group => {
      const joined = all.filter(([, node]) => node.networkFrom === owner[0]);
      const holds = joined.length > 0 && owner[1].idle === true;
      const name = owner[0].replace(/-pod$/, "");
      return { name: holds ? name : owner[0], owner, containers: holds ? joined : [owner, ...joined] };
    });
}

/** Others know it by its name, and reach what it publishes or is waited for. */
function servicesOf({ name, owner: [, owner], containers }: Group): readonly ServiceObject[] {
  const aliases = Object.values(Array.isArray(owner.networks) ? {} : owner.networks).flatMap((each) => each.aliases);
  const short = aliases.filter((alias) => /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/.test(alias));
  const published = owner.ports.map((port) =>
    typeof port === "number" ? { container: port, protocol: "tcp" as const, host: undefined } : port,
  );
  const waited = containers.flatMap(([, { ready }]) => ready.port ?? []);
  const ports = [
    ...published.map(({ container, protocol, host }) => ({ port: container, protocol: protocol.toUpperCase(), host })),
    ...waited
      .filter((port) => !published.some(({ container, protocol }) => container === port && protocol === "tcp"))
      .map((port) => ({ port, protocol: "TCP", host: undefined })),
  ];
  if (ports.length === 0) return [];
  return [...new Set(short.length > 0 ? short : [name])].map((service) => ({
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: service },
    spec: {
      ...(published.length > 0 ? { type: "NodePort" } : {}),
      selector: { app: name },
      ports: ports.map(({ port, protocol, host }) => ({
        name: `${protocol.toLowerCase()}-${port}`,
        port,
        protocol,
        // Other numbers are not a cluster's to give.
        ...(host !== undefined && host >= 30_000 && host <= 32_767 ? { nodePort: host } : {}),
      })),
    },
  }));
}

interface ServiceObject {
  readonly metadata: { readonly name: string };
  readonly spec: { readonly ports: readonly { readonly port: number }[] };
}

interface Around {
  readonly served: ReadonlyMap<string, readonly ServiceObject[]>;
  readonly volumes: ReadonlyMap<string, Written>;
  readonly idle: readonly string[];
  readonly left: string[];
}

function podOf(group: Group, around: Around): object {
  const { name, owner, containers } = group;
  const [, holder] = owner;
  const written = around.volumes.get(name);
  const first = containers.filter(([, node]) => node.ready.exited !== undefined);
  // Alone, one that is to end is the pod; beside others, it comes before them.
  const init = first.length < containers.length ? first : [];
  const main = containers.filter((each) => !init.includes(each));
  const speaker = main[0]?.[0];
  const policies = new Set(main.map(([, { restart }]) => restart));
  if (policies.size > 1)
    around.left.push(
      `${name}: a pod has one policy for all, and its containers are declared with several; Always is written`,
    );
  const [policy] = policies;
  const restartPolicy =
    policies.size > 1 || policy === "always" ? "Always" : policy === "on-failure" ? "OnFailure" : "Never";
  const groups = [...new Set(containers.flatMap(([, node]) => node.groups))];
  const fsGroup = written?.fsGroup;
  const aliases = Object.entries(holder.hosts);
  const hostAliases = aliases
    .filter(([, ip]) => ip !== "host-gateway")
    .map(([host, ip]) => ({ ip, hostnames: [host] }));
  const grace = Math.max(...containers.map(([, { stopTimeout }]) => stopTimeout ?? usualStopMs));
  const others = groups.filter((each) => each !== fsGroup);
  lost(group, around.left);
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, labels: { app: name } },
    spec: {
      restartPolicy,
      ...(holder.hostname === undefined || holder.hostname === name ? {} : { hostname: holder.hostname }),
      ...(hostAliases.length === 0 ? {} : { hostAliases }),
      terminationGracePeriodSeconds: Math.ceil(grace / 1000),
      ...(fsGroup === undefined && others.length === 0
        ? {}
        : {
            securityContext: {
              ...(fsGroup === undefined ? {} : { fsGroup }),
              ...(others.length === 0 ? {} : { supplementalGroups: others }),
            },
          }),
      ...(init.length === 0 ? {} : { initContainers: init.map((each) => containerOf(each, group, around, speaker)) }),
      containers: main.map((each) => containerOf(each, group, around, speaker)),
      ...(written === undefined || written.volumes.length === 0 ? {} : { volumes: written.volumes }),
    },
  };
}

/** `speaker`: the container that the pod's ports are written at; which of them listens, only it knows. */
function containerOf(
  [node, declared]: Containers[number],
  group: Group,
  around: Around,
  speaker: string | undefined,
): object {
  const { image, idle, entrypoint, command, workdir, ready, health } = declared;
  const reference =
    typeof image === "string" ? image : "kind" in image ? `${image.name}:${image.version}` : image.reference;
  const words = idle === true ? around.idle : entrypoint;
  const args = idle === true ? undefined : command;
  const env = envOf(node, declared, group, around);
  const security = securityOf(node, declared, around.left);
  const ports = node === speaker ? (around.served.get(group.owner[0]) ?? []) : [];
  const limits = {
    ...(declared.memory === undefined ? {} : { memory: String(declared.memory) }),
    ...(declared.cpus === undefined ? {} : { cpu: `${Math.round(declared.cpus * 1000)}m` }),
  };
  const mounts = around.volumes.get(group.name)?.mounts.get(node) ?? [];
  const probe =
    health !== undefined
      ? { exec: { command: health.test } }
      : ready.port !== undefined
        ? { tcpSocket: { port: ready.port } }
        : undefined;
  if (ready.check !== undefined) around.left.push(`${node}: what makes it ready is a check, "${ready.check.title}"`);
  if (ready.log !== undefined) around.left.push(`${node}: what makes it ready is a line of its log, ${ready.log}`);
  // Of one port or several names: a container port is said once.
  const containerPorts = [...new Set(ports.flatMap(({ spec }) => spec.ports.map(({ port }) => port)))];
  const quoted = (word: string) => word.replaceAll("$(", () => "$$(");
  return {
    name: shortName(node, group.name),
    image: reference,
    imagePullPolicy: "IfNotPresent",
    ...(words === undefined ? {} : { command: words.map(quoted) }),
    ...(args === undefined || (args.length === 0 && words !== undefined) ? {} : { args: args.map(quoted) }),
    ...(workdir === undefined ? {} : { workingDir: workdir }),
    ...(containerPorts.length === 0 ? {} : { ports: containerPorts.map((containerPort) => ({ containerPort })) }),
    ...(env.length === 0 ? {} : { env }),
    ...(Object.keys(limits).length === 0 ? {} : { resources: { limits } }),
    ...(Object.keys(security).length === 0 ? {} : { securityContext: security }),
    ...(mounts.length === 0 ? {} : { volumeMounts: mounts }),
    ...(probe === undefined || ready.exited !== undefined ? {} : { readinessProbe: probe }),
  };
}

/** Addresses are written as the variables that a cluster gives for services; those it gives by itself are not written. */
function envOf(node: string, { env }: ContainerDeclaration, group: Group, { served, left }: Around): readonly object[] {
  const host = (owner: string) => {
    const [service] = served.get(owner) ?? [];
    return service === undefined
      ? undefined
      : `$(${service.metadata.name.toUpperCase().replaceAll("-", "_")}_SERVICE_HOST)`;
  };
  const given = [...served.values()].flat().map(({ metadata }) => metadata.name.toUpperCase().replaceAll("-", "_"));
  const found: object[] = [];
  let ownAddress: string | undefined;
  for (const [name, value] of Object.entries(env)) {
    if (
      given.some(
        (service) =>
          name.startsWith(`${service}_SERVICE_`) || name === `${service}_PORT` || name.startsWith(`${service}_PORT_`),
      )
    )
      continue;
    if (isSecret(value))
      left.push(`${node}: variable ${name} is a secret, which is written nowhere; give it by a Secret`);
    else if (!isAddressText(value)) found.push({ name, value: value.replaceAll("$(", () => "$$(") });
    else {
      const [only] = value.text;
      const own = value.text.some((part) => typeof part !== "string" && part.addressOf === group.owner[0]);
      if (own && value.text.length === 1 && typeof only !== "string") {
        found.push({ name, valueFrom: { fieldRef: { fieldPath: "status.podIP" } } });
        ownAddress = name;
        continue;
      }
      const text = value.text.map((part) =>
        typeof part === "string"
          ? part.replaceAll("$(", () => "$$(")
          : part.addressOf === group.owner[0] && ownAddress !== undefined
            ? `$(${ownAddress})`
            : host(part.addressOf),
      );
      if (text.includes(undefined)) left.push(`${node}: variable ${name} holds the address of a pod without a service`);
      else found.push({ name, value: text.join("") });
    }
  }
  return found;
}

function securityOf(node: string, declared: ContainerDeclaration, left: string[]): Record<string, unknown> {
  const { user, privileged, readOnlyRoot, noNewPrivileges, capabilities } = declared;
  const [, uid, gid] = /^(\d+)(?::(\d+))?$/.exec(user ?? "") ?? [];
  if (user !== undefined && uid === undefined)
    left.push(`${node}: user ${user} is a name, and a cluster takes numbers`);
  const { add, drop } = capabilities;
  return {
    ...(uid === undefined ? {} : { runAsUser: Number(uid) }),
    ...(gid === undefined ? {} : { runAsGroup: Number(gid) }),
    ...(privileged ? { privileged } : {}),
    ...(readOnlyRoot ? { readOnlyRootFilesystem: true } : {}),
    ...(noNewPrivileges ? { allowPrivilegeEscalation: false } : {}),
    ...(add.length + drop.length === 0
      ? {}
      : { capabilities: { ...(add.length === 0 ? {} : { add }), ...(drop.length === 0 ? {} : { drop }) } }),
  };
}

/** What a pod has no words for. */
function lost({ name, owner: [holder], containers }: Group, left: string[]): void {
  for (const [node, declared] of containers) {
    for (const option of ["ulimits", "devices", "volumesFrom", "dns", "dnsSearch", "dnsOptions"] as const)
      if (Object.keys(declared[option]).length > 0) left.push(`${node}: a pod has no ${option}`);
    for (const option of ["pids", "platform", "stopSignal"] as const)
      if (declared[option] !== undefined) left.push(`${node}: a pod has no ${option}`);
    const after = declared.after.filter((other) => other !== holder && !containers.some(([own]) => own === other));
    if (after.length > 0) left.push(`${node}: it starts after ${after.join(", ")}; a cluster starts all at once`);
    if (typeof declared.image !== "string" && "kind" in declared.image)
      left.push(
        `${node}: image ${declared.image.name}:${declared.image.version} has to be where the cluster finds it: assay build, and push it`,
      );
  }
  if (containers.length === 0) left.push(`${name}: it has no container`);
}
