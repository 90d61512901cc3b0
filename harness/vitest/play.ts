// Decides how a spec applies a playbook to live nodes, and says that a second time changes nothing. Each host is a line of the report.
import { join } from "node:path";
import { expect } from "vitest";
import { HarnessError } from "../model/errors.ts";
import type { Hosts, Playbook, Played, PlayedHost } from "../model/playbook.ts";
import { brokenTask, changedTasks, sayCounts, sayTask, whatChanged } from "../plays/told.ts";
import { pathsOfSteps } from "../store/recipe-paths.ts";
import { tellInputs } from "./inputs.ts";
import { readPaths } from "./reads.ts";
import { session } from "./session.ts";

declare module "vitest" {
  interface Matchers<R extends void | Promise<void> = void | Promise<void>, T = unknown> {
    /**
     * No task of what `play` gave changed anything, on any host: what a playbook that was applied before has to say. Fails with the
     * hosts and tasks that did.
     * @example expect(await play(nfsClient, { servers: dev })).toChangeNothing();
     */
    toChangeNothing(): T extends Played ? void : never;
  }
}

let plays = 0;

/**
 * Applies a playbook to live nodes, containers or machines alike, and resolves with what came of it on each host. `hosts`: group of the
 * inventory → its nodes; a play is done on the nodes of the groups that its `hosts` name. Commands run on a node by the node's own
 * transport, as its administrator unless the playbook has another `remote_user`; nodes need python3, and no network. A host that fails
 * does not stop the others; then it rejects with an assertion that names host, task and output. With a `HarnessError` where something
 * could not be asked: `unreachable`, `no-python`; `missing-file`, `bad-playbook`, `no-host` for what is declared wrongly.
 *
 * @example
 * await play(nfsClient, { servers: dev, storage: server });
 * expect(await play(nfsClient, { servers: dev, storage: server })).toChangeNothing();
 */
export async function play(playbook: Playbook, hosts: Hosts): Promise<Played> {
  const { settings, events } = session();
  const began = performance.now();
  readPaths(pathsOfSteps(playbook));
  tellInputs(expect.getState().testPath ?? "");
  plays += 1;
  const log = join("evidence", "plays", `${process.pid}-${plays}.log`);
  const { applyToNodes } = await import("../plays/apply.ts");
  const { played, wrong } = await applyToNodes(playbook, hosts, {
    directory: join(settings.scratch, "plays"),
    log: join(settings.report, log),
  });
  const ms = performance.now() - began;
  for (const host of Object.values(played.hosts)) {
    const broken = brokenTask(host);
    const lost = broken !== undefined && (host.failed === 0 || (wrong instanceof HarnessError && host.failed > 0));
    tell(host, {
      title: `playbook ${playbook.name} is done`,
      playbook: playbook.name,
      outcome: broken === undefined ? "passed" : lost ? "errored" : "failed",
      expected: "no task fails",
      seen: broken === undefined ? sayCounts(host) : sayTask(broken),
      ms,
    });
    const [environment = "", node = ""] = host.node.split("/");
    events.say({
      event: "evidence",
      at: Date.now(),
      environment,
      node,
      title: `playbook ${playbook.name}`,
      path: log,
    });
  }
  if (wrong !== undefined) throw wrong;
  return played;
}

expect.extend({
  toChangeNothing(played: Played) {
    const { playbook, hosts } = played;
    const title = `playbook ${playbook} changes nothing`;
    const expected = "no task changes anything";
    for (const host of this.isNot === true ? [] : Object.values(hosts)) {
      const changed = changedTasks(host);
      const seen = changed.length === 0 ? sayCounts(host) : changed.map(sayTask).join("\n");
      tell(host, { title, playbook, outcome: changed.length === 0 ? "passed" : "failed", expected, seen, ms: 0 });
    }
    const changed = whatChanged(played);
    return {
      pass: changed === undefined,
      message: () =>
        changed === undefined
          ? `playbook ${playbook} was expected to change something`
          : `playbook ${playbook} was expected to change nothing, as it had been applied before\n${changed}`,
    };
  },
});

function tell(
  { node }: PlayedHost,
  {
    playbook,
    ...told
  }: {
    title: string;
    playbook: string;
    outcome: "passed" | "failed" | "errored";
    expected: string;
    seen: string;
    ms: number;
  },
): void {
  const { testPath, currentTestName } = expect.getState();
  session().events.say({
    event: "check",
    at: Date.now(),
    file: session().said(testPath ?? ""),
    test: currentTestName ?? "",
    node,
    negated: false,
    command: `ansible-playbook ${playbook}`,
    tries: 1,
    ...told,
    ...(told.outcome === "errored" ? { reason: told.seen } : {}),
  });
}
