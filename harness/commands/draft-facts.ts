// Decides what is looked at when an image is drafted, and how: by the checks' own probes, so that a container without tools and an image at
// rest answer too. What cannot be seen is left out; nothing is guessed.
import { fileContents } from "../checks/file-bytes.ts";
import { fileStat } from "../checks/file-stat.ts";
import { filesFound, type InventoryKind } from "../checks/inventory-find.ts";
import { installedPackages } from "../checks/licences.ts";
import { listeners } from "../checks/port.ts";
import { socketHolders } from "../checks/port-holders.ts";
import type { ContainerNode, Node, StillNode } from "../model/node.ts";
import { isNoise } from "./draft-noise.ts";
import { chosenPackages, packageFiles } from "./draft-packages.ts";
import type { Entry, Facts, Listening } from "./draft-sentences.ts";

export type Drafted = ContainerNode | StillNode;

const read = ["/etc/os-release", "/etc/passwd", "/etc/group", ...packageFiles, "/lib/apk/db/installed"];
const important = [
  ...["/etc/passwd", "/etc/shadow", "/etc/gshadow", "/etc/sudoers", "/etc/crontab", "/etc/ssh/sshd_config"],
  ...["/root", "/root/.ssh", "/tmp", "/var/tmp"],
];
/** Where people put what no package brings. */
const places = ["/etc", "/opt", "/srv", "/usr/local"];

/** `runs`: its own program does, so that what listens is the image's. */
export async function factsOf(node: Drafted, { runs }: { readonly runs: boolean }): Promise<Facts> {
  const [image, texts] = await Promise.all([node.image().catch(() => undefined), textsOf(node, read)]);
  const homes = (texts.get("/etc/passwd") ?? "")
    .split("\n")
    .map((line) => line.split(":"))
    .filter(([, , uid]) => Number(uid) >= 1000 && Number(uid) < 65_534)
    .map(([, , , , , home = ""]) => home);
  const config = image?.config;
  const program = [...(config?.entrypoint ?? []), ...(config?.cmd ?? [])][0];
  const wanted = [...important, ...homes, config?.workdir, program, ...(config?.volumes ?? [])].filter(
    (path): path is string => path?.startsWith("/") === true && path !== "/",
  );
  const [known, found, inventories, running, packages] = await Promise.all([
    statsOf(node, [...new Set(wanted)]),
    Promise.all(places.map((place) => below(node, place))),
    inventoriesOf(node),
    runs ? runningOf(node) : undefined,
    // Where no text says who chose what: all that there are.
    chosenPackages(texts).length === 0
      ? node.observe(installedPackages, "packages").then(
          ({ packages: all }) => all.map(({ package: name }) => name),
          () => [],
        )
      : [],
  ]);
  const packaged = await packagedFiles(node, texts);
  const unpackaged = packaged === undefined ? [] : found.flat().filter((path) => !packaged.has(path) && !isNoise(path));
  const own = await statsOf(node, unpackaged.sort().slice(0, mostOwn));
  return {
    image,
    texts,
    packages,
    important: known,
    own: own.filter(({ path, stat }) => stat.type !== "something else" && !known.some((each) => each.path === path)),
    inventories,
    services: node.kind === "image" ? [] : servicesIn(found.flat()),
    running,
  };
}

const mostOwn = 400;

async function textsOf(node: Node, paths: readonly string[]): Promise<Map<string, string>> {
  const answers = await Promise.allSettled(paths.map((path) => node.observe(fileContents, path)));
  return new Map(
    paths.flatMap((path, index) => {
      const answer = answers[index];
      return answer?.status === "fulfilled" && "bytes" in answer.value && answer.value.whole
        ? [[path, answer.value.bytes.toString("utf8")] as const]
        : [];
    }),
  );
}

async function statsOf(node: Node, paths: readonly string[]): Promise<Entry[]> {
  const answers = await Promise.allSettled(paths.map((path) => node.observe(fileStat, path)));
  return paths.flatMap((path, index) => {
    const answer = answers[index];
    return answer?.status === "fulfilled" && answer.value !== undefined ? [{ path, stat: answer.value }] : [];
  });
}

