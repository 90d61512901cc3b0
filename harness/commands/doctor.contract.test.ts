// `assay doctor` and `assay setup` on this very machine, where the other contracts run containers.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { Finding } from "../model/capabilities.ts";

const cli = join(import.meta.dirname, "..", "cli.ts");

function assay(words: readonly string[], env: NodeJS.ProcessEnv = {}) {
  return spawnSync(process.execPath, [cli, ...words], { encoding: "utf8", env: { ...process.env, ...env } });
}

function findings(env: NodeJS.ProcessEnv = {}): {
  status: number | null;
  containers: boolean;
  seen: readonly Finding[];
} {
  const { status, stdout } = assay(["doctor", "--json"], env);
  const { containers, findings } = JSON.parse(stdout);
  return { status, containers, seen: findings };
}

test("a host that runs containers says so, and every no has its cause and its remedy", () => {
  const { status, containers, seen } = findings();
  expect({ status, containers }).toEqual({ status: 0, containers: true });
  expect(seen.find(({ what }) => what === "docker engine")).toMatchObject({
    can: "yes",
    detail: expect.stringMatching(/API 1\.\d+/),
  });
  for (const finding of seen.filter(({ can }) => can === "no"))
    expect([finding.cause, finding.remedy], finding.what).not.toContain(undefined);
});

test("hardware virtualisation is no where the CPU has no flag for it, whatever /dev/kvm does", () => {
  const flags = spawnSync("grep", ["-cwE", "vmx|svm", "/proc/cpuinfo"], { encoding: "utf8" }).stdout.trim();
  const { can } = findings().seen.find(({ what }) => what === "hardware virtualisation") ?? {};
  if (flags === "0" && process.arch === "x64") expect(can).toBe("no");
  else expect(["yes", "no", "unknown"]).toContain(can);
});

test("an engine that is not there: 3, with the socket and the next step", () => {
  const { status, containers, seen } = findings({ DOCKER_HOST: "unix:///run/no-such-engine.sock" });
  expect({ status, containers }).toEqual({ status: 3, containers: false });
  expect(seen[0]).toMatchObject({
    what: "docker engine",
    can: "no",
    detail: expect.stringContaining("/run/no-such-engine.sock"),
  });
});

test("a libvirt elsewhere that does not answer: containers can be run, machines cannot", () => {
  const { status, stdout } = assay(["doctor", "--json"], {
    LIBVIRT_DEFAULT_URI: "qemu+unix:///system?socket=/run/no-such",
  });
  const { containers, machines, findings } = JSON.parse(stdout);
  expect({ status, containers }).toEqual({ status: 0, containers: true });
  expect(machines).toContain("/run/no-such");
  expect(findings.find(({ what }: Finding) => what === "libvirt")).toMatchObject({ can: "no", needed: false });
});

test("the table is plain without a terminal and tells the verdict", () => {
  const { status, stdout, stderr } = assay(["doctor"]);
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  expect(stdout).toMatch(
    /^docker engine {2,}yes[\s\S]*\nContainers can be run here\.\nVirtual machines can be run here\.\n$/,
  );
  expect(stdout).not.toContain("\u001b");
});

test("setup has nothing to do here, and says so", () => {
  expect(assay(["setup"])).toMatchObject({ status: 0, stdout: expect.stringMatching(/^Nothing to do/) });
});

test("setup does not start another engine in the place of the one that DOCKER_HOST means", () => {
  const { status, stderr } = assay(["setup", "--yes"], { DOCKER_HOST: "unix:///run/no-such-engine.sock" });
  expect(status).toBe(3);
  expect(stderr).toBe(
    "assay: setup: no engine answers at DOCKER_HOST=unix:///run/no-such-engine.sock; " +
      "start that engine, or unset DOCKER_HOST so that setup may start one of this machine\n",
  );
});

test.each([
  ["start", "sudo npm start"],
  ["test", "sudo npm test"],
  ["setup", "sudo npx assay setup --yes"],
])("without root `%s` does nothing, and says the command to run", (name, command) => {
  const state = mkdtempSync(join(tmpdir(), "assay-user-"));
  try {
    // A checkout may lie where only root can read, as in /root: reading is allowed, and nothing else.
    const reading = ["--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"];
    const nobody = ["--reuid=65534", "--regid=65534", "--clear-groups", ...reading, process.execPath, cli, name];
    const env = { ...process.env, ASSAY_STATE: state };
    const { status, stdout, stderr } = spawnSync("setpriv", nobody, { encoding: "utf8", env });
    expect({ status, stdout }).toEqual({ status: 3, stdout: "" });
    expect(stderr).toBe(
      `Root is needed; nothing was changed. Run:\n  ${command}\nor become root and run it without sudo.\n`,
    );
    expect(readdirSync(state)).toEqual([]);
  } finally {
    rmSync(state, { recursive: true });
  }
});
