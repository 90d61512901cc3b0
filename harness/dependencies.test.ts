// Decides who may import whom: house rules as a table, held against the import lines of every file.
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { describe, expect, test } from "vitest";

const root = resolve(import.meta.dirname, "..");
const rooms: Record<string, readonly string[]> = {
  "harness/model": [],
  "harness/transports": ["harness/model"],
  "harness/checks": ["harness/model"],
  "harness/store": ["harness/model"],
  "harness/manifests": ["harness/model", "harness/checks"],
  "harness/prove": ["harness/model", "harness/checks"],
  "harness/plays": ["harness/model", "harness/store"],
  "harness/diff": ["harness/model", "harness/checks"],
  "harness/reporting": ["harness/model", "harness/diff"],
  "harness/capsule": ["harness/model", "harness/store", "harness/reporting"],
  "harness/drivers": ["harness/model", "harness/transports"],
  "harness/faults": ["harness/model", "harness/drivers", "harness/lifecycle/faults.ts"],
  "harness/health": ["harness/model", "harness/checks"],
  "harness/host": ["harness/model"],
  "harness/lifecycle": ["harness/model", "harness/store", "harness/plays", "harness/drivers/driver.ts"],
  "harness/vitest": ["harness"],
  "harness/commands": ["harness"],
  "harness/bench": ["harness"],
  harness: ["harness"],
  // What runs are killed in the middle of is a spec in all but name.
  "fixtures/crash": ["harness/index.ts", "environments", "fixtures"],
  fixtures: ["harness/index.ts", "fixtures"],
  environments: ["harness/index.ts", "fixtures", "environments"],
  specs: ["harness/index.ts", "environments", "fixtures"],
  reports: ["harness/index.ts"],
};

/** Third parties that only some files may name. */
const pinned: Record<string, RegExp> = {
  dockerode: /^harness\/(drivers\/docker[^/]*|transports\/docker-exec|bench\/stack-peers)\.ts$/,
  testcontainers: /^harness\/(drivers\/docker[^/]*|bench\/((peers|ready)\.bench|stack-peers))\.ts$/,
  vitest:
    /^harness\/(index\.ts$|vitest(\.config\.ts|\/))|\.(test|spec|bench)\.ts$|\/contract\.ts$|^fixtures\/broken\/find-twins\.ts$/,
  "vitest/config": /^harness\/vitest\.config\.ts$/,
  "vitest/node": /^harness\/vitest\//,
  zx: /^harness\/(transports\/local|store\/steps[^/]*)\.ts$/,
  "node:sqlite":
    /^harness\/(lifecycle\/(ledger|history)[^/]*|checks\/(testing\/rpm-database|rpm-sqlite|tree-rpm\.test))\.ts$/,
  xmlbuilder2: /^harness\/drivers\/libvirt-xml\.ts$/,
  "xmlbuilder2/lib/interfaces.js": /^harness\/drivers\/libvirt-xml\.ts$/,
  "libxml2-wasm": /^harness\/(drivers\/libvirt-(xml-read|schema)|checks\/data-xml|reporting\/formats\.test)\.ts$/,
  "playwright-core": /^harness\/reporting\/(testing\/browser|page\.contract\.test)\.ts$/,
  "axe-core": /^harness\/reporting\/page\.contract\.test\.ts$/,
  ini: /^harness\/checks\/data-parse\.ts$/,
  yaml: /^harness\/(checks\/data-yaml|manifests\/(placed|written))\.ts$/,
  "libxml2-wasm/lib/nodejs.mjs": /^harness\/drivers\/libvirt-schema\.ts$/,
  "@unraid/libvirt": /^harness\/drivers\/libvirt-binding\.ts$/,
  ssh2: /^harness\/transports\/ssh[^/]*\.ts$/,
  mongodb: /^harness\/checks\/mongodb[^/]*\.ts$/,
  rhea: /^harness\/checks\/amqp[^/]*\.ts$/,
  amqplib: /^harness\/checks\/(amqp-091|celery)[^/]*\.ts$/,
  "@redis/client": /^harness\/checks\/redis[^/]*\.ts$/,
  pg: /^harness\/checks\/postgres[^/]*\.ts$/,
  "@sigstore/sign": /^harness\/reporting\/attest[^/]*\.ts$/,
  "@sigstore/verify": /^harness\/reporting\/attest[^/]*\.ts$/,
  "@sigstore/protobuf-specs": /^harness\/reporting\/attest-trust\.ts$/,
  "@sigstore/bundle": /^harness\/reporting\/attest[^/]*\.ts$/,
  "@sigstore/oci": /^harness\/commands\/attach[^/]*\.ts$/,
  commander: /^harness\/(cli|commands\/[^/]+)\.ts$/,
};

