// Decides which engine speaks the docker API, and holds every difference between them that a run could notice. Nothing else asks
// "is this podman?".
import type Docker from "dockerode";
import { quoteWord } from "../model/check.ts";
import type { ContainerState } from "../model/node.ts";

/** How an engine that speaks the docker API differs from docker itself. */
export interface Dialect {
  /** `docker`, `podman` */
  readonly name: "docker" | "podman";
  /**
   * What becomes of a program whose connection is cut. Docker closes its streams, and it ends when it writes; podman's conmon
   * goes on reading, so that a program that only writes goes on for ever, at full speed.
   */
  readonly cut: "ends" | "stays";
  /** Who runs health checks: docker does itself; podman leaves it to systemd's timers, and where none runs, to whoever asks. */
  readonly health: "watched" | "asked";
  /** How a running container is removed by force: docker kills it; podman stops it, and waits as long as it declares for that. */
  readonly removal: "kills" | "stops";
  /** Whether a running container can be given another weight; podman 4.3 cannot be told by this API. */
  readonly weighs: "anew" | "once";
  /** What is put before the name of an image that no registry is named in; podman says it wherever it tells names. */
  readonly namesBegin: "" | "localhost/";
  /** The network whose gateway `host-gateway` means where none is declared; `undefined` where the engine knows the word. */
  readonly gatewayNetwork: string | undefined;
}

/** Runs a container's health check once, by podman's own API; what it came to is in the container's state afterwards. */
export async function runHealthCheck(container: Docker.Container): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const options = {
      path: `/v4.0.0/libpod/containers/${container.id}/healthcheck`,
      method: "GET",
      // 409: it is not running, which its state tells better.
      statusCodes: { 200: true, 409: true, 404: "no such container", 500: "server error" },
    };
    container.modem.dial(options, (error: Error | null) => (error === null ? resolve() : reject(error)));
  });
}

const dialects = {
  docker: {
    name: "docker",
    cut: "ends",
    health: "watched",
    removal: "kills",
    weighs: "anew",
    namesBegin: "",
    gatewayNetwork: undefined,
  },
  podman: {
    name: "podman",
    cut: "stays",
    health: "asked",
    removal: "stops",
    weighs: "once",
    namesBegin: "localhost/",
    gatewayNetwork: "podman",
  },
} as const satisfies Record<string, Dialect>;

/** Podman's own words for what docker calls otherwise: `stopped` is said until a process of its own has tidied up, which takes its time. */
const otherWords: Readonly<Record<string, ContainerState["status"]>> = {
  configured: "created",
  initialized: "created",
  stopping: "running",
  stopped: "exited",
};

/**
 * A container's status in docker's words, from `State.Status` of either engine.
 * @example statusNamed("stopped") // "exited"
 */
export function statusNamed(word: string): ContainerState["status"] {
  return otherWords[word] ?? (word as ContainerState["status"]);
}

/**
 * What is to be created, in words that the engine understands: podman 4.3 writes `host-gateway` into /etc/hosts as it is, gives who
 * shares another's network a host name of its own, which docker refuses to, and cannot take a bind from another where the image has a volume.
 */
export async function translated(
  docker: Docker,
  wanted: Docker.ContainerCreateOptions,
): Promise<Docker.ContainerCreateOptions> {
  const options = await withEachVolume(docker, await withWholeWords(docker, wanted));
  const { ExtraHosts, NetworkMode = "bridge" }: Docker.HostConfig = options.HostConfig ?? {};
  const [, owner] = /^container:(.+)$/.exec(NetworkMode) ?? [];
  if (owner !== undefined) {
    if ((await spokenBy(docker)).name === "docker") return options;
    const { Config } = await docker.getContainer(owner).inspect();
    return { ...options, Hostname: Config.Hostname };
  }
  const hosts: readonly string[] = ExtraHosts ?? [];
  const word = /:host-gateway$/;
  if (!hosts.some((line) => word.test(line))) return options;
  const { gatewayNetwork } = await spokenBy(docker);
  if (gatewayNetwork === undefined) return options;
  const gateway = await gatewayOf(docker, NetworkMode === "bridge" ? gatewayNetwork : NetworkMode);
  if (gateway === undefined) return options;
  const known = hosts.map((line) => line.replace(word, `:${gateway}`));
  return { ...options, HostConfig: { ...options.HostConfig, ExtraHosts: known } };
}

