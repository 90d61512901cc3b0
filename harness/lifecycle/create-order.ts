// Decides in which order resources come to be. In which they go is another matter: see `release.ts`.
import type { PlannedResource } from "../drivers/driver.ts";

/** Several drivers' plans as one, such that each resource comes after those it needs. */
export function inOrder(planned: readonly PlannedResource[]): readonly PlannedResource[] {
  const byName = new Map(planned.map((each) => [each.name, each]));
  const ordered = new Set<PlannedResource>();
  const visit = (each: PlannedResource) => {
    for (const name of each.needs) {
      const need = byName.get(name);
      if (need !== undefined && !ordered.has(need)) visit(need);
    }
    ordered.add(each);
  };
  for (const each of planned) visit(each);
  return [...ordered];
}
