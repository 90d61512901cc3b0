// Decides that a run ends whose client waits for a server that is gone: nobody waits with it, what hangs is told, and nothing is left.
import { afterAll, beforeAll, expect, test } from "vitest";
import { nfsServer } from "../../fixtures/studio-nfs/recipe.ts";
import { proxies } from "../commands/proxies.ts";
import { engineFacts } from "../commands/surroundings.ts";
import { readConfig } from "../config.ts";
import type { Engines } from "../drivers/by-kind.ts";
import { enginesOf } from "../engines.ts";
import { Store } from "../store/store.ts";
import { nothing, RunStage } from "../vitest/run-stage.ts";
import { libvirtFilesOf, processesNaming } from "./testing/machine-remains.ts";

const config = readConfig();
let engines: Engines;
beforeAll(async () => {
  engines = enginesOf(engineFacts(config));
  await new Store({ directory: config.store, disks: config.disks, environment: proxies() }).build(nfsServer);
}, 900_000);
afterAll(() => engines.close());

/** It may be that nothing else ends it: the test's own time is the bound. */
test("a mount whose server has crashed is told at the teardown, which does not wait for it", async () => {
  using stage = new RunStage({ env: process.env, subject: "hung.subject", drivers: [await engines.libvirt()] });
  const { code, output } = await stage.start().ended;
  expect(code, output).toBe(0);
  const hangs = (target: string) =>
    `mount ${target} \\(nfs4 from [\\d.]+:/srv/nfs/vfx\\) hangs: its server answers nothing, and sh \\(pid \\d+\\) waits for it`;
  const remark = new RegExp(`^(${hangs("/vfx")}; ${hangs("/bound")}|${hangs("/bound")}; ${hangs("/vfx")})$`);
  const remarked = output.split("\n").filter((line) => line.startsWith("! "));
  expect(remarked).toEqual([expect.stringMatching(/^! hung\/client destroy: /)]);
  expect(remarked[0]?.slice("! hung/client destroy: ".length)).toMatch(remark);
  const { environments, evidence } = stage.report();
  const client = environments[0]?.nodes.find(({ node }) => node === "client");
  expect(client?.phases.filter(({ phase }) => phase === "destroy")).toMatchObject([
    { state: "done", detail: expect.stringMatching(remark) },
  ]);
  expect(evidence.filter(({ title }) => title === "hung mounts").map(({ node }) => node)).toEqual(["client"]);
  const runs = stage.runs();
  expect({
    ...(await stage.left()),
    carriers: runs.flatMap(processesNaming),
    files: runs.flatMap(libvirtFilesOf),
  }).toEqual({ ...nothing, carriers: [], files: [] });
}, 900_000);
