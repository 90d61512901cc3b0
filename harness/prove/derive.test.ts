// Decides that mutations follow from what was observed and from nothing else, and that what is not an environment's own gives none.
import { describe, expect, test } from "vitest";
import { container, scratch, tmpfs } from "../model/container.ts";
import { defineEnvironment } from "../model/environment.ts";
import type { ImageFacts } from "../model/image.ts";
import { derive } from "./derive.ts";
import type { Observation } from "./mutation.ts";

const stat = { type: "file", mode: 0o644, uid: 0, gid: 0, user: "root", group: "root", size: 3, target: undefined };
const environment = defineEnvironment("studio", {
  nodes: {
    box: container({
      image: "box:1",
      idle: true,
      hostname: "milla",
      mounts: { "/vfx": scratch(), "/cache": tmpfs({ size: "16m" }) },
      env: { MODE: "quick" },
    }),
  },
});

function seen(probe: string, subject: unknown, answer: unknown, more: Partial<Observation> = {}): Observation {
  const key = `box ${probe} ${JSON.stringify(subject)}`;
  return { key, node: "box", of: "container", probe, subject, answer, facets: new Set(), titles: [], ...more };
}

const ids = (...observations: Observation[]) => derive(observations, environment, {}).mutations.map(({ id }) => id);
const declared = ["box: give it no host name of its own", "box: give the variable MODE another value"];

describe("mutations", () => {
  test("of a file: each of what stat tells", () => {
    expect(ids(seen("stat", "/a", stat))).toEqual([
      "box: take /a away",
      "box: another user owns /a",
      "box: another group owns /a",
      "box: allow everybody to write to /a",
      ...declared,
    ]);
    expect(ids(seen("stat", "/a", undefined))).toEqual(["box: make /a", ...declared]);
    expect(ids(seen("stat", "/a", { ...stat, type: "symbolic link", target: "b" }))).toContain(
      "box: lead /a elsewhere",
    );
  });

  test("of contents: a line more only where all of them are said", () => {
    const contents = { bytes: Buffer.from("a"), whole: true };
    expect(ids(seen("contents", "/a", contents))).not.toContain("box: add a line to /a");
    expect(ids(seen("contents", "/a", contents, { titles: ["file /a has exactly the contents a"] }))).toContain(
      "box: add a line to /a",
    );
  });

  test("of an account: what a judge reads of it", () => {
    const entry = { uid: 1500, gid: 1500, gecos: "", home: "/home/studio", shell: "/bin/sh" };
    expect(ids(seen("getent passwd", "studio", entry, { facets: new Set(["shell"]) }))).toEqual([
      "box: take the user studio away",
      "box: give the user studio another shell",
      ...declared,
    ]);
  });

  test("of an image: what a judge reads of what it declares", () => {
    const facets = new Set(["config", "config/cmd", "config/labels", "config/labels/org.example/version"]);
    const { mutations } = derive([seen("image", undefined, undefined, { facets })], environment, { only: ["image"] });
    const facts = {
      config: { cmd: ["sh"], labels: { "org.example/version": "1", other: "2" } },
    } as unknown as ImageFacts;
    const changed = mutations.map(({ change }) => (change.way === "image" ? change.change(facts).config : undefined));
    expect(changed).toEqual([
      { cmd: ["sh", "assay-prove"], labels: facts.config.labels },
      { cmd: ["sh"], labels: { "org.example/version": "another-value-0910", other: "2" } },
    ]);
  });

  test("of a mount: where something at or below it was looked at", () => {
    expect(ids(seen("mountinfo", "/cache", {}))).toEqual([
      "box: cut the mount /cache",
      "box: give another size to /cache",
      "box: put on disk what is to be memory at /cache",
      ...declared,
    ]);
    const [cut, ...more] = derive([seen("stat", "/vfx/a", stat)], environment, { only: ["mount"] }).mutations;
    expect(more).toEqual([]); // nobody looks at the mount itself
    expect(cut?.id).toBe("box: cut the mount /vfx");
    const other = cut?.change.way === "declaration" ? cut.change.change(environment) : environment;
    expect(Object.keys((other.nodes as typeof environment.nodes).box.mounts)).toEqual(["/cache"]);
    expect(Object.keys(environment.nodes.box.mounts)).toEqual(["/vfx", "/cache"]);
  });

  test("the same from two observations is one", () => {
    const [first] = derive(
      [seen("stat", "/a", stat), seen("contents", "/a", { bytes: Buffer.from("a"), whole: true })],
      environment,
      { only: ["file"] },
    ).mutations;
    expect(first).toMatchObject({ id: "box: take /a away", from: ['box stat "/a"', 'box contents "/a"'] });
  });

  test("of this machine and of an image at rest there are none", () => {
    for (const [of, why] of [
      ["host", "this machine is never changed"],
      ["image", "an image at rest is never changed"],
    ] as const) {
      const { mutations, refused } = derive([seen("stat", "/a", stat, { of, node: of })], environment, {});
      expect(mutations).toEqual([]);
      expect(refused).toHaveLength(4);
      expect(new Set(refused.map((each) => each.why))).toEqual(new Set([why]));
    }
  });

  test("only and node choose", () => {
    const both = [seen("stat", "/a", stat), seen("getent passwd", "studio", undefined)];
    expect(derive(both, environment, { only: ["user"] }).mutations.map(({ kind }) => kind)).toEqual(["user"]);
    expect(derive(both, environment, { node: "other" }).mutations).toEqual([]);
  });
});
