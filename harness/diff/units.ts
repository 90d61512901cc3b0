// Decides what files tell of what starts by itself: units that links enable or mask, services of OpenRC's runlevels and of rc?.d, sockets
// that a unit would open. Pure. Refuses to say what runs or listens: a still does neither.
import type { TreeEntry } from "../model/tree.ts";
import { isLink, isRegular } from "./entries.ts";
import { bothKeys, type DiffChange, differing } from "./image-diff.ts";

const wants = /^\/etc\/systemd\/(system|user)\/([^/]+\.(?:wants|requires|upholds))\/([^/]+)$/;
const own = /^\/etc\/systemd\/(system|user)\/([^/]+)$/;
const runlevel = /^\/etc\/runlevels\/([^/]+)\/([^/]+)$/;
const startLink = /^\/etc\/rc([0-6S])\.d\/S\d\d([^/]+)$/;
/** A unit's own file, or a part of one. */
export const unitFile =
  /^\/(etc|run|usr\/local\/lib|usr\/lib|lib)\/systemd\/(system|user)\/.*\.(service|socket|target|timer|mount|automount|path|slice|scope|swap|device|conf)$|^\/etc\/(init\.d|rc\d\.d|runlevels)\//;

/** What a path enables: the unit and by which word. `undefined` where it enables nothing. */
export function enabling(path: string, entry: TreeEntry): { readonly unit: string; readonly by: string } | undefined {
  if (!path.startsWith("/etc/") || !isLink(entry)) return undefined;
  const named = (name: string, room: string) => (room === "user" ? `${name} (user)` : name);
  const [, room = "", by = "", unit] = wants.exec(path) ?? [];
  if (unit !== undefined) return { unit: named(unit, room), by };
  const [, place = "", name = ""] = own.exec(path) ?? [];
  if (name !== "") {
    if (entry.target === "/dev/null") return { unit: named(name, place), by: "masked" };
    const real = entry.target?.split("/").at(-1) ?? "";
    return real === "" ? undefined : { unit: named(real, place), by: `alias ${name}` };
  }
  const [, level = "", service] = runlevel.exec(path) ?? startLink.exec(path) ?? [];
  return service === undefined ? undefined : { unit: service, by: `runlevel ${level}` };
}

/** By which links each unit is enabled. */
export function enabledUnits(paths: ReadonlyMap<string, TreeEntry>): ReadonlyMap<string, ReadonlySet<string>> {
  const found = new Map<string, Set<string>>();
  for (const [path, entry] of paths) {
    const said = enabling(path, entry);
    if (said === undefined) continue;
    const by = found.get(said.unit) ?? new Set();
    found.set(said.unit, by.add(said.by));
  }
  return found;
}

/** A unit that is enabled now and was not before is added; one that is enabled by other links is changed. */
export function unitChanges(
  old: ReadonlyMap<string, ReadonlySet<string>>,
  now: ReadonlyMap<string, ReadonlySet<string>>,
): DiffChange[] {
  const say = (by: ReadonlySet<string> | undefined, masked: boolean) => {
    const words = [...(by ?? [])].filter((word) => (word === "masked") === masked).sort();
    return words.length === 0 ? null : words.join(", ");
  };
  return bothKeys(old, now).flatMap((unit): DiffChange[] => {
    const [had, has] = [say(old.get(unit), false), say(now.get(unit), false)];
    const masks = [say(old.get(unit), true), say(now.get(unit), true)] as const;
    const details = [...differing("enabled", had, has), ...differing("masked", ...masks)];
    if (details.length === 0) return [];
    const kind = had === null && has !== null ? "added" : had !== null && has === null ? "removed" : "changed";
    return [{ topic: "unit", kind, subject: unit, details }];
  });
}

const socketFile = /^\/(etc|usr\/local\/lib|usr\/lib|lib)\/systemd\/system\/([^/]+\.socket)$/;

/** Paths of units of sockets. */
export function socketPaths(paths: ReadonlyMap<string, TreeEntry>): string[] {
  return [...paths].filter(([path, entry]) => socketFile.test(path) && isRegular(entry)).map(([path]) => path);
}

/** Ports that units of sockets would open, `22/tcp of ssh.socket`, with whether a link enables the unit. Of systemd.socket(5). */
export function socketPorts(
  texts: ReadonlyMap<string, string>,
  enabled: ReadonlyMap<string, ReadonlySet<string>>,
): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const [path, text] of texts) {
    const unit = socketFile.exec(path)?.[2];
    if (unit === undefined) continue;
    const words = enabled.get(unit);
    const state = words?.has("masked") ? "masked" : words === undefined ? "not enabled" : "enabled";
    for (const [, kind, port] of text.matchAll(/^\s*Listen(Stream|Datagram)\s*=\s*(?:\S*:)?(\d{1,5})\s*$/gm))
      found.set(`${port}/${kind === "Stream" ? "tcp" : "udp"} of ${unit}`, state);
  }
  return found;
}

/** Of both sides' ports, by `80/tcp of EXPOSE`, with a word on each. */
export function portChanges(old: ReadonlyMap<string, string>, now: ReadonlyMap<string, string>): DiffChange[] {
  return bothKeys(old, now).flatMap((subject): DiffChange[] => {
    const [had, has] = [old.get(subject) ?? null, now.get(subject) ?? null];
    const details = differing("declared", had, has);
    const kind = had === null ? "added" : has === null ? "removed" : "changed";
    return details.length === 0 ? [] : [{ topic: "port", kind, subject, details }];
  });
}
