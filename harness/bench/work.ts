// Decides the work that is measured: an image with 100 files, and 300 assertions on them, in Assay's words and in goss's.

import { recipesNamed } from "../commands/recipes.ts";
import { readConfig } from "../config.ts";
import { all, bind, container, defineEnvironment, file, fromRecipe, recipe, run } from "../index.ts";

/** Half of them root's, half of them studio's, in ten directories. */
export const files = Array.from({ length: 100 }, (_, index) => {
  const owner = index % 2 === 0 ? "root" : "studio";
  return { path: `/srv/bench/${Math.floor(index / 10)}/file-${index}`, owner, group: owner };
});

/** How many things are asserted: of each file that it exists, its owner, its group. */
export const assertions = files.length * 3;

const [soe] = await recipesNamed(readConfig().project, ["vfx-studio-soe"]);
if (soe === undefined) throw new Error("there is no recipe vfx-studio-soe to measure with");

/** The standard operating environment with the files in it. */
export const benchRecipe = recipe("bench-soe", {
  version: "0.1.0",
  from: fromRecipe(soe),
  steps: ["root", "studio"].map((owner) => {
    const install = 'for path; do install -D -o "$0" -g "$0" /dev/null "$path"; done';
    return run(["sh", "-euc", install, owner, ...files.filter((each) => each.owner === owner).map(({ path }) => path)]);
  }),
  context: import.meta.dirname,
});

/** The same files made in a node that has neither them nor, perhaps, the user. */
export function filesScript(): string {
  const made = files.map(({ path, owner }) => `install -D -o ${owner} -g ${owner} /dev/null ${path}`);
  return ["set -eu", ...made].join("\n");
}

/** One container of that image; with a directory of goss in it where goss is to run there. */
export function benchEnvironment(name: string, gossDirectory?: string) {
  const mounts = gossDirectory === undefined ? {} : { "/opt/goss": bind(gossDirectory, { readOnly: true }) };
  return defineEnvironment(name, { nodes: { soe: container({ image: benchRecipe, idle: true, mounts }) } });
}

/** Each assertion as a check of its own. `owner` replaces the first file's owner: one defect, to see that it is found. */
export function checks(owner = files[0]?.owner ?? "") {
  return files.flatMap((wanted, index) => {
    const user = index === 0 ? owner : wanted.owner;
    const { path, group } = wanted;
    return [file(path).exists(), file(path).ownedBy(user), file(path).ownedBy(user, group)];
  });
}

/** All assertions as one check. */
export function allChecks(owner?: string) {
  return all(...checks(owner));
}

/** The same assertions as a goss file. */
export function gossfile(owner = files[0]?.owner ?? ""): string {
  const lines = files.map(({ path, group, ...wanted }, index) => {
    const user = index === 0 ? owner : wanted.owner;
    return `  ${path}:\n    exists: true\n    owner: ${user}\n    group: ${group}\n`;
  });
  return `file:\n${lines.join("")}`;
}
