// A declaration's place is told wherever the harness lies.
import { copyFileSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterEach, beforeEach, expect, test } from "vitest";

let room: string;
beforeEach(() => {
  room = realpathSync(mkdtempSync(join(tmpdir(), "assay call site-")));
});
afterEach(() => rmSync(room, { recursive: true, force: true }));

test("below a directory with a space in its name, too", async () => {
  mkdirSync(join(room, "harness", "model"), { recursive: true });
  copyFileSync(join(import.meta.dirname, "call-site.ts"), join(room, "harness", "model", "call-site.ts"));
  writeFileSync(
    join(room, "harness", "declare.ts"),
    'import { callSite } from "./model/call-site.ts";\nexport const declare = () => callSite();\n',
  );
  const spec = join(room, "a.spec.ts");
  writeFileSync(spec, 'import { declare } from "./harness/declare.ts";\n\nexport const site = declare();\n');
  const { site } = (await import(pathToFileURL(spec).href)) as { site: string | undefined };
  expect(site).toBe(`${spec}:3:21`);
});
