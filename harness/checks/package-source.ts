// Decides how it is seen where an installed package came from: apt's lists, rpm's vendor, apk's repositories. dpkg itself does not
// know: what is told is who offers the version that is installed. Refuses to answer from lists that are not there.
import { type Probe, quoteWord } from "../model/check.ts";
import { endFrame, readFrames } from "./frames.ts";
import { packageDatabases, readSubject } from "./package-facts.ts";
import { failedProbe, missingTool, unreadable } from "./unanswered.ts";

/** One line a source; none where nobody offers the installed version. */
export type PackageSources = readonly string[];

/** Subject: as of `packageFacts`. Answer: the sources; `undefined` for a package that is not installed. */
export const packageSources: Probe<string, PackageSources | undefined> = {
  name: "package sources",
  script: (subjects) => `export LC_ALL=C
${packageDatabases}
sources() {
  case $1 in
  dpkg) command -v apt-cache >/dev/null || return 127
    apt-cache policy; echo ===; apt-cache policy -- "$2" ;;
  rpm) command -v rpm >/dev/null || return 127
    [ -n "$rpm" ] && [ -r "$rpm" ] || { echo "there is no database of rpm, or it is not readable"; return 77; }
    rpm -q --qf 'vendor %{VENDOR}, packager %{PACKAGER}, %{SIGPGP:pgpsig}%{RSAHEADER:pgpsig}\\n' -- "$2" ;;
  apk) command -v apk >/dev/null || return 127
    apk policy "$2" ;;
  *) echo "there is no database of packages: none of dpkg at $dpkg, of apk or of rpm"; return 77 ;;
  esac 2>&1
}
${subjects
  .map((subject) => {
    const { by, name } = readSubject(subject);
    return `by=$(packager ${by}); sources "$by" ${quoteWord(name)}; ${endFrame('"$? $by"')}`;
  })
  .join("\n")}`,
  parse(output, subjects) {
    return readFrames("package sources", output, subjects.length).map(({ bytes, words }, index) => {
      const { name } = readSubject(subjects[index] ?? "");
      const [status = "", manager = ""] = words.split(" ");
      const said = bytes.toString("utf8");
      if (status === "127" || status === "126")
        return missingTool(manager === "dpkg" ? "apt-cache" : manager, `where ${name} came from`);
      if (status === "77") return failedProbe("cannot look at packages", said.trim());
      const odd = unreadable(`sources of ${name} by ${manager}`, { ...output, stdout: bytes, status: Number(status) });
      if (manager === "rpm") {
        if (/^package \S+ is not installed$/m.test(said)) return undefined;
        const lines = said.split("\n").filter(Boolean);
        return status === "0" && lines.length > 0 && lines.every((line) => line.startsWith("vendor ")) ? lines : odd;
      }
      if (status !== "0") return odd;
      const read = manager === "apk" ? readApkPolicy(said) : readAptPolicy(said, name);
      return read === "not installed" ? undefined : (read ?? odd);
    });
  },
};

/**
 * Two answers of `apt-cache policy`, parted by `===`: all sources with their releases, and one package's versions with theirs. An
 * `Error` where apt has no lists, so that it could not know; `undefined` for a text that is no such answer.
 */
export function readAptPolicy(text: string, name: string): PackageSources | "not installed" | undefined | Error {
  const [all = "", own = ""] = text.split(/^===$/m);
  if (!all.startsWith("Package files:"))
    return failedProbe(`cannot see where ${name} came from`, text.trim().slice(0, 300));
  const releases = new Map(
    [...all.matchAll(/^ +-?\d+ (\S.*)\n +release (.*)$/gm)].map(([, source = "", release = ""]) => [source, release]),
  );
  const offers = [...releases.keys()].filter((source) => !source.startsWith("/"));
  if (!/^\S+:$/m.test(own)) return own.trim() === "" ? "not installed" : undefined;
  if (/^ {2}Installed: \(none\)$/m.test(own)) return "not installed";
  if (offers.length === 0)
    return failedProbe(
      `cannot see where ${name} came from`,
      "apt has no lists of what its sources offer",
      "run apt-get update in a copy of the image, or ask for its version",
    );
  const [, table] = /^ \*\*\* .*\n((?: {8,}.*(?:\n|$))*)/m.exec(own) ?? [];
  if (table === undefined) return undefined;
  return [...table.matchAll(/^ +-?\d+ (\S.*)$/gm)]
    .map(([, source = ""]) => source)
    .filter((source) => !source.startsWith("/"))
    .map((source) => `${source}, release ${releases.get(source) ?? "unknown"}`);
}

/** `apk policy NAME`: each version, and below it who has it; the database of what is installed is one of these. */
export function readApkPolicy(text: string): PackageSources | "not installed" | undefined {
  if (text.trim() === "") return "not installed";
  if (!/^\S+ policy:$/m.test(text)) return undefined;
  const versions = text
    .split(/^ {2}(?=\S)/m)
    .map((part) => [...part.matchAll(/^ {4}(\S.*)$/gm)].map(([, at = ""]) => at));
  const installed = versions.find((places) => places.some((place) => place.endsWith("/apk/db/installed")));
  return installed?.filter((place) => !place.endsWith("/apk/db/installed")) ?? "not installed";
}
