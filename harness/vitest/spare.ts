// Decides what comes up while a test runs: a spare, which is the clean environment of the next one. Refuses what there is one of, and what a
// spare would share with the environment that is in use.
import { exclusiveNames } from "../lifecycle/takes.ts";
import type { Environment, NodeDeclaration } from "../model/environment.ts";
import { DeclarationError } from "../model/errors.ts";

/** A test, or what holds tests, as vitest has them. */
interface Task {
  readonly type: string;
  readonly mode: string;
  readonly tasks?: readonly Task[];
}

/** A `DeclarationError` (code `no-spare`) for an environment of which two cannot stand beside each other. */
export function refuseSpare(environment: Environment, perTest: boolean): void {
  const [only] = exclusiveNames(environment);
  const nodes = Object.entries<NodeDeclaration>(environment.nodes);
  const machine = nodes.find(([, { kind }]) => kind === "vm")?.[0];
  const shared = nodes.flatMap(([name, node]) =>
    node.kind !== "container"
      ? []
      : Object.values(node.mounts).flatMap((mount) =>
          mount.mount === "bind" && !mount.readOnly ? [`${mount.source}, which ${name} may write to`] : [],
        ),
  )[0];
  const why = !perTest
    ? 'its tests share one environment: a spare is for isolation: "test"'
    : machine !== undefined
      ? `its machine ${machine} is brought back in place, which is sooner done`
      : only !== undefined
        ? `both would want ${only}`
        : shared !== undefined
          ? `both would have ${shared}`
          : undefined;
  if (why === undefined) return;
  throw new DeclarationError({
    code: "no-spare",
    at: environment.at,
    seen: `environment ${environment.name} has no spare beside it: ${why}`,
    hint: "leave out spare: true, or what both would want",
  });
}

/** Whether some test comes after this one in its file. */
export function isFollowed(file: Task, task: Task): boolean {
  const tests = testsIn(file);
  return tests.slice(tests.indexOf(task) + 1).some(({ mode }) => mode === "run" || mode === "queued");
}

function testsIn(task: Task): readonly Task[] {
  return task.type === "test" ? [task] : (task.tasks ?? []).flatMap(testsIn);
}
