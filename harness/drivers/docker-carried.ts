// Decides how containers are run in virtual machines of the environment: by the same docker driver, on the engine there, whose
// socket comes here through the machine's transport. Nothing of it is in the ledger: it lies in the machine and goes with it.
import type { Duplex } from "node:stream";
import { messageOf, ProvisionError } from "../model/errors.ts";
import type { HeardSign } from "../model/health.ts";
import type { Node } from "../model/node.ts";
import { streamOf } from "../transports/tunnel.ts";
import { DockerDriver } from "./docker.ts";
import { dockerClient } from "./docker-client.ts";
import { DialAgent } from "./docker-dial.ts";
import { planOf } from "./docker-names.ts";
import { carriedDirectories } from "./docker-scratch.ts";
import type { Driver, EvidenceFile, FoundResource, PlannedResource, ResourceRef, Standing } from "./driver.ts";
import { ShellNode } from "./shell-node.ts";

/** Passes bytes both ways at a time, until the engine has no more. */
const relay = `use Socket;
my $there;
socket($there, PF_UNIX, SOCK_STREAM, 0) && connect($there, pack_sockaddr_un($ARGV[0])) or die "$ARGV[0]: $!\\n";
sub pass { my ($from, $to) = @_; while (sysread $from, my $data, 65536) { my $at = 0;
  while ($at < length $data) { my $done = syswrite $to, $data, length($data) - $at, $at; return unless defined $done; $at += $done } } }
my $up = fork;
if (!$up) { pass(*STDIN, $there); shutdown $there, 1; exit }
pass($there, *STDOUT); kill 9, $up;`;

/**
 * What connects a program's streams with the engine's socket; docker's where both are there. The engine's own command line can do it too,
 * and begins far more slowly, which on an emulated machine is seconds for each connection.
 */
const dialEngine = [
  "sh",
  "-c",
  `if command -v perl >/dev/null; then
  for socket in /run/docker.sock /run/podman/podman.sock; do [ -S $socket ] && exec perl -e "$1" $socket; done
fi
engine=$(command -v docker || command -v podman) && exec "$engine" system dial-stdio`,
  "sh",
  relay,
] as const;

/** Containers declared with `on`. One driver serves all machines; an engine is connected when its machine is ready. */
export class CarriedDriver implements Driver {
  readonly kind = "carried";
  readonly #engines = new Map<Node, DockerDriver>();
  readonly #makers = new Map<string, DockerDriver>();
  readonly #connected = new Map<string, DockerDriver>();

  /** Asks nobody: engines are those of machines, which there are none of yet. */
  async probe(): Promise<Readonly<Record<string, string>>> {
    return {};
  }

  plan(standing: Standing): readonly PlannedResource[] {
    return carriersOf(standing).flatMap((vm) => planOf(standing, vm));
  }

  /** What is wrong is found by the engine: before its machine runs nobody can ask. */
  async check(): Promise<void> {}

  /** The machine's own driver brings the images into it, before it is ready. */
  async load(): Promise<void> {}

  async create(resource: PlannedResource, standing: Standing, created: (id: string) => void): Promise<void> {
    const engine = await this.#engineFor(resource, standing);
    this.#makers.set(resource.name, engine);
    await engine.create(resource, standing, created);
  }

  async start(resource: PlannedResource, standing: Standing): Promise<void> {
    await this.#makers.get(resource.name)?.start(resource, standing);
  }

  async connect(resource: PlannedResource, standing: Standing, since?: "marked"): Promise<Node> {
    const engine = await this.#engineFor(resource, standing);
    this.#makers.set(resource.name, engine);
    this.#connected.set(resource.name, engine);
    return engine.connect(resource, standing, since);
  }

  listen(resource: ResourceRef, heard: HeardSign): void {
    this.#makers.get(resource.name)?.listen(resource, heard);
  }

  async evidence(resource: ResourceRef): Promise<readonly EvidenceFile[]> {
    return (await this.#makers.get(resource.name)?.evidence(resource)) ?? [];
  }

  /** Unknown here means that its machine was never reached from this process: it goes with that. */
  async destroy(resource: ResourceRef): Promise<void> {
    await this.#makers.get(resource.name)?.destroy(resource);
    this.#makers.delete(resource.name);
    this.#connected.delete(resource.name);
  }

  /** With the last of an engine's containers the connection to it, which is made anew for who asks. */
  async letGo(resource: ResourceRef): Promise<void> {
    const engine = this.#connected.get(resource.name);
    this.#connected.delete(resource.name);
    await engine?.letGo(resource);
    if (engine === undefined || [...this.#connected.values()].includes(engine)) return;
    for (const [carrier, known] of this.#engines) if (known === engine) this.#engines.delete(carrier);
    await engine.close().catch(() => undefined);
  }

  async find(): Promise<readonly FoundResource[]> {
    return [];
  }

  async close(): Promise<void> {
    const engines = [...this.#engines.values()];
    this.#engines.clear();
    this.#makers.clear();
    this.#connected.clear();
    await Promise.all(engines.map((engine) => engine.close()));
  }

  async #engineFor(resource: PlannedResource, standing: Standing): Promise<DockerDriver> {
    const on = resource.carriedBy ?? "";
    const carrier = standing.nodes?.get(on);
    const title = `${standing.environment.name}/${resource.node ?? on}`;
    if (!(carrier instanceof ShellNode)) {
      throw new ProvisionError({ code: "no-carrier", phase: "create", node: title, seen: `machine "${on}" is not up` });
    }
    const known = this.#engines.get(carrier);
    if (known !== undefined) return known;
    const agent = new DialAgent(() => dialled(carrier));
    const docker = dockerClient({ protocol: "http", host: "engine", port: 80, agent } as object);
    const directories = carriedDirectories(carrier);
    const engine = new DockerDriver({ docker, on, carrier, directories, close: async () => agent.destroy() });
    this.#engines.set(carrier, engine);
    await engine.probe().catch((cause: unknown) => {
      this.#engines.delete(carrier);
      throw new ProvisionError({
        code: "no-carried-engine",
        phase: "create",
        node: title,
        seen: `no engine answers on ${carrier.title}: ${messageOf(cause)}`,
        hint: "its image needs docker.io, or podman with its podman.socket enabled; see its journal in the evidence",
        cause,
      });
    });
    return engine;
  }
}

/** Names of machines that carry containers, in order of declaration. */
function carriersOf({ environment }: Pick<Standing, "environment">): readonly string[] {
  const on = Object.values(environment.nodes).flatMap((node) =>
    node.kind === "container" && node.on !== undefined ? [node.on] : [],
  );
  return [...new Set(on)];
}

/** The engine's socket through a program in the machine, which is started for each connection. */
async function dialled(carrier: ShellNode): Promise<Duplex> {
  return streamOf(await carrier.dial(dialEngine));
}
