// What becomes of a playbook on live containers: done on the members of its group, broken on some of them, impossible on others.
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { soe as image } from "../../fixtures/vfx-studio-soe/recipe.ts";
import { container } from "../model/container.ts";
import { defineEnvironment } from "../model/environment.ts";
import type { ContainerNode, Node } from "../model/node.ts";
import { type Hosts, playbook } from "../model/playbook.ts";
import { secret } from "../model/secret.ts";
import { openStage, type Stage } from "../vitest/stage.ts";
import { type Applied, applyToNodes } from "./apply.ts";
import { whatChanged } from "./told.ts";

const token = secret("plays token", "sesame-of-plays-77");
const big = Buffer.alloc(700_000, "frames\n\0\xff", "latin1");
const context = mkdtempSync(join(tmpdir(), "assay-plays-"));
const home = join(context, "home");
const log = join(context, "ansible.log");
mkdirSync(join(context, "files"));
writeFileSync(join(context, "files/big"), big);
writeFileSync(
  join(context, "servers.yml"),
  `
- hosts: servers
  gather_facts: false
  tasks:
    - name: Noted again and again
      ansible.builtin.shell: echo noted >>/srv/log
    - name: Lent to nobody
      ansible.builtin.command: touch /tmp/nobodys
      args: { creates: /tmp/nobodys }
      remote_user: nobody
    - name: Refused where it is broken
      ansible.builtin.shell: test ! -e /srv/broken || { echo "broken by {{ token }}"; exit 3; }
      changed_when: false
    - name: On this machine where it says so
      ansible.builtin.command: test -e "{{ playbook_dir }}/servers.yml"
      connection: local
      changed_when: false
    - name: A file of some size
      ansible.builtin.copy: { src: big, dest: /srv/big, mode: "0644" }
    - name: And back
      ansible.builtin.fetch: { src: /srv/big, dest: "{{ back }}/" }
      changed_when: false
`,
);
const never = '{ name: Never, ansible.builtin.fail: { msg: "no such luck" } }';
writeFileSync(join(context, "failing.yml"), `- hosts: all\n  gather_facts: false\n  tasks: [${never}]\n`);
writeFileSync(join(context, "nobody.yml"), "- hosts: severs\n  tasks: []\n");
writeFileSync(join(context, "unread.yml"), "- hosts: all\n  roles: [none]\n");

const declare = (file: string) => playbook(file, { context, vars: { token, back: join(context, "back") } });
const servers = declare("servers.yml");
const apply = (hosts: Hosts, which = servers): Promise<Applied> => applyToNodes(which, hosts, { directory: home, log });
const outcomes = ({ played }: Applied) =>
  Object.fromEntries(
    Object.entries(played.hosts).map(([host, { failed, unreachable }]) => [
      host,
      failed > 0 ? "failed" : unreachable > 0 ? "unreachable" : "done",
    ]),
  );

let stage: Stage;
let nodes: Readonly<Record<"a" | "b" | "c" | "outside", ContainerNode>> & { readonly host: Node };
beforeAll(async () => {
  stage = await openStage();
  const box = container({ image, idle: true });
  const named = { a: box, b: box, c: box, outside: container({ image, idle: true, user: "1000:1000" }) };
  ({ nodes } = await stage.standUp(defineEnvironment("plays", { nodes: named })));
});
afterAll(async () => {
  await stage?.close();
  rmSync(context, { recursive: true, force: true });
});

