import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { dockerContext } from "./docker-context.ts";

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "assay-context-"));
});
afterEach(() => rmSync(directory, { recursive: true }));

/** As `docker context create` leaves it. */
function context(name: string, endpoint: unknown, files: readonly string[] = []): string {
  const id = createHash("sha256").update(name).digest("hex");
  const meta = join(directory, "contexts", "meta", id);
  mkdirSync(meta, { recursive: true });
  writeFileSync(join(meta, "meta.json"), JSON.stringify({ Name: name, Metadata: {}, Endpoints: { docker: endpoint } }));
  const tls = join(directory, "contexts", "tls", id, "docker");
  mkdirSync(tls, { recursive: true });
  for (const file of files) writeFileSync(join(tls, file), "");
  return tls;
}

test("without a configuration, and in the default context, there is none", () => {
  expect(dockerContext(directory, undefined)).toBeUndefined();
  expect(dockerContext(directory, "default")).toBeUndefined();
  writeFileSync(join(directory, "config.json"), '{"auths":{}}');
  expect(dockerContext(directory, "")).toBeUndefined();
});

test("the context in use, and another one where it is named", () => {
  context("far", { Host: "ssh://root@far", SkipTLSVerify: false });
  context("near", { Host: "unix:///run/near.sock" });
  writeFileSync(join(directory, "config.json"), '{"currentContext":"far"}');
  expect(dockerContext(directory, undefined)).toEqual({ dockerHost: "ssh://root@far" });
  expect(dockerContext(directory, "near")).toEqual({ dockerHost: "unix:///run/near.sock" });
});

test("keys are those that the context has", () => {
  const tls = context("farm", { Host: "tcp://farm:2376" }, ["ca.pem", "cert.pem", "key.pem"]);
  context("trusted", { Host: "tcp://farm:2376" }, ["ca.pem"]);
  expect(dockerContext(directory, "farm")?.dockerTls).toEqual({
    ca: join(tls, "ca.pem"),
    cert: join(tls, "cert.pem"),
    key: join(tls, "key.pem"),
  });
  expect(Object.keys(dockerContext(directory, "trusted")?.dockerTls ?? {})).toEqual(["ca"]);
});

test("what cannot be had is an error that says what there is", () => {
  context("far", { Host: "ssh://root@far" });
  context("blind", { Host: "tcp://far:2376", SkipTLSVerify: true });
  context("empty", {});
  expect(() => dockerContext(directory, "fra")).toThrow(/no docker context "fra"; there are: .*far/);
  expect(() => dockerContext(directory, "blind")).toThrow(/whose certificate/);
  expect(() => dockerContext(directory, "empty")).toThrow(/names no docker endpoint/);
  writeFileSync(join(directory, "config.json"), "{");
  expect(() => dockerContext(directory, undefined)).toThrow(/config\.json cannot be read/);
});
