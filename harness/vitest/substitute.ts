// Decides how something stands in for what an environment names: a candidate image for the released one, a broken twin for
// the good one. The specs stay as they are.
import type { Environment, NodeDeclaration } from "../model/environment.ts";
import { DeclarationError } from "../model/errors.ts";
import { fromImage, type Recipe } from "../model/recipe.ts";

/** A declaration that a file exports, found again by its name; or an image by reference. */
export type Substitute = { readonly file: string; readonly name: string } | { readonly image: string };

/** By the name of what is replaced. */
export interface Substitutes {
  readonly recipes: Readonly<Record<string, Substitute>>;
  readonly environments: Readonly<Record<string, Substitute>>;
}

/**
 * The environment that is stood up in the place of a declared one. It must have the same nodes: a `DeclarationError`
 * (code `other-nodes`) else.
 */
export async function substituted(
  environment: Environment,
  { recipes, environments }: Substitutes,
): Promise<Environment> {
  const other = environments[environment.name];
  const stood = other === undefined ? environment : await loaded<Environment>(other, "environment");
  const [declared, has] = [environment, stood].map(({ nodes }) => Object.keys(nodes).sort().join(", "));
  if (declared !== has) {
    throw new DeclarationError({
      code: "other-nodes",
      at: stood.at,
      seen: `environment ${stood.name} cannot stand in for ${environment.name}: it has the nodes ${has}, not ${declared}`,
    });
  }
  const nodes = await Promise.all(
    Object.entries<NodeDeclaration>(stood.nodes).map(
      async ([name, node]) => [name, await withImage(node, recipes)] as const,
    ),
  );
  return { ...stood, nodes: Object.fromEntries(nodes) };
}

async function withImage(node: NodeDeclaration, recipes: Substitutes["recipes"]): Promise<NodeDeclaration> {
  const { image } = node;
  const other = typeof image === "object" && "kind" in image ? recipes[image.name] : undefined;
  if (other === undefined) return node;
  if (!("image" in other)) return { ...node, image: await loaded<Recipe>(other, "recipe") };
  if (node.kind === "container") return { ...node, image: fromImage(other.image) };
  throw new DeclarationError({
    code: "bad-substitute",
    at: node.at,
    seen: `container image ${other.image} cannot stand in for a machine's disk`,
  });
}

async function loaded<Declared extends { readonly name: string }>(
  substitute: Substitute,
  kind: string,
): Promise<Declared> {
  if ("image" in substitute)
    throw new DeclarationError({
      code: "bad-substitute",
      seen: `image ${substitute.image} cannot stand in for an ${kind}`,
    });
  const module: Record<string, unknown> = await import(substitute.file);
  const found = Object.values(module).find((value) => {
    const each = value as { kind?: unknown; name?: unknown } | null;
    return typeof value === "object" && each?.kind === kind && each.name === substitute.name;
  });
  if (found === undefined)
    throw new DeclarationError({
      code: "bad-substitute",
      seen: `${substitute.file} exports no ${kind} "${substitute.name}"`,
    });
  return found as Declared;
}
