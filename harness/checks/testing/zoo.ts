// Decides the Celery application that contract tests put beside a broker: an image with it on another one, and how its programs start.
import type { ContainerNode } from "../../model/node.ts";
import { copy, fromRecipe, type Recipe, recipe, run } from "../../model/recipe.ts";
import { secret } from "../../model/secret.ts";

export const user = "zoo";
export const password = secret("zoo's password", "zebra-crossing");
export const wrongPassword = secret("a wrong password", "not-the-password");

/** The application on another image. */
export const zooOn = (base: Recipe): Recipe =>
  recipe("celery-contract", {
    version: "1",
    from: fromRecipe(base),
    steps: [
      run(["apt-get", "update"]),
      run(["apt-get", "install", "--yes", "--no-install-recommends", "python3-celery", "procps"]),
      copy("zoo.py", "/opt/zoo/zoo.py", { mode: 0o644 }),
    ],
    context: import.meta.dirname,
  });

/** A program of Celery's in the background: `worker`, `beat`. Its log is `/tmp/<first word>.log`. */
export async function start(
  node: ContainerNode,
  words: readonly [string, ...string[]],
  { broker = "127.0.0.1", results }: { readonly broker?: string; readonly results?: "rpc://" } = {},
): Promise<{ stop(): Promise<void> }> {
  const script = 'cd /opt/zoo; setsid python3 -m celery -A zoo "$@" >"/tmp/$1.log" 2>&1 </dev/null & echo $!';
  const pid = await node.succeed(["sh", "-c", script, "sh", ...words], {
    env: {
      HOME: "/tmp",
      PYTHONDONTWRITEBYTECODE: "1",
      BROKER: `amqp://${user}:${password.reveal()}@${broker}//`,
      ...(results === undefined ? {} : { RESULTS: results }),
    },
  });
  return {
    async stop() {
      await node
        .as("root")
        .exec(["sh", "-c", 'pkill -TERM -s "$1"; while pgrep -s "$1" >/dev/null; do sleep 0.1; done', "sh", pid]);
    },
  };
}
