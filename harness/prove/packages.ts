// Decides which changes of packages a spec ought to notice: out of the database, another version, a file that is not the package's any more.
import { byScript, type Mutation, type Observation } from "./mutation.ts";

type Made = Omit<Mutation, "from">;

/** Which database there is, as the only path. */
const database = `for file in /var/lib/dpkg/status /lib/apk/db/installed /usr/lib/apk/db/installed; do
  [ -s "$file" ] && { printf '%s\\0' "$file"; exit 0; }
done
for directory in /usr/lib/sysimage/rpm /var/lib/rpm; do [ -d "$directory" ] && { printf '%s\\0' "$directory"; exit 0; }; done; exit 0`;

const away = `case $1 in
*/dpkg/*) awk -v name="Package: $2" -v RS= -v ORS='\\n\\n' '{ split($0, line, "\\n"); if (line[1] != name) print }' "$kept/0" >"$1" ;;
*/apk/*) awk -v name="P:$2" -v RS= -v ORS='\\n\\n' '{ if (index("\\n" $0 "\\n", "\\n" name "\\n") == 0) print }' "$kept/0" >"$1" ;;
*) rpm -e --justdb --nodeps --noscripts --notriggers -- "$2" >/dev/null ;;
esac`;

const older = `case $1 in
*/dpkg/*) awk -v name="Package: $2" -v RS= -v ORS='\\n\\n' '{ split($0, line, "\\n"); if (line[1] == name) sub(/\\nVersion: [^\\n]*/, "\\nVersion: 0.0.0-0"); print }' "$kept/0" >"$1" ;;
*/apk/*) awk -v name="P:$2" -v RS= -v ORS='\\n\\n' '{ if (index("\\n" $0 "\\n", "\\n" name "\\n")) sub(/\\nV:[^\\n]*/, "\\nV:0.0.0-r0"); print }' "$kept/0" >"$1" ;;
*) echo "the version in a database of rpm cannot be changed" >&2; return 1 ;;
esac`;

/** dpkg and rpm both name architectures behind the name, apk none. */
function nameOf(subject: unknown): string {
  return (String(subject).split(" ").at(-1) ?? "").replace(/:.*$/, "");
}

/** Of the packager's own words. */
export function ofPackage(seen: Observation): readonly Made[] {
  const name = nameOf(seen.subject);
  if (seen.answer === undefined)
    return [
      byScript(seen, "package", `put ${name} into the package database`, {
        paths: [],
        find: database,
        change: `case $1 in
*/dpkg/*) printf 'Package: %s\\nStatus: install ok installed\\nMaintainer: nobody\\nArchitecture: all\\nVersion: 1\\nDescription: none\\n\\n' "$2" >>"$1" ;;
*/apk/*) printf 'P:%s\\nV:1-r0\\nA:noarch\\n\\n' "$2" >>"$1" ;;
*) echo "nothing can be written to a database of rpm" >&2; return 1 ;;
esac`,
        args: [name],
      }),
    ];
  const changed = (what: string, change: string) =>
    byScript(seen, "package", what, { paths: [], whole: true, find: database, change, args: [name] });
  return [
    changed(`take ${name} out of the package database`, away),
    ...(seen.titles.some((title) => /version/i.test(title)) ? [changed(`make ${name} another version`, older)] : []),
  ];
}

const files = `if command -v dpkg-query >/dev/null && dpkg-query -s "$1" >/dev/null 2>&1; then dpkg-query -L "$1"
elif command -v rpm >/dev/null; then rpm -ql -- "$1"; elif command -v apk >/dev/null; then apk info -qL "$1" | sed 's|^|/|'; fi |
while IFS= read -r file; do
  case $file in /usr/share/doc/*|/usr/share/man/*|/usr/share/info/*|/usr/share/locale/*|/usr/share/lintian/*) continue ;; esac
  [ -f "$file" ] && [ ! -L "$file" ] || continue
  `;

/** Of the packager's verification: a byte too much in a program, and a file that is no program gone. */
export function ofVerification(seen: Observation): readonly Made[] {
  const name = nameOf(seen.subject);
  if (seen.answer === undefined) return [];
  return [
    byScript(seen, "package", `change a file of ${name}`, {
      paths: [],
      args: [name],
      // A last byte too much harms no program: it runs as before.
      find: `${files}printf '%s\\0' "$file"; break; done`,
      change: 'cp -a -- "$1" "$1.assay" && echo >>"$1.assay" && mv -f -- "$1.assay" "$1"',
    }),
    byScript(seen, "package", `take a file of ${name} away`, {
      paths: [],
      args: [name],
      find: `${files}case $file in */bin/*|*/sbin/*|/lib*|/usr/lib*) continue ;; esac; printf '%s\\0' "$file"; break; done`,
      change: 'rm -f -- "$1"',
    }),
  ];
}
