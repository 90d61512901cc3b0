// Decides how questions about packages are answered from files alone: dpkg's status file, or the directory of status files that
// distroless images have in its place; apk's database; rpm's, of whichever format.
import { ObservationError } from "../model/errors.ts";
import type { FileTree } from "../model/tree.ts";
import { readApkPackages } from "./package-apk.ts";
import { type PackageFacts, readSubject } from "./package-facts.ts";
import { textsOf } from "./tree-bytes.ts";
import { rpmInTree } from "./tree-rpm.ts";
import { failedProbe } from "./unanswered.ts";
import { versionOrder } from "./version-order.ts";

const database = "/var/lib/dpkg/status";
const pieces = `${database}.d`;
const apkDatabases = ["/lib/apk/db/installed", "/usr/lib/apk/db/installed"];

/** For `packageFacts.fromTree`. */
export async function packagesFromTree(
  tree: FileTree,
  names: readonly string[],
): Promise<readonly (PackageFacts | undefined | Error)[]> {
  const [texts, ofApk, ofRpm] = await Promise.all([dpkgTexts(tree), apkPackages(tree), rpmFacts(tree)]);
  const read = packagesIn(texts);
  const ofDpkg = read.size === 0 ? undefined : read;
  const known = { dpkg: ofDpkg, apk: ofApk, rpm: ofRpm, any: ofDpkg ?? ofApk ?? ofRpm };
  return names.map((subject) => {
    const { by, name } = readSubject(subject);
    const found = known[by];
    if (found instanceof Error) return found;
    // An empty database would call every package unknown: that is not an answer.
    if (found === undefined)
      return failedProbe(
        `cannot look at packages${by === "any" ? "" : ` of ${by}`}`,
        `there is neither ${database} with packages in it, nor ${pieces}, nor a database of apk or of rpm`,
      );
    return found.get(name);
  });
}

/** apk's database; `undefined` where there is none. */
export async function apkText(tree: FileTree): Promise<string | undefined> {
  return (await textsOf(tree, apkDatabases)).find((each) => (each ?? "") !== "");
}

async function apkPackages(tree: FileTree): Promise<ReadonlyMap<string, PackageFacts> | undefined> {
  const text = await apkText(tree);
  if (text === undefined) return undefined;
  const read = readApkPackages(text);
  if (read === undefined) throw failedProbe("cannot look at packages", "apk's database cannot be read");
  return read.found;
}

/** An `Error` where rpm's database is there and cannot be told: who asks another packager is answered. */
async function rpmFacts(tree: FileTree): Promise<ReadonlyMap<string, PackageFacts> | undefined | Error> {
  try {
    const packages = (await rpmInTree(tree)) ?? [];
    const found = new Map<string, PackageFacts>();
    for (const { name, version, architecture } of packages)
      for (const key of [name, `${name}:${architecture}`]) {
        const before = found.get(key);
        // Of several versions the newest speaks, as where rpm is asked.
        if (before === undefined || versionOrder.rpm(before.version, version) < 0)
          found.set(key, { state: "installed", version, architecture, manager: "rpm" });
      }
    return found.size === 0 ? undefined : found;
  } catch (error) {
    if (error instanceof ObservationError) return error;
    throw error;
  }
}

/** dpkg's database, whole or in pieces; nothing where there is neither. */
export async function dpkgTexts(tree: FileTree): Promise<readonly string[]> {
  const [[whole], [listed]] = await Promise.all([textsOf(tree, [database]), tree.list([pieces])]);
  if (listed instanceof Error) throw listed;
  if ((whole ?? "") === "" && listed === undefined) return [];
  // Beside each package's own file lie lists of its files' sums.
  const parts = (listed ?? []).filter((name) => !name.endsWith(".md5sums")).map((name) => `${pieces}/${name}`);
  return [whole ?? "", ...(await textsOf(tree, parts)).map((text) => text ?? "")];
}

/** Packages that dpkg knows, by `name` and by `name:architecture`, as texts of its database tell. */
export function packagesIn(texts: readonly string[]): ReadonlyMap<string, PackageFacts> {
  const found = new Map<string, PackageFacts>();
  for (const stanza of texts.flatMap((text) => text.split(/\n\n+/))) {
    const read = readStanza(stanza);
    if (read === undefined || read.state === "not-installed") continue;
    const { name, ...facts } = read;
    found.set(`${name}:${facts.architecture}`, facts);
    // Of several architectures, one that is installed speaks for the name.
    if (found.get(name)?.state !== "installed") found.set(name, facts);
  }
  return found;
}

/** A paragraph of deb-control(5). Without a `Status:`, as in distroless images, the package is there: nobody else lists it. */
function readStanza(text: string): ({ readonly name: string } & PackageFacts) | undefined {
  const field = (name: string) => new RegExp(`^${name}:[ \\t]*(.*)$`, "mi").exec(text)?.[1]?.trim();
  const name = field("Package");
  if (name === undefined || name === "") return undefined;
  return {
    name,
    state: field("Status")?.split(/\s+/)[2] ?? "installed",
    version: field("Version") ?? "",
    architecture: field("Architecture") ?? "",
    manager: "dpkg",
  };
}
