// Decides what is worth saying of an image, and what is noise: facts in, sentences of the checks' vocabulary out. Pure. A sentence is a
// proposal: whether it is true of a fresh node too is asked before it is written down.
import type { FileStat } from "../checks/file-stat.ts";
import type { ImageFacts } from "../model/image.ts";
import { chosenPackages, shortVersion } from "./draft-packages.ts";

/** `file("/srv").hasMode(0o755)`: a check's word with its subject, and one of its sentences. */
export interface Sentence {
  readonly about: readonly [word: string, ...subject: unknown[]];
  readonly says: readonly [predicate: string, ...values: unknown[]];
}

/** The sentences of one test. */
export interface Chapter {
  /** The test's name. */
  readonly title: string;
  /** Whether what is asked begins with the container, and may take a while. */
  readonly takesTime: boolean;
  readonly sentences: readonly Sentence[];
}

export interface Entry {
  readonly path: string;
  readonly stat: FileStat;
}

export interface Listening {
  readonly protocol: "tcp" | "udp";
  readonly port: number;
  readonly address: string;
  /** Names of the processes that hold it. */
  readonly by: readonly string[];
}

/** What was seen of an image; `undefined` where it could not be. */
export interface Facts {
  readonly image: ImageFacts | undefined;
  /** Texts of files by path, where they are there. */
  readonly texts: ReadonlyMap<string, string>;
  /** All packages by name, where the texts do not say which were chosen. */
  readonly packages: readonly string[];
  /** Files whose owner and mode matter wherever they are. */
  readonly important: readonly Entry[];
  /** What no package brought, below the places where people put things. */
  readonly own: readonly Entry[];
  readonly inventories: Readonly<
    Record<"setuid" | "setgid" | "worldWritable" | "orphaned", readonly string[] | undefined>
  >;
  /** Started with the system, by name. */
  readonly services: readonly string[];
  /** Of a container whose own program runs. */
  readonly running:
    | { readonly main: string | undefined; readonly user: string | undefined; readonly listening: readonly Listening[] }
    | undefined;
}

/** Chapters in the order in which a person would ask; empty ones are left out. */
export function chapters(facts: Facts): readonly Chapter[] {
  const all: readonly [title: string, sentences: readonly Sentence[], takesTime?: true][] = [
    ["it is this system, with these packages chosen", [...system(facts), ...packages(facts)]],
    ["these users and groups are there", accounts(facts)],
    ["the files that matter have their owners and modes", files(facts.important)],
    ["what no package brought is as it was put there", own(facts.own)],
    ["no file runs as somebody else, is open to all or nobody's, but these", inventories(facts)],
    ["these services start with the system", facts.services.map((name) => say("service", name)("isEnabled"))],
    ["the image declares this", declared(facts.image)],
    ["its program runs and listens", running(facts), true],
  ];
  return all
    .filter(([, sentences]) => sentences.length > 0)
    .map(([title, sentences, takesTime]) => ({
      title,
      sentences: sentences.slice(0, mostSentences),
      takesTime: takesTime === true,
    }));
}

/** An image that lists ten thousand users is not worth ten thousand lines. */
const mostSentences = 200;

const say =
  (...about: Sentence["about"]) =>
  (...says: Sentence["says"]): Sentence => ({ about, says });

function system({ texts }: Facts): Sentence[] {
  const text = texts.get("/etc/os-release") ?? "";
  const field = (name: string) => new RegExp(`^${name}=["']?([^"'\n]+)`, "m").exec(text)?.[1];
  const [id, version] = [field("ID"), field("VERSION_ID")];
  const is = say("os");
  return [...(id === undefined ? [] : [is("is", id)]), ...(version === undefined ? [] : [is("hasVersion", version)])];
}

/** A small image is made of all that is in it; of a large one nobody would read that. */
const mostPackages = 40;

function packages({ texts, packages: all }: Facts): Sentence[] {
  if (all.length > 0 && all.length <= mostPackages)
    return [...all].sort().map((name) => say("pkg", name)("isInstalled"));
  return chosenPackages(texts).map(({ name, version }) => {
    const short = version === undefined ? undefined : shortVersion(version);
    return short === undefined ? say("pkg", name)("isInstalled") : say("pkg", name)("hasVersion", short);
  });
}

