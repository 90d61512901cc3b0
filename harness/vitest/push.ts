// Decides how a spec pushes the image of a node to a registry.

import type { PushTarget } from "../drivers/docker-image.ts";
import type { ContainerNode } from "../model/node.ts";
import { session } from "./session.ts";

export type { PushTarget };

/**
 * Pushes the image that a node was made from, and gives the digest that the registry knows its manifest by.
 * Rejects with a `ProvisionError`: `push-denied` when the login is refused, `push-failed` for anything else.
 * Registries on loopback may be without TLS.
 *
 * @example
 * const { digest } = await push(soe, { to: "registry.example/soe:1", username: "ops", password });
 */
export async function push(node: ContainerNode, target: PushTarget): Promise<{ readonly digest: string }> {
  const { id } = await node.image();
  const driver = await session().engines.docker();
  return driver.push(id, target);
}
