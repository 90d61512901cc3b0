// Decides how services are seen, whoever looks after them: systemd, OpenRC, s6, runit, supervisord, or init with System V scripts. Which
// it is, is found by what runs, else by what is installed. Refuses to guess from processes, and to answer where nobody looks after services.
import { type Probe, quoteWord } from "../model/check.ts";
import { endFrame, readFrames } from "./frames.ts";
import { readProperties } from "./systemctl.ts";
import { failedProbe, missingTool, unreadable } from "./unanswered.ts";

const serviceManagers = ["systemd", "openrc", "s6", "runit", "supervisor", "sysv"] as const;
export type ServiceManager = (typeof serviceManagers)[number];

export interface ServiceFacts {
  readonly manager: ServiceManager;
  /** Whether the manager knows a service of this name. */
  readonly exists: boolean;
  /** Started when the system starts. */
  readonly enabled: boolean;
  /** `undefined` where the manager does not run, so that nobody knows. */
  readonly running: boolean | undefined;
  /** Of OpenRC and init: the runlevels in which it is started. `undefined` where the manager has none. */
  readonly levels?: readonly string[];
  /** What the manager said of it, in a line. */
  readonly said: string;
}

// Directories in which s6 and runit look for services, as their own images and distributions have them.
const scanDirectories = {
  s6: "/run/service /var/run/service /run/s6/services /var/run/s6/services /service /etc/s6/services",
  runit: "/etc/service /service /var/service /run/runit/service /run/service",
};

/** Subject: a service's name, `nginx`; `s6 nginx` asks one manager whatever else is there. */
export const serviceFacts: Probe<string, ServiceFacts> = {
  name: "services",
  script: (subjects) => `export LC_ALL=C SYSTEMD_COLORS=0
has() { command -v "$1" >/dev/null; }
scanned() { for place in ${scanDirectories.s6}; do [ -e "$place/.s6-svscan/control" ] && return; done; return 1; }
supervised() { for place in ${scanDirectories.runit}; do for ok in "$place"/*/supervise/ok; do [ -e "$ok" ] && return; done; done; return 1; }
keeper() {
  if [ "$1" != any ]; then echo "$1"
  elif [ -d /run/systemd/system ]; then echo systemd
  elif [ -e /run/openrc/softlevel ]; then echo openrc
  elif scanned; then echo s6
  elif supervised; then echo runit
  elif has supervisorctl && supervisorctl pid >/dev/null 2>&1; then echo supervisor
  elif has rc-service; then echo openrc
  elif has systemctl && ! [ -e "/etc/init.d/$2" ]; then echo systemd
  elif has sv && ! [ -e "/etc/init.d/$2" ]; then echo runit
  elif [ -d /etc/init.d ]; then echo sysv
  else echo none; fi
}
look() {
  case $1 in
  systemd) has systemctl || return 127
    if [ -d /run/systemd/system ]; then systemctl show --no-pager -p Id,LoadState,ActiveState,SubState,UnitFileState -- "$2.service"
    else echo "Files=$(systemctl --root=/ is-enabled -- "$2.service" 2>&1)"; fi ;;
  openrc) has rc-service || return 127
    for level in /etc/runlevels/*; do [ -e "$level/$2" ] && echo "level \${level##*/}"; done
    [ -e "/etc/init.d/$2" ] || { echo absent; return 0; }
    # It has to have started once: else OpenRC takes the machine for one that is just starting.
    [ -e /run/openrc/softlevel ] || { echo asleep; return 0; }
    said=$(rc-service "$2" status 2>&1 </dev/null); echo "status $? $said" ;;
  s6) has s6-svstat || return 127
    scanned || { echo "s6-svscan does not run: no directory of services has its control"; return 77; }
    for place in ${scanDirectories.s6}; do [ -d "$place/$2" ] && break; place=; done
    [ -n "$place" ] || { echo absent; return 0; }
    said=$(s6-svstat -o up,normallyup,pid,exitcode "$place/$2" 2>&1); echo "status $? $said" ;;
  runit) has sv || return 127
    supervised || { echo "runsvdir does not run: no service has a supervisor"; return 77; }
    for place in ${scanDirectories.runit}; do [ -d "$place/$2" ] && break; place=; done
    [ -n "$place" ] || { echo absent; return 0; }
    [ -e "$place/$2/down" ] && echo down
    said=$(sv status "$place/$2" 2>&1); echo "status $? $said" ;;
  supervisor) has supervisorctl || return 127
    # What the configuration starts by itself is told by the running supervisord alone.
    said=$(supervisorctl avail 2>&1 </dev/null); echo "avail $? $said"
    said=$(supervisorctl status "$2" 2>&1 </dev/null); echo "status $? $said" ;;
  sysv) [ -e "/etc/init.d/$2" ] || { echo absent; [ -d /etc/init.d ] && return 0; return 78; }
    for place in /etc/rc[2-5S].d/S[0-9][0-9]"$2"; do [ -e "$place" ] && { place=\${place%%.d/*}; echo "level \${place#/etc/rc}"; }; done
    said=$("/etc/init.d/$2" status 2>&1 </dev/null); echo "status $? $said" ;;
  *) echo "no manager of services is there: no systemd, OpenRC, s6, runit, nor scripts in /etc/init.d"; return 77 ;;
  esac 2>&1
}
${subjects
  .map((subject) => {
    const { by, name } = readSubject(subject);
    const word = quoteWord(name);
    return `by=$(keeper ${by} ${word}); look "$by" ${word}; ${endFrame('"$? $by"')}`;
  })
  .join("\n")}`,
  parse(output, subjects) {
    return readFrames("services", output, subjects.length).map(({ bytes, words }, index) => {
      const { name } = readSubject(subjects[index] ?? "");
      const [status = "", manager = ""] = words.split(" ");
      const said = bytes.toString("utf8").trim();
      if (status === "127" || status === "126") return missingTool(tools[manager] ?? manager, `the service ${name}`);
      if (status !== "0") return failedProbe(`cannot see the service ${name}`, said || `status ${status}`);
      const facts = readers[manager as ServiceManager]?.(said);
      if (facts === "unknown") return failedProbe(`cannot see the service ${name}`, said.replaceAll("\n", "; "));
      return facts === undefined
        ? unreadable(`${manager}'s word on ${name}`, { ...output, stdout: bytes, status: Number(status) })
        : { manager: manager as ServiceManager, ...facts };
    });
  },
};

