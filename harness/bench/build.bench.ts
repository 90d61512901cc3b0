// A disk: built from nothing, and built again with one role changed. In a store of its own, which goes with the run.
import { appendFileSync, cpSync, mkdirSync } from "node:fs";
import { loadavg } from "node:os";
import { join } from "node:path";
import { test } from "vitest";
import { proxies } from "../commands/proxies.ts";
import { expect } from "../index.ts";
import { Store } from "../store/store.ts";
import { scratchOf, session } from "../vitest/session.ts";
import { machineRecipe } from "./machine-work.ts";
import { answer, benchSettings } from "./settings.ts";

const settings = benchSettings();

test("a disk: from nothing, and with one role changed", { timeout: 3_600_000 }, async () => {
  const { settings: run, scope } = session();
  const room = scratchOf(run, scope());
  mkdirSync(room, { recursive: true });
  const timings = { full: [] as number[], role: [] as number[], load: [loadavg()[0] ?? 0] };
  const places = { directory: join(room, "store"), disks: join(room, "disks"), environment: proxies() };
  const store = new Store(places);
  const timed = async (recipe: typeof machineRecipe, into: number[]) => {
    const began = performance.now();
    const { built } = await store.build(recipe, { say: () => undefined });
    into.push(performance.now() - began);
    return built;
  };
  expect(await timed(machineRecipe, timings.full)).toBe(true);
  const context = join(room, "context");
  cpSync(machineRecipe.context, context, { recursive: true });
  appendFileSync(
    join(context, "roles/chrony/tasks/main.yml"),
    '\n- name: Changed\n  ansible.builtin.command: "true"\n',
  );
  expect(await timed({ ...machineRecipe, context }, timings.role)).toBe(true);
  timings.load.push(loadavg()[0] ?? 0);
  answer(settings, timings);
});
