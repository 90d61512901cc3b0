import { expect, test } from "vitest";
import { container } from "../model/container.ts";
import { defineEnvironment } from "../model/environment.ts";
import { playbook } from "../model/playbook.ts";
import { ansible, copy, debianRootfs, dockerfile, fromArchive, fromRecipe, recipe } from "../model/recipe.ts";
import { fromRootfs, stillImage } from "../model/still.ts";
import { pathsOf } from "./recipe-paths.ts";

const of = (
  name: string,
  from: Parameters<typeof recipe>[1]["from"],
  steps: Parameters<typeof recipe>[1]["steps"] = [],
) => recipe(name, { version: "1", from, steps, context: `/ctx/${name}` });

test("what recipes name, and what those name that they start from", () => {
  const base = of("base", debianRootfs({ suite: "bookworm" }), [copy("etc", "/etc")]);
  const soe = of("soe", fromRecipe(base), [ansible({ playbook: "site/play.yml", roles: "roles" })]);
  const built = of("built", dockerfile("app", { bases: { base } }));
  const given = of("given", fromArchive("given.tar"));
  const environment = defineEnvironment("e", {
    nodes: {
      soe: container({ image: soe, idle: true }),
      built: container({ image: built, idle: true }),
      given: container({ image: given, idle: true }),
      named: container({ image: "debian:12", idle: true }),
      still: stillImage({ image: fromRootfs("/srv/rootfs") }),
    },
    plays: [{ play: playbook("plays/servers.yml", { context: "/ctx" }), hosts: { servers: ["soe"] } }],
  });
  expect(pathsOf(environment)).toEqual([
    "/ctx/base/etc",
    "/ctx/built/app",
    "/ctx/given/given.tar",
    "/ctx/plays",
    "/ctx/soe/roles",
    "/ctx/soe/site",
    "/srv/rootfs",
  ]);
});