/** Podman 4.3 joins the words of a health check and splits them again at blanks: where a word has one, a shell is given it in quotes. */
async function withWholeWords(
  docker: Docker,
  options: Docker.ContainerCreateOptions,
): Promise<Docker.ContainerCreateOptions> {
  const [kind, ...words] = options.Healthcheck?.Test ?? [];
  if (kind !== "CMD" || !words.some((word) => /\s/.test(word)) || (await spokenBy(docker)).name === "docker")
    return options;
  return { ...options, Healthcheck: { ...options.Healthcheck, Test: ["CMD-SHELL", words.map(quoteWord).join(" ")] } };
}

/** Podman 4.3 refuses ("duplicate mount destination") what `VolumesFrom` brings of binds where the image declares a volume: each is named. */
async function withEachVolume(
  docker: Docker,
  options: Docker.ContainerCreateOptions,
): Promise<Docker.ContainerCreateOptions> {
  const { VolumesFrom = [], ...host }: Docker.HostConfig = options.HostConfig ?? {};
  if (VolumesFrom.length === 0 || (await spokenBy(docker)).name === "docker") return options;
  const { Mounts = [], Binds = [], Tmpfs = {} } = host;
  const own = new Set([...Mounts.map(({ Target }) => Target), ...Binds.map(targetOf), ...Object.keys(Tmpfs)]);
  const taken = new Map<string, string>();
  for (const from of VolumesFrom) {
    const [owner = "", rights] = from.split(":");
    for (const mount of (await docker.getContainer(owner).inspect()).Mounts)
      if (mount.Type !== "tmpfs") taken.set(mount.Destination, bindOf(mount, rights === "ro"));
  }
  const binds = [...taken].flatMap(([target, bind]) => (own.has(target) ? [] : [bind]));
  return { ...options, HostConfig: { ...host, Binds: [...Binds, ...binds] } };
}

const targetOf = (bind: string) => bind.split(":")[1] ?? "";

/** Not labelled anew, as neither engine does for who takes a mount from another. */
function bindOf(
  { Type, Name, Source, Destination, RW, Propagation }: Docker.ContainerInspectInfo["Mounts"][number],
  readOnly: boolean,
): string {
  const rights = readOnly || !RW ? "ro" : "rw";
  if (Type === "volume") return `${Name}:${Destination}:${rights}`;
  return `${Source}:${Destination}:${[rights, ...(Propagation === "" ? [] : [Propagation])].join(",")}`;
}

async function gatewayOf(docker: Docker, network: string): Promise<string | undefined> {
  const facts = (await docker.getNetwork(network).inspect()) as { IPAM?: { Config?: readonly { Gateway?: string }[] } };
  return facts.IPAM?.Config?.[0]?.Gateway;
}

const spoken = new WeakMap<Docker, Promise<Dialect>>();

/** What a client's engine speaks. Asked once; an engine that did not answer is asked again. */
export function spokenBy(docker: Docker): Promise<Dialect> {
  const known = spoken.get(docker);
  if (known !== undefined) return known;
  const asked = docker.version().then(dialectOf, (error: unknown) => {
    spoken.delete(docker);
    throw error;
  });
  spoken.set(docker, asked);
  return asked;
}

/**
 * By the engine's answer to `GET /version`: podman names itself among its components.
 * @example dialectOf({ Components: [{ Name: "Podman Engine" }] }).name // "podman"
 */
export function dialectOf(version: Pick<Docker.DockerVersion, "Components">): Dialect {
  return version.Components?.some(({ Name }) => /podman/i.test(Name)) === true ? dialects.podman : dialects.docker;
}
