// Decides how a container's declaration reads in the engine's API (1.41 and newer). Pure.
import type Docker from "dockerode";
import { isAddressText } from "../model/address-text.ts";
import type { ContainerDeclaration, Mount } from "../model/container.ts";
import { networkNames } from "../model/environment.ts";
import { revealed } from "../model/secret.ts";
import { networkResource, scratchSource } from "./docker-names.ts";
import { busyboxMount, busyboxShell } from "./docker-tools.ts";
import { volumeResource, volumeSettings } from "./docker-volume.ts";
import type { Standing } from "./driver.ts";
import { labelsOf, resourceName } from "./names.ts";

/** What `idle: true` runs: waits, reaps what is orphaned to it, and goes at once when asked. */
export const idleEntrypoint: readonly [string, ...string[]] = [
  "/bin/sh",
  "-c",
  "trap 'exit 0' TERM INT; while :; do sleep 86400 & wait $!; done",
];

/** `name:tag`, or the recipe's, that the engine knows the declared image by. */
export function imageReference(declaration: ContainerDeclaration): string {
  const { image } = declaration;
  if (typeof image === "string") return image;
  return "kind" in image ? `${image.name}:${image.version}` : image.reference;
}

/**
 * The body of `POST /containers/create`. The engine accepts one network at creation: the others are in `laterNetworks`.
 * `busybox`: path on the engine's machine of the one that the container is looked into with, see `docker-tools.ts`. `addresses`: by node
 * name, those that its variables hold.
 * @see Docker Engine API v1.41, ContainerCreate
 */
export function createOptions(
  standing: Standing,
  node: string,
  declaration: ContainerDeclaration,
  busybox?: string,
  addresses: ReadonlyMap<string, string> = new Map(),
): Docker.ContainerCreateOptions {
  const mounts = Object.entries(declaration.mounts);
  const [shell, ...idling] = idleEntrypoint;
  const idle = busybox === undefined ? [shell, ...idling] : [...busyboxShell.argv, ...idling];
  const entrypoint = declaration.idle === true ? idle : declaration.entrypoint;
  const command = declaration.idle === true ? [] : declaration.command;
  const [first] = networkNames(declaration);
  // Where machines are too, a name server knows them.
  const shared = networkNames(declaration).flatMap((name) => standing.networks?.get(name) ?? []);
  const built =
    typeof declaration.image === "object" && "kind" in declaration.image
      ? standing.images.get(imageReference(declaration))?.imageId
      : undefined;
  return {
    name: resourceName(standing, node),
    Image: built ?? imageReference(declaration),
    Labels: { ...declaration.labels, ...labelsOf(standing, node) },
    Env: Object.entries(declaration.env).map(([key, value]) => `${key}=${known(value, addresses)}`),
    ...(command === undefined ? {} : { Cmd: command }),
    ...(entrypoint === undefined ? {} : { Entrypoint: entrypoint }),
    ...(declaration.user === undefined ? {} : { User: declaration.user }),
    ...(declaration.workdir === undefined ? {} : { WorkingDir: declaration.workdir }),
    ...(declaration.hostname === undefined ? {} : { Hostname: declaration.hostname }),
    ...(declaration.stopSignal === undefined ? {} : { StopSignal: declaration.stopSignal }),
    ...(declaration.stopTimeout === undefined ? {} : { StopTimeout: Math.ceil(declaration.stopTimeout / 1000) }),
    ...(declaration.health === undefined ? {} : { Healthcheck: healthCheck(declaration.health) }),
    ExposedPorts: Object.fromEntries(portsOf(declaration).map((port) => [`${port.container}/${port.protocol}`, {}])),
    HostConfig: {
      NetworkMode: networkMode(standing, declaration),
      ...(declaration.restart === undefined ? {} : { RestartPolicy: { Name: declaration.restart } }),
      ...(declaration.groups.length === 0 ? {} : { GroupAdd: declaration.groups.map(String) }),
      Binds: mounts.flatMap(([target, mount]) => relabelled(standing, node, target, mount)),
      Mounts: [
        ...mounts.flatMap(([target, mount]) => mountSettings(standing, node, target, mount)),
        ...(busybox === undefined ? [] : [busyboxMount(busybox)]),
      ],
      ...(declaration.noNewPrivileges ? { SecurityOpt: ["no-new-privileges"] } : {}),
      Tmpfs: Object.fromEntries(
        mounts.flatMap(([target, mount]) => (mount.mount === "tmpfs" ? [[target, tmpfsFlags(mount)]] : [])),
      ),
      VolumesFrom: declaration.volumesFrom.map((from) =>
        typeof from === "string"
          ? resourceName(standing, from)
          : `${resourceName(standing, from.node)}${from.readOnly ? ":ro" : ""}`,
      ),
      PortBindings: Object.fromEntries(
        portsOf(declaration).map((port) => [
          `${port.container}/${port.protocol}`,
          [{ HostIp: port.address, HostPort: port.host === undefined ? "" : String(port.host) }],
        ]),
      ),
      // The engine asks them for names that it lacks.
      Dns: declaration.dns.length > 0 ? declaration.dns : shared.map(({ gateway }) => gateway),
      DnsSearch: declaration.dnsSearch.length > 0 ? declaration.dnsSearch : shared.map(({ domain }) => domain),
      DnsOptions: declaration.dnsOptions,
      ExtraHosts: Object.entries(declaration.hosts).map(([name, address]) => `${name}:${address}`),
      CapAdd: declaration.capabilities.add,
      CapDrop: declaration.capabilities.drop,
      Privileged: declaration.privileged,
      ReadonlyRootfs: declaration.readOnlyRoot,
      Devices: Object.entries(declaration.devices).map(([path, device]) => ({
        PathOnHost: path,
        PathInContainer: device.path ?? path,
        CgroupPermissions: device.rights,
      })),
      Ulimits: Object.entries(declaration.ulimits).map(([Name, limit]) =>
        typeof limit === "number" ? { Name, Soft: limit, Hard: limit } : { Name, Soft: limit.soft, Hard: limit.hard },
      ),
      ...(declaration.memory === undefined ? {} : { Memory: declaration.memory }),
      ...(declaration.cpus === undefined ? {} : { NanoCpus: Math.round(declaration.cpus * 1e9) }),
      ...(declaration.pids === undefined ? {} : { PidsLimit: declaration.pids }),
    },
    ...(first === undefined
      ? {}
      : {
          NetworkingConfig: {
            EndpointsConfig: { [networkResource(standing, first)]: endpoint(standing, node, declaration, first) },
          },
        }),
  };
}

