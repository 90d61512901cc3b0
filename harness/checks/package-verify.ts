// Decides how it is seen which files of a package are not as the package brought them: by dpkg's and rpm's own verification,
// by the sums in apk's database.
// Refuses to call a package unmodified that brought no sums. A time of change alone is no change: images are unpacked anew.
import { type Probe, quoteWord } from "../model/check.ts";
import { endFrame, readFrames } from "./frames.ts";
import { readApkFiles } from "./package-apk.ts";
import { packageDatabases, readSubject } from "./package-facts.ts";
import { modifiedFromTree } from "./tree-verify.ts";
import { failedProbe, missingTool, unreadable } from "./unanswered.ts";

export interface ModifiedFile {
  readonly path: string;
  /** What differs: `missing`, `contents`, `mode`, `owner`, `group`, `size`, `link`, `device`, `capabilities`. */
  readonly what: readonly string[];
  /** The package says that people may change it. */
  readonly configuration: boolean;
}

/** Subject: as of `packageFacts`. Answer: what differs; `undefined` for a package that is not installed. */
export const modifiedFiles: Probe<string, readonly ModifiedFile[] | undefined> = {
  name: "package verification",
  // dpkg's rules for paths that are never unpacked (documentation in small images) are those of the image itself.
  script: (subjects) => `export LC_ALL=C
${packageDatabases}
verify() {
  case $1 in
  dpkg) command -v dpkg >/dev/null && command -v dpkg-query >/dev/null || return 127
    [ -s "$dpkg" ] && [ -r "$dpkg" ] || { echo "dpkg's database $dpkg is missing, empty or not readable"; return 77; }
    state=$(dpkg-query -W -f '\${db:Status-Status}' -- "$2" 2>&1) || { echo "$state"; return 78; }
    [ "$state" = installed ] || { echo "$state"; return 78; }
    sums=$(dpkg-query --control-path "$2" md5sums) || return 79
    [ -n "$sums" ] || { echo "the package brought no sums of its files"; return 77; }
    dpkg --verify "$2" ;;
  rpm) command -v rpm >/dev/null || return 127
    [ -n "$rpm" ] && [ -r "$rpm" ] || { echo "there is no database of rpm, or it is not readable"; return 77; }
    case $2 in *:*) set -- rpm "\${2%:*}.\${2##*:}" ;; esac
    rpm -q -- "$2" >/dev/null 2>&1 || { rpm -q -- "$2"; return 78; }
    rpm -V --nodeps --noscripts -- "$2" ;;
  apk) command -v awk >/dev/null && command -v xargs >/dev/null && command -v sha1sum >/dev/null && command -v readlink >/dev/null || return 127
    [ -n "$apk" ] && [ -r "$apk" ] || { echo "there is no database of apk, or it is not readable"; return 77; }
    stanza=$(awk -v name="P:$2" -v RS= '{ count = split($0, line, "\\n"); for (at = 1; at <= count; at++) if (line[at] == name) { print; exit } }' "$apk") || return 3
    [ -n "$stanza" ] || { echo "$2 is not installed"; return 78; }
    printf '%s\\n===\\n' "$stanza"
    brought() { printf '%s\\n' "$stanza" | awk '/^F:/ { place = substr($0, 3) "/"; if (place == "/") place = "" } /^R:/ { print "/" place substr($0, 3) }'; }
    brought | while IFS= read -r file; do
      if [ -L "$file" ]; then sum=$(readlink -n "$file" | sha1sum); printf '%s  %s\\n' "\${sum%% *}" "$file"
      elif ! [ -e "$file" ]; then printf 'missing  %s\\n' "$file"; fi
    done
    brought | while IFS= read -r file; do [ -L "$file" ] || ! [ -f "$file" ] || printf '%s\\0' "$file"; done | xargs -0 -r sha1sum ;;
  *) echo "there is no database of packages: none of dpkg at $dpkg, of apk or of rpm"; return 77 ;;
  esac 2>&1
}
! command -v grep >/dev/null || grep -hs '^path-' /etc/dpkg/dpkg.cfg /etc/dpkg/dpkg.cfg.d/*; ${endFrame('"rules"')}
${subjects
  .map((subject) => {
    const { by, name } = readSubject(subject);
    return `by=$(packager ${by}); verify "$by" ${quoteWord(name)}; ${endFrame('"$? $by"')}`;
  })
  .join("\n")}`,
  parse(output, subjects) {
    const [rules, ...frames] = readFrames("package verification", output, subjects.length + 1);
    const leftOut = excluded(rules?.bytes.toString("utf8") ?? "");
    return subjects.map((subject, index) => {
      const { name } = readSubject(subject);
      const { bytes = Buffer.alloc(0), words = "" } = frames[index] ?? {};
      const [status = "", manager = ""] = words.split(" ");
      const said = bytes.toString("utf8");
      if (status === "127" || status === "126")
        return missingTool(verifiers[manager] ?? "dpkg and dpkg-query", `whether ${name} is as it was installed`);
      if (status === "77") return failedProbe(`cannot verify ${name}`, said.trim());
      const odd = unreadable(`${manager} verification of ${name}`, {
        ...output,
        stdout: bytes,
        status: Number(status),
      });
      if (status === "78") return isUnknown(said.trim()) ? undefined : odd;
      if (manager === "apk") return (status === "0" ? readApkSums(said) : undefined) ?? odd;
      const files = readVerification(said);
      // Both end with 1 where a file differs; dpkg of Debian 12 with 0.
      if (files === undefined || Number(status) > 1 || (status === "1" && files.length === 0)) return odd;
      return manager === "dpkg"
        ? files.filter(({ what, path }) => !(what.includes("missing") && leftOut(path)))
        : files;
    });
  },
  fromTree: (tree, subjects) => modifiedFromTree(tree, subjects, excluded),
};

