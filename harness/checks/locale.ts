// Decides which sentences can be said about languages of a system: which it has, and which it speaks unless told otherwise.
import type { Probe } from "../model/check.ts";
import type { Node } from "../model/node.ts";
import { fileContents } from "./file-bytes.ts";
import { about, requireSubject, verdict } from "./question.ts";
import { requireTool, unreadable } from "./unanswered.ts";

/**
 * Subject: always `locales`. Answer: names as `locale -a` has them: `C.utf8`, `de_DE.utf8`. musl (Alpine) has no such tool of its own:
 * there it is what its library knows by itself, and the files in its directory of locales.
 */
export const installedLocales: Probe<"locales", readonly string[]> = {
  name: "locale -a",
  // Built in: src/locale/locale_map.c of musl 1.2.
  script: () => `for library in /lib/ld-musl-*.so.1; do
  [ -e "$library" ] || break
  printf '%s\\n' C POSIX C.UTF-8
  IFS=:
  for place in \${MUSL_LOCPATH:-/usr/share/i18n/locales/musl}; do
    for file in "$place"/*; do [ -f "$file" ] && printf '%s\\n' "\${file##*/}"; done
  done
  exit 0
done
LC_ALL=C locale -a`,
  parse(output, subjects) {
    requireTool(output, "locale", "which locales there are");
    const names = output.stdout.toString("utf8").split("\n").filter(Boolean);
    // Each libc has these two: a list without them is not the tool's.
    if (output.status !== 0 || !names.includes("C") || !names.includes("POSIX")) throw unreadable("locale -a", output);
    return subjects.map(() => names);
  },
};

/** Where a system keeps its own language: systemd, Fedora, SUSE; Debian and Ubuntu. */
const settings = ["/etc/locale.conf", "/etc/default/locale"];

/** @example await expect(soe).toMeet(all(locale("en_GB.UTF-8").isAvailable(), locale("C.UTF-8").isDefault())); */
export function locale(name: string) {
  requireSubject(
    /^[A-Za-z]+(_[A-Za-z]+)?([.@][\w.@-]+)?$/.test(name),
    `"${name}" is not a locale`,
    'write it as in "de_DE.UTF-8"',
  );
  return {
    /** It is installed. The code set's spelling does not matter: `UTF-8` is `utf8`. */
    isAvailable: () =>
      about<Node, readonly string[]>({
        subject: `locale ${name}`,
        command: "locale -a",
        observe: (node) => node.observe(installedLocales, "locales"),
      })("is available", (seen) =>
        verdict(
          seen.some((each) => normal(each) === normal(name)),
          name,
          seen.join(", "),
        ),
      ),
    /** It is what `LANG` is in the system's settings. */
    isDefault: () =>
      about<Node, string | undefined>({
        subject: `locale ${name}`,
        command: `cat ${settings.join(" ")}`,
        async observe(node) {
          const files = await Promise.all(settings.map((path) => node.observe(fileContents, path)));
          const texts = files.map((file) => ("nothing" in file ? "" : file.bytes.toString("utf8")));
          return texts
            .map((text) => /^\s*(?:export\s+)?LANG=["']?([^"'\s#]*)/m.exec(text)?.[1])
            .find((each) => each !== undefined);
        },
      })("is the default", (seen) =>
        verdict(
          seen !== undefined && normal(seen) === normal(name),
          name,
          seen ?? `no LANG in ${settings.join(" or ")}`,
        ),
      ),
  };
}

function normal(name: string): string {
  const [language = "", codeset = ""] = name.split(".");
  return `${language}.${codeset.toLowerCase().replaceAll("-", "")}`;
}
