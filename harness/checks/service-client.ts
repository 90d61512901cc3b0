// Decides how checks talk to a service of a node: by one client for all of them, over streams that the node itself opens. A client whose
// connection has ended is let go, and the next question makes another. That nobody could be asked is an error, never a no.
import { ObservationError, TransportError } from "../model/errors.ts";
import type { Node } from "../model/node.ts";
import { isSecret, type Secret } from "../model/secret.ts";
import { requireSubject } from "./question.ts";
import { isTlsRecord, tlsWanted } from "./tls-failure.ts";
import { requireTls, type TlsOptions } from "./tls-options.ts";

/** A client that is connected. */
export interface ServiceClient<Client> {
  readonly client: Client;
  /** Settles when it cannot be asked any more. Never rejects. */
  readonly ended: Promise<void>;
  /** Ends it. Idempotent. Never rejects. */
  close(): void;
}

const clients = new WeakMap<Node, Map<string, Promise<ServiceClient<unknown>>>>();

/**
 * Asks a service by the client that this node has for `key`, which names protocol, port and who is logged in. The first question opens
 * it; those that are asked meanwhile wait for the same. After an answer that `fatal` says yes to, the next question opens another.
 * @example const answer = await askService(node, "redis 6379 ops", () => openRedis(node, options), (client) => client.ping());
 */
export async function askService<Client, Answer>(
  node: Node,
  key: string,
  open: () => Promise<ServiceClient<Client>>,
  ask: (client: Client) => Promise<Answer>,
  fatal: (error: unknown) => boolean = () => false,
): Promise<Answer> {
  const own = clients.get(node) ?? new Map<string, Promise<ServiceClient<unknown>>>();
  clients.set(node, own);
  let opening = own.get(key) as Promise<ServiceClient<Client>> | undefined;
  if (opening === undefined) {
    opening = open();
    own.set(key, opening);
    const kept = opening;
    const drop = () => {
      if (own.get(key) === kept) own.delete(key);
    };
    void kept.then(({ ended }) => ended.then(drop), drop);
  }
  const service = await opening;
  try {
    return await ask(service.client);
  } catch (error) {
    if (fatal(error)) {
      own.delete(key);
      service.close();
    }
    throw error;
  }
}

/** The node's stream to a service's port was refused: nobody listens there. */
export function isRefused(error: unknown): error is TransportError {
  return error instanceof TransportError && error.code === "refused";
}

/** It could not be asked (code `service-unreachable`): nobody listens, or the connection was lost. */
export function unreachable(service: string, error: unknown): ObservationError {
  return new ObservationError({
    code: "service-unreachable",
    phase: "observe",
    seen: `${service} cannot be asked: ${reasonOf(error)}`,
    hint: `see the node's log, or wait for it: toMeet(…, { within: "20s" })`,
    cause: error,
  });
}

/** Somebody listens who speaks another protocol (code `other-protocol`). */
export function otherProtocol(service: string, port: number, said: string): ObservationError {
  return new ObservationError({
    code: "other-protocol",
    phase: "observe",
    seen: `what listens on port ${port} is no ${service}: ${said}`,
    hint: "give the port of the service, as in { port: 27017 }",
  });
}

/** The same of the first bytes that came from there: where they are TLS, that is told (code `tls-wanted`). */
export function otherBytes(service: string, port: number, first: Buffer, said: string): ObservationError {
  return isTlsRecord(first) ? tlsWanted(port) : otherProtocol(service, port, said);
}

/** It is there and wants another login (code `login-refused`). */
export function loginRefused(service: string, said: string, hint?: string): ObservationError {
  return new ObservationError({
    code: "login-refused",
    phase: "observe",
    seen: `${service} refuses the login: ${said}`,
    hint: hint ?? "give user and password: { user, password: secret(…) }",
  });
}

/** What went wrong, without the words that every error of ours begins with. */
function reasonOf(error: unknown): string {
  if (error instanceof TransportError) return error.seen;
  return error instanceof Error ? error.message || error.name : String(error);
}

/** Refuses where the spec was written what is no port, a password that would be shown, and TLS by what is no file. */
export function requireService(port: number, password: Secret | undefined, tls?: TlsOptions): void {
  requireTls(tls);
  requireSubject(
    Number.isInteger(port) && port >= 1 && port <= 65535,
    `${port} is not a port`,
    "write a number from 1 to 65535",
  );
  requireSubject(
    password === undefined || isSecret(password),
    "a password is given as text, which reports would show",
    'write secret("its name", "its value")',
  );
}
