// Decides whether this host can do what an environment requires; a "no" is a reason to skip, told in words.
import { existsSync } from "node:fs";
import type { Capability, Environment } from "../model/environment.ts";

/** Why the environment cannot be stood up on this host; `undefined` when it can. */
export async function missingCapability(environment: Environment): Promise<string | undefined> {
  for (const capability of environment.requires) {
    const reason = await probes[capability]();
    if (reason !== undefined) return `${environment.name} requires ${capability}: ${reason}`;
  }
  return undefined;
}

const probes: Record<Capability, () => Promise<string | undefined>> = {
  root: async () => (process.getuid?.() === 0 ? undefined : "this is not root"),
  selinux: async () => (existsSync("/sys/fs/selinux/enforce") ? undefined : "the kernel of this host runs no SELinux"),
  "cgroup-v2": async () => (existsSync("/sys/fs/cgroup/cgroup.controllers") ? undefined : "this host mounts cgroup v1"),
  registry: async () =>
    (await reaches("registry-1.docker.io")) ? undefined : "no public image registry answers from here",
};

async function reaches(host: string): Promise<boolean> {
  const { lookup } = await import("node:dns/promises");
  const { connect } = await import("node:net");
  const address = await lookup(host).catch(() => undefined);
  if (address === undefined) return false;
  return new Promise((resolve) => {
    const socket = connect({ host: address.address, port: 443, timeout: 3000 });
    const end = (answer: boolean) => {
      socket.destroy();
      resolve(answer);
    };
    socket.once("connect", () => end(true));
    socket.once("timeout", () => end(false));
    socket.once("error", () => end(false));
  });
}
