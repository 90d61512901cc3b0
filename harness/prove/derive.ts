// Decides which mutations follow from what a spec observed. Pure. What lies outside of the environment's own nodes is never changed: such
// observations give none, with the reason.
import type { Environment, NodeDeclaration } from "../model/environment.ts";
import type { MutationKind } from "../model/proof.ts";
import { ofGroup, ofMemberships, ofPassword, ofUser } from "./accounts.ts";
import { ofBroker } from "./amqp.ts";
import { ofDeclaration, ofImage } from "./environments.ts";
import { ofContents, ofStat } from "./files.ts";
import { ofMongodb } from "./mongodb.ts";
import { joined, type Mutation, type Observation, type Operator } from "./mutation.ts";
import { ofPackage, ofVerification } from "./packages.ts";
import { ofPostgres } from "./postgres.ts";
import { ofExchange, ofOpenPorts, ofProcesses, ofReach } from "./processes.ts";
import { ofRedis } from "./redis.ts";
import { ofBoolean, ofLabel, ofLabels, ofMode } from "./selinux.ts";
import { ofService, ofUnit } from "./services.ts";
import { ofCommand, ofCron, ofInventory, ofListeners, ofNames, ofRepositories } from "./system.ts";

/** By the name of the probe that was asked. */
const operators: Readonly<Record<string, Operator>> = {
  stat: ofStat,
  contents: ofContents,
  sha256sum: ofContents,
  "getent passwd": ofUser,
  "getent group": ofGroup,
  "id -Gn": ofMemberships,
  "getent shadow": ofPassword,
  packages: ofPackage,
  "package verification": ofVerification,
  find: ofInventory,
  repositories: ofRepositories,
  cron: ofCron,
  "socket tables": (seen) => [...ofListeners(seen), ...ofOpenPorts(seen)],
  getaddrinfo: ofNames,
  command: ofCommand,
  image: ofImage,
  "systemctl show": ofUnit,
  services: ofService,
  processes: ofProcesses,
  http: ofExchange,
  connect: ofReach,
  "SELinux label": ofLabel,
  restorecon: ofLabels,
  "SELinux boolean": ofBoolean,
  SELinux: ofMode,
  redis: ofRedis,
  mongodb: ofMongodb,
  postgres: ofPostgres,
  amqp: ofBroker,
};

export interface Wanted {
  readonly only?: readonly MutationKind[] | undefined;
  readonly node?: string | undefined;
}

export interface Derived {
  readonly mutations: readonly Mutation[];
  readonly refused: readonly { readonly id: string; readonly why: string }[];
}

/** All mutations of what was observed in an environment, each once. */
export function derive(
  observations: readonly Observation[],
  environment: Environment,
  { only, node }: Wanted = {},
): Derived {
  const nodes = environment.nodes as Readonly<Record<string, NodeDeclaration>>;
  const refused = new Map<string, string>();
  const made: Mutation[] = [];
  for (const seen of observations) {
    const mutations = operators[seen.probe]?.(seen, environment) ?? [];
    const why = seen.of === "host" ? "this machine is never changed" : "an image at rest is never changed";
    for (const each of mutations) {
      if ("not" in each) refused.set(each.id, each.not);
      else if (seen.of === "host" || seen.of === "image") refused.set(each.id, why);
      else made.push({ ...each, from: [seen.key] });
    }
  }
  for (const [name, declared] of Object.entries(nodes)) {
    const own = observations.filter((seen) => seen.node === name && seen.of === "container");
    if (declared.kind === "container" && own.length > 0) made.push(...ofDeclaration(name, declared, own));
  }
  const wanted = (each: Mutation) =>
    (only === undefined || only.includes(each.kind)) && (node === undefined || each.node === node);
  return {
    mutations: joined(made).filter(wanted),
    refused: [...refused].map(([id, why]) => ({ id, why })),
  };
}
