// Decides which changes of the system as a whole a spec ought to notice that looks at it: who may do what by the modes of files, where
// packages come from, what cron runs, what listens, how names are resolved, which programs there are.
import { byScript, type Mutation, type Observation } from "./mutation.ts";

type Made = Omit<Mutation, "from">;

interface Inventory {
  readonly kind: unknown;
  readonly root: string;
}

/** A small file of the tree that is not of the kind yet. */
const any = (test: string) =>
  `find "$1" -xdev -type f -links 1 -size -64k ! -path '/proc/*' ! -path '/sys/*' ! -path '/dev/*' ${test} -print 2>/dev/null |
while IFS= read -r file; do printf '%s\\0' "$file"; break; done`;

/** Of `find`: one file more of the kind, one less. */
export function ofInventory(seen: Observation): readonly Made[] {
  const { kind, root } = seen.subject as Inventory;
  const found = Array.isArray(seen.answer) ? (seen.answer as readonly string[]) : [];
  const [first] = found;
  const more = (what: string, test: string, change: string) =>
    byScript(seen, "inventory", `make ${what} file in ${root}`, { paths: [], find: any(test), args: [root], change });
  const less = (what: string, change: string) =>
    first === undefined ? [] : [byScript(seen, "inventory", `${what} ${first}`, { paths: [first], change })];
  switch (kind) {
    case "setuid":
      return [more("a setuid", "! -perm -4000", 'chmod u+s -- "$1"'), ...less("take setuid from", 'chmod u-s -- "$1"')];
    case "setgid":
      return [more("a setgid", "! -perm -2000", 'chmod g+s -- "$1"'), ...less("take setgid from", 'chmod g-s -- "$1"')];
    case "world-writable":
      return [
        more("a world-writable", "! -perm -0002", 'chmod o+w -- "$1"'),
        ...less("forbid everybody to write to", 'chmod o-w -- "$1"'),
      ];
    case "orphaned":
      return [more("nobody's", "-user root", 'chown 54321:54321 -- "$1"')];
    case "capable":
      return [
        more("a capable", "-perm -0111", 'setcap cap_net_raw+ep "$1"'),
        ...less("take the capabilities from", 'setcap -r "$1"'),
      ];
    default:
      return [];
  }
}

const sources = `for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources /etc/yum.repos.d/*.repo /etc/apk/repositories; do
  [ -s "$file" ] && printf '%s\\0' "$file"
done; exit 0`;

/** Of where packages come from: one place more, none, one whose signature nobody asks for. */
export function ofRepositories(seen: Observation): readonly Made[] {
  const changed = (what: string, change: string) =>
    byScript(seen, "system", what, { paths: [], find: sources, change });
  return [
    changed(
      "let packages come from elsewhere, too",
      `case $1 in
*.sources) printf '\\nTypes: deb\\nURIs: http://192.0.2.1/assay\\nSuites: stable\\nComponents: main\\nSigned-By: /usr/share/keyrings/assay.gpg\\n' >>"$1" ;;
*.list) echo 'deb [signed-by=/usr/share/keyrings/assay.gpg] http://192.0.2.1/assay stable main' >>"$1" ;;
*.repo) printf '\\n[assay]\\nname=assay\\nbaseurl=http://192.0.2.1/assay\\nenabled=1\\ngpgcheck=1\\n' >>"$1" ;;
*) echo http://192.0.2.1/assay >>"$1" ;;
esac`,
    ),
    changed("let packages come from nowhere", 'for file do : >"$file"; done'),
    changed(
      "ask for no signature of packages",
      `case $1 in
*.sources) awk '{ print } /^URIs:/ { print "Trusted: yes" }' "$kept/0" >"$1" ;;
*.list) sed 's/^deb \\(\\[[^]]*\\] \\)\\{0,1\\}/deb [trusted=yes] /' "$kept/0" >"$1" ;;
*.repo) sed 's/^gpgcheck *=.*/gpgcheck=0/' "$kept/0" >"$1" ;;
*) echo "its index is signed in another place" >&2; return 1 ;;
esac`,
    ),
  ];
}

