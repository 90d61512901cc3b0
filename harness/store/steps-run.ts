// Decides how a command of a recipe runs in its tree, and what is lent to the tree for that time and taken back after it.
import { lstat, mkdir, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { sayCommand } from "../model/exec.ts";
import type { RunStep } from "../model/recipe.ts";
import { runTool, stepFailed, type Workplace } from "./steps-tool.ts";
import { inTree } from "./tree-path.ts";

const script = join(import.meta.dirname, "in-tree.sh");

/** Runs the command as root in the tree. Rejects with a `ProvisionError`, code `run-failed`, with its last lines. */
export async function runInTree(place: Workplace, step: RunStep): Promise<void> {
  const environment = trusting(place.environment["SSL_CERT_FILE"]);
  const status = await inNamespace(place, (inside) =>
    runTool(place, ["sh", inside, place.tree, "chroot", place.tree, ...step.command], { environment }),
  );
  if (status === 0) return;
  const said = place.log.lines.filter((line) => line.trim() !== "" && !line.startsWith("$ ")).slice(-5);
  throw stepFailed(place, {
    code: "run-failed",
    seen: `${sayCommand(step.command)} ended with status ${status}${said.length === 0 ? ", without a word" : `: ${said.join(" / ")}`}`,
  });
}

/** Where a command in the tree finds whom this machine trusts: in a /dev that vanishes with it, so that no image gets it. */
const lentTrust = "/dev/assay-trust.pem";

/** What the programs that fetch packages are told of it by; each has a variable of its own. `path`: on this machine. */
function trusting(path: string | undefined): Readonly<Record<string, string>> {
  if (path === undefined) return {};
  const readers = ["SSL_CERT_FILE", "CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "PIP_CERT", "GIT_SSL_CAINFO"];
  const told = [...readers, "NODE_EXTRA_CA_CERTS"].map((name) => [name, lentTrust]);
  return { ...Object.fromEntries(told), ASSAY_TRUST: path };
}

/**
 * Does `work` while the tree has a resolv.conf to mount the host's on, and a policy that keeps packages from starting
 * their daemons. Both are as before afterwards; after a failure the tree is thrown away anyway.
 */
export async function inNamespace<Result>(
  place: Workplace,
  work: (script: string) => Promise<Result>,
): Promise<Result> {
  const lent = [
    { path: "/etc/resolv.conf", content: "", mode: 0o644 },
    { path: "/usr/sbin/policy-rc.d", content: "#!/bin/sh\nexit 101\n", mode: 0o755 },
  ];
  const restore: (() => Promise<void>)[] = [];
  for (const [at, { path, content, mode }] of lent.entries()) {
    // The file itself may be a link; only what leads to it is resolved.
    const full = join(await inTree(place.tree, dirname(path)), path.slice(path.lastIndexOf("/") + 1));
    const aside = join(place.scratch, `aside-${at}`);
    const had = (await lstat(full).catch(() => undefined)) !== undefined;
    if (had) await rename(full, aside);
    await mkdir(dirname(full), { recursive: true });
    await writeFile(full, content, { mode });
    restore.push(async () => {
      await rm(full, { force: true });
      if (had) await rename(aside, full);
    });
  }
  const result = await work(script);
  for (const back of restore.reverse()) await back();
  return result;
}
