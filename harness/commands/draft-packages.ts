// Decides which packages of an image somebody chose: what neither the system needs nor another package pulled in. Pure, of the packagers'
// own files. Refuses to guess for rpm, whose database is no text.

export interface ChosenPackage {
  readonly name: string;
  readonly version: string | undefined;
}

/** Files that tell of packages. */
export const packageFiles = [
  "/var/lib/dpkg/status",
  "/var/lib/apt/extended_states",
  "/etc/apk/world",
] as const satisfies readonly string[];

/** By the texts of `packageFiles`, in byte order of the names. */
export function chosenPackages(texts: ReadonlyMap<string, string>): readonly ChosenPackage[] {
  const status = texts.get("/var/lib/dpkg/status");
  const chosen =
    status !== undefined
      ? ofDpkg(status, texts.get("/var/lib/apt/extended_states") ?? "")
      : ofApk(texts.get("/etc/apk/world") ?? "");
  return [...chosen].sort((a, b) => (a.name < b.name ? -1 : 1));
}

const fewImportant = 12;

function ofDpkg(status: string, states: string): ChosenPackage[] {
  const automatic = new Set(
    stanzas(states)
      .filter((each) => each.get("Auto-Installed") === "1")
      .map((each) => each.get("Package")),
  );
  const installed = stanzas(status).filter((each) => each.get("Status")?.endsWith(" installed") === true);
  const byName = new Map(installed.map((each) => [each.get("Package") ?? "", each]));
  const needs = (each: ReadonlyMap<string, string>) =>
    [each.get("Depends"), each.get("Pre-Depends")].flatMap((list) => namesIn(list ?? ""));
  const wanted = new Set(installed.flatMap(needs));
  // What the system itself stands on was chosen by nobody, however far down it lies.
  const base = new Set<string>();
  const add = (name: string) => {
    const found = byName.get(name);
    if (found === undefined || base.has(name)) return;
    base.add(name);
    for (const need of needs(found)) add(need);
  };
  const having = (priority: string) => [...byName].filter(([, each]) => each.get("Priority") === priority);
  for (const [name] of [...having("required"), ...[...byName].filter(([, each]) => each.get("Essential") === "yes")])
    add(name);
  add("apt");
  // A few of what each full system has were picked by somebody; with many of them it is such a system.
  const important = having("important").filter(([name]) => !base.has(name));
  if (important.length > fewImportant) for (const [name] of important) add(name);
  return [...byName]
    .filter(([name, each]) => {
      // A library that something needs was hardly chosen, whoever typed it.
      const library = /(^|\/)(old)?libs$/.test(each.get("Section") ?? "") && wanted.has(name);
      return !automatic.has(name) && !base.has(name) && !library;
    })
    .map(([name, each]) => ({ name, version: each.get("Version") }));
}

/** What every Alpine has is no choice. */
const alpine =
  /^(alpine-(base|baselayout(-data)?|keys|release)|apk-tools|busybox(-binsh)?|libc-utils|musl(-utils)?|ssl_client|scanelf|zlib)$/;

function ofApk(world: string): ChosenPackage[] {
  return world
    .split(/\s+/)
    .map((word) => /^([a-zA-Z0-9][\w.+-]*)/.exec(word)?.[1] ?? "")
    .filter((name) => name !== "" && !alpine.test(name))
    .map((name) => ({ name, version: undefined }));
}

/** Two numbers of a version, after which comes no third digit: `5.2` of `1:5.2.15-2+b7`; none of `20230311`. */
export function shortVersion(version: string): string | undefined {
  return /^(?:\d+:)?(\d+\.\d+)(?!\d)/.exec(version)?.[1];
}

/** Fields of deb822 stanzas; lines that go on are left out. */
function stanzas(text: string): ReadonlyMap<string, string>[] {
  return text
    .split(/\n\n+/)
    .filter((stanza) => stanza.trim() !== "")
    .map(
      (stanza) =>
        new Map([...stanza.matchAll(/^([A-Za-z-]+): *(.*)$/gm)].map(([, name = "", value = ""]) => [name, value])),
    );
}

function namesIn(list: string): string[] {
  return list.split(/[,|]/).map((each) => /^\s*([a-z0-9][a-z0-9+.-]*)/.exec(each)?.[1] ?? "");
}
