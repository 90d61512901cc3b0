// Decides that a failure of one project is seen again from its capsule where nothing of it is: another directory, an empty state, a store
// of its own; that no secret travels with it; and that a bisection finds the commit, whatever ends it. On the real engine.
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { promisify } from "node:util";
import { gunzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { writeCapsule } from "../capsule/pack.ts";
import { type Capsule, readCapsule } from "../capsule/unpack.ts";
import { readConfig } from "../config.ts";
import { openDockerDriver } from "../drivers/by-kind.ts";
import type { DockerDriver } from "../drivers/docker.ts";
import { home } from "../place.ts";
import { ProjectStage } from "../vitest/project-stage.ts";
import { nothing } from "../vitest/run-stage.ts";

const run = promisify(execFile);
const name = `capsule-box-${process.pid}`;
const canary = `canary-${process.pid}-never`;
const here = mkdtempSync(join(tmpdir(), "assay-repro-"));
let driver: DockerDriver;
let stage: ProjectStage;

beforeAll(async () => {
  const { dockerHost, scratch, engine } = readConfig();
  driver = await openDockerDriver({ dockerHost, scratch, engine });
  stage = new ProjectStage({ env: { ...process.env, CANARY: canary, CI: "true" }, drivers: [driver] }, []);
  const files = join(stage.project, "fixtures/box/files");
  mkdirSync(files, { recursive: true });
  copyFileSync("/bin/busybox", join(files, "busybox"));
  stage.write("fixtures/box/files/motd", "welcome\n");
  stage.write(
    "fixtures/box/files/Dockerfile",
    'FROM scratch\nCOPY busybox /bin/busybox\nRUN ["/bin/busybox", "--install", "-s", "/bin"]\nRUN mkdir -p /tmp /etc\nCOPY motd /etc/motd\n',
  );
  stage.write(
    "fixtures/box/recipe.ts",
    `import { dockerfile, recipe } from "../../harness/index.ts";
     export const box = recipe("${name}", { version: "1", from: dockerfile("files"), context: import.meta.dirname });`,
  );
  stage.write(
    "environments/box.ts",
    `import { container, defineEnvironment, secret } from "../harness/index.ts";
     import { box as image } from "../fixtures/box/recipe.ts";
     const token = secret("token of the box", process.env["CANARY"] ?? "not given");
     export const literal = secret("literal", "${canary}-literal");
     const entrypoint = ["/bin/sh", "-c", "echo said $TOKEN; exec sleep 1000"];
     export const box = defineEnvironment("box", {
       nodes: { first: container({ image, idle: true }), box: container({ image, entrypoint, env: { TOKEN: token, ALSO: literal } }) },
     });`,
  );
  const spec = (body: string) => `
    import { existsSync, readFileSync, writeFileSync } from "node:fs";
    import { expect, file, testIn } from "../harness/index.ts";
    import { box } from "../environments/box.ts";
    const test = testIn(box);
    ${body}`;
  stage.write(
    "specs/steady.spec.ts",
    spec(`
    test("is not among those that failed", async ({ box }) => expect(box).toMeet(file("/etc/motd").isFile()));
    test("fails each time", async ({ box }) => {
      await box.succeed(["sh", "-c", "touch /tmp/trace; echo $TOKEN $ALSO"]);
      await expect(box).toMeet(file("/etc/motd").isFile());
      await expect(box).toMeet(file("/etc/issue").isFile());
    });
    test("says what it knows", async ({ box }) => {
      const { stdout } = await box.exec(["sh", "-c", "echo $TOKEN; echo $ALSO"]);
      expect.fail("could not go on with " + stdout + Buffer.from(stdout.split("\\n")[0]).toString("base64"));
    });`),
  );
  const counter = JSON.stringify(join(here, "counter"));
  stage.write(
    "specs/alternating.spec.ts",
    spec(`
    test("fails every other time", async ({ box }) => {
      const nth = existsSync(${counter}) ? Number(readFileSync(${counter}, "utf8")) + 1 : 1;
      writeFileSync(${counter}, String(nth));
      await expect(box).toMeet(file(nth % 2 === 1 ? "/etc/issue" : "/etc/motd").isFile());
    });`),
  );
});
afterAll(async () => {
  stage[Symbol.dispose]();
  await driver.close();
  rmSync(here, { recursive: true, force: true });
  await run("docker", ["image", "rm", "--force", `${name}:1`]).catch(() => {});
});

interface Ended {
  readonly status: number | null;
  readonly out: string;
  readonly err: string;
}

/** The command line of this checkout, on a state directory in which nothing is. */
function begun(state: string, words: readonly string[]): { child: ChildProcess; ended: Promise<Ended> } {
  const env: NodeJS.ProcessEnv = {
    ...process.env,
    ASSAY_STATE: state,
    ASSAY_REPORTS: join(here, "reports"),
    NO_COLOR: "1",
  };
  for (const ours of ["ASSAY_SETTINGS", "ASSAY_FAULT", "CANARY"]) delete env[ours];
  const child = spawn(process.execPath, [join(home, "harness/cli.ts"), ...words], {
    cwd: here,
    env,
    stdio: ["ignore", "pipe", "pipe"],
  });
  const ended = Promise.all([text(child.stdout), text(child.stderr), once(child, "close")]).then(
    ([out, err, [status]]) => ({
      ...{ status: status as number | null, out, err },
    }),
  );
  return { child, ended };
}

/** A run of the stage's project that fails, and its capsule. */
async function failed(spec: string): Promise<{ file: string; capsule: Capsule }> {
  const { code, output } = await stage.assay(["run", spec]);
  expect(code, output).toBe(1);
  const file = join(stage.project, /^capsule +(\S+);/m.exec(output)?.[1] ?? "no capsule was told");
  const told = join(stage.config.runs, readdirSync(stage.config.runs).sort().at(-1) ?? "");
  return {
    file: existsSync(file) ? file : join(told, "capsule.tar.gz"),
    capsule: await readCapsule(join(told, "capsule.tar.gz")),
  };
}

describe("assay run --capsule, assay repro", () => {
  let steady: { file: string; capsule: Capsule };
  beforeAll(async () => {
    steady = await failed("steady");
  });

  test("the capsule holds what the spec was made of and what the run saw, and no secret in any form", () => {
    const { manifest } = steady.capsule;
    expect(manifest.failures.map(({ test: each, check }) => [each, check?.title])).toEqual([
      ["fails each time", "file /etc/issue is a file"],
      ["says what it knows", undefined],
    ]);
    const paths = manifest.members.map(({ path }) => path);
    for (const path of [
      "environments/box.ts",
      "fixtures/box/recipe.ts",
      "fixtures/box/files/busybox",
      "specs/steady.spec.ts",
    ])
      expect(paths).toContain(`project/${path}`);
    expect(paths).not.toContain("project/specs/alternating.spec.ts");
    for (const evidence of ["log.txt", "inspect.json"])
      expect(paths.some((path) => path.endsWith(`/box.${evidence}`))).toBe(true);
    expect(paths).toContain(`recipes/${name}:1.json`);
    expect(manifest.secrets).toEqual([
      { name: "literal", variables: [] },
      { name: "token of the box", variables: ["CANARY"] },
    ]);
    const whole = gunzipSync(readFileSync(steady.file)).toString("latin1");
    for (const form of [canary, Buffer.from(canary).toString("base64")]) expect(whole).not.toContain(form);
    // They were there to be found.
    for (const place of ["run/events.ndjson", "run/report.json"])
      expect(steady.capsule.contents.get(place)?.toString()).toContain("could not go on with ‹token of the box›");
    const log = manifest.members.find(({ path }) => path.endsWith("box.log.txt"))?.path ?? "";
    expect(steady.capsule.contents.get(log)?.toString()).toContain("said ‹token of the box›");
  });

  test("elsewhere, with an empty state and a store of its own, the same checks fail, and the node stands to be entered", async () => {
    const state = join(here, "state");
    const { status, out, err } = await begun(state, ["repro", steady.file, "--json"]).ended;
    expect(status, err).toBe(1);
    const told = JSON.parse(out);
    expect(told.seen).toMatchObject([
      { test: "fails each time", again: "same" },
      { test: "says what it knows", again: "same" },
    ]);
    expect(told.differences.filter(({ what }: { what: string }) => what.startsWith("image"))).toEqual([]);
    expect(told.missing).toEqual([
      expect.stringContaining("secret literal stood in environments/box.ts"),
      "secret token of the box came from the variable CANARY, which is not set here",
    ]);
    const report = JSON.parse(readFileSync(join(here, "reports", told.run, "report.json"), "utf8"));
    expect(report.images).toMatchObject([{ recipe: name, built: true }]);
    expect(report.tests).toHaveLength(2);
    expect(told.enter).toMatch(new RegExp(`^${told.run}/\\w+/box$`));
    // It stopped where it failed: what the test did before is there, and not in the other node.
    expect(await begun(state, ["shell", told.enter, "--", "ls", "/tmp/trace"]).ended).toMatchObject({
      status: 0,
      out: "/tmp/trace\n",
    });
    expect(readdirSync(join(state, "workplaces"))).toHaveLength(1);
    expect(await begun(state, ["down", told.run]).ended).toMatchObject({ status: 0 });
    expect((await begun(state, ["gc"]).ended).out).toContain("1 workplace of commands that ended");
    expect(readdirSync(join(state, "workplaces"))).toEqual([]);
    expect(await driver.find(told.run)).toEqual([]);
  });

  test("in a terminal there is a shell in the node, and everything goes with it", async () => {
    const state = join(here, "state");
    const words = [process.execPath, join(home, "harness/cli.ts"), "repro", steady.file]
      .map((word) => `'${word}'`)
      .join(" ");
    const env = {
      ...process.env,
      ASSAY_STATE: state,
      ASSAY_REPORTS: join(here, "reports"),
      ASSAY_SETTINGS: undefined,
      NO_COLOR: "1",
    };
    const child = spawn("script", ["--quiet", "--return", "--command", words, "/dev/null"], {
      cwd: here,
      env,
      stdio: "pipe",
    });
    const ended = once(child, "close");
    let said = "";
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding("utf8").on("data", (chunk: string) => {
        // What is typed before there is a shell is nobody's.
        if (!said.includes("entered   ") && (said + chunk).includes("entered   "))
          child.stdin.write("ls /tmp/tr*; exit 5\n");
        said += chunk;
      });
    expect((await ended)[0], said).toBe(1);
    expect(said).toMatch(/entered {3}\w+\/\w+\/box; when this shell ends/);
    expect(said).toMatch(/\n\/tmp\/trace\r*\n/);
    const [, ran = ""] = /entered {3}(\w+)\//.exec(said) ?? [];
    expect(said).toContain(`run ${ran}: `);
    expect(await driver.find(ran)).toEqual([]);
    expect(readdirSync(join(state, "workplaces"))).toEqual([]);
  });

  test("--check says that it did not fail, and --loop how often it does", async () => {
    const { file, capsule } = await failed("alternating");
    const state = join(here, "state");
    // As where a base had moved meanwhile: what is built here is another image.
    const moved = join(here, "moved.tar.gz");
    const { members, capsuleVersion: _, ...facts } = capsule.manifest;
    const contents = members.map(({ path, executable }) => ({
      path,
      bytes: path.endsWith("/motd") ? Buffer.from("moved\n") : (capsule.contents.get(path) ?? Buffer.alloc(0)),
      executable: executable === true,
    }));
    await writeCapsule(moved, facts, contents);
    const check = await begun(state, ["repro", moved, "--check"]).ended;
    expect(check.status, check.err).toBe(0);
    const differs = check.err.indexOf(`image ${name}:1: another recipe gives another tree`);
    expect(differs).toBeGreaterThan(0);
    expect(differs).toBeLessThan(check.err.indexOf("fails every other time"));
    expect(check.err).toMatch(new RegExp(`^differs {3}image ${name}:1: base\\.files\\.motd: sha256 .* → `, "m"));
    expect(check.err).toContain("did not fail here specs/alternating.spec.ts > fails every other time");
    const looped = await begun(state, ["repro", file, "--loop", "3", "--json"]).ended;
    expect(looped.status, looped.err).toBe(1);
    expect(JSON.parse(looped.out).loop).toMatchObject({
      runs: 3,
      same: 2,
      otherwise: 0,
      passed: 1,
      notAsked: 0,
      rate: { count: 2, of: 3 },
    });
    expect(looped.err).toContain("2 of 3 failed: 67 %, between 21 % and 94 % at 95 %");
    expect(readdirSync(join(state, "workplaces"))).toEqual([]);
  });

  test("what is no capsule is refused with its place, and nothing is unpacked", async () => {
    const state = join(here, "untouched");
    const damaged = join(here, "damaged.tar.gz");
    const bytes = readFileSync(steady.file);
    writeFileSync(damaged, bytes.subarray(0, bytes.length - 1000));
    const { status, err } = await begun(state, ["repro", damaged]).ended;
    expect(status).toBe(2);
    expect(err).toMatch(/^assay: declare: capsule damaged\.tar\.gz: it /);
    expect(existsSync(join(state, "workplaces"))).toBe(false);
  });
});

describe("assay bisect", () => {
  const git = (...words: string[]) =>
    run("git", ["-C", stage.project, "-c", "user.name=a", "-c", "user.email=a@example.org", ...words]);
  const commit = async (subject: string) => {
    await git("add", "--all");
    await git("commit", "--quiet", "--message", subject);
    return (await git("rev-parse", "HEAD")).stdout.trim();
  };
  let commits: string[];
  beforeAll(async () => {
    await git("init", "--quiet");
    stage.write(".gitignore", "harness\nnode_modules\nreports\nspecs\n");
    commits = [await commit("a box")];
    stage.write("notes.txt", "nothing of the image\n");
    commits.push(await commit("notes"));
    stage.write("fixtures/box/files/motd", "go away\n");
    commits.push(await commit("another motd"));
    stage.write("notes.txt", "nothing of the image either\n");
    commits.push(await commit("more notes"));
    // In no commit: each is given that of the working tree.
    stage.write(
      "specs/motd.spec.ts",
      `import { expect, file, testIn } from "../harness/index.ts";
       import { box } from "../environments/box.ts";
       testIn(box)("is welcoming", async ({ first }) => expect(first).toMeet(file("/etc/motd").contains("welcome")));`,
    );
  });

  test("finds the commit, with what changed in its recipe, and leaves the repository as it was", async () => {
    const before = (await git("status", "--porcelain=v2", "--branch")).stdout;
    const { code, output } = await stage.assay(["bisect", commits[0] ?? "", "HEAD", "motd"]);
    expect(code, output).toBe(0);
    expect(output).toContain(`first bad: ${commits[2]}  another motd\n`);
    expect(output).toMatch(new RegExp(`^ {2}${name}: .*motd.*sha256 .* → `, "m"));
    expect(output).toContain("  M fixtures/box/files/motd\n");
    expect((await git("status", "--porcelain=v2", "--branch")).stdout).toBe(before);
    expect(readdirSync(join(stage.config.state, "workplaces"))).toEqual([]);
  });

  test("a good commit that is none, and words that are no commits, are refused", async () => {
    const swapped = await stage.assay(["bisect", "HEAD", commits[0] ?? "", "motd"]);
    expect(swapped).toMatchObject({ code: 2, output: expect.stringContaining("does not descend from HEAD") });
    const unknown = await stage.assay(["bisect", "--", "--output=x", "HEAD", "motd"]);
    expect(unknown).toMatchObject({ code: 2, output: expect.stringContaining('"--output=x" is no commit') });
    const none = await stage.assay(["bisect", commits[0] ?? "", "HEAD", "no-such"]);
    expect(none).toMatchObject({ code: 2, output: expect.stringContaining('no spec file\'s path contains "no-such"') });
  });

  test("killed, it leaves no run, and its workplace goes with the next collection", async () => {
    const { child, ended } = stage.begin(["bisect", commits[0] ?? "", "HEAD", "motd"]);
    const known = stage.runs().length;
    await stage.until(() => stage.runs().length > known);
    child.kill("SIGKILL");
    await ended;
    await stage.until(() => stage.ended());
    const { output } = await stage.gc();
    expect(output).toContain("1 workplace of commands that ended");
    expect(readdirSync(join(stage.config.state, "workplaces"))).toEqual([]);
    expect(await stage.left()).toEqual(nothing);
  });
});
