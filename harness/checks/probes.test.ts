// Decides that no probe of the vocabulary turns "I could not ask" into an answer. All of them are found by themselves: each is run
// for real where no program is, and its parser is given what broken tools leave. A new probe needs a subject in the table.
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { hostNode } from "../drivers/shell-node.ts";
import type { Probe, ProbeOutput } from "../model/check.ts";
import { ObservationError } from "../model/errors.ts";

type AnyProbe = Probe<unknown, unknown>;

/** Something each probe could be asked about, by the name that it is exported under. */
const subjects: Readonly<Record<string, unknown>> = {
  accessDecision: { source: "container_t", target: "container_file_t", class: "file", permission: "write" },
  addresses: "localhost",
  auditLog: undefined,
  blockDevice: "/dev/vda",
  bootFacts: "boot",
  checkState: "/dev/vda1",
  coresKept: "all",
  cronEntries: "all",
  dnsRecords: { server: "127.0.0.1", name: "a.example", type: "A" },
  echoes: "127.0.0.1",
  failedUnits: {},
  fileAttributes: "/etc/passwd",
  fileContents: "/etc/passwd",
  "fileDigest.md5": "/etc/passwd",
  "fileDigest.sha1": "/etc/passwd",
  "fileDigest.sha512": "/etc/passwd",
  fileLabel: "/etc/passwd",
  fileSha256: "/etc/passwd",
  fileSlice: { path: "/etc/passwd", at: 0, length: 10 },
  fileStat: "/etc/passwd",
  fileSystemFacts: "/",
  filesFound: { kind: "setuid", root: "/usr/bin" },
  firewallRules: "nft",
  exportFacts: "/srv/nfs/vfx",
  fstabFaults: "/etc/fstab",
  gemVersions: "rake",
  groupEntry: "root",
  groupsOf: "root",
  httpExchange: "http://127.0.0.1:1/",
  installedLocales: "locales",
  installedPackages: "packages",
  interfaceFacts: "lo",
  journalLines: {},
  kernelNews: "log",
  kernelTrouble: {},
  listeners: "tcp/22",
  loaderDirectories: "loader",
  machineName: "machine",
  managerFacts: "system",
  mislabelledFiles: { path: "/etc", recursive: false },
  modifiedFiles: "bash",
  moduleFacts: "ext4",
  mountAnswer: { target: "/", within: 5 },
  mountFacts: "/",
  nodeTime: "now",
  openFiles: 1,
  packageFacts: "bash",
  packageSources: "bash",
  passwordAge: "root",
  passwordState: "root",
  portLabel: "tcp/22",
  processContext: 1,
  processEnvironment: 1,
  processLimits: 1,
  processesNamed: "init",
  pythonVersions: "pip",
  reachable: "127.0.0.1 1",
  repositoryFacts: "all",
  residuePaths: { kind: "random-seed", root: "/" },
  routes: "all",
  rpcPrograms: "programs",
  selinuxBooleanValue: "container_use_nfs",
  selinuxModule: "container",
  selinuxState: "SELinux",
  serviceFacts: "openrc ssh",
  setAuditMark: "token",
  shownExports: "127.0.0.1",
  socketHolders: "tcp/22",
  sshdSettings: "",
  sudoRules: "root",
  sudoersFaults: "all",
  synchronisation: "clock",
  unitFacts: "ssh.service",
  unitProperty: "ssh.service Restart",
  userEntry: "root",
  unixListeners: "all",
};

/** Probes that no program's absence can break here, and why. */
const withoutSelinux = "the kernel of this machine says that it has no SELinux, and then nothing else is asked";
const needNoProgram: Readonly<Record<string, string>> = {
  coresKept: "its shell lists the directory",
  loaderDirectories: "its shell reads the files",
  ...Object.fromEntries(
    [
      "accessDecision",
      "auditLog",
      "fileLabel",
      "mislabelledFiles",
      "portLabel",
      "processContext",
      "selinuxBooleanValue",
      "selinuxModule",
      "selinuxState",
      "setAuditMark",
    ].map((name) => [name, withoutSelinux]),
  ),
};

const files = readdirSync(import.meta.dirname).filter((name) => /^[a-z-]+\.ts$/.test(name) && name !== "contract.ts");
const modules = await Promise.all(
  files.map((name) => import(join(import.meta.dirname, name)) as Promise<Record<string, unknown>>),
);
const probes = modules.flatMap((exported) =>
  Object.entries(exported).flatMap(([name, value]) => probesIn(name, value)),
);

function probesIn(name: string, value: unknown): { readonly name: string; readonly probe: AnyProbe }[] {
  if (typeof value !== "object" || value === null) return [];
  if ("script" in value && "parse" in value) return [{ name, probe: value as AnyProbe }];
  return Object.entries(value).flatMap(([key, inner]) => probesIn(`${name}.${key}`, inner));
}

/** What the probe makes of an output: an error as such, whether thrown or given. */
function parsed(probe: AnyProbe, name: string, output: ProbeOutput): unknown {
  try {
    return probe.parse(output, [subjects[name]])[0];
  } catch (error) {
    return error;
  }
}

const left: Readonly<Record<string, ProbeOutput>> = {
  "a tool that is not there": { status: 127, stdout: Buffer.alloc(0), stderr: "sh: 1: tool: not found\n" },
  "a tool that may not be run": { status: 126, stdout: Buffer.alloc(0), stderr: "sh: 1: tool: Permission denied\n" },
  "a tool that says nothing": { status: 0, stdout: Buffer.alloc(0), stderr: "" },
  "a tool that fails without a word": { status: 3, stdout: Buffer.alloc(0), stderr: "" },
  "another tool of that name": { status: 0, stdout: Buffer.from("nonsense: is all it says\n"), stderr: "" },
  "a tool that prints NULs": { status: 0, stdout: Buffer.alloc(64), stderr: "" },
};

test("each probe has a subject, and each subject a probe", () => {
  expect(probes.map(({ name }) => name).sort()).toEqual(Object.keys(subjects).sort());
});

describe.each(Object.entries(left))("%s", (_, output) => {
  test.each(probes)("is no answer of $name", ({ name, probe }) => {
    expect(parsed(probe, name, output)).toBeInstanceOf(ObservationError);
  });
});

describe("where no program is", () => {
  const node = hostNode();
  beforeAll(async () => expect(await node.succeed(["echo", "there"])).toBe("there"));
  afterAll(() => node.close());
  test.each(probes.filter(({ name }) => !(name in needNoProgram)))("$name rejects", async ({ name, probe }) => {
    const bare: AnyProbe = { ...probe, script: (asked) => `PATH=/nonexistent\n${probe.script(asked)}` };
    await expect(node.observe(bare, subjects[name])).rejects.toBeInstanceOf(ObservationError);
  });
});