const verifiers: Readonly<Record<string, string>> = { rpm: "rpm", apk: "awk, xargs, sha1sum and readlink" };

/**
 * A stanza of apk's database, `===`, then `SUM  PATH` for each file that is there and `missing  PATH` for the others. An `Error` where apk
 * has sums of another kind; `undefined` for any other text.
 */
function readApkSums(text: string): readonly ModifiedFile[] | Error | undefined {
  const [stanza = "", listing] = text.split(/^===$/m);
  if (listing === undefined || !/^P:/m.test(stanza)) return undefined;
  const seen = new Map<string, string>();
  for (const line of listing.split("\n").filter(Boolean)) {
    const [, sum = "", path = ""] = /^([0-9a-f]{40}|missing) {2}(\/.*)$/.exec(line) ?? [];
    if (path === "") return undefined;
    seen.set(path, sum);
  }
  const files: ModifiedFile[] = [];
  for (const { path, sha1, configuration } of readApkFiles(stanza)) {
    const sum = seen.get(path);
    if (sum === "missing") files.push({ path, what: ["missing"], configuration });
    else if (sha1 === undefined && sum !== undefined)
      return failedProbe(`cannot verify ${path}`, "apk's database has no SHA-1 of it");
    else if (sum !== sha1) files.push({ path, what: ["contents"], configuration });
  }
  return files;
}

function isUnknown(said: string): boolean {
  return /no packages found matching|is not installed$|^(not-installed|config-files|half-\w+|unpacked|triggers-\w+)$/.test(
    said,
  );
}

const marks: readonly (readonly [letter: string, what: string])[] = [
  ["S", "size"],
  ["M", "mode"],
  ["5", "contents"],
  ["D", "device"],
  ["L", "link"],
  ["U", "owner"],
  ["G", "group"],
  ["P", "capabilities"],
];

/** Lines of rpm(8) `--verify`, which dpkg prints too: `??5??????  c /etc/motd`, `missing  c /etc/motd`. */
export function readVerification(text: string): readonly ModifiedFile[] | undefined {
  const files: ModifiedFile[] = [];
  for (const line of text.split("\n").filter(Boolean)) {
    const match = /^(missing {2,4}|[SM5DLUGTP.?]{8,9} {1,2}) ?([acdglmnrs ]) ?(\/.*?)(?: \(.*\))?$/.exec(line);
    if (match === null) return undefined;
    const [, flags = "", kind, path = ""] = match;
    const what = flags.startsWith("missing")
      ? ["missing"]
      : marks.filter(([mark]) => flags.includes(mark)).map(([, word]) => word);
    // A question mark is a test that could not be made: of a file that may not be read, nothing else is told.
    if (what.length === 0 && flags.includes("?")) return undefined;
    if (what.length > 0) files.push({ path, what, configuration: kind === "c" });
  }
  return files;
}

/** dpkg's `path-exclude` and `path-include`: the last that matches a path decides. */
export function excluded(configuration: string): (path: string) => boolean {
  const rules = [...configuration.matchAll(/^path-(exclude|include)[= ]+(.+)$/gm)].map(([, word, glob = ""]) => ({
    excludes: word === "exclude",
    matches: new RegExp(
      `^${glob
        .trim()
        .replace(/[.+^${}()|\\]/g, "\\$&")
        .replaceAll("*", ".*")
        .replaceAll("?", ".")
        .replaceAll("[!", "[^")}$`,
      "s",
    ),
  }));
  return (path) => rules.findLast(({ matches }) => matches.test(path))?.excludes ?? false;
}
