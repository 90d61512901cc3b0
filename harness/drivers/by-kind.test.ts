// Decides that an engine which could not be opened is tried again: who mends what was told need not start anew.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { Engines } from "./by-kind.ts";
import { makeAuthority } from "./testing/tls-proxy.ts";

test("an engine whose keys were not there is opened once they are", async () => {
  const directory = mkdtempSync(join(tmpdir(), "assay-engines-"));
  const refuse = () => Promise.reject(new Error("nobody asks for it here"));
  const engines = new Engines({
    dockerHost: "tcp://127.0.0.1:2376",
    dockerTls: { ca: join(directory, "ca.pem") },
    scratch: join(directory, "scratch"),
    accelerator: refuse,
    archives: { merge: refuse },
    disks: { verify: refuse, inspect: refuse },
    still: { files: refuse, built: refuse, exported: refuse },
  });
  try {
    await expect(engines.docker()).rejects.toMatchObject({ code: "tls-files" });
    makeAuthority(directory);
    const opened = await engines.docker();
    expect(await engines.docker()).toBe(opened);
  } finally {
    await engines.close();
    rmSync(directory, { recursive: true });
  }
});
