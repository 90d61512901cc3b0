// Decides which changes of what runs a spec ought to notice that asks for processes, or for what listens: it is ended; in a machine by its
// service, which is started again. A container's own first process is left alone: not to start it is a change of its declaration.
import type { Listener } from "../checks/port.ts";
import type { Environment, NodeDeclaration } from "../model/environment.ts";
import { byScript, type Made, type Observation, type Script } from "./mutation.ts";

/** Pids of all that go by the name `"$1"`: by the kernel's, or by their program's. */
const named = `pids() {
  { grep -sHxF -- "$(printf %.15s "$1")" /proc/[0-9]*/comm
    grep -saHnz '' /proc/[0-9]*/cmdline | tr '\\0' '\\n' | grep -aE '^/proc/[0-9]+/cmdline:1:' | while IFS= read -r line; do
      program=\${line#*:1:}; [ "\${program##*/}" != "$1" ] || echo "$line"
    done
  } | awk -F/ '{ print $3 }' | sort -un | while read -r pid; do
    [ -d "/proc/$pid" ] && ! grep -qs '^State:.[ZX]' "/proc/$pid/status" && echo "$pid"
  done
}`;

/** Pids of all that hold a socket which listens at `"$1"`, `tcp` or `udp`, on port `"$2"`. */
const listening = `inodes() {
  case $1 in tcp) state=0A ;; *) state=07 ;; esac
  cat "/proc/net/$1" "/proc/net/\${1}6" 2>/dev/null |
    awk -v state=$state -v port="$(printf :%04X "$2")" '$4 == state && substr($2, length($2) - 4) == port { print $10 }'
}
# In a container root may not see what others have open: each is asked as itself.
opened() {
  ls -l /proc/[0-9]*/fd
  grep -shE '^(Uid|Gid):' /proc/[0-9]*/status | awk '/^Uid/ { uid = $2 } /^Gid/ { print uid, $2 }' | sort -u | while read -r uid gid; do
    if [ "$uid" = 0 ]; then :
    elif command -v setpriv >/dev/null; then setpriv --reuid "$uid" --regid "$gid" --clear-groups ls -l /proc/[0-9]*/fd
    else chroot --userspec="$uid:$gid" / ls -l /proc/[0-9]*/fd; fi
  done
}
pids() {
  opened 2>/dev/null </dev/null | awk -v inodes=" $(inodes "$1" "$2" | tr '\\n' ' ') " '
    /^\\/proc\\/[0-9]+\\/fd:$/ { split($0, part, "/") }
    match($0, /socket:\\[[0-9]+\\]$/) { if (index(inodes, " " substr($0, RSTART + 8, RLENGTH - 9) " ")) print part[3] }' | sort -un
}`;

/** Ends `$found`, pids. A service of systemd's is stopped; its name is kept. */
const end = `[ -n "$found" ] || { echo "no process of this node is seen to be it"; return 1; }
for pid in $found; do
  [ "$pid" != 1 ] || { echo "it is the node's first process: whether that is started is declared"; return 1; }
  parent=; while read -r key value; do [ "$key" != PPid: ] || parent=$value; done <"/proc/$pid/status"
  read -r first </proc/1/comm
  [ "$parent" != 1 ] || case $first in docker-init|tini|dumb-init|catatonit) echo "it is the node's own program: whether that is started is declared"; return 1 ;; esac
done
if [ -d /run/systemd/system ]; then
  for pid in $found; do sed -n 's|.*/\\([^/]*\\.service\\)$|\\1|p' "/proc/$pid/cgroup"; done | grep -v '^user@' | sort -u >"$kept/units"
  [ ! -s "$kept/units" ] || { systemctl stop $(cat "$kept/units"); return; }
fi
kill -KILL $found
runs() { for pid in $found; do [ ! -d "/proc/$pid" ] || grep -qs '^State:.[ZX]' "/proc/$pid/status" || return 0; done; return 1; }
tries=0; while [ $tries -lt 300 ] && runs; do sleep 0.01; tries=$((tries + 1)); done`;

