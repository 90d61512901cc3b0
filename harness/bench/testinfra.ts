// Decides how testinfra is had, which Assay is measured against: from PyPI into an environment of its own, kept by version. Where
// that cannot be done the peer is missing, and why is told.
import { execFile } from "node:child_process";
import { existsSync, mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { messageOf } from "../model/errors.ts";
import { files } from "./work.ts";

const call = promisify(execFile);

export const testinfraVersion = "10.2.2";

/** The path of its `pytest`, below `state`; never rejects for want of it. */
export async function haveTestinfra(
  state: string,
  say: (line: string) => void,
): Promise<{ readonly pytest: string } | { readonly missing: string }> {
  const place = join(state, "bench", `testinfra-${testinfraVersion}`);
  const pytest = join(place, "bin", "pytest");
  const done = join(place, "done");
  if (existsSync(done)) return { pytest };
  mkdirSync(join(state, "bench"), { recursive: true });
  try {
    say(`installing testinfra ${testinfraVersion}`);
    rmSync(place, { recursive: true, force: true });
    await call("python3", ["-m", "venv", place], { timeout: 120_000 });
    const packages = [`pytest-testinfra==${testinfraVersion}`];
    await call(join(place, "bin", "pip"), ["install", "--quiet", ...packages], { timeout: 300_000 });
    mkdirSync(done);
    return { pytest };
  } catch (error) {
    const last = ((error as { stderr?: string }).stderr ?? "").trim().split("\n").at(-1) ?? "";
    return { missing: `testinfra could not be installed: ${last === "" ? messageOf(error) : last}` };
  }
}

/** One test with all assertions, as its users write them. `owner` replaces the first file's owner: a defect to be found. */
export function testinfraFile(owner?: string): string {
  const asserted = ["assert file.exists", "assert file.user == user", "assert file.group == group"];
  return testFile(["file = host.file(path)", ...asserted], owner);
}

/** The same with one question a file: whose it is. */
export function testinfraOwners(owner?: string): string {
  return testFile(["assert host.file(path).user == user"], owner);
}

function testFile(body: readonly string[], owner = files[0]?.owner ?? ""): string {
  const lines = files.map(({ path, group, ...wanted }, index) => {
    const user = index === 0 ? owner : wanted.owner;
    return `    ("${path}", "${user}", "${group}"),`;
  });
  return [
    "FILES = [",
    ...lines,
    "]",
    "",
    "def test_files(host):",
    "    for path, user, group in FILES:",
    ...body.map((line) => `        ${line}`),
    "",
  ].join("\n");
}
