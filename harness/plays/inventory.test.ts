// Who may be in an inventory, and how ansible is told.
import { describe, expect, test } from "vitest";
import { type Hosts, playbook } from "../model/playbook.ts";
import { refusal } from "../model/testing/refusal.ts";
import { inventoryOf } from "./inventory.ts";

const servers = playbook("servers.yml", { context: "/srv" });
const node = (title: string, kind = "container") => ({ title, name: title.split("/").at(-1), kind }) as never;
const [one, two, desk] = [node("studio/one"), node("studio/two", "vm"), node("studio/desk")];
const inventory = (hosts: Hosts) => inventoryOf(servers, hosts);

test("groups and their hosts are told; `all` holds who is in no other", () => {
  const { text, nodes, groups } = inventory({ servers: [one, two], storage: two, none: [], all: desk });
  const { all } = JSON.parse(text);
  expect(all.children).toEqual({
    servers: { hosts: { one: {}, two: {} } },
    storage: { hosts: { two: {} } },
    none: { hosts: {} },
  });
  expect(all.hosts).toEqual({ desk: {} });
  expect([...nodes.keys()]).toEqual(["one", "two", "desk"]);
  expect(groups).toEqual(["servers", "storage", "none", "all"]);
});

describe("refused, with the declaration's place", () => {
  test.each<[string, Hosts, string, string]>([
    ["a group's name", { "vfx-dev": one }, "bad-name", '"vfx-dev" is not a name for a group'],
    ["a group of ansible's own", { ungrouped: one }, "bad-name", '"ungrouped" is not a name for a group'],
    ["this machine", { servers: node("host", "host") }, "no-host", "is not applied to this machine"],
    ["an image at rest", { servers: node("studio/still", "image") }, "no-host", "studio/still runs nothing"],
    ["a node that is not there", { servers: [undefined as never] }, "no-host", "undefined runs nothing"],
    ["nobody", { servers: [] }, "no-host", "it has no host"],
    ["two of one name", { a: one, b: node("other/one") }, "claimed-twice", "studio/one and other/one"],
  ])("%s", (_, hosts, code, words) => {
    const error = refusal(() => inventory(hosts));
    expect(error.code).toBe(code);
    expect(error.message).toContain(words);
    expect(error.at).toMatch(/inventory\.test\.ts:\d+:\d+$/);
  });

  test("a playbook's options are read strictly", () => {
    expect(refusal(() => playbook("p.yml", { context: "here" })).message).toContain("write import.meta.dirname");
    expect(refusal(() => playbook("p.yml", { context: "/", rols: "roles" } as never)).message).toContain('"roles"');
    expect(refusal(() => playbook("p.yml", { context: "/", timeout: "soon" as never })).code).toBe("bad-option");
  });
});
