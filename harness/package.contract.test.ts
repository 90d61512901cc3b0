// Decides that what `npm pack` makes is all that a project outside this repository needs: the command, the types, a spec of its own.
import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { home } from "./place.ts";
import type { Report } from "./reporting/report.ts";

const here = mkdtempSync(join(tmpdir(), "assay-package-"));
afterAll(() => rmSync(here, { recursive: true, force: true }));

interface Ended {
  readonly status: number;
  /** Standard output and standard error. */
  readonly said: string;
}

/** With the Node of this process first, as npm of an older one would start that. */
const env: NodeJS.ProcessEnv = {
  ...process.env,
  PATH: [dirname(process.execPath), process.env["PATH"]].join(delimiter),
  NO_COLOR: "1",
};
for (const ours of ["ASSAY_SETTINGS", "ASSAY_REPORTS", "ASSAY_FAULT"]) delete env[ours];

/** A command that ends by itself; its exit status is an answer. */
function ended(cwd: string, command: string, ...words: string[]): Promise<Ended> {
  return new Promise((resolve) => {
    execFile(command, words, { cwd, env, maxBuffer: 2 ** 26 }, (error, out, err) => {
      const status = error === null ? 0 : typeof error.code === "number" ? error.code : -1;
      resolve({ status, said: out + err + (status === -1 ? String(error) : "") });
    });
  });
}

async function succeeded(cwd: string, command: string, ...words: string[]): Promise<string> {
  const { status, said } = await ended(cwd, command, ...words);
  expect(status, `${command} ${words.join(" ")}\n${said}`).toBe(0);
  return said;
}

const write = (name: string, text: string) => {
  mkdirSync(dirname(join(here, name)), { recursive: true });
  writeFileSync(join(here, name), text);
};
const assay = (cwd: string, ...words: string[]) => ended(cwd, join(here, "node_modules/.bin/assay"), ...words);