describe("a playbook", () => {
  test("that fails on one host of three is done on the others, and names host, task and output", async () => {
    const { a, b, c, outside } = nodes;
    await b.succeed(["touch", "/srv/broken"]);
    const applied = await apply({ servers: [a, b, c], desks: [outside] });
    expect(outcomes(applied)).toEqual({ a: "done", b: "failed", c: "done" });
    expect(applied.wrong?.name).toBe("AssertionError");
    const said = applied.wrong?.message ?? "";
    expect(said).toContain("servers.yml failed on 1 of 3 hosts; done on a, c");
    expect(said).toContain('plays/b: task "Refused where it is broken"');
    expect(said).toContain("broken by ‹plays token›");
    for (const node of [a, c]) {
      expect(Number(await node.succeed(["stat", "-c", "%s", "/srv/big"]))).toBe(big.length);
      expect(await node.succeed(["stat", "-c", "%U", "/tmp/nobodys"])).toBe("nobody");
      expect(readFileSync(join(context, "back", node.name, "srv/big")).equals(big)).toBe(true);
    }
    await outside.fail(["test", "-e", "/srv/log"]);
  });

  test("leaves its output, without secrets, and nothing else on this machine", () => {
    expect(readFileSync(log, "utf8")).toContain("PLAY RECAP");
    expect(readFileSync(log, "utf8")).not.toContain(token.reveal());
    expect(readdirSync(home)).toEqual([]);
  });

  test("that is not idempotent is found by the task that changed something again", async () => {
    const { a, c, outside } = nodes;
    const { played, wrong } = await apply({ servers: [a, c], desks: outside });
    expect(wrong).toBeUndefined();
    expect(whatChanged(played)?.split("\n")).toEqual([
      '  plays/a: task "Noted again and again"',
      '  plays/c: task "Noted again and again"',
    ]);
  });

  test("says who has no Python, and who was lost, and does the others", async () => {
    const { a, b, c } = nodes;
    await b.succeed({ shell: "rm /usr/bin/python3*" });
    await c.kill();
    const applied = await apply({ servers: [a, b, c] });
    expect(outcomes(applied)).toEqual({ a: "done", b: "failed", c: "unreachable" });
    expect(applied.wrong).toMatchObject({ name: "ObservationError", code: "no-python", node: "plays/b" });
    expect(applied.wrong?.message).toContain("plays/c: task");
    expect((await apply({ servers: c })).wrong).toMatchObject({
      name: "TransportError",
      code: "unreachable",
      node: "plays/c",
      cause: { name: "TransportError" },
    });
  });

  test.each([
    ["for hosts that nobody is", "nobody.yml", "no-host", /is for hosts "severs".*the inventory has servers, a/s],
    ["that ansible cannot read", "unread.yml", "bad-playbook", /the role 'none' was not found/],
  ])("%s is refused with its place", async (_, file, code, words) => {
    const { wrong } = await apply({ servers: nodes.a }, declare(file));
    expect(wrong).toMatchObject({
      name: "DeclarationError",
      code,
      at: expect.stringMatching(/contract\.test\.ts:\d+:\d+$/),
    });
    expect(wrong?.message).toMatch(words);
  });

  test("is refused before anything begins where a file is missing, or a node cannot have it", async () => {
    rmSync(home, { recursive: true });
    await expect(apply({ servers: nodes.a }, declare("server.yml"))).rejects.toMatchObject({ code: "missing-file" });
    await expect(apply({ servers: nodes.host })).rejects.toMatchObject({ code: "no-host" });
    expect(existsSync(home)).toBe(false);
  });
});

describe("an environment's plays", () => {
  const box = container({ image, idle: true });
  const standUp = (name: string, file: string) =>
    stage.standUp(
      defineEnvironment(name, {
        nodes: { one: box, desk: box },
        plays: [{ play: declare(file), hosts: { servers: ["one"] } }],
      }),
    );
  const created = (name: string) =>
    stage.events.filter((event) => event.event === "resource" && event.environment === name).length;

  test("are done when a test gets its nodes, and told of each", async () => {
    const { nodes, takeDown } = await standUp("played", "servers.yml");
    expect(await nodes.one.succeed(["cat", "/srv/log"])).toBe("noted");
    await nodes.desk.fail(["test", "-e", "/srv/log"]);
    const facts = { "playbook servers.yml": "6 ok, 3 changed" };
    expect(stage.events).toContainEqual(expect.objectContaining({ event: "node", node: "one", facts }));
    await takeDown();
  });

  test("that fail keep it from standing, and nothing of it stays", async () => {
    await expect(standUp("unplayed", "failing.yml")).rejects.toMatchObject({
      code: "play-failed",
      message: expect.stringMatching(/unplayed\/one: task "Never"\n.*no such luck/),
    });
    expect(created("unplayed")).toBeGreaterThan(0);
    expect((await stage.found()).filter(({ name }) => name.includes("unplayed"))).toEqual([]);
  });

  test("whose file is missing are refused before anything is created", async () => {
    await expect(standUp("fileless", "server.yml")).rejects.toMatchObject({
      code: "missing-file",
      message: expect.stringContaining('did you mean "servers.yml"?'),
    });
    expect(created("fileless")).toBe(0);
  });
});
