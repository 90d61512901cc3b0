// Decides that a bisection ends at the first bad commit of histories with and without merges and gaps; that a repository is read and not
// touched; that a workplace goes when nobody needs it, and not before.
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { Ledger } from "../lifecycle/ledger.ts";
import { identityOf } from "../model/identity.ts";
import { bisected, type Judged } from "./bisect-search.ts";
import { Commits } from "./commits.ts";
import { openWorkplace, sweepWorkplaces } from "./workplaces.ts";

const here = mkdtempSync(join(tmpdir(), "assay-bisect-"));
afterAll(() => rmSync(here, { recursive: true, force: true }));

describe("commits", () => {
  const top = join(here, "repository");
  const project = join(top, "images");
  const git = (...words: string[]) =>
    execFileSync("git", ["-C", top, "-c", "user.name=a", "-c", "user.email=a@example.org", ...words], {
      encoding: "utf8",
    }).trim();
  const commit = (subject: string, text: string = subject) => {
    writeFileSync(join(project, "recipe.ts"), text);
    git("add", "--all");
    git("commit", "--quiet", "--allow-empty", "--message", subject);
    return git("rev-parse", "HEAD");
  };
  mkdirSync(project, { recursive: true });
  git("init", "--quiet", "--initial-branch=main");
  writeFileSync(join(top, "beside"), "not of the project");
  const line = ["a", "b", "c"].map((name) => commit(name));
  git("switch", "--quiet", "--create", "side", line[0] ?? "");
  writeFileSync(join(project, "other.ts"), "");
  const side = ["x", "y"].map((name) => {
    writeFileSync(join(project, "other.ts"), name);
    git("add", "--all");
    git("commit", "--quiet", "--message", name);
    return git("rev-parse", "HEAD");
  });
  git("switch", "--quiet", "main");
  git("merge", "--quiet", "--no-edit", "side");
  const merge = git("rev-parse", "HEAD");
  const last = commit("last");
  const [good] = line;

  async function search(first: string, skipped: readonly string[] = []) {
    const commits = await Commits.of(project);
    const asked: string[] = [];
    const found = await bisected({
      good: good ?? "",
      bad: last,
      next: (known) => commits.between(known),
      judge: async (each): Promise<Judged> => {
        asked.push(each);
        if (skipped.includes(each)) return "skip";
        return (await commits.leadsTo(first, each)) ? "bad" : "good";
      },
    });
    return { found, asked };
  }

  test("each that may be the first is found, on either side of a merge, and asked about but once", async () => {
    for (const first of [...line.slice(1), ...side, merge, last]) {
      const { found, asked } = await search(first);
      expect(found).toEqual({ first, possible: [first] });
      expect(asked.length).toBe(new Set(asked).size);
      expect(asked.length).toBeLessThanOrEqual(4);
      expect(asked).not.toContain(last);
    }
  });

  test("what could not be asked is passed over where it does not matter, and named where it does", async () => {
    expect((await search(line[2] ?? "", [side[0] ?? ""])).found.first).toBe(line[2]);
    const { found } = await search(line[2] ?? "", [line[1] ?? ""]);
    expect(found.first).toBeUndefined();
    expect([...found.possible].sort()).toEqual([line[1], line[2]].sort());
    // It ends, too, where nothing can be asked.
    expect((await search(merge, [...line, ...side, merge])).found.possible).toHaveLength(6);
  });

  test("words become commits, or are refused; git takes none of them for an option", async () => {
    const commits = await Commits.of(project);
    expect(await commits.named("side")).toBe(side[1]);
    expect(await commits.leadsTo(side[0] ?? "", merge)).toBe(true);
    expect(await commits.leadsTo(merge, side[0] ?? "")).toBe(false);
    for (const word of ["no-such", "--all", "-h", `--output=${join(here, "written")}`, "HEAD:images", "a\nb", ""])
      await expect(commits.named(word)).rejects.toMatchObject({ code: "no-such-commit" });
    await expect(Commits.of(here)).rejects.toMatchObject({ code: "no-repository" });
    expect(await commits.parents(merge)).toEqual([line[2], side[1]]);
    expect(await commits.filesOf(line[1] ?? "")).toEqual(["M recipe.ts"]);
    expect(existsSync(join(here, "written"))).toBe(false);
  });

  test("the project's files of a commit are written elsewhere; tree, index and refs are as they were", async () => {
    const commits = await Commits.of(project);
    const state = () => [
      git("status", "--porcelain=v2", "--branch"),
      git("for-each-ref"),
      git("worktree", "list"),
      readFileSync(join(top, ".git/index")).toString("hex"),
    ];
    const before = state();
    const room = mkdtempSync(join(here, "room-"));
    const directory = join(room, "project");
    mkdirSync(directory);
    await commits.write(line[1] ?? "", directory, room);
    expect(readdirSync(directory)).toEqual(["recipe.ts"]);
    expect(readFileSync(join(directory, "recipe.ts"), "utf8")).toBe("b");
    expect(state()).toEqual(before);
  });
});

describe("workplaces", () => {
  const config = { state: join(here, "state"), ledger: join(here, "state/ledger.db") };
  const left = () => readdirSync(join(config.state, "workplaces"));
  mkdirSync(config.state);

  test("one goes with its owner; one whose owner lives is left alone", () => {
    const place = openWorkplace(config, "repro");
    expect(sweepWorkplaces(config)).toBe(0);
    expect(left()).toHaveLength(1);
    place.close();
    place.close();
    expect(left()).toEqual([]);
  });

  test("one of a killed owner goes with the next who comes, unless somebody else works in it", async () => {
    const url = new URL("./workplaces.ts", import.meta.url).href;
    const code = `const { openWorkplace } = await import(${JSON.stringify(url)});
      openWorkplace(${JSON.stringify(config)}, "bisect").share(Number(process.argv[1])); console.log("there"); setInterval(() => {}, 1000);`;
    const child = spawn(process.execPath, ["--input-type=module", "-e", code, String(process.pid)], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    await once(child.stdout, "data");
    child.kill("SIGKILL");
    await once(child, "close");
    expect(sweepWorkplaces(config)).toBe(0);
    const [name = ""] = left();
    const file = join(config.state, "workplaces", name, ".owners");
    const [dead = ""] = readFileSync(file, "utf8").split("\n");
    writeFileSync(file, `${dead}\n`);
    expect(sweepWorkplaces(config)).toBe(1);
    expect(left()).toEqual([]);
  });

  test("one out of which a run stands stays until that has ended", () => {
    using ledger = Ledger.open(config.ledger);
    ledger.beginRun("standing", identityOf(), "assay run");
    const place = openWorkplace(config, "repro");
    place.stayFor("standing");
    place.close();
    const file = join(place.directory, ".owners");
    // Nobody with such a start ever lived.
    writeFileSync(file, readFileSync(file, "utf8").replace(/\d+\n$/, "1\n"));
    expect(sweepWorkplaces(config)).toBe(0);
    ledger.closing("standing");
    ledger.endRun("standing");
    expect(sweepWorkplaces(config)).toBe(1);
  });

  test("one without an owner's name is somebody's who is about to write it; after a minute it is nobody's", () => {
    const nameless = join(config.state, "workplaces", "bisect-x");
    mkdirSync(nameless);
    expect(sweepWorkplaces(config)).toBe(0);
    utimesSync(nameless, 0, 0);
    expect(sweepWorkplaces(config)).toBe(1);
  });
});