describe("the package, installed into an empty project", () => {
  beforeAll(async () => {
    await succeeded(home, "npm", "pack", "--loglevel=error", "--pack-destination", here);
    const [archive] = readdirSync(here).filter((name) => name.endsWith(".tgz"));
    write("package.json", JSON.stringify({ name: "images-of-ours", private: true, type: "module" }));
    const quiet = ["--no-audit", "--no-fund", "--ignore-scripts", "--prefer-offline", "--loglevel=error"];
    await succeeded(here, "npm", "install", ...quiet, join(here, archive ?? "no-archive.tgz"));
    write(
      "fixtures/tools/recipe.ts",
      `import { debianRootfs, recipe, run } from "assay";

export const tools = recipe("packaged-tools", {
  version: "1.0.0",
  from: debianRootfs({ suite: "bookworm", include: ["ca-certificates", "iproute2", "iputils-ping", "procps", "python3"] }),
  steps: [run(["useradd", "--uid", "1000", "ops"])],
  context: import.meta.dirname,
});
`,
    );
    write(
      "environments/tools.ts",
      `import { container, defineEnvironment } from "assay";
import { tools as image } from "../fixtures/tools/recipe.ts";

export const tools = defineEnvironment("tools", { nodes: { tools: container({ image, idle: true }) } });
`,
    );
    const spec = (sentence: string) => `import { expect, testIn, user } from "assay";
import { tools } from "../environments/tools.ts";

const test = testIn(tools);
test("ops is there", async ({ tools }) => {
  await expect(tools).toMeet(${sentence});
});
`;
    write("specs/tools-users.spec.ts", spec('user("ops").hasUid(1000)'));
    write("specs/tools-others.spec.ts", spec('user("boss").exists()'));
    write(
      "tsconfig.json",
      JSON.stringify({
        compilerOptions: {
          ...{ strict: true, module: "NodeNext", target: "ES2024", noEmit: true, allowImportingTsExtensions: true },
        },
        include: ["specs", "environments", "fixtures"],
      }),
    );
  }, 600_000);

  test("the user's own environment and spec run, from any directory of the project, and the report is the user's", async () => {
    const { status, said } = await assay(join(here, "specs"), "run", "tools-users");
    expect(said).toContain("1 passed, 0 failed, 0 skipped");
    expect(status).toBe(0);
    const [run] = readdirSync(join(here, "reports/runs"));
    const report: Report = JSON.parse(readFileSync(join(here, "reports/runs", run ?? "", "report.json"), "utf8"));
    expect(report.exitCode).toBe(0);
  });

  test("a spec that is not met fails with 1, and names its file and line", async () => {
    const { status, said } = await assay(here, "run", "tools-others");
    expect(said).toContain("0 passed, 1 failed, 0 skipped");
    expect(said).toMatch(/specs\/tools-others\.spec\.ts:6/);
    expect(status).toBe(1);
  });

  test("its failure is seen again from a capsule, in a directory that is no project", async () => {
    const { said } = await assay(here, "run", "tools-others", "--capsule");
    const [, capsule = ""] = /^capsule +(\S+);/m.exec(said) ?? [];
    const elsewhere = mkdtempSync(join(tmpdir(), "assay-elsewhere-"));
    try {
      const again = await assay(elsewhere, "repro", join(here, capsule), "--check");
      expect(again.said).toContain("seen again specs/tools-others.spec.ts > ops is there: ");
      expect(again.status, again.said).toBe(1);
    } finally {
      rmSync(elsewhere, { recursive: true, force: true });
    }
  });

  test("types are the package's: the project compiles in strict mode, and a sentence that does not exist does not", async () => {
    const compiler = join(home, "node_modules/.bin/tsc");
    await succeeded(here, compiler, "-p", here);
    write("specs/wrong.spec.ts", 'import { user } from "assay";\nuser("ops").flies();\n');
    const { status, said } = await ended(here, compiler, "-p", here);
    expect(said).toContain("flies");
    expect(status).not.toBe(0);
    rmSync(join(here, "specs/wrong.spec.ts"));
  });

  test("the reference of its API is in it, with the sentences of a check and its example", () => {
    const page = readFileSync(join(here, "node_modules/assay/dist/reference/functions/user.md"), "utf8");
    expect(page).toContain("`hasUid()`");
    expect(page).toContain("await expect(soe).toMeet(");
  });

  test("its recipes are found, and nothing but the public surface can be imported", async () => {
    const listed = await assay(here, "why", "packaged-tools");
    expect(listed.said).toContain("packaged-tools");
    expect(listed.status).toBe(0);
    const inner = 'await import("assay/harness/lifecycle/ledger.ts").catch((e) => console.log(e.code))';
    expect(await succeeded(here, process.execPath, "--input-type=module", "-e", inner)).toContain(
      "ERR_PACKAGE_PATH_NOT_EXPORTED",
    );
  });

  test("assay init: an empty directory is a project with a green first spec, and is not written over", async () => {
    const fresh = join(here, "fresh");
    mkdirSync(fresh);
    expect(await assay(fresh, "init")).toMatchObject({
      status: 0,
      said: expect.stringContaining("wrote specs/hello.spec.ts"),
    });
    const { status, said } = await assay(fresh, "run");
    expect(said).toContain("4 passed, 0 failed, 0 skipped");
    expect(status).toBe(0);
    await succeeded(fresh, join(home, "node_modules/.bin/tsc"), "-p", fresh);
    expect(await assay(fresh, "init")).toMatchObject({ status: 2, said: expect.stringContaining("is there already") });
  });

  describe("assay draft", () => {
    const tag = `assay-drafted-${process.pid}:1`;
    // The first of two images of one name would be left without any.
    const first = `${tag}-first`;
    afterAll(() => ended(here, "docker", "image", "rm", "--force", tag, first));
    const image = async (...lines: string[]) => {
      const context = mkdtempSync(join(here, "context-"));
      writeFileSync(join(context, "Dockerfile"), `${lines.join("\n")}\n`);
      await succeeded(here, "env", "DOCKER_BUILDKIT=0", "docker", "build", "--quiet", "--tag", tag, context);
    };

    test("of an image that runs: green as it is; each chapter is red on an image that was changed there", async () => {
      await succeeded(here, join(here, "node_modules/.bin/assay"), "build", "packaged-tools");
      await image(
        "FROM packaged-tools:1.0.0",
        "RUN mkdir -p /opt/app && echo page >/opt/app/index.html && chmod 2750 /opt/app && chown -R ops /opt/app",
        'ENV MODE=fast DB_PASSWORD="not to be told"',
        "WORKDIR /opt/app",
        "USER ops",
        'CMD ["python3", "-m", "http.server", "8080"]',
      );
      await succeeded(here, "docker", "tag", tag, first);
      const made = await assay(here, "draft", tag, "--name", "drafted", "--json");
      expect(made.status, made.said).toBe(0);
      expect(JSON.parse(made.said)).toMatchObject({ mode: "runs", left: [] });
      const spec = readFileSync(join(here, "specs/drafted-draft.spec.ts"), "utf8");
      for (const line of [
        'pkg("iproute2").hasVersion("6.1")',
        'user("ops").hasUid(1000)',
        'file("/etc/shadow").hasMode(0o640)',
        'file("/opt/app").hasMode(0o2750)',
        'inventory.worldWritable("/").areNone()',
        'image().hasEnv("MODE", "fast")',
        'process("python3").runsAs("ops")',
        "ports().areOnly(8080)",
      ])
        expect(spec).toContain(line);
      expect(spec).not.toContain("not to be told");
      const green = await assay(here, "run", "drafted-draft");
      expect(green.said).toContain("7 passed, 0 failed, 0 skipped");

      await image(
        `FROM ${tag}`,
        "USER root",
        "RUN dpkg --purge --force-depends iproute2 && usermod --home /srv ops && chmod 644 /etc/shadow",
        "RUN chmod 777 /opt/app && chown root /opt/app/index.html && chmod u+s /usr/bin/touch",
        "ENV MODE=slow",
        'CMD ["python3", "-m", "http.server", "8081"]',
      );
      // A port that is not there is waited for: here nobody has to wait long.
      write("specs/drafted-draft.spec.ts", spec.replace('within: "30s"', 'within: "2s"'));
      const red = await assay(here, "run", "drafted-draft");
      expect(red.said.split("\n").filter((line) => line.startsWith("✓"))).toEqual([]);
      expect(red.said).toContain("0 passed, 7 failed, 0 skipped");
      for (const words of [
        "package iproute2 has version 6.1",
        "user ops has home /home/ops",
        "file /etc/shadow has mode 0640",
        "file /opt/app has mode 2750",
        "extra: /usr/bin/touch",
        'has variable MODE "fast"',
        "ports of tcp are only 8080",
      ])
        expect(red.said).toContain(words);
      expect(red.status).toBe(1);
    });

    test("of an archive: nothing is started, and nothing is written over", async () => {
      await succeeded(here, "docker", "save", "--output", join(here, "saved.tar"), tag);
      const made = await assay(here, "draft", "./saved.tar", "--json");
      expect(JSON.parse(made.said)).toMatchObject({ mode: "still", left: [] });
      expect(readFileSync(join(here, "environments/saved.ts"), "utf8")).toContain(
        'stillImage({ image: fromDockerArchive("../saved.tar", { in: import.meta.dirname }) })',
      );
      const { status, said } = await assay(here, "run", "saved-draft");
      expect(said).toMatch(/[4-6] passed, 0 failed, 0 skipped/);
      expect(status).toBe(0);
      expect(await assay(here, "draft", "./saved.tar")).toMatchObject({
        status: 2,
        said: expect.stringContaining("saved.ts is there already"),
      });
    });
  });
});