/** All paths below a directory; none where there is no such directory or it may not be entered. */
async function below(node: Drafted, root: string): Promise<readonly string[]> {
  try {
    const all = await node.observe(filesFound, { kind: { all: "entries" }, root });
    return all.filter((path) => path !== root && !/[^\x20-\x7e]/.test(path));
  } catch {
    return [];
  }
}

/** What packages brought; `undefined` where nobody tells, and then nothing is known to be somebody's own. */
async function packagedFiles(
  node: Drafted,
  texts: ReadonlyMap<string, string>,
): Promise<ReadonlySet<string> | undefined> {
  const apk = texts.get("/lib/apk/db/installed");
  if (apk !== undefined) return apkFiles(apk);
  if (!texts.has("/var/lib/dpkg/status")) return undefined;
  const lists = (await below(node, "/var/lib/dpkg/info")).filter((path) => path.endsWith(".list"));
  // An image whose lists were removed says nothing of its files.
  if (lists.length === 0) return undefined;
  return new Set([...(await textsOf(node, lists)).values()].flatMap((text) => text.split("\n")));
}

/** `F:` names a directory, `R:` a file in it. */
export function apkFiles(installed: string): ReadonlySet<string> {
  const files = new Set<string>();
  let directory = "";
  for (const line of installed.split("\n")) {
    if (line.startsWith("F:")) {
      directory = `/${line.slice(2)}`;
      files.add(directory);
    } else if (line.startsWith("R:")) files.add(`${directory}/${line.slice(2)}`);
  }
  return files;
}

async function inventoriesOf(node: Drafted): Promise<Facts["inventories"]> {
  const find = (kind: InventoryKind) => node.observe(filesFound, { kind, root: "/" }).catch(() => undefined);
  const [setuid, setgid, worldWritable, orphaned] = await Promise.all(
    (["setuid", "setgid", "world-writable", "orphaned"] as const).map(find),
  );
  return { setuid, setgid, worldWritable, orphaned };
}

/** By the links that systemd and init keep in /etc. Those that each system starts are no news. */
export function servicesIn(paths: readonly string[]): string[] {
  const names = paths.flatMap((path) => {
    const [, unit] = /^\/etc\/systemd\/system\/[\w.-]+\.target\.wants\/([\w.@-]+)\.service$/.exec(path) ?? [];
    const [, script] = /^\/etc\/rc[2-5]\.d\/S\d\d([\w.-]+)$/.exec(path) ?? [];
    return [unit ?? script ?? ""];
  });
  const everywhere =
    /^(|systemd-.*|getty@.*|procps|kmod|udev|hwclock\.sh|sudo|x11-common|dbus|e2scrub_reap|networking|rc\.local)$/;
  return [...new Set(names)].filter((name) => !everywhere.test(name)).sort();
}

async function runningOf(node: Drafted): Promise<Facts["running"]> {
  const [tcp, udp] = await Promise.all(
    ["tcp/*", "udp/*"].map((subject) => node.observe(listeners, subject).catch(() => [])),
  );
  const listening = await Promise.all(
    [...(tcp ?? []), ...(udp ?? [])].map(async ({ protocol, port, address, inode }): Promise<Listening> => {
      const holders = await node.observe(socketHolders, inode).catch(() => []);
      return { protocol, port, address, by: [...new Set(holders.map(({ name }) => name))] };
    }),
  );
  const status = (await textsOf(node, ["/proc/1/status"])).get("/proc/1/status") ?? "";
  const [, main] = /^Name:\s*([\w.+-]+)$/m.exec(status) ?? [];
  const [, uid] = /^Uid:\s*\d+\s+(\d+)/m.exec(status) ?? [];
  const passwd = (await textsOf(node, ["/etc/passwd"])).get("/etc/passwd") ?? "";
  const user = passwd
    .split("\n")
    .map((line) => line.split(":"))
    .find(([, , id]) => id === uid)?.[0];
  return { main, user, listening };
}