export function serviceSubject(name: string, under: ServiceManager | undefined): string {
  return under === undefined ? name : `${under} ${name}`;
}

function readSubject(subject: string): { readonly by: string; readonly name: string } {
  const [by = "", name] = subject.split(" ");
  return name === undefined ? { by: "any", name: by } : { by, name };
}

const tools: Readonly<Record<string, string>> = {
  systemd: "systemctl",
  openrc: "rc-service",
  s6: "s6-svstat",
  runit: "sv",
  supervisor: "supervisorctl",
};

/** `"unknown"` where the manager was asked and does not know; `undefined` for words that are not its own. */
type Read = (said: string) => Omit<ServiceFacts, "manager"> | "unknown" | undefined;

const nowhere = { exists: false, enabled: false, running: false, said: "there is no such service" };

const readers: Readonly<Record<ServiceManager, Read>> = {
  systemd(said) {
    const {
      Files: files,
      LoadState: load = "",
      ActiveState: active = "",
      SubState = "",
      UnitFileState: file = "",
    } = readProperties(said);
    if (files !== undefined) {
      if (/No such file or directory$/.test(files)) return nowhere;
      if (!/^[a-z-]+$/.test(files)) return "unknown";
      return { exists: true, enabled: isEnabled(files), running: undefined, said: `${files}, by its files` };
    }
    if (load === "" || active === "") return said.startsWith("Failed to ") ? "unknown" : undefined;
    if (load === "not-found") return nowhere;
    const told = `${active} (${SubState}), ${file || "static"}`;
    return {
      exists: true,
      enabled: isEnabled(file),
      running: active === "active" || active === "reloading",
      said: told,
    };
  },
  // Status 0 is "started"; 3 "stopped"; 32 "crashed"; 4 and 8 a change that is under way.
  openrc(said) {
    const levels = readLevels(said);
    const enabled = levels.some((level) => ["sysinit", "boot", "default"].includes(level));
    if (/^absent$/m.test(said)) return { ...nowhere, levels };
    const at = levels.length > 0 ? `in runlevel ${levels.join(", ")}` : "in no runlevel";
    if (/^asleep$/m.test(said))
      return { exists: true, enabled, levels, running: undefined, said: `${at}; OpenRC does not run` };
    const [, status, words = ""] = /^status (\d+) ?(.*)/ms.exec(said) ?? [];
    if (status === undefined) return undefined;
    if (!["0", "3", "4", "8", "16", "32"].includes(status)) return "unknown";
    return {
      exists: true,
      enabled,
      levels,
      running: status === "0",
      said: `${lastLine(words) || `status ${status}`}; ${at}`,
    };
  },
  s6(said) {
    if (said === "absent") return nowhere;
    const [, status, words = ""] = /^status (\d+) (.*)$/s.exec(said) ?? [];
    if (status !== "0") return status === undefined ? undefined : "unknown";
    const [, up, normally, pid, code] = /^(true|false) (true|false) (-?\d+) (-?\d+)$/.exec(words) ?? [];
    if (up === undefined) return undefined;
    const told = up === "true" ? `up, pid ${pid}` : `down, exit status ${code}`;
    return {
      exists: true,
      enabled: normally === "true",
      running: up === "true",
      said: `${told}, normally ${normally === "true" ? "up" : "down"}`,
    };
  },
  runit(said) {
    if (said === "absent") return nowhere;
    const [, status, words = ""] = /^status (\d+) (.*)$/ms.exec(said) ?? [];
    const enabled = !/^down$/m.test(said);
    if (status === undefined) return undefined;
    const [, word] = /^(run|down|finish|fail|warning): /.exec(words) ?? [];
    if (word === undefined) return undefined;
    // `fail: …: runsv not running`, `unable to open supervise/ok`: nobody supervises it.
    if (word === "fail" || word === "warning") return "unknown";
    return { exists: true, enabled, running: word === "run", said: lastLine(words) };
  },
  // `web in use auto 999:999`, and `web RUNNING pid 12, uptime 0:01:02`; of several processes of a group, all have to run.
  supervisor(said) {
    const [, available, list = "", status, words = ""] = /^avail (\d+) ?(.*)^status (\d+) ?(.*)/ms.exec(said) ?? [];
    if (status === undefined) return undefined;
    if (/no such file|refused connection|permission denied|requires authentication/i.test(list)) return "unknown";
    const known = [...list.matchAll(/^(\S+) +(?:in use|avail) +(auto|manual) +\d+:\d+ *$/gm)];
    if (available !== "0" || (known.length === 0 && list.trim() !== "")) return undefined;
    if (/: ERROR \(no such (process|group)\)$/m.test(words)) return nowhere;
    const states = [...words.matchAll(/^(\S+) +([A-Z]+)\b.*$/gm)];
    if (states.length === 0 || !["0", "3"].includes(status)) return undefined;
    const kinds = known.filter(([, name]) => states.some(([, each]) => each === name)).map(([, , kind]) => kind);
    return {
      exists: true,
      enabled: kinds.length > 0 && kinds.every((kind) => kind === "auto"),
      running: states.every(([, , state]) => state === "RUNNING"),
      said: `${states.map(([line]) => line.trim().replace(/ +/g, " ")).join("; ")}; started ${[...new Set(kinds)].join(", ") || "by nobody"}`,
    };
  },
  // LSB: 0 runs; 1 and 2 dead with files left; 3 does not run; anything else, and scripts without the word, tell nothing.
  sysv(said) {
    const levels = readLevels(said);
    if (/^absent$/m.test(said)) return { ...nowhere, levels };
    const [, status, words = ""] = /^status (\d+) ?(.*)/ms.exec(said) ?? [];
    if (status === undefined) return undefined;
    const usage = /usage:/i.test(words);
    const running = usage || !["0", "1", "2", "3"].includes(status) ? undefined : status === "0";
    const told = usage ? "its script has no word for its status" : lastLine(words) || `status ${status}`;
    return {
      exists: true,
      enabled: levels.length > 0,
      levels,
      running,
      said: `${told}; ${levels.length > 0 ? "started" : "not started"} by init`,
    };
  },
};

function readLevels(said: string): readonly string[] {
  return [...said.matchAll(/^level (\S+)$/gm)].map(([, level = ""]) => level);
}

function isEnabled(file: string): boolean {
  return ["enabled", "enabled-runtime", "alias"].includes(file);
}

function lastLine(text: string): string {
  return text.trim().split("\n").at(-1)?.trim() ?? "";
}
