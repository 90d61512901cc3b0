// Decides which modules must be loaded, in which order, from the index that depmod wrote. Pure: text in, paths out.

/** `virtio_blk` of `kernel/drivers/block/virtio-blk.ko.xz`: the name as the kernel knows it. */
export function moduleName(path: string): string {
  return path
    .slice(path.lastIndexOf("/") + 1)
    .replace(/\.ko(\.\w+)?$/, "")
    .replaceAll("-", "_");
}

/** What `modulesFor` needs of `/lib/modules/<version>`. */
export interface ModuleIndex {
  /** `modules.dep` */
  readonly dep: string;
  /** `modules.builtin` */
  readonly builtin: string;
}

/**
 * Paths, relative to the module directory, of the modules wanted and all that they need, in an order in which they can be loaded.
 * What is built in is left out; what is nowhere is told in `missing`.
 */
export function modulesFor(
  wanted: readonly string[],
  { dep, builtin }: ModuleIndex,
): { readonly paths: readonly string[]; readonly missing: readonly string[] } {
  const needs = new Map<string, { readonly path: string; readonly needs: readonly string[] }>();
  for (const line of dep.split("\n")) {
    const [path = "", rest = ""] = line.split(":");
    if (path !== "") needs.set(moduleName(path), { path, needs: rest.split(" ").filter((each) => each !== "") });
  }
  const inside = new Set(builtin.split("\n").map(moduleName));
  const paths = new Set<string>();
  const missing: string[] = [];
  const visit = (name: string) => {
    const known = needs.get(name);
    if (known === undefined) {
      if (!inside.has(name)) missing.push(name);
      return;
    }
    if (paths.has(known.path)) return;
    for (const path of known.needs) visit(moduleName(path));
    paths.add(known.path);
  };
  for (const name of wanted) visit(name);
  return { paths: [...paths], missing };
}
