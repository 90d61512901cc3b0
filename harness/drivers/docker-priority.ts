// Decides which containers have the processors first while an environment comes up: those that others wait for, until they are ready. Where
// there is enough for all, it changes nothing.
import type Docker from "dockerode";
import { startsAfter } from "../model/environment.ts";
import type { Standing } from "./driver.ts";

/** Weights by which the kernel divides what too many want; of containers of which nothing is said, the engine's is the second. */
const weight = { first: 8192, usual: 1024 } as const;

/** Whether another node is started after it. */
export function isWaitedFor({ environment }: Pick<Standing, "environment">, node: string): boolean {
  return Object.values(environment.nodes).some((each) => startsAfter(each).includes(node));
}

/** What is created goes first, until `asOthers`. @see Docker Engine API v1.41, ContainerCreate, `HostConfig.CpuShares` */
export function goingFirst(body: Docker.ContainerCreateOptions): Docker.ContainerCreateOptions {
  return { ...body, HostConfig: { ...body.HostConfig, CpuShares: weight.first } };
}

/** It is ready. Nothing that is judged depends on it: what the engine has against it is not told. */
export async function asOthers(container: Docker.Container): Promise<void> {
  await container.update({ CpuShares: weight.usual }).catch(() => undefined);
}