function networkMode(standing: Standing, declaration: ContainerDeclaration): string {
  if (declaration.networkFrom !== undefined) return `container:${resourceName(standing, declaration.networkFrom)}`;
  const [first] = networkNames(declaration);
  return first === undefined ? "bridge" : networkResource(standing, first);
}

/** A variable's value, its addresses put in. Whoever asks has found all of them. */
function known(value: ContainerDeclaration["env"][string], addresses: ReadonlyMap<string, string>): string {
  if (!isAddressText(value)) return revealed(value);
  return value.text.map((part) => (typeof part === "string" ? part : (addresses.get(part.addressOf) ?? ""))).join("");
}

/** What the client's `createContainer` takes: the API has the platform in the query, and none in the body. */
export function onPlatform(
  body: Docker.ContainerCreateOptions,
  { platform }: Pick<ContainerDeclaration, "platform">,
): Docker.ContainerCreateOptions {
  // The client's own split of query and body; its types know nothing of it.
  return platform === undefined ? body : ({ _query: { name: body.name, platform }, _body: body } as object);
}

/** Networks that a created container still has to be connected to before it starts, by engine name. */
export function laterNetworks(
  standing: Standing,
  node: string,
  declaration: ContainerDeclaration,
): { name: string; endpoint: Docker.EndpointSettings }[] {
  return networkNames(declaration)
    .slice(1)
    .map((name) => ({
      name: networkResource(standing, name),
      endpoint: endpoint(standing, node, declaration, name) as Docker.EndpointSettings,
    }));
}

export interface PublishedPort {
  readonly container: number;
  readonly host: number | undefined;
  readonly address: string;
  readonly protocol: "tcp" | "udp";
}

/** Declared ports with their defaults filled in. */
export function portsOf(declaration: ContainerDeclaration): readonly PublishedPort[] {
  return declaration.ports.map((port) =>
    typeof port === "number"
      ? { container: port, host: undefined, address: "127.0.0.1", protocol: "tcp" }
      : { container: port.container, host: port.host, address: port.address, protocol: port.protocol },
  );
}

/** Every node answers to its own name on each of its networks, beside its declared aliases. */
function endpoint(
  standing: Standing,
  node: string,
  declaration: ContainerDeclaration,
  network: string,
): Partial<Docker.EndpointSettings> {
  const settings = Array.isArray(declaration.networks) ? undefined : declaration.networks[network];
  // Where machines are too, whoever made the network has given everybody an address: two who give any would give one twice.
  const address = settings?.address ?? standing.networks?.get(network)?.names.get(node);
  return {
    Aliases: [node, ...(settings?.aliases ?? [])],
    ...(address === undefined ? {} : { IPAMConfig: { IPv4Address: address } }),
  };
}

