// Decides how a broker is kept from a queue: nobody may declare one of the name. Who consumes from a queue is told when it is deleted, and
// Celery's workers, for one, declare it anew at once. RabbitMQ has a permission for it; of other brokers none is known here.
import { randomUUID } from "node:crypto";
import type { AmqpOptions } from "../checks/amqp-client.ts";
import { askRabbit } from "../checks/amqp-management.ts";
import { ObservationError } from "../model/errors.ts";
import type { Node } from "../model/node.ts";
import { secret } from "../model/secret.ts";

/** Of RabbitMQ: patterns of what a user may make, write to and read. */
interface Permission {
  readonly user: string;
  readonly configure: string;
  readonly write: string;
  readonly read: string;
}

/** Who can delete such a queue yet; or why nobody could be kept from declaring one. */
export type Forbidden =
  | { readonly as: AmqpOptions; done(): Promise<unknown> }
  | { readonly as: AmqpOptions; readonly not: string; done(): Promise<unknown> };

const own = "assay-prove";

/**
 * The same pattern, but for a name, in which `*` stands for any characters. RabbitMQ looks for a pattern anywhere in what a queue or an exchange
 * is called: an exchange of the name is not to be declared either. None where it allows nothing.
 * @example withoutName("^films", "films.*") // String.raw`^(?!films\.[\s\S]*(?![\s\S]))(?=[\s\S]*?(?:^films))`
 */
export function withoutName(pattern: string, name: string): string | undefined {
  if (pattern === "" || pattern === "^$") return undefined;
  const parts = name.split("*").map((part) => part.replace(/[\\^$.|?*+()[\]{}]/g, "\\$&"));
  return `^(?!${parts.join("[\\s\\S]*")}(?![\\s\\S]))(?=[\\s\\S]*?(?:${pattern}))`;
}

/** From now on nobody of a virtual host may declare queues of the name, but one user more, who goes with `done`. */
export async function forbidden(node: Node, options: AmqpOptions, product: string, name: string): Promise<Forbidden> {
  const untouched = (not: string) => ({ as: options, not, done: () => Promise.resolve() });
  if (product !== "RabbitMQ") return untouched(`how a ${product} is kept from that is not known`);
  const host = encodeURIComponent(options.virtualHost ?? "/");
  let all: readonly Permission[];
  try {
    all = (await askRabbit(node, options, `vhosts/${host}/permissions`)) as readonly Permission[];
  } catch (error) {
    if (!(error instanceof ObservationError) || !["login-refused", "probe-denied"].includes(error.code)) throw error;
    return untouched(
      `${options.management?.user ?? options.user ?? "nobody"} is no administrator, who could forbid that`,
    );
  }
  const allow = (user: string, may: Omit<Permission, "user">) =>
    askRabbit(node, options, `permissions/${host}/${encodeURIComponent(user)}`, { method: "PUT", body: may });
  // To delete a queue takes the same permission, and who consumes from it may be the user who asks.
  const password = secret("the password of who deletes queues", randomUUID());
  await askRabbit(node, options, `users/${own}`, { method: "PUT", body: { password: password.reveal(), tags: "" } });
  await allow(own, { configure: ".*", write: ".*", read: ".*" });
  for (const { user, configure, write, read } of all) {
    const less = withoutName(configure, name);
    if (less !== undefined && user !== own) await allow(user, { configure: less, write, read });
  }
  return {
    as: { ...options, user: own, password },
    done: () => askRabbit(node, options, `users/${own}`, { method: "DELETE" }),
  };
}
