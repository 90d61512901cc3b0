// Decides on which image the checks about the system are tried: Debian with several managers of services, rpm, packet filters and busybox,
// and how many checks are asked of a container at once. Starts nothing by itself.
import type { Check } from "../../model/check.ts";
import type { Node } from "../../model/node.ts";
import { type DebianRootfs, type Recipe, recipe, run } from "../../model/recipe.ts";

// What a container has no use for, and many an image has.
const packages = [
  ...["busybox", "cron", "iproute2", "nftables", "openrc", "procps", "python3", "rpm", "runit", "s6", "supervisor"],
];

/** busybox alone is in `/bb`: with that as PATH a probe sees what it would see in an image of nothing else. */
export function systemLab(debian: DebianRootfs): Recipe {
  return recipe("system-lab", {
    version: "0.1.0",
    from: debian,
    steps: [
      run(["apt-get", "update"]),
      run(["apt-get", "install", "--yes", "--no-install-recommends", ...packages]),
      run(["sh", "-c", "mkdir /bb && busybox --install -s /bb"]),
    ],
    context: import.meta.dirname,
  });
}

/** What starts managers of services in it, and a service with each: web, job and job; cron with OpenRC. */
export const startScript = {
  /** s6 and runit. */
  supervisors: `mkdir -p /run/service/web /run/service/off /etc/sv/job
for run in /run/service/web/run /run/service/off/run /etc/sv/job/run; do printf '#!/bin/sh\\nexec sleep 86400\\n' >$run; chmod 755 $run; done
touch /run/service/off/down; ln -s /etc/sv/job /etc/service/job
setsid s6-svscan /run/service >/dev/null 2>&1 &
setsid runsvdir -P /etc/service >/dev/null 2>&1 &
s6-svwait -u -t 20000 /run/service/web 2>/dev/null || { while ! [ -e /run/service/web/supervise/control ]; do :; done; s6-svwait -u -t 20000 /run/service/web; }
sv -w 20 start job >/dev/null 2>&1 || { while ! [ -e /etc/sv/job/supervise/ok ]; do :; done; sv -w 20 start job >/dev/null; }`,
  openrc: "mkdir -p /run/openrc && echo default >/run/openrc/softlevel && /etc/init.d/cron start >/dev/null 2>&1",
  supervisord: `printf '[program:job]\\ncommand=sleep 86400\\nstartsecs=0\\n[program:off]\\ncommand=sleep 1\\nautostart=false\\n' >/etc/supervisor/conf.d/lab.conf
supervisord -c /etc/supervisor/supervisord.conf && supervisorctl start job >/dev/null || supervisorctl status job | grep -q RUNNING`,
} as const;

/** What `rpmbuild` makes a package of: an epoch, a tilde, a file and one of configuration. */
export const rpmSpec = `Name: studio-tool
Version: 1.4~rc2
Release: 3.fc40
Epoch: 2
Summary: t
License: MIT
Vendor: Fedora Project
BuildArch: noarch
%description
t
%install
mkdir -p %{buildroot}/opt/studio
echo tool > %{buildroot}/opt/studio/tool
echo conf > %{buildroot}/opt/studio/tool.conf
%files
/opt/studio/tool
%config /opt/studio/tool.conf
`;

/** Titles of checks that are not as they should be; asked all at once, as `all` does, so that they travel together. */
export async function amiss(
  node: Node,
  { met = [], unmet = [] }: { readonly met?: readonly Check[]; readonly unmet?: readonly Check[] },
): Promise<readonly string[]> {
  const wanted = [...met.map((check) => ({ check, is: true })), ...unmet.map((check) => ({ check, is: false }))];
  const seen = await Promise.all(
    wanted.map(async ({ check, is }) => {
      const judgement = check.judge(await check.observe(node));
      if ("skipped" in judgement) return [`skipped: ${check.title}`];
      return judgement.met === is ? [] : [`${is ? "not met" : "met"}: ${check.title}; seen: ${judgement.seen}`];
    }),
  );
  return seen.flat();
}
