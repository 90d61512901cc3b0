// Decides how resources are kept as directories, so that several real processes can create, find and remove the same ones
// without an engine. For tests of what must survive kills; it has no nodes to connect to.
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type {
  Driver,
  FoundResource,
  ImageOrigin,
  PlannedResource,
  ResourceRef,
  Standing,
} from "../../drivers/driver.ts";

/** A driver whose engine is a directory: one directory a resource, with its labels in it. */
export class DirectoryDriver implements Driver {
  readonly kind = "directories";
  readonly #root: string;

  constructor(root: string) {
    this.#root = root;
    mkdirSync(root, { recursive: true });
  }

  readonly images: ImageOrigin = {
    resolve: () => Promise.reject(new Error("there are no images here")),
    export: () => Promise.reject(new Error("there are no images here")),
  };

  async probe(): Promise<Readonly<Record<string, string>>> {
    return { directories: "1" };
  }

  plan({ owner, environment, scope }: Standing): readonly PlannedResource[] {
    return Object.keys(environment.nodes).map((node) => ({
      driver: this.kind,
      kind: "directory",
      name: `assay-${owner.run}-${scope}-${environment.name}-${node}`,
      node,
      needs: [],
    }));
  }

  async check(): Promise<void> {}

  async load(): Promise<void> {}

  async create(resource: PlannedResource, standing: Standing, created: (id: string) => void): Promise<void> {
    this.put(resource, { owner: standing.owner, environment: standing.environment.name });
    created(resource.name);
  }

  /** Made aside and renamed: never there without its labels. */
  put(resource: ResourceRef, labels: Pick<FoundResource, "owner" | "environment">): void {
    const draft = join(this.#root, `.${resource.name}.${process.pid}`);
    mkdirSync(draft);
    const { driver, kind, name } = resource;
    const found: FoundResource = { driver, kind, name, id: name, ...labels, createdAt: new Date().toISOString() };
    writeFileSync(join(draft, "labels.json"), JSON.stringify(found));
    if (existsSync(join(this.#root, name))) throw new Error(`${name} exists`);
    renameSync(draft, join(this.#root, name));
  }

  connect(): Promise<never> {
    return Promise.reject(new Error("a directory is no node"));
  }

  async evidence(): Promise<[]> {
    return [];
  }

  async destroy({ name }: ResourceRef): Promise<void> {
    rmSync(join(this.#root, name), { recursive: true, force: true });
  }

  async find(run?: string): Promise<readonly FoundResource[]> {
    return readdirSync(this.#root)
      .filter((name) => !name.startsWith("."))
      .flatMap((name) => {
        try {
          return [JSON.parse(readFileSync(join(this.#root, name, "labels.json"), "utf8")) as FoundResource];
        } catch (error) {
          // Removed while it was read.
          if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
          throw error;
        }
      })
      .filter(({ owner }) => run === undefined || owner.run === run);
  }

  async close(): Promise<void> {}
}
