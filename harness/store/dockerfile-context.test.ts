// Which files of a directory a builder gets.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { DeclarationError } from "../model/errors.ts";
import { dockerContext } from "./dockerfile-context.ts";

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "assay-docker-context-"));
  writeFileSync(join(directory, "Dockerfile"), "FROM scratch\n");
  writeFileSync(join(directory, "token"), "secret");
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const refused = (code: string, seen: string) => new DeclarationError({ code, seen });
const names = async () => Object.keys(await dockerContext(directory, "Dockerfile", refused));

test("what .dockerignore names is left out, and nothing where there is none", async () => {
  expect(await names()).toEqual(["Dockerfile", "token"]);
  writeFileSync(join(directory, ".dockerignore"), "token\n");
  expect(await names()).toEqual([".dockerignore", "Dockerfile"]);
});

test("one that cannot be read lets nothing through", async () => {
  mkdirSync(join(directory, ".dockerignore"));
  await expect(names()).rejects.toMatchObject({ code: "bad-file" });
});