/** What runs in a container nobody can start again as it was. */
function ended(seen: Observation, how: string, look: string, args: readonly string[]): Script {
  return {
    paths: [],
    args,
    look: `${how}\n${look}`,
    change: `${how}\nfound=$(pids "$@" | tr '\\n' ' ')\n${end}`,
    ...(seen.of === "vm"
      ? { undo: '[ ! -s "$kept/units" ] || systemctl start $(cat "$kept/units")' }
      : { final: true }),
  };
}

/** Of processes by name: they end; where there were none, one runs. Shells are left alone: whoever asks needs them. */
export function ofProcesses(seen: Observation): readonly Made[] {
  const name = String(seen.subject);
  if (/^(sh|ash|dash|bash|busybox|systemd|init)$/.test(name)) return [];
  if (Array.isArray(seen.answer) && seen.answer.length === 0)
    return [
      byScript(seen, "process", `run a process ${name}`, {
        paths: [`/var/tmp/${name}`],
        // The kernel calls a script's process by the script's name.
        change: `printf '#!/bin/sh\\nsleep 600; :\\n' >"$1" && chmod 755 "$1" && { "$1" </dev/null >/dev/null 2>&1 & echo $! >"$kept/pid"; }`,
        undo: 'read -r pid <"$kept/pid" && kill -KILL "$pid"; :',
      }),
    ];
  return [
    byScript(
      seen,
      "process",
      `end the process ${name}`,
      ended(seen, named, '[ -z "$(pids "$1")" ] && echo none || echo runs', [name]),
    ),
  ];
}

const listens = '[ -z "$(inodes "$1" "$2")" ] && echo shut || echo open';

/** What listens on a port ends. */
export function endListener(seen: Observation, port: number, protocol = "tcp"): Made {
  return byScript(
    seen,
    "port",
    `end what listens on port ${protocol === "tcp" ? "" : `${protocol}/`}${port}`,
    ended(seen, listening, listens, [protocol, String(port)]),
  );
}

/** Of the socket tables: what listens ends. */
export function ofOpenPorts(seen: Observation): readonly Made[] {
  if (!Array.isArray(seen.answer)) return [];
  const ports = new Map(
    (seen.answer as readonly Listener[])
      .filter(
        ({ address }) => String(seen.subject).endsWith("/*") === false || !/^(127\.|::1$|::ffff:7f)/.test(address),
      )
      .map(({ protocol, port }) => [`${protocol}/${port}`, { protocol, port }]),
  );
  return [...ports.values()].map(({ protocol, port }) => endListener(seen, port, protocol));
}

/** Whose port an address is: the asking node's own, or that of the environment's node of this name. */
function endAt(seen: Observation, host: string, port: number, environment: Environment): readonly Made[] {
  const nodes = environment.nodes as Readonly<Record<string, NodeDeclaration>>;
  const own = /^(localhost|127\.\d+\.\d+\.\d+|\[?::1\]?)$/.test(host) ? seen.node : host;
  const declared = nodes[own];
  return declared === undefined || seen.of === "host" || !Number.isInteger(port)
    ? []
    : [endListener({ ...seen, node: own, of: declared.kind === "vm" ? "vm" : "container" }, port)];
}

/** Of what a URL answers: who answers ends. */
export function ofExchange(seen: Observation, environment: Environment): readonly Made[] {
  const { subject } = seen;
  const url = URL.parse(typeof subject === "string" ? subject : String((subject as { url?: unknown } | null)?.url));
  if (url === null || (seen.answer as { refused?: unknown } | undefined)?.refused !== undefined) return [];
  const port = url.port === "" ? (url.protocol === "https:" ? 443 : 80) : Number(url.port);
  return endAt(seen, url.hostname, port, environment);
}

/** Of a connection that was tried from a node: who takes it ends. */
export function ofReach(seen: Observation, environment: Environment): readonly Made[] {
  const [host = "", port = ""] = String(seen.subject).split(" ");
  const reached = (seen.answer as { reached?: unknown } | undefined)?.reached === true;
  return reached ? endAt(seen, host, Number(port), environment) : [];
}