/** Users that each system has, and those that packages make for themselves in their own range, are no news. */
function accounts({ texts }: Facts): Sentence[] {
  const rows = (path: string) =>
    (texts.get(path) ?? "")
      .split("\n")
      .filter(Boolean)
      .map((line) => line.split(":"));
  const isPersons = (id: number) => id >= 1000 && id < 65_534;
  const groups = rows("/etc/group").map(([name = "", , gid, members = ""]) => ({
    name,
    gid: Number(gid),
    members: members.split(",").filter(Boolean),
  }));
  const users = rows("/etc/passwd").map(([name = "", , uid, gid, , home = "", shell = ""]) => ({
    name,
    uid: Number(uid),
    gid: Number(gid),
    home,
    shell,
  }));
  return [
    ...(users.some(({ uid }) => uid === 0) ? [say("user", "root")("hasLockedPassword")] : []),
    ...users
      .filter(({ uid, name }) => uid >= 100 && uid < 1000 && name !== "_apt" && !name.startsWith("systemd-"))
      .map(({ name }) => say("user", name)("exists")),
    ...users
      .filter(({ uid }) => isPersons(uid))
      .flatMap(({ name, uid, gid, home, shell }) => {
        const is = say("user", name);
        return [
          is("hasUid", uid),
          is("hasGid", gid),
          is("hasHome", home),
          ...(shell === "" ? [] : [is("hasShell", shell)]),
          is("hasLockedPassword"),
          ...groups.filter(({ members }) => members.includes(name)).map((group) => is("isInGroup", group.name)),
        ];
      }),
    ...groups.filter(({ gid }) => isPersons(gid)).map(({ name, gid }) => say("group", name)("hasGid", gid)),
  ];
}

function files(entries: readonly Entry[]): Sentence[] {
  return entries.flatMap(({ path, stat }) => {
    const is = say("file", path);
    if (stat.target !== undefined) return [is("linksTo", stat.target)];
    return [is("ownedBy", stat.uid, stat.gid), is("hasMode", stat.mode)];
  });
}

/** More than this in one directory is told as a whole. */
const mostBelow = 12;

function own(entries: readonly Entry[]): Sentence[] {
  const crowded: string[] = [];
  return entries.flatMap((entry) => {
    const { path, stat } = entry;
    if (crowded.some((directory) => path.startsWith(directory))) return [];
    const below = `${path}/`;
    if (stat.type !== "directory" || entries.filter((each) => each.path.startsWith(below)).length <= mostBelow)
      return files([entry]);
    crowded.push(below);
    return [...files([entry]), say("tree", path)("belongsTo", stat.uid, stat.gid)];
  });
}

/** A longer list is no inventory that anybody would read. */
const mostListed = 60;

function inventories({ inventories: found }: Facts): Sentence[] {
  return Object.entries(found).flatMap(([kind, paths]) => {
    if (paths === undefined || paths.length > mostListed) return [];
    const are = say(`inventory.${kind}`, "/");
    return [paths.length === 0 ? are("areNone") : are("equals", paths)];
  });
}

/** Made anew by each build: true of this image, and of no other. */
const perBuild =
  /^(org\.opencontainers\.image\.(created|revision|ref\.name)|org\.label-schema\.(build-date|vcs-ref)|io\.buildah\.version|dev\.assay\..*)$/;
const mostCharacters = 200;

function declared(image: ImageFacts | undefined): Sentence[] {
  if (image === undefined) return [];
  const { entrypoint, cmd, env, labels, user, workdir, expose, volumes } = image.config;
  const has = say("image");
  const value = (name: string, text: string) =>
    // A password that lies in an image is bad enough there.
    /pass|secret|token|key|credential/i.test(name) || /:\/\/[^/\s]*:[^/\s]*@/.test(text) || text.length > mostCharacters
      ? []
      : [text];
  return [
    has("hasEntrypoint", entrypoint),
    has("hasCmd", cmd),
    has("hasUser", user),
    ...(workdir === "" ? [] : [has("hasWorkdir", workdir)]),
    ...Object.entries(env).map(([name, text]) => has("hasEnv", name, ...value(name, text))),
    ...Object.entries(labels)
      .filter(([name]) => !perBuild.test(name))
      .map(([name, text]) => has("hasLabel", name, ...value(name, text))),
    ...expose.map((port) => has("exposes", /^\d+\/tcp$/.test(port) ? Number.parseInt(port, 10) : port)),
    ...volumes.map((path) => has("hasVolume", path)),
  ];
}

/** The engine's own name server listens on this address of each container. */
const engines = "127.0.0.11";

function running({ running: seen }: Facts): Sentence[] {
  if (seen === undefined) return [];
  const { main, user } = seen;
  const listening = seen.listening.filter(({ address }) => address !== engines);
  const reachable = listening.filter(({ address, protocol }) => protocol === "tcp" && !/^(127\.|::1$)/.test(address));
  return [
    ...(main === undefined ? [] : [say("process", main)("isRunning")]),
    ...(main === undefined || user === undefined ? [] : [say("process", main)("runsAs", user)]),
    ...listening.flatMap(({ protocol, port, address, by: [holder] }) => {
      const is = say("port", port, ...(protocol === "tcp" ? [] : [protocol]));
      return [is("isListeningOn", address), ...(holder === undefined ? [] : [is("isHeldBy", holder)])];
    }),
    say("ports")("areOnly", ...[...new Set(reachable.map(({ port }) => port))].sort((a, b) => a - b)),
  ];
}
