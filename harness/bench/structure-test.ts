// Decides the same questions about an image at rest in container-structure-test's words, whose `tar` driver needs no engine either.
// That driver unpacks the image anew for each test, and knows no owners ("Error checking ownership"): existence and mode are asked. In
// YAML, of which JSON is a part: of a file called .json it takes an owner that is not written for root.
import { stillFiles } from "./still-work.ts";

/** A configuration of its schema 2.0.0 for the first `count` files. `mode` (`-rw-r--r--`) replaces the first file's: a defect to be found. */
export function structureTests(count: number, mode?: string): string {
  const fileExistenceTests = stillFiles.slice(0, count).map(({ path }, index) => ({
    name: path,
    path,
    shouldExist: true,
    permissions: index === 0 && mode !== undefined ? mode : "-rwxr-xr-x",
  }));
  return JSON.stringify({ schemaVersion: "2.0.0", fileExistenceTests });
}

/** Ends with a status of 0 where all are met. */
export function structureTest(program: string, image: string, configuration: string): [string, ...string[]] {
  return [program, "test", "--driver", "tar", "--image", image, "--config", configuration, "--quiet"];
}