/** Of what cron runs: what it runs goes; where all is said that it does, one table more, and one that it leaves out. */
export function ofCron(seen: Observation): readonly Made[] {
  const entries = (seen.answer ?? []) as readonly { readonly file: string }[];
  const says = (pattern: RegExp) => seen.titles.some((title) => pattern.test(title));
  const table = (what: string, name: string) =>
    byScript(seen, "system", what, {
      paths: [`/etc/cron.d/${name}`],
      change: 'printf "%s\\n" "17 3 * * * root true" >"$1"',
    });
  return [
    ...(says(/ runs (?!only)/)
      ? [...new Set(entries.map(({ file }) => file))].map((file) =>
          byScript(seen, "file", `take ${file} away`, { paths: [file], whole: true, change: 'rm -f -- "$1"' }),
        )
      : []),
    ...(says(/leaves nothing out/) ? [table("let cron leave a table out", "assay.prove")] : []),
    ...(says(/leaves nothing out|runs only/) ? [table("let cron run something more", "assay-prove")] : []),
  ];
}

const listener = `port=$2
if command -v python3 >/dev/null; then
  python3 -c 'import socket,sys,time
s=socket.socket(); s.bind(("0.0.0.0",int(sys.argv[1]))); s.listen(); time.sleep(600)' "$port" </dev/null >/dev/null 2>&1 &
elif command -v perl >/dev/null; then
  perl -MIO::Socket::INET -e '$s=IO::Socket::INET->new(LocalAddr=>"0.0.0.0",LocalPort=>$ARGV[0],Listen=>1); sleep 600' "$port" </dev/null >/dev/null 2>&1 &
else echo "there is neither python3 nor perl to listen with" >&2; return 1; fi
echo $! >"$kept/pid"
tries=0; while [ $tries -lt 300 ] && ! grep -qi ":$3 " /proc/net/tcp; do sleep 0.01; tries=$((tries + 1)); done
[ $tries -lt 300 ] && echo listening >"$1"`;

/** Of the socket tables: somebody more listens, where the spec says who does. */
export function ofListeners(seen: Observation): readonly Made[] {
  const [protocol, word = ""] = String(seen.subject).split("/");
  const there = Array.isArray(seen.answer) ? seen.answer.length : 0;
  if (protocol !== "tcp" || (word !== "*" && there > 0)) return [];
  const number = word === "*" ? 54_321 : Number(word);
  return [
    byScript(seen, "port", `listen on port ${number}`, {
      // Where nobody looks, so that what is there differs afterwards.
      paths: [`/etc/.assay-prove-${number}`],
      change: listener,
      args: [String(number), number.toString(16).toUpperCase().padStart(4, "0")],
      undo: `read -r pid <"$kept/pid" && kill -KILL "$pid"; tries=0
while [ $tries -lt 300 ] && kill -0 "$pid" 2>/dev/null && ! grep -q '^State:.Z' "/proc/$pid/status" 2>/dev/null; do sleep 0.01; tries=$((tries + 1)); done`,
    }),
  ];
}

/** Of a resolved name: neither the hosts file nor name servers are asked. */
export function ofNames(seen: Observation): readonly Made[] {
  return [
    byScript(seen, "system", "resolve no names", {
      paths: ["/etc/nsswitch.conf"],
      change: `sed 's/^hosts:.*/hosts: db/' "$kept/0" >"$1"`,
    }),
  ];
}

/** Of a command that a check runs: its program is not there. Shells are left alone: whoever asks needs them. */
export function ofCommand(seen: Observation): readonly Made[] {
  const [program = ""] = Array.isArray(seen.subject) ? (seen.subject as readonly string[]) : [];
  if (program === "" || /(^|\/)(sh|busybox|cat|stat)$/.test(program)) return [];
  return [
    byScript(seen, "command", `take the program ${program} away`, {
      paths: [],
      args: [program],
      find: `file=$(command -v -- "$1") || exit 0; case $file in /*) printf '%s\\0' "$file" ;; esac`,
      whole: true,
      change: 'rm -f -- "$1"',
    }),
  ];
}
