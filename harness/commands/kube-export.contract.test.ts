// Decides that pods and services that are exported are what Kubernetes' own types know: kubectl decodes them by those, without a cluster, and
// gives back all of it. What is misspelt it drops, what is of another type it refuses. Claims and ConfigMaps it decodes by no type here.
import { spawnSync } from "node:child_process";
import { describe, expect, test } from "vitest";
import { readConfig } from "../config.ts";
import { idleEntrypoint } from "../drivers/docker-options.ts";
import { toKube } from "../manifests/to-kube.ts";
import { writtenKube } from "../manifests/written.ts";
import { environmentNamed } from "./recipes.ts";

const there = spawnSync("kubectl", ["version", "--client"]).status === 0;

/** The change that makes kubectl decode an object of a kind by its type. */
const changes: Record<string, readonly string[]> = {
  Pod: ["set", "env", "ASSAY=seen"],
  Service: ["set", "selector", "assay=seen"],
};

interface KubeObject {
  readonly kind: string;
}

/** The object as kubectl has it, changed. */
function decoded(object: KubeObject): {
  readonly object: unknown;
  readonly said: string;
  readonly status: number | null;
} {
  const words = [...(changes[object.kind] ?? []), "--local", "--filename=-", "--output=json"];
  const { stdout, stderr, status } = spawnSync("kubectl", words, {
    input: writtenKube([], [object]),
    encoding: "utf8",
  });
  return { object: stdout === "" ? undefined : JSON.parse(stdout), said: stderr, status };
}

/** Without what kubectl adds, and without what was changed; amounts are the same, and written otherwise. */
function plain(object: unknown): unknown {
  return JSON.parse(JSON.stringify(object), (key, value) => {
    if (["status", "creationTimestamp", "selector"].includes(key)) return undefined;
    if (key === "resources" && JSON.stringify(value) === "{}") return undefined;
    if (key === "targetPort" && value === 0) return undefined;
    if (key === "memory" || key === "sizeLimit") return amount(String(value));
    if (key === "env") {
      const own = (value as { name: string }[]).filter(({ name }) => name !== "ASSAY");
      return own.length === 0 ? undefined : own;
    }
    return value;
  });
}

function amount(text: string): number {
  const units: Record<string, number> = { Ki: 2 ** 10, Mi: 2 ** 20, Gi: 2 ** 30, "": 1 };
  const [, number, unit = ""] = /^(\d+)(\w*)$/.exec(text) ?? [];
  return Number(number) * (units[unit] ?? Number.NaN);
}

describe("kubectl", () => {
  test.for(["studio-pods", "studio-compose", "docker-storage", "docker-web"])(
    "%s is what it decodes",
    async (name, { skip }) => {
      if (!there) skip("there is no kubectl");
      const environment = await environmentNamed(readConfig().project, name);
      const typed = (toKube(environment, idleEntrypoint).objects as KubeObject[]).filter(({ kind }) => kind in changes);
      expect(typed.length).toBeGreaterThan(0);
      for (const each of typed) {
        const { object, said, status } = decoded(each);
        expect(status, said).toBe(0);
        expect(plain(object)).toEqual(plain(each));
      }
    },
  );

  test("and what is misspelt or of another type is found so", ({ skip }) => {
    if (!there) skip("there is no kubectl");
    const pod = (container: object) => ({
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name: "a" },
      spec: { containers: [container] },
    });
    expect(JSON.stringify(decoded(pod({ name: "a", imag: "b" })).object)).not.toContain("imag");
    expect(decoded(pod({ name: "a", image: ["b"] }))).toMatchObject({ object: undefined, status: 1 });
  });
});
