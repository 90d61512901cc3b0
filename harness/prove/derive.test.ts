// Decides that mutations follow from what was observed and from nothing else, and that what is not an environment's own gives none.
import { describe, expect, test } from "vitest";
import { bind, container, scratch, tmpfs, volume } from "../model/container.ts";
import { defineEnvironment } from "../model/environment.ts";
import type { ImageFacts } from "../model/image.ts";
import { derive } from "./derive.ts";
import { needsOwnClone, type Observation } from "./mutation.ts";
import { sharedStorage } from "./storage.ts";

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

  test("of processes and of what listens: they end; where there was none, one runs", () => {
    const sentry = [{ pid: 7, name: "sentry" }];
    const made = (probe: string, subject: unknown, answer: unknown, of: Observation["of"] = "container") =>
      derive([seen(probe, subject, answer, { of })], environment, { only: ["process", "port"] }).mutations;
    expect(made("processes", "sentry", sentry).map(({ id }) => id)).toEqual(["box: end the process sentry"]);
    expect(made("processes", "sentry", []).map(({ id }) => id)).toEqual(["box: run a process sentry"]);
    expect(made("processes", "sh", [{ pid: 9, name: "sh" }])).toEqual([]); // whoever asks needs it
    const [listener] = [{ protocol: "tcp", address: "0.0.0.0", port: 80, inode: "1" }];
    expect(made("socket tables", "tcp/80", [listener]).map(({ id }) => id)).toEqual([
      "box: end what listens on port 80",
    ]);
    // Of an address, who it is of the environment; nobody else's server is ended.
    expect(made("http", "http://box/a", { status: 200 }).map(({ id }) => id)).toEqual([
      "box: end what listens on port 80",
    ]);
    expect(made("http", "http://example.org/", { status: 200 })).toEqual([]);
    expect(made("connect", "localhost 81", { reached: true }).map(({ id }) => id)).toEqual([
      "box: end what listens on port 81",
    ]);
    // In a machine its service is started again; in a container nobody can.
    const own = (of: Observation["of"]) => made("processes", "sentry", sentry, of).map(needsOwnClone);
    expect([own("container"), own("vm")]).toEqual([[true], [false]]);
  });

  test("of a service: stopped for who asks whether it runs, disabled for who asks whether it is started", () => {
    const answer = { manager: "openrc", exists: true, enabled: true, running: true, said: "" };
    const made = (...titles: string[]) =>
      derive([seen("services", "cron", answer, { titles })], environment, { only: ["service"] })
        .mutations.map(({ id }) => id)
        .filter((id) => id.includes("cron"));
    const [runs, starts] = ["service cron is running", "service cron is enabled in runlevel default"] as const;
    expect(made(runs)).toEqual(["box: stop cron"]);
    expect(made(starts)).toEqual(["box: disable cron"]);
    expect(made(runs, starts)).toEqual(["box: stop cron", "box: disable cron"]);
  });

  test("of labels: none where there is no SELinux, which is said and not counted", () => {
    const told = (probe: string, subject: unknown, answer: unknown) => {
      const titles = ["SELinux is enforcing", "SELinux has policy default"];
      const { mutations, refused } = derive([seen(probe, subject, answer, { titles })], environment, {
        only: ["label"],
      });
      return [mutations.map(({ id }) => id), refused.map(({ why }) => why)];
    };
    expect(told("SELinux label", "/a", { selinux: true, label: "u:r:etc_t:s0" })).toEqual([
      ["box: give /a another label"],
      [],
    ]);
    const none = "the node's kernel has no SELinux";
    expect(told("SELinux label", "/a", { selinux: false })).toEqual([[], [none]]);
    expect(told("restorecon", { path: "/a", recursive: false }, { without: none })).toEqual([[], [none]]);
    expect(told("SELinux boolean", "b", true)).toEqual([["box: turn the boolean b round"], []]);
    expect(told("SELinux", "SELinux", { mode: "disabled", why: none })).toEqual([[], [none]]);
    const enforcing = { mode: "enforcing" };
    expect(told("SELinux", "SELinux", enforcing)).toEqual([["box: let SELinux deny nothing"], []]);
    // Who asks for the policy alone need not notice that nothing is denied.
    const other = seen("SELinux", "SELinux", enforcing, { titles: ["SELinux has policy default"] });
    expect(derive([other], environment, { only: ["label"] }).mutations).toEqual([]);
  });

  test("storage is somebody else's where a directory of this machine can be written to", () => {
    const at = (nodes: Parameters<typeof defineEnvironment>[1]["nodes"]) =>
      sharedStorage(defineEnvironment("stored", { nodes }), "db");
    const db = (mounts: Parameters<typeof container>[0]["mounts"]) => ({ db: container({ image: "db:1", mounts }) });
    expect(at(db({ "/data": scratch(), "/cache": tmpfs() }))).toBeUndefined();
    expect(at(db({ "/data": bind("/srv/data") }))).toBe("/data");
    expect(at(db({ "/data": bind("/srv/data", { readOnly: true }) }))).toBeUndefined();
    // What the check is asked of may only share the network of the one that has the data.
    const image = "db:1";
    const other = container({ image, networkFrom: "db", mounts: { "/other": bind("/srv/data") } });
    expect(at({ db: container({ image }), other })).toBe("/other");
    const exported = { films: { nfs: { server: "films.example", path: "/films" } }, own: {} };
    for (const [name, target] of [
      ["films", "/data"],
      ["own", undefined],
    ] as const) {
      const nodes = db({ "/data": volume(name) });
      expect(sharedStorage(defineEnvironment("stored", { volumes: exported, nodes }), "db")).toBe(target);
    }
    const keeper = container({ image, mounts: { "/kept": bind("/srv/data") } });
    expect(at({ keeper, db: container({ image, volumesFrom: ["keeper"] }) })).toBe("/kept");
  });

  test("only and node choose", () => {
    const both = [seen("stat", "/a", stat), seen("getent passwd", "studio", undefined)];
    expect(derive(both, environment, { only: ["user"] }).mutations.map(({ kind }) => kind)).toEqual(["user"]);
    expect(derive(both, environment, { node: "other" }).mutations).toEqual([]);
  });
});
