// Decides how the files are read that say where a packager gets its packages: sources.list(5) in one line and in stanzas (deb822),
// dnf.conf(5) and yum's .repo files, apk's repositories. Pure. What a packager itself would pass over is passed over.

export interface RepositoryFile {
  readonly path: string;
  readonly text: string;
}

export interface Repository {
  readonly file: string;
  /** Section's name of yum and dnf, tag of apk's `@edge`; empty of apt. */
  readonly name: string;
  /** As it is written, with the packager's variables in it; `cdrom:…` and mirror lists are told, too. */
  readonly url: string;
  /** Of apt: `bookworm`, or a directory with its slash. Empty of others. */
  readonly suite: string;
  readonly components: readonly string[];
  readonly enabled: boolean;
  /** Whether its signature is asked for. */
  readonly signed: boolean;
}

/** All files of a node at once: yum's defaults are in one of them. */
export function readRepositories(files: readonly RepositoryFile[]): readonly Repository[] {
  const main = files
    .filter(({ path }) => /\/(dnf|yum)\.conf$/.test(path))
    .map(({ text }) => readSections(text).get("main"))
    .find((section) => section?.has("gpgcheck"));
  const checks = isYes(main?.get("gpgcheck") ?? "0");
  return files.flatMap(({ path, text }) => {
    if (path.startsWith("/etc/apk/")) return readApkLines(path, text);
    if (path.endsWith(".sources")) return readStanzas(path, text);
    if (path.endsWith(".repo")) return readYum(path, text, checks);
    return path.startsWith("/etc/apt/") ? readAptLines(path, text) : [];
  });
}

/** `deb [trusted=yes] http://deb.debian.org/debian bookworm main contrib`. Sources of sources (`deb-src`) are left out. */
function readAptLines(file: string, text: string): readonly Repository[] {
  return text.split("\n").flatMap((line) => {
    const [, options = "", url, suite = "", components = ""] =
      /^\s*deb\s+(?:\[([^\]]*)\]\s+)?(\S+)\s+(\S+)\s*([^#]*)/.exec(line) ?? [];
    if (url === undefined) return [];
    const given = [...options.matchAll(/(?:^|\s)(?:trusted|allow-insecure)=(\S+)/g)];
    const signed = !given.some(([, word = ""]) => isAptYes(word));
    return [{ file, name: "", url, suite, components: components.split(/\s+/).filter(Boolean), enabled: true, signed }];
  });
}

/** Stanzas of fields, of which each of the URIs goes with each of the suites. */
function readStanzas(file: string, text: string): readonly Repository[] {
  const stanzas = text.replace(/^#.*\n?/gm, "").split(/\n\s*\n/);
  return stanzas.flatMap((stanza) => {
    const fields = new Map(
      [...stanza.matchAll(/^([A-Za-z-]+):(.*(?:\n[ \t].*)*)/gm)].map(([, name = "", value = ""]) => [
        name.toLowerCase(),
        value.trim().split(/\s+/).filter(Boolean),
      ]),
    );
    const words = (name: string) => fields.get(name) ?? [];
    if (!words("types").includes("deb")) return [];
    const enabled = !/^(no|false|without|off|disable|0)$/i.test(words("enabled")[0] ?? "");
    const signed = !isAptYes(words("trusted")[0] ?? "") && !isAptYes(words("allow-insecure")[0] ?? "");
    return words("uris").flatMap((url) =>
      words("suites").map((suite) => ({
        file,
        name: "",
        url,
        suite,
        components: words("components"),
        enabled,
        signed,
      })),
    );
  });
}

function readYum(file: string, text: string, checks: boolean): readonly Repository[] {
  return [...readSections(text)].flatMap(([name, section]) => {
    const places = ["baseurl", "metalink", "mirrorlist"].flatMap((key) => section.get(key)?.split(/[\s,]+/) ?? []);
    const enabled = isYes(section.get("enabled") ?? "1");
    const given = section.get("gpgcheck");
    const signed = given === undefined ? checks : isYes(given);
    return places.filter(Boolean).map((url) => ({ file, name, url, suite: "", components: [], enabled, signed }));
  });
}

/** `https://dl-cdn.alpinelinux.org/alpine/v3.20/main`, with `@tag ` before it where only what is asked for by the tag comes from there. */
function readApkLines(file: string, text: string): readonly Repository[] {
  return text.split("\n").flatMap((line) => {
    const [, tag = "", url] = /^\s*(?:@(\S+)\s+)?([^\s#]+)/.exec(line) ?? [];
    if (url === undefined) return [];
    return [{ file, name: tag, url, suite: "", components: [], enabled: true, signed: true }];
  });
}

/** Sections of `name = value`; a line that begins with a space goes on with the value before it. */
function readSections(text: string): ReadonlyMap<string, ReadonlyMap<string, string>> {
  const sections = new Map<string, Map<string, string>>();
  let section: Map<string, string> | undefined;
  let key = "";
  for (const line of text.split("\n")) {
    const [, title] = /^\[(.+)\]\s*$/.exec(line) ?? [];
    const [, name, value = ""] = /^([A-Za-z_]\w*)\s*=\s*(.*)$/.exec(line) ?? [];
    if (title !== undefined) {
      section = new Map();
      sections.set(title, section);
    } else if (name !== undefined) {
      key = name.toLowerCase();
      section?.set(key, value.trim());
    } else if (/^\s+[^\s#;]/.test(line)) section?.set(key, `${section.get(key) ?? ""} ${line.trim()}`.trim());
  }
  return sections;
}

/** StringToBool of apt-pkg/contrib/strutl.cc. */
function isAptYes(value: string): boolean {
  return /^(yes|true|with|on|enable|1)$/i.test(value);
}

function isYes(value: string): boolean {
  return /^(1|yes|true|on)$/i.test(value.trim());
}
