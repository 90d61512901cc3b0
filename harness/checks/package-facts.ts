// Decides how packages are seen: by the database that is there, dpkg's, apk's or rpm's. apk's is a text that is read as it is; the
// others are asked by their own programs. Refuses to call a package unknown where no database is.
import { type Probe, quoteWord } from "../model/check.ts";
import { endFrame, readFrames } from "./frames.ts";
import { readApkPackages } from "./package-apk.ts";
import { packagesFromTree, packagesIn } from "./tree-package.ts";
import { failedProbe, missingTool, unreadable } from "./unanswered.ts";
import { type PackageManager, versionOrder } from "./version-order.ts";

export interface PackageFacts {
  /** The packager's word for it: `installed`; of dpkg also `config-files`, `half-configured`, …; of apk `broken`. */
  readonly state: string;
  /** With its epoch, where it has one, and its revision. Empty where only configuration files are left and dpkg forgot it. */
  readonly version: string;
  readonly architecture: string;
  /** Absent where it is dpkg. */
  readonly manager?: PackageManager;
}

/** Shell text that names the databases: `$dpkg`, `$apk`, `$rpm`, the last two empty where there is none. */
export const packageDatabases = `dpkg="\${DPKG_ADMINDIR:-/var/lib/dpkg}/status" apk= rpm=
for file in /lib/apk/db/installed /usr/lib/apk/db/installed; do [ -s "$file" ] && apk=$file && break; done
for file in /var/lib/rpm /usr/lib/sysimage/rpm; do for kind in rpmdb.sqlite Packages.db Packages; do
  [ -z "$rpm" ] && [ -s "$file/$kind" ] && rpm=$file/$kind
done; done
# Debian's rpm keeps its database where few would look.
if [ -z "$rpm" ] && command -v rpm >/dev/null; then place=$(rpm --eval %_dbpath 2>/dev/null); [ -s "$place/rpmdb.sqlite" ] && rpm=$place/rpmdb.sqlite; fi
packager() { if [ "$1" != any ]; then echo "$1"; elif [ -s "$dpkg" ] || [ -d "$dpkg.d" ]; then echo dpkg; elif [ -n "$apk" ]; then echo apk
  elif [ -n "$rpm" ]; then echo rpm; else echo none; fi; }`;

/** Status of the script where it printed dpkg's database as it is. */
const byFiles = 78;

const format = {
  dpkg: `\${Package}\\t\${db:Status-Status}\\t\${Version}\\t\${Architecture}\\n`,
  rpm: "%{NAME}\\t%{EPOCHNUM}:%{VERSION}-%{RELEASE}\\t%{ARCH}\\n",
};

/** What a subject is made of: the packager that is asked, `any` for the one that is there, and the package's name. */
export function packageSubject(name: string, by: PackageManager | undefined): string {
  return by === undefined ? name : `${by} ${name}`;
}

export function readSubject(subject: string): { readonly by: PackageManager | "any"; readonly name: string } {
  const [by = "", name] = subject.split(" ");
  return name === undefined ? { by: "any", name: by } : { by: by as PackageManager, name };
}

/** Subjects by the packager that they are asked of, each packager once. */
function byPackager(subjects: readonly string[]): readonly (readonly [by: string, names: readonly string[]])[] {
  const asked = new Map<string, string[]>();
  for (const subject of subjects) {
    const { by, name } = readSubject(subject);
    asked.set(by, [...(asked.get(by) ?? []), name]);
  }
  return [...asked];
}

/**
 * Subject: a package name, with `:architecture` where it matters; `rpm bash` asks one packager whatever else is there. Answer:
 * `undefined` where the packager does not know it.
 */
export const packageFacts: Probe<string, PackageFacts | undefined> = {
  name: "packages",
  // Without its database dpkg-query would call every package unknown, and so would rpm: that is not an answer.
  script: (subjects) => `export LC_ALL=C
${packageDatabases}
# Images from which dpkg was taken keep its database, whole or a file a package.
files() {
  command -v cat >/dev/null || return 127
  for file in "$dpkg" "$dpkg".d/*; do
    case $file in *.md5sums) continue ;; esac
    if [ -f "$file" ]; then cat -- "$file" || return 77; echo; fi
  done
  return ${byFiles}
}
ask() {
  by=$(packager "$1"); shift
  case $by in
  dpkg) command -v dpkg-query >/dev/null || { files; return; }
    [ -s "$dpkg" ] && [ -r "$dpkg" ] || { echo "dpkg's database $dpkg is missing, empty or not readable"; return 77; }
    dpkg-query -W -f '${format.dpkg}' -- "$@" ;;
  rpm) command -v rpm >/dev/null || return 127
    [ -n "$rpm" ] && [ -r "$rpm" ] || { echo "there is no database of rpm, or it is not readable"; return 77; }
    for name do shift; case $name in *:*) name=\${name%:*}.\${name##*:} ;; esac; set -- "$@" "$name"; done
    rpm -q --qf '${format.rpm}' -- "$@" ;;
  apk) command -v grep >/dev/null || return 127
    [ -n "$apk" ] && [ -r "$apk" ] || { echo "there is no database of apk, or it is not readable"; return 77; }
    grep -E '^([PVAf]:|$)' "$apk" ;;
  *) echo "there is no database of packages: none of dpkg at $dpkg, of apk or of rpm"; return 77 ;;
  esac 2>&1
}
${byPackager(subjects)
  .map(([by, names]) => `ask ${by} ${names.map(quoteWord).join(" ")}; ${endFrame(`"$? $(packager ${by})"`)}`)
  .join("\n")}`,
  parse(output, subjects) {
    const groups = byPackager(subjects);
    const frames = readFrames("packages", output, groups.length);
    const answers = new Map(
      groups.map(([by, names], index) => {
        const { bytes = Buffer.alloc(0), words = "" } = frames[index] ?? {};
        return [by, readAnswer(bytes.toString("utf8"), words, names)] as const;
      }),
    );
    return subjects.map((subject) => {
      const { by, name } = readSubject(subject);
      return answers.get(by)?.(name);
    });
  },
  fromTree: packagesFromTree,
};

