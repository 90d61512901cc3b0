// Decides what can be declared of an environment's network: whose bridge it is, which way out of it there is, what addresses and names
// end in. Data only; who is on it is the nodes' to say.
import { z } from "zod";
import { domainPattern, publication } from "./publication.ts";
import { overlap, readSubnet } from "./subnet.ts";

export const networkOptions = z
  .strictObject({
    /** CIDR; chosen by the engine when absent. Needed for fixed addresses. */
    subnet: z.cidrv4().optional(),
    /** No way out of it. */
    internal: z.boolean().default(false),
    /**
     * The way out is by this machine's own routes, with the nodes' addresses as they are; without it they are hidden behind this machine's
     * (NAT). Whoever is to answer them must know the way to the subnet. For networks with machines on them.
     */
    routed: z.boolean().default(false),
    /**
     * A bridge that this machine has already, `br0`: machines are put on it and nothing of it is made, changed or removed. Addresses and
     * names there are given by whoever runs it; `address()` tells what a machine got. Containers cannot be on it.
     */
    bridge: z
      .string()
      .regex(
        /^[\w.-]{1,15}$/,
        "expected the name of an interface, up to 15 letters, digits, dots, hyphens or underscores",
      )
      .optional(),
    /**
     * Where machines are on it: what the names of all nodes end with, beside their short ones. Its name server answers for the domain alone,
     * and asks nobody else about it. Default: the environment's name and `.internal`.
     */
    domain: z.string().regex(domainPattern, "expected a domain in lower case, studio.example").optional(),
    /** The names of all nodes on it are published below `domain` once these are ready, by dynamic update (RFC 2136), and withdrawn before they go. */
    publish: publication.optional(),
  })
  .refine(({ internal, routed }) => !(internal && routed), {
    path: ["routed"],
    message: "an internal network has no way out, so none that is routed",
  })
  .refine(
    ({ bridge, subnet, internal, routed, domain }) =>
      bridge === undefined || (subnet === undefined && domain === undefined && !internal && !routed),
    { path: ["bridge"], message: "a bridge of this machine's has its own addresses, names and ways out: declare none" },
  );

export type NetworkDeclaration = z.output<typeof networkOptions>;

/**
 * Two networks whose declared subnets have an address in common: a node on both, and this machine, would not know which of them is meant.
 * @example overlapping({ a: { subnet: "10.1.0.0/16" }, b: { subnet: "10.1.2.0/24" } }) // ["a", "b"]
 */
export function overlapping(
  networks: Readonly<Record<string, Pick<NetworkDeclaration, "subnet">>>,
): readonly [string, string] | undefined {
  const known: { readonly name: string; readonly subnet: string }[] = [];
  for (const [name, { subnet }] of Object.entries(networks)) {
    if (subnet === undefined) continue;
    const other = known.find((each) => overlap(readSubnet(each.subnet), readSubnet(subnet)));
    if (other !== undefined) return [other.name, name];
    known.push({ name, subnet });
  }
  return undefined;
}
