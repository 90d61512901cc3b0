// Decides which changes of services a spec ought to notice that asks who runs and who is started: one that runs is stopped by whoever looks
// after it, one that is started is not any more. What is there is asked of the same, so that one that comes back by itself is seen to.
import type { ServiceFacts, ServiceManager } from "../checks/service-facts.ts";
import { byScript, type Made, type Observation } from "./mutation.ts";

/** `"$1"` of a function: the service's name. */
interface Words {
  readonly stop: string;
  readonly start: string;
  readonly look: string;
}

const supervised = (directories: string) =>
  `at() { for place in ${directories}; do [ -d "$place/$1" ] && echo "$place/$1" && return; done; }`;
const s6 = supervised("/run/service /var/run/service /run/s6/services /var/run/s6/services /service /etc/s6/services");
const runit = supervised("/etc/service /service /var/service /run/runit/service /run/service");

/**
 * A daemon that a script of init starts goes on after the script: cron's file holds the pid of a process that has ended until the one that
 * stays has written its own, and `status` says 1 meanwhile. There is no event of it: what the script itself says is waited for, 5 s at most.
 */
function ofInit(script: string): Words {
  const told = (what: string) => `${script} ${what} >/dev/null 2>&1 </dev/null`;
  const until = (seen: string) => `left=50; until ${seen} || [ "$((left -= 1))" -lt 0 ]; do sleep 0.1; done`;
  return {
    stop: `${told("stop")} && { ${until(`! ${told("status")}`)}; }`,
    start: `${told("start")}; ${until(told("status"))}`,
    look: `${told("status")}; echo "status $?"`,
  };
}

const words: Readonly<Record<ServiceManager, Words>> = {
  systemd: {
    stop: 'systemctl stop -- "$1"',
    start: 'systemctl start -- "$1"',
    // What fails starts again, and is neither meanwhile.
    look: 'systemctl is-active -- "$1"; systemctl is-enabled -- "$1" 2>&1; :',
  },
  openrc: ofInit('rc-service "$1"'),
  s6: {
    stop: `${s6}; s6-svc -wd -T 5000 -d "$(at "$1")"`,
    start: `${s6}; s6-svc -wu -T 5000 -u "$(at "$1")"`,
    look: `${s6}; s6-svstat -o up "$(at "$1")"`,
  },
  runit: {
    stop: `${runit}; sv -w 5 down "$(at "$1")" >/dev/null`,
    start: `${runit}; sv -w 5 up "$(at "$1")" >/dev/null`,
    look: `${runit}; sv status "$(at "$1")" | cut -d: -f1`,
  },
  supervisor: {
    stop: 'supervisorctl stop "$1" >/dev/null',
    start: 'supervisorctl start "$1" >/dev/null',
    look: `supervisorctl status "$1" | awk '{ print $2 }'`,
  },
  sysv: ofInit('"/etc/init.d/$1"'),
};

function stopped(seen: Observation, name: string, manager: ServiceManager): Made {
  const { stop, start, look } = words[manager];
  const script = { paths: [], args: [name], change: stop, undo: start, look };
  const titles = seen.titles.filter((title) => / is (active|running|scheduled)\b/.test(title));
  return { ...byScript(seen, "service", `stop ${name}`, script), titles };
}

/** Links by which systemd, OpenRC or init start it; an alias is one, too. */
const starters = `for link in /etc/systemd/system/*.wants/"$1" /etc/systemd/system/*.requires/"$1" /etc/runlevels/*/"$1" /etc/rc[2-5S].d/S[0-9][0-9]"$1"; do
  [ -L "$link" ] && printf '%s\\0' "$link"
done
for link in /etc/systemd/system/*.service; do
  [ -L "$link" ] && [ "$(readlink -f -- "$link" | sed 's|.*/||')" = "$1" ] && printf '%s\\0' "$link"
done; :`;
const reload = "[ ! -d /run/systemd/system ] || systemctl daemon-reload";

/** `systemctl disable` would do the same, and on Debian start a Perl program for it, which takes seconds in an emulated machine. */
function disabled(seen: Observation, name: string): Made {
  const script = {
    paths: [],
    find: starters,
    args: [name],
    change: `for link do [ ! -L "$link" ] || rm -f -- "$link" || return; done; ${reload}`,
    // What systemd read it keeps until it is told.
    undo: `bring "$@"; ${reload}`,
  };
  const titles = seen.titles.filter((title) => / is enabled\b/.test(title));
  return { ...byScript(seen, "service", `disable ${name}`, script), titles };
}

/** Who asks only whether it runs need not notice that it is not started, and the other way round. */
function saidOf({ titles }: Observation): { readonly running: boolean; readonly enabled: boolean } {
  const enabled = titles.filter((title) => / is enabled\b/.test(title));
  return {
    running: titles.length === 0 || enabled.length < titles.length,
    enabled: titles.length === 0 || enabled.length > 0,
  };
}

/** Of a unit of systemd: it does not run, and does not start by itself. */
export function ofUnit(seen: Observation): readonly Made[] {
  const unit = String(seen.subject);
  const told = JSON.stringify(seen.answer ?? "");
  const said = saidOf(seen);
  return [
    ...(said.running && /"active"/.test(told) ? [stopped(seen, unit, "systemd")] : []),
    ...(said.enabled && /"enabled"/.test(told) ? [disabled(seen, unit)] : []),
  ];
}

/** Of a service, whoever looks after it. That s6, runit and supervisord start it stands in files of their own: those are left alone. */
export function ofService(seen: Observation): readonly Made[] {
  const { manager, running, enabled } = (seen.answer ?? {}) as Partial<ServiceFacts>;
  if (manager === undefined) return [];
  const said = saidOf(seen);
  const plain = String(seen.subject).split(" ").at(-1) ?? "";
  const name = manager === "systemd" ? `${plain}.service` : plain;
  return [
    ...(said.running && running === true ? [stopped(seen, name, manager)] : []),
    ...(said.enabled && enabled === true && ["systemd", "openrc", "sysv"].includes(manager)
      ? [disabled(seen, name)]
      : []),
  ];
}