type Lookup = (name: string) => PackageFacts | undefined | Error;

/** `words`: the program's status and the packager's name. */
function readAnswer(text: string, words: string, names: readonly string[]): Lookup {
  const [status, manager] = words.split(" ");
  const wrong = (error: Error) => () => error;
  if (status === "77") return wrong(failedProbe("cannot look at packages", text.trim()));
  if (status === "127" || status === "126") {
    const tool = manager === "rpm" ? "rpm" : manager === "apk" ? "grep" : "dpkg-query";
    return wrong(missingTool(tool, "a package"));
  }
  if (status === String(byFiles)) {
    const found = packagesIn([text]);
    return found.size > 0 ? (name) => found.get(name) : wrong(missingTool("dpkg-query", "a package"));
  }
  const answer = manager === "rpm" ? readRpm(text) : manager === "apk" ? readApkPackages(text) : readDpkg(text);
  const odd = unreadable(`${manager === "dpkg" ? "dpkg-query -W" : manager === "rpm" ? "rpm -q" : "apk's database"}`, {
    stdout: Buffer.from(text),
    stderr: "",
    status: Number(status),
  });
  if (answer === undefined) return wrong(odd);
  const { found, unknown } = answer;
  // Who is asked for a name says something of it. A database that is read whole says it by silence.
  const told = (name: string) => found.has(name) || unknown === "all others" || unknown.has(name);
  return names.every(told) ? (name) => found.get(name) : (name) => (told(name) ? found.get(name) : odd);
}

interface Listing {
  readonly found: ReadonlyMap<string, PackageFacts>;
  readonly unknown: ReadonlySet<string> | "all others";
}

/** Records, and `dpkg-query: no packages found matching NAME`; `undefined` for anything else. */
function readDpkg(text: string): Listing | undefined {
  const found = new Map<string, PackageFacts>();
  const unknown = new Set<string>();
  for (const line of text.split("\n").filter(Boolean)) {
    const missing = /^dpkg-query: no packages found matching (\S+)$/.exec(line)?.[1];
    const [name, state, version, architecture] = line.split("\t");
    if (missing !== undefined) unknown.add(missing);
    else if (name === undefined || state === undefined || version === undefined || architecture === undefined)
      return undefined;
    else if (state === "not-installed") unknown.add(name).add(`${name}:${architecture}`);
    else {
      const facts = { state, version, architecture, manager: "dpkg" } as const;
      found.set(`${name}:${architecture}`, facts);
      // Of several architectures, one that is installed speaks for the name.
      if (found.get(name)?.state !== "installed") found.set(name, facts);
    }
  }
  return { found, unknown };
}

/** Records, and `package NAME is not installed`; `undefined` for anything else. Of several versions the newest speaks. */
function readRpm(text: string): Listing | undefined {
  const found = new Map<string, PackageFacts>();
  const unknown = new Set<string>();
  for (const line of text.split("\n").filter(Boolean)) {
    const missing = /^package (\S+) is not installed$/.exec(line)?.[1];
    const [, name, versioned, architecture] = /^(\S+)\t(\d+:[^\t]+)\t(\S+)$/.exec(line) ?? [];
    if (missing !== undefined) unknown.add(missing).add(missing.replace(/\.([^.]+)$/, ":$1"));
    else if (name === undefined || versioned === undefined || architecture === undefined) return undefined;
    else {
      const facts = {
        state: "installed",
        version: versioned.replace(/^0:/, ""),
        architecture,
        manager: "rpm",
      } as const;
      for (const key of [name, `${name}:${architecture}`]) {
        const known = found.get(key);
        if (known === undefined || versionOrder.rpm(known.version, facts.version) < 0) found.set(key, facts);
      }
    }
  }
  return { found, unknown };
}
