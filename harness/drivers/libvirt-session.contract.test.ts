// Decides that machines also run on a user's own libvirt, `qemu:///session`, for a user who is not root: boot, reset, evidence, end.
// On a daemon of the test's own.
import { spawn } from "node:child_process";
import { statSync } from "node:fs";
import { dirname, join } from "node:path";
import { text } from "node:stream/consumers";
import { expect, test } from "vitest";
import { machine } from "../../fixtures/debian-machine/recipe.ts";
import { proxies } from "../commands/proxies.ts";
import { readConfig } from "../config.ts";
import { Store } from "../store/store.ts";
import { openStage } from "../vitest/stage.ts";
import { PrivateLibvirt } from "./testing/private-libvirt.ts";
import type { SessionFacts, SessionSeen } from "./testing/session-machine.ts";

const nobody = { uid: 65534, gid: 65534 };

/** The first directory on the way to a file that strangers may not pass through. */
function closedOn(path: string): string | undefined {
  const directory = dirname(path);
  if (directory === path) return undefined;
  return closedOn(directory) ?? ((statSync(directory).mode & 0o001) === 0 ? directory : undefined);
}

test("a machine, by and for somebody who is not root", { timeout: 300_000 }, async ({ skip }) => {
  const script = join(import.meta.dirname, "testing", "session-machine.ts");
  const closed = closedOn(script);
  if (closed !== undefined) skip(`only its owner may pass through ${closed}, and this test is about another user`);
  const config = readConfig();
  const stage = await openStage();
  const store = new Store({ directory: config.store, disks: config.disks, environment: proxies() });
  const { image } = await store.build(machine, { source: stage.driver.images });
  const libvirt = await PrivateLibvirt.start({ session: nobody });
  try {
    const facts: SessionFacts = { uri: libvirt.uri, directory: libvirt.directory, recipe: machine, image };
    const child = spawn(process.execPath, [script], {
      ...nobody,
      cwd: "/",
      env: { HOME: libvirt.directory, PATH: process.env["PATH"] },
      stdio: ["pipe", "pipe", "inherit"],
    });
    child.stdin.end(JSON.stringify(facts));
    const seen: SessionSeen = JSON.parse(await text(child.stdout));
    expect(seen).toEqual({
      uid: nobody.uid,
      inside: "Linux",
      dirtAfterReset: false,
      found: ["domain running"],
      evidence: ["log", "journal", "dmesg", "qemu", "domain"].map((title) => `${title}: there`),
      left: [],
      wired: expect.stringContaining("a user's own libvirt has no networks; leave networks out"),
    } satisfies SessionSeen);
  } finally {
    await libvirt.close();
    await stage.close();
  }
});
