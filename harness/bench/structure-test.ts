// Decides the same questions about an image at rest in container-structure-test's words, whose `tar` driver needs no engine either.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { stillFiles } from "./still-work.ts";

/** A configuration of its schema 2.0.0 for the first `count` files; ids are those of the image's `tree`. `uid` replaces the first file's: a defect to be found. */
export function structureTests(tree: string, count: number, uid?: number): string {
  const ids = new Map(
    readFileSync(join(tree, "etc", "passwd"), "utf8")
      .split("\n")
      .map((line) => line.split(":"))
      .map(([name = "", , own, group]) => [name, { uid: Number(own), gid: Number(group) }] as const),
  );
  const fileExistenceTests = stillFiles.slice(0, count).map(({ path, owner }, index) => ({
    name: path,
    path,
    shouldExist: true,
    ...ids.get(owner),
    ...(uid !== undefined && index === 0 ? { uid } : {}),
  }));
  return JSON.stringify({ schemaVersion: "2.0.0", fileExistenceTests });
}

/** Ends with a status of 0 where all are met. */
export function structureTest(program: string, image: string, configuration: string): [string, ...string[]] {
  return [program, "test", "--driver", "tar", "--image", image, "--config", configuration, "--quiet"];
}
