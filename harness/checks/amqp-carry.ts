// Decides whether a broker carries a message: one with a body that nobody else has is sent to an address and received from it. What
// others have sent there is looked at and given back in its place.
import { randomUUID } from "node:crypto";
import type { Delivery, EventContext } from "rhea";
import { AmqpRefusal, type Broker, inSession } from "./amqp-client.ts";
import { denied, failedProbe } from "./unanswered.ts";

/** It came back, or why not. */
export type Carried = { readonly ms: number } | { readonly no: string };

/** How long a message may take to come back, ms. */
const carryMs = 5000;

/** Sends and receives. Rejects where the broker forbids it to the one who asks, or is lost meanwhile. */
export async function carryMessage(broker: Broker, service: string, address: string): Promise<Carried> {
  const body = `assay ${randomUUID()}`;
  const began = performance.now();
  try {
    return await inSession(broker, service, 2 * carryMs, async (session) => {
      const { promise, resolve } = Promise.withResolvers<Carried>();
      const held: Delivery[] = [];
      let sent = false;
      // Nothing is accepted by itself: other messages go back when the session ends, in their order.
      const receiver = session.open_receiver({ source: { address }, credit_window: 0, autoaccept: false });
      session.once("receiver_open", () => {
        receiver.add_credit(20);
        const sender = session.open_sender({ target: { address } });
        session.on("sendable", () => {
          if (sent) return;
          sent = true;
          // One that is lost on the way is not to lie there for ever.
          sender.send({ body, ttl: 4 * carryMs, durable: false });
        });
      });
      session
        .on("message", ({ message, delivery }: EventContext) => {
          if (delivery === undefined) return;
          if (message?.body === body) {
            delivery.accept();
            resolve({ ms: performance.now() - began });
          } else {
            held.push(delivery);
            receiver.add_credit(1);
          }
        })
        .on("rejected", ({ delivery }: EventContext) => resolve({ no: `the broker rejects it: ${sayState(delivery)}` }))
        .on("released", () => resolve({ no: "the broker gives it back: it reaches no queue" }));
      const late = setTimeout(
        () =>
          resolve({
            no: sent ? `sent, and not received in ${carryMs / 1000} s` : "the broker takes no message for it",
          }),
        carryMs,
      );
      try {
        return await promise;
      } finally {
        clearTimeout(late);
        for (const delivery of held) delivery.release({ delivery_failed: false, undeliverable_here: false });
        receiver.close();
      }
    });
  } catch (error) {
    if (!(error instanceof AmqpRefusal)) throw error;
    if (error.condition === "amqp:not-found") return { no: error.message };
    if (error.condition === "amqp:unauthorized-access") throw denied(`cannot send to ${address}`, error.message);
    throw failedProbe(`cannot send to ${address}`, error.message);
  }
}

function sayState(delivery: Delivery | undefined): string {
  const { error } = (delivery?.remote_state ?? {}) as { error?: { condition?: string; description?: string } };
  return [error?.condition, error?.description].filter(Boolean).join(": ") || "it does not say why";
}
