// Decides what an environment is that is written as a compose file. Reads files, and creates nothing.
import { dirname } from "node:path";
import { callSite } from "../model/call-site.ts";
import { type ContainerDeclaration, container } from "../model/container.ts";
import { defineEnvironment, type Environment } from "../model/environment.ts";
import { DeclarationError } from "../model/errors.ts";
import { nearest } from "../model/options.ts";
import { nodeName } from "./compose-mount.ts";
import { readFileNetworks } from "./compose-network.ts";
import { dependencies, readComposeService, serviceFields } from "./compose-service.ts";
import type { Values } from "./compose-value.ts";
import { type ImageNames, Images, manifestFiles } from "./manifest-files.ts";
import { type Fields, once, type Placed, readManifest } from "./placed.ts";

export interface ComposeOptions<Names extends Readonly<Record<string, string>>> {
  /** The directory that `file` is relative to: `import.meta.dirname`. */
  readonly context: string;
  readonly file: string;
  /** What the names of images in it stand for; one that is not named here, the engine has or fetches. */
  readonly images?: ImageNames;
  /** What `${NAME}` stands for, and variables that are declared without a value. This machine's own are never read. */
  readonly values?: Values;
  /** What specs call a service: name → service. The others are called by their own names, underscores and dots as hyphens. */
  readonly nodes?: Names;
}

/**
 * Declares an environment by a compose file: each service is a node. `depends_on` with a condition waits for it: healthy, or ended with
 * status 0. Ports are published on loopback unless an address is written. What is not supported, unknown or malformed is a
 * `DeclarationError` with file, line and column; what begins with `x-` is nobody's.
 *
 * @example
 * export const studio = fromCompose("studio", {
 *   context: import.meta.dirname,
 *   file: "../fixtures/studio/compose.yaml",
 *   images: { "studio-web": web },
 *   values: { LEVEL: "debug" },
 *   nodes: { server: "web" },
 * });
 */
export function fromCompose<const Names extends Readonly<Record<string, string>> = Record<never, never>>(
  name: string,
  { context, file, images = {}, values = {}, nodes: names = {} as Names }: ComposeOptions<Names>,
): Environment<{ readonly [Name in keyof Names & string]: ContainerDeclaration }> {
  const at = callSite();
  const [path = ""] = manifestFiles([file], context, at);
  const [document, second] = readManifest(path, "1.2", at);
  if (document === undefined)
    throw new DeclarationError({ code: "empty-environment", at: path, seen: "the file is empty" });
  second?.refuse("a compose file is one document");
  const whole = document.fields(
    ["services", "networks", "volumes", "name", "version"],
    { secrets: "secrets are no part of what is declared here", configs: "mount a file", include: "name one file" },
    "x-",
  );
  const stands = new Images(images);
  const services = whole
    .need("services")
    .entries()
    .map(([service, placed]) => ({ service, placed, fields: serviceFields(placed) }));
  const called = new Called(names, services);
  const networks = readFileNetworks(whole);
  const volumes = (whole.get("volumes")?.entries() ?? []).map(([volume, placed]) => readVolume(volume, placed));
  const waits = services.flatMap(({ fields }) => dependencies(fields));
  const waitedFor = (service: string, condition: string) =>
    waits.some((each) => each.service === service && each.condition === condition);
  const nodes = services.map(({ service, placed, fields }) => {
    const options = readComposeService(service, fields, {
      values,
      directory: dirname(path),
      volumes: new Set(volumes.map(({ volume }) => volume)),
      networks: new Set(Object.keys(networks)),
      node: (where, other) => called.of(other, where),
      image: (where, image) => stands.of(where, image),
      waited: {
        healthy: waitedFor(service, "service_healthy"),
        exited: waitedFor(service, "service_completed_successfully"),
      },
    });
    return [called.of(service, placed), { ...placed.declare(() => container(options)), at: placed.at }] as const;
  });
  stands.close(at);
  once(services, (each) => [called.of(each.service, each.placed), each.placed], "node");
  const used = new Set(nodes.flatMap(([, node]) => Object.keys(node.networks)));
  return defineEnvironment(name, {
    networks: Object.fromEntries(
      Object.entries(networks).filter(([network]) => network !== "default" || used.has(network)),
    ),
    volumes: Object.fromEntries(volumes.map(({ volume, labels }) => [nodeName(volume), { labels }])),
    nodes: Object.fromEntries(nodes),
    // The compiler knows the names that were given; the others are there as well.
  }) as never;
}

function readVolume(volume: string, placed: Placed): { volume: string; labels: Record<string, string> } {
  if (placed.isNothing || !placed.isTable) return { volume, labels: {} };
  const fields = placed.fields(["driver", "labels"], {
    external: "an environment's volumes are its own",
    name: "names are a run's own",
    driver_opts: "a volume is a directory of the engine's",
  });
  fields.only("driver", ["local"], "a volume is a directory of the engine's");
  return {
    volume,
    labels: Object.fromEntries((fields.get("labels")?.entries() ?? []).map(([key, value]) => [key, value.text()])),
  };
}

/** What services are called as nodes. */
class Called {
  readonly #names = new Map<string, string>();

  constructor(
    given: Readonly<Record<string, string>>,
    services: readonly { readonly service: string; readonly placed: Placed; readonly fields: Fields }[],
  ) {
    for (const { service } of services) this.#names.set(service, nodeName(service));
    for (const [node, service] of Object.entries(given)) {
      this.#has(service, (seen, hint) => {
        throw new DeclarationError({
          code: "unknown-service",
          at: callSite(),
          seen: `nodes: "${node}": ${seen}`,
          hint,
        });
      });
      this.#names.set(service, node);
    }
  }

  of(service: string, placed: Placed): string {
    this.#has(service, (seen, hint) => placed.refuse(seen, hint, "unknown-service"));
    return this.#names.get(service) as string;
  }

  #has(service: string, refuse: (seen: string, hint: string) => never): void {
    if (this.#names.has(service)) return;
    const all = [...this.#names.keys()];
    const guess = nearest(service, all);
    refuse(
      `there is no service "${service}"`,
      guess === undefined ? `there is ${all.join(", ")}` : `did you mean "${guess}"?`,
    );
  }
}