function sources(): string[] {
  return ["harness", "specs", "environments", "fixtures", "reports"].flatMap((room) =>
    readdirSync(join(root, room), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && entry.name.endsWith(".ts") && !entry.parentPath.includes("/runs"))
      .map((entry) => relative(root, join(entry.parentPath, entry.name))),
  );
}

function imports(file: string): string[] {
  const text = readFileSync(join(root, file), "utf8");
  return [...text.matchAll(/^\s*(?:import|export)\b[^;]*?from\s+"([^"]+)"|\bimport\(\s*"([^"]+)"/gm)].map(
    (match) => match[1] ?? match[2] ?? "",
  );
}

function roomOf(file: string): string {
  const parts = file.split("/");
  const nested = parts.slice(0, 2).join("/");
  return nested in rooms ? nested : (parts[0] ?? "");
}

/** What is wrong with `file` importing `specifier`; `undefined` when nothing is. */
function objection(file: string, specifier: string): string | undefined {
  if (!specifier.startsWith(".")) {
    const allowed = pinned[specifier];
    return allowed === undefined || allowed.test(file) ? undefined : `${file} may not import ${specifier}`;
  }
  const target = relative(root, resolve(root, dirname(file), specifier));
  const room = roomOf(file);
  // A test may stand its subject up: it may import anything inside harness.
  if (/\.test\.ts$/.test(file) || roomOf(target) === room) return undefined;
  const allowed = rooms[room] ?? [];
  return allowed.some((permitted) => target === permitted || target.startsWith(`${permitted}/`))
    ? undefined
    : `${file} may not import ${target}`;
}

describe("the import table", () => {
  test("every import is one that the table allows", () => {
    const files = sources();
    expect(files.length).toBeGreaterThan(10);
    expect(
      files.flatMap((file) =>
        imports(file)
          .map((specifier) => objection(file, specifier))
          .filter((text) => text !== undefined),
      ),
    ).toEqual([]);
  });

  test.each([
    ["harness/model/node.ts", "../drivers/driver.ts"],
    ["harness/checks/file.ts", "../transports/transport.ts"],
    ["harness/lifecycle/run.ts", "../drivers/docker.ts"],
    ["harness/lifecycle/run.ts", "dockerode"],
    ["harness/index.ts", "../fixtures/soe/recipe.ts"],
    ["specs/a.spec.ts", "../harness/model/node.ts"],
  ])("%s importing %s is found", (file, specifier) => {
    expect(objection(file, specifier)).toContain("may not import");
  });

  test("process.env is read by the CLI and configuration alone", () => {
    const readers = sources().filter((file) => /process\.env/.test(readFileSync(join(root, file), "utf8")));
    expect(
      readers.filter(
        (file) =>
          !/^harness\/(cli|config|vitest\.config|commands\/[^/]+|dependencies\.test|bench\/[^/]+)(\.test)?\.ts$|\.(contract|crash)\.test\.ts$/.test(
            file,
          ) && file !== "harness/dependencies.test.ts",
      ),
    ).toEqual([]);
  });
});
