// Decides how the names of a network are published on a name server of the environment, which names those are, and that nothing is
// declared that no name server could take. Refuses to ask one: that is `lifecycle/publish.ts`.
import { z } from "zod";
import type { NodeDeclaration } from "./environment.ts";
import { DeclarationError } from "./errors.ts";
import { name } from "./option-words.ts";
import { nearest } from "./options.ts";
import { isSecret, type Secret } from "./secret.ts";

const label = "[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?";
/** A domain, or a name in one, in lower case and without a dot at its end. */
export const domainPattern = new RegExp(`^(?=.{1,253}$)${label}(?:\\.${label})*$`);
const base64 = /^(?:[A-Za-z0-9+/]{4})+(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

const tsigKey = z.strictObject({
  /** As the server's configuration calls it. */
  name: z.string().regex(domainPattern, "expected a key's name in lower case, studio or studio.example"),
  secret: z
    .custom<Secret>(isSecret, { error: "expected secret(name, value)", abort: true })
    .refine((value) => base64.test(value.reveal()), "its value is not base64, as tsig-keygen(8) writes it"),
  algorithm: z.enum(["hmac-sha256", "hmac-sha384", "hmac-sha512"]).default("hmac-sha256"),
});

export const publication = z.strictObject({
  /**
   * The node whose name server has the zones: it is on the network, and has nsupdate (Debian: bind9-dnsutils), which runs there. The network's
   * `domain` is a zone of its, or lies in one.
   */
  server: name,
  /** What updates are signed with (TSIG, RFC 8945). It reaches nsupdate on its standard input alone. */
  key: tsigKey,
  /** Seconds that others may keep an answer. */
  ttl: z.int().min(0).max(604_800).default(60),
  /** Names of addresses too; the server has the zones of the network's subnet then. */
  reverse: z.boolean().default(true),
});
export type Publication = z.output<typeof publication>;

/** What a node is called on a network: its host name where it has one, its own, its aliases. */
export function shortNamesOn(network: string, node: string, declaration: NodeDeclaration): readonly string[] {
  if (declaration.kind === "image") return [];
  const { networks, hostname } = declaration;
  const seat = Array.isArray(networks) ? undefined : networks[network];
  const aliases = seat !== undefined && "aliases" in seat ? seat.aliases : [];
  return [...new Set([...(hostname === undefined ? [] : [hostname]), node, ...aliases])];
}

/** The same with the domain that they end with, in lower case. @example "vfx-dev-001.studio.example" */
export function namesOn(
  network: string,
  node: string,
  declaration: NodeDeclaration,
  domain: string,
): readonly string[] {
  const whole = (name: string) => (name === domain || name.endsWith(`.${domain}`) ? name : `${name}.${domain}`);
  return [...new Set(shortNamesOn(network, node, declaration).map((name) => whole(name.toLowerCase())))];
}

/** A network that says where its names are published, and who is on it. */
export interface Published {
  readonly environment: string;
  readonly network: string;
  readonly subnet?: string | undefined;
  readonly domain?: string | undefined;
  readonly publish: Publication;
  readonly nodes: Readonly<Record<string, NodeDeclaration>>;
  readonly on: readonly (readonly [name: string, declaration: NodeDeclaration])[];
  readonly at: string | undefined;
}

/** A `DeclarationError` for what could not be published: `unknown-node`, `bad-option`, `bad-name`. */
export function requirePublishable({ environment, network, subnet, domain, publish, nodes, on, at }: Published): void {
  const refuse = (code: string, seen: string, hint: string) => {
    throw new DeclarationError({ code, at, seen: `${environment}: network "${network}" ${seen}`, hint });
  };
  const { server } = publish;
  const declared = nodes[server];
  if (declared === undefined) {
    const guess = nearest(server, Object.keys(nodes));
    refuse(
      "unknown-node",
      `is published by "${server}", which is no node`,
      guess === undefined ? `the nodes are ${Object.keys(nodes).join(", ")}` : `did you mean "${guess}"?`,
    );
    return;
  }
  if (!on.some(([node]) => node === server))
    refuse("bad-option", `is published by ${server}, which is not on it`, `name "${network}" in ${server}'s networks`);
  if (domain === undefined)
    refuse("bad-option", "is published without a domain", 'say what the names end with: domain: "studio.example"');
  if (subnet === undefined && publish.reverse)
    refuse(
      "bad-option",
      "is published without a subnet, so no server can have the zone of its addresses",
      "declare its subnet, or reverse: false",
    );
  const owners = new Map<string, string>();
  for (const [node, declaration] of on)
    for (const each of namesOn(network, node, declaration, domain ?? "")) {
      const owner = owners.get(each);
      if (!domainPattern.test(each))
        refuse(
          "bad-name",
          `is published, and ${node} is called ${JSON.stringify(each)} there, which is no name for a name server`,
          "use letters, digits and hyphens, 63 between two dots, 253 with the domain",
        );
      if (owner !== undefined)
        refuse(
          "claimed-twice",
          `is published, and both ${owner} and ${node} are called ${each} there`,
          "give each a host name and aliases of its own",
        );
      owners.set(each, node);
    }
}
