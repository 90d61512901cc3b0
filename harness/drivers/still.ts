// Decides how images at rest become nodes that checks are held against: opened when the environment is stood up, closed when it is
// taken down. Creates nothing, so that nothing is in the ledger.

import { DeclarationError, ProvisionError } from "../model/errors.ts";
import type { BuiltImage } from "../model/image.ts";
import type { StillNode } from "../model/node.ts";
import type { FromFiles, StillContents, StillDeclaration, StillSource } from "../model/still.ts";
import type { Driver, EvidenceFile, FoundResource, PlannedResource, ResourceRef, Standing } from "./driver.ts";
import { resourceName } from "./names.ts";
import { type HostNode, hostNode } from "./shell-node.ts";
import { ImageNode } from "./still-node.ts";

/** How images are opened: the store's, and an engine's by reference. */
export interface StillOpeners {
  files(source: FromFiles): Promise<StillContents>;
  built(image: BuiltImage): Promise<StillContents>;
  engine(reference: string): Promise<StillContents>;
}

export class StillDriver implements Driver {
  readonly kind = "still";
  readonly #openers: StillOpeners;
  readonly #open = new Map<string, StillContents>();
  #host: HostNode | undefined;

  constructor(openers: StillOpeners) {
    this.#openers = openers;
  }

  async probe(): Promise<Readonly<Record<string, string>>> {
    return {};
  }

  plan(standing: Standing): readonly PlannedResource[] {
    return stillNodes(standing).map(([node]) => ({
      driver: this.kind,
      kind: "container",
      name: resourceName(standing, node),
      node,
      carriedBy: "host",
      needs: [],
    }));
  }

  async check(): Promise<void> {}

  async load(): Promise<void> {}

  async create(): Promise<void> {}

  async connect(resource: PlannedResource, standing: Standing): Promise<StillNode> {
    const [name, declaration] = stillNodes(standing).find(([node]) => node === resource.node) ?? [];
    if (name === undefined || declaration === undefined) throw new TypeError(`${resource.name} is no image at rest`);
    const title = `${standing.environment.name}/${name}`;
    const contents = this.#open.get(resource.name) ?? (await this.#opened(declaration.image, standing, title));
    this.#open.set(resource.name, contents);
    this.#host ??= hostNode();
    return new ImageNode({ title, name, contents, carrier: this.#host });
  }

  async evidence(resource: ResourceRef): Promise<readonly EvidenceFile[]> {
    const image = this.#open.get(resource.name)?.image;
    return image === undefined
      ? []
      : [{ title: "image", name: "image.json", content: `${JSON.stringify(image, null, 2)}\n` }];
  }

  async destroy(resource: ResourceRef): Promise<void> {
    const contents = this.#open.get(resource.name);
    this.#open.delete(resource.name);
    await contents?.close();
  }

  async find(): Promise<readonly FoundResource[]> {
    return [];
  }

  async close(): Promise<void> {
    await Promise.all([...this.#open.values()].map((contents) => contents.close()));
    this.#open.clear();
    await this.#host?.close();
  }

  /** Errors of the store know no node. */
  async #opened(image: StillSource, { images }: Standing, node: string): Promise<StillContents> {
    try {
      if ("still" in image) return await this.#openers.files(image);
      if ("base" in image) return await this.#openers.engine(image.reference);
      const built = images.get(`${image.name}:${image.version}`);
      if (built === undefined)
        throw new DeclarationError({ code: "not-built", at: image.at, seen: `recipe ${image.name} was not built` });
      return await this.#openers.built(built);
    } catch (error) {
      if (!(error instanceof ProvisionError) || error.node !== undefined) throw error;
      const { code, phase, seen, hint, cause } = error;
      throw new ProvisionError({ code, phase, node, seen, hint, cause });
    }
  }
}

function stillNodes({ environment }: Standing): readonly (readonly [string, StillDeclaration])[] {
  return Object.entries(environment.nodes).flatMap(([name, node]) =>
    node.kind === "image" ? [[name, node] as const] : [],
  );
}
