// Decides whether the native binding to libvirt is there, and how it is built. It is optional: virsh does all that it does. So no
// compiler is ever installed for it, and what failed once is not tried again.
import { existsSync, realpathSync } from "node:fs";
import { join } from "node:path";
import type { Finding } from "../model/capabilities.ts";
import { messageOf } from "../model/errors.ts";
import type { Binding } from "./plan-libvirt.ts";
import { findTool } from "./tools.ts";

const headers = "/usr/include/libvirt/libvirt.h";

/** Where the package's files lie; `modules` is the `node_modules` directory. */
function placesIn(modules: string) {
  const directory = join(modules, "@unraid", "libvirt");
  return {
    directory,
    addon: join(directory, "build", "Release", "libvirt.node"),
    tried: join(directory, "build", "tried"),
    /** The package of our own Node brings exactly its headers; nothing has to be fetched. */
    include: join(modules, `node-linux-${process.arch}`, "include", "node"),
  };
}

/** How it is to be built; `undefined` where it is there, or cannot be built, or was tried in vain. A few file look-ups. */
export function bindingToBuild(modules: string, path: string): Binding | undefined {
  const { directory, addon, tried, include } = placesIn(modules);
  const possible = existsSync(directory) && existsSync(include) && findTool("g++", path) !== undefined;
  if (!possible || existsSync(addon) || existsSync(tried)) return undefined;
  // What node-gyp would do in the end, without Python, make and npm's own way of finding it. 6 s.
  const compile =
    "g++ -std=c++17 -O1 -fPIC -shared -I. -I../../node-addon-api -I$1 src/*.cc -lvirt -o build/Release/libvirt.node";
  return {
    command: ["sh", "-c", `cd "$0" && mkdir -p build/Release && : >build/tried && ${compile}`, directory, include],
    headersMissing: !existsSync(headers),
  };
}

/** The line of `assay doctor` about the binding: it is loaded, which shows that it fits this Node and this libvirt. */
export function bindingFinding(modules: string, path: string): Finding {
  const about = { what: "libvirt binding", needed: false } as const;
  const { directory, addon, tried } = placesIn(modules);
  const without = "virsh is used for all";
  if (!existsSync(directory))
    return { ...about, can: "no", detail: without, cause: "@unraid/libvirt is not installed", remedy: "npm ci" };
  if (existsSync(addon)) {
    try {
      process.dlopen({ exports: {} }, realpathSync(addon));
      return { ...about, can: "yes", detail: "@unraid/libvirt loads" };
    } catch (error) {
      const remedy = `rm -r ${join(directory, "build")}, then npx assay setup --yes`;
      return { ...about, can: "no", detail: without, cause: `it does not load: ${messageOf(error)}`, remedy };
    }
  }
  if (existsSync(tried))
    return {
      ...about,
      can: "no",
      detail: without,
      cause: "building it failed; setup told why",
      remedy: `rm -r ${join(directory, "build")}, then npx assay setup --yes`,
    };
  const compiler = findTool("g++", path);
  return {
    ...about,
    can: "no",
    detail: without,
    cause: compiler === undefined ? "it has to be compiled, and there is no g++" : "it has not been compiled yet",
    remedy: compiler === undefined ? "apt-get install g++, then npx assay setup --yes" : "npx assay setup --yes",
  };
}
