// Decides which sentences can be said about a service, whoever looks after it. What only systemd knows is said by `unit`.
import type { Node } from "../model/node.ts";
import { about, requireSubject, verdict } from "./question.ts";
import { type ServiceFacts, type ServiceManager, serviceFacts, serviceSubject } from "./service-facts.ts";
import { failedProbe } from "./unanswered.ts";

export interface ServiceOptions {
  /** Who is asked. Default: who looks after services on the node. */
  readonly under?: ServiceManager;
}

/**
 * A service by its plain name, without a unit's suffix: the same words for systemd, OpenRC (Alpine), s6, runit, supervisord and System
 * V scripts.
 * Where the manager is installed and does not run (most containers), `isEnabled` is answered from its files and `isRunning` rejects;
 * a System V script is asked for its status anyway. Where nobody looks after services, both reject.
 * @example await expect(box).toMeet(all(service("nginx").isEnabled(), service("nginx").isRunning()));
 * @example await expect(box).toMeet(service("web", { under: "s6" }).isRunning(), { within: "5s" });
 */
export function service(name: string, { under }: ServiceOptions = {}) {
  requireSubject(
    /^[A-Za-z0-9_][\w.:@+-]*$/.test(name),
    `"${name}" is not a service's name`,
    'write it without a path or a suffix, as in "nginx"; a unit of systemd is asked with unit()',
  );
  const ask = about<Node, ServiceFacts>({
    subject: `service ${name}`,
    command:
      under === "s6"
        ? `s6-svstat /run/service/${name}`
        : under === "runit"
          ? `sv status ${name}`
          : under === "supervisor"
            ? `supervisorctl status ${name}`
            : `service ${name} status`,
    observe: (node) => node.observe(serviceFacts, serviceSubject(name, under)),
  });
  const askRunning = about<Node, ServiceFacts>({
    subject: `service ${name}`,
    command: `service ${name} status`,
    async observe(node) {
      const seen = await node.observe(serviceFacts, serviceSubject(name, under));
      if (seen.running !== undefined) return seen;
      throw failedProbe(
        `cannot see whether ${name} runs`,
        `${seen.said} (${seen.manager})`,
        "ask whether it is enabled, which files tell; or for its process or its port",
      );
    },
  });
  return {
    exists: () => ask("exists", (seen) => verdict(seen.exists, "a service", sayService(seen))),
    /** Started when the system starts: systemd's `enabled`, a runlevel of OpenRC or init, no `down` file with s6 and runit, supervisord's `autostart`. */
    isEnabled: () => ask("is enabled", (seen) => verdict(seen.enabled, "enabled", sayService(seen))),
    /**
     * Started in this runlevel, of OpenRC or init; where the manager has none, the check rejects.
     * @example service("chronyd").isEnabledIn("default")
     */
    isEnabledIn: (level: string) =>
      about<Node, ServiceFacts>({
        subject: `service ${name}`,
        command: `ls /etc/runlevels/*/${name} /etc/rc*.d/S*${name}`,
        async observe(node) {
          const seen = await node.observe(serviceFacts, serviceSubject(name, under));
          if (seen.levels !== undefined) return seen;
          throw failedProbe(`cannot see in which runlevel ${name} is started`, `${seen.manager} has no runlevels`);
        },
      })(`is enabled in runlevel ${level}`, (seen) =>
        verdict(seen.levels?.includes(level) === true, `runlevel ${level}`, sayService(seen)),
      ),
    isRunning: () => askRunning("is running", (seen) => verdict(seen.running === true, "running", sayService(seen))),
    /** Who looks after it. @example service("sshd").isUnder("openrc") */
    isUnder: (manager: ServiceManager) =>
      ask(`is under ${manager}`, (seen) => verdict(seen.exists && seen.manager === manager, manager, sayService(seen))),
  };
}

function sayService({ said, manager }: ServiceFacts): string {
  return `${said} (${manager})`;
}