function mountSettings(standing: Standing, node: string, target: string, mount: Mount): Docker.MountSettings[] {
  if (mount.mount === "tmpfs") return [];
  if (mount.mount === "volume") {
    const made = volumeSettings(standing, mount.volume);
    return [
      {
        Type: "volume",
        Source: volumeResource(standing, mount.volume),
        Target: target,
        ReadOnly: mount.readOnly,
        // The engine makes a volume that is not there, as after a kill between its removal and an answer that was
        // under way: made so, it too says whose it is.
        VolumeOptions: {
          NoCopy: mount.noCopy,
          Labels: made.Labels,
          DriverConfig: { Name: made.Driver, Options: made.DriverOpts },
        },
      },
    ];
  }
  if (mount.selinux !== undefined) return [];
  const Source = mount.mount === "bind" ? mount.source : scratchSource(standing, node, target, mount);
  return [
    {
      Type: "bind",
      Source,
      Target: target,
      ReadOnly: mount.readOnly,
      ...(mount.propagation === undefined ? {} : { BindOptions: { Propagation: mount.propagation } }),
    },
  ];
}

/** The API's mounts know no SELinux relabelling; its older binds do. */
function relabelled(standing: Standing, node: string, target: string, mount: Mount): string[] {
  if ((mount.mount !== "bind" && mount.mount !== "scratch") || mount.selinux === undefined) return [];
  const source = mount.mount === "bind" ? mount.source : scratchSource(standing, node, target, mount);
  return [
    [
      source,
      target,
      [
        mount.selinux,
        mount.readOnly ? "ro" : "rw",
        ...(mount.propagation === undefined ? [] : [mount.propagation]),
      ].join(","),
    ].join(":"),
  ];
}

/** The API's typed tmpfs mounts know no owner; its older flags do. */
function tmpfsFlags(mount: Extract<Mount, { mount: "tmpfs" }>): string {
  const flags = [
    mount.readOnly ? "ro" : "rw",
    mount.size === undefined ? "" : `size=${mount.size}`,
    mount.mode === undefined ? "" : `mode=${mount.mode.toString(8)}`,
    mount.uid === undefined ? "" : `uid=${mount.uid}`,
    mount.gid === undefined ? "" : `gid=${mount.gid}`,
  ];
  return flags.filter((flag) => flag !== "").join(",");
}

/** The API counts in nanoseconds. */
function healthCheck(health: NonNullable<ContainerDeclaration["health"]>): Docker.HealthConfig {
  const nanoseconds = (ms: number) => ms * 1e6;
  return {
    Test: ["CMD", ...health.test],
    ...(health.interval === undefined ? {} : { Interval: nanoseconds(health.interval) }),
    ...(health.timeout === undefined ? {} : { Timeout: nanoseconds(health.timeout) }),
    ...(health.startPeriod === undefined ? {} : { StartPeriod: nanoseconds(health.startPeriod) }),
    ...(health.retries === undefined ? {} : { Retries: health.retries }),
  };
}

/** The body of `POST /networks/create`, of a network of the environment by its name at the engine. */
export function networkOptions(standing: Standing, name: string): Docker.NetworkCreateOptions {
  const [declared = "", settings] =
    Object.entries(standing.environment.networks).find(([each]) => networkResource(standing, each) === name) ?? [];
  const shared = standing.networks?.get(declared);
  const subnet = shared?.subnet ?? settings?.subnet;
  const ipam = subnet === undefined ? [] : [{ Subnet: subnet, ...(shared && { Gateway: shared.gateway }) }];
  return {
    Name: name,
    CheckDuplicate: true,
    Driver: "bridge",
    Internal: settings?.internal ?? false,
    Labels: labelsOf(standing),
    ...(subnet === undefined ? {} : { IPAM: { Driver: "default", Config: ipam } }),
    ...(shared === undefined ? {} : { Options: onBridge(shared.bridge) }),
  };
}

/** A bridge that is there, and the way out of it with it: the engine adds its containers and changes nothing. */
function onBridge(bridge: string): Record<string, string> {
  return {
    "com.docker.network.bridge.name": bridge,
    "com.docker.network.bridge.enable_ip_masquerade": "false",
  };
}
