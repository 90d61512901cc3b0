// Decides what `assay export kube` writes: an environment's declaration, whether it stands or not, as objects that a cluster can run.
import { idleEntrypoint } from "../drivers/docker-options.ts";
import { toKube } from "../manifests/to-kube.ts";
import { writtenKube } from "../manifests/written.ts";
import type { Environment } from "../model/environment.ts";
import { DeclarationError } from "../model/errors.ts";

/**
 * YAML for `kubectl apply -f`. What is not in it is said in comments. A `DeclarationError` (`nothing-to-export`) for an environment that
 * has no container of this machine's.
 * @example kubeManifest(environment).text
 */
export function kubeManifest(environment: Environment): { readonly text: string; readonly left: readonly string[] } {
  const { objects, left } = toKube(environment, idleEntrypoint);
  if (!objects.some((each) => "kind" in each && each.kind === "Pod"))
    throw new DeclarationError({
      code: "nothing-to-export",
      at: environment.at,
      seen: `${environment.name} has nothing that a cluster could run: ${left.join("; ")}`,
    });
  const comments = [`${environment.name}: written by assay export kube.`, ...left.map((line) => `not here: ${line}`)];
  return { text: writtenKube(comments, objects), left };
}
