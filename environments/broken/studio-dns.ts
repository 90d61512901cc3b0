// Broken twins of the studio's names: the same nodes, and published otherwise than the spec says.
import { zones } from "../../fixtures/studio-dns/recipe.ts";
import { defineEnvironment } from "../../harness/index.ts";
import { nameKey, studioDns } from "../studio-dns.ts";

const { nodes } = studioDns;
const { subnet, domain } = zones;
const how = { server: "names", key: nameKey, ttl: 60 };

/** Nobody learns what an address is called. */
export const forwardOnly = defineEnvironment("broken-forward-only", {
  networks: { studio: { subnet, domain, publish: { ...how, reverse: false } } },
  nodes,
});

/** Who asked once keeps the answer for a day, whatever becomes of the node. */
export const staleNames = defineEnvironment("broken-stale-names", {
  networks: { studio: { subnet, domain, publish: { ...how, ttl: 86_400 } } },
  nodes,
});
