// Decides how apk's database of installed packages is read: stanzas of one-letter fields (apk-installed(5) of apk-tools 2 and 3).
// It is a text, so that no apk is needed to read it.
import type { PackageFacts } from "./package-facts.ts";

/** Names → facts, of a database or of what `grep` kept of it. `undefined` where it holds no package. */
export function readApkPackages(
  text: string,
): { readonly found: ReadonlyMap<string, PackageFacts>; readonly unknown: "all others" } | undefined {
  const found = new Map<string, PackageFacts>();
  for (const stanza of text.split(/\n\n+/)) {
    const field = (letter: string) => new RegExp(`^${letter}:(.*)$`, "m").exec(stanza)?.[1] ?? "";
    const name = field("P");
    if (name === "" || field("V") === "") {
      if (stanza.trim() !== "") return undefined;
      continue;
    }
    // Of the flags, f, s and x say that files, a script or attributes could not be put in place.
    const state = /[fsx]/.test(field("f")) ? "broken" : "installed";
    const facts = { state, version: field("V"), architecture: field("A"), manager: "apk" } as const;
    found.set(name, facts).set(`${name}:${facts.architecture}`, facts);
  }
  return found.size === 0 ? undefined : { found, unknown: "all others" };
}

export interface ApkFile {
  readonly path: string;
  /** SHA-1 in hexadecimal; of a symbolic link, that of its target's text. `undefined` where apk has none or another kind. */
  readonly sha1: string | undefined;
  readonly configuration: boolean;
}

/** The files of one package's stanza: `F:` a directory, `R:` a file in it, `Z:` its sum. Paths begin with `/`. */
export function readApkFiles(stanza: string): readonly ApkFile[] {
  const files: { path: string; sha1: string | undefined; configuration: boolean }[] = [];
  let directory = "";
  for (const line of stanza.split("\n")) {
    const value = line.slice(2);
    if (line.startsWith("F:")) directory = value;
    else if (line.startsWith("R:")) {
      const path = `/${directory === "" ? "" : `${directory}/`}${value}`;
      // apk protects /etc as other packagers do with what they are told are configuration files.
      files.push({ path, sha1: undefined, configuration: path.startsWith("/etc/") });
    } else if (line.startsWith("Z:Q1")) {
      const last = files.at(-1);
      if (last !== undefined) last.sha1 = Buffer.from(line.slice("Z:Q1".length), "base64").toString("hex");
    }
  }
  return files;
}
