// Decides that every way in which an editor or a tool changes a file is told once, and that what leaves it the same is not.
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { WatchedFiles } from "./watch-files.ts";

let root: string;
let watched: WatchedFiles;
const at = (...parts: string[]) => join(root, ...parts);
const never = new AbortController().signal;
const write = (path: string, content: string) => {
  mkdirSync(join(path, ".."), { recursive: true });
  writeFileSync(path, content);
};
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "assay-watch-"));
  write(at("specs/a.spec.ts"), "a");
  write(at("environments/e.ts"), "e");
  write(at("roles/web/tasks/main.yml"), "t");
  watched = new WatchedFiles();
  watched.follow([at("specs/a.spec.ts"), at("environments/e.ts"), at("roles"), at("later.yml")], Date.now() + 60_000);
});
afterEach(() => {
  watched.close();
  rmSync(root, { recursive: true, force: true });
});

test.each<[string, () => void, string[]]>([
  ["a file written in place", () => write(at("environments/e.ts"), "E"), ["environments/e.ts"]],
  [
    "a new file in the old one's place",
    () => {
      write(at("environments/.e.new"), "E");
      renameSync(at("environments/.e.new"), at("environments/e.ts"));
    },
    ["environments/e.ts"],
  ],
  ["a file removed", () => rmSync(at("specs/a.spec.ts")), ["specs/a.spec.ts"]],
  ["a file deep in a directory", () => write(at("roles/web/tasks/main.yml"), "T"), ["roles/web/tasks/main.yml"]],
  ["a new directory in it", () => write(at("roles/db/files/x"), "x"), ["roles/db/files/x"]],
  ["a file that was awaited", () => write(at("later.yml"), "l"), ["later.yml"]],
  [
    "a directory replaced by another",
    () => {
      rmSync(at("roles"), { recursive: true });
      write(at("roles/web/tasks/main.yml"), "other");
    },
    ["roles/web/tasks/main.yml"],
  ],
])("%s", async (_, change, told) => {
  const next = watched.next(never);
  change();
  expect(await next).toEqual(told.map((path) => at(path)));
  // And once more: it is still watched.
  const again = watched.next(never);
  write(at("environments/e.ts"), "once more");
  expect(await again).toEqual([at("environments/e.ts")]);
});

test("several at once are one change; what stays the same, a neighbour, an editor's own are none", async () => {
  const next = watched.next(never);
  utimesSync(at("environments/e.ts"), new Date(), new Date());
  write(at("environments/other.ts"), "other");
  write(at("roles/web/tasks/.main.yml.swp"), "swap");
  write(at("specs/a.spec.ts"), "A");
  write(at("environments/e.ts"), "E");
  expect(await next).toEqual([at("environments/e.ts"), at("specs/a.spec.ts")]);
});

test("what changed while nobody waited is told to who comes", async () => {
  write(at("environments/e.ts"), "E");
  expect(await watched.next(never)).toEqual([at("environments/e.ts")]);
});

test("what is followed later, and was written since the moment that is told, has changed", async () => {
  const since = Date.now() - 60_000;
  watched.follow([at("specs/a.spec.ts"), at("roles/new.yml")], since);
  write(at("roles/another.yml"), "n");
  watched.follow([at("specs/a.spec.ts"), at("roles")], since);
  expect(await watched.next(never)).toEqual([at("roles/another.yml"), at("roles/web/tasks/main.yml")]);
});

test("a directory of which a file is followed as well is followed as a whole", async () => {
  watched.follow([at("specs/a.spec.ts"), at("specs")], Date.now() + 60_000);
  const next = watched.next(never);
  write(at("specs/b.spec.ts"), "b");
  expect(await next).toEqual([at("specs/b.spec.ts")]);
});

test("links to a directory above or to themselves and a pipe end nothing", async () => {
  symlinkSync("..", at("roles/web/above"));
  symlinkSync("itself", at("roles/web/itself"));
  execFileSync("mkfifo", [at("roles/web/pipe")]);
  watched.follow([at("roles")], Date.now() + 60_000);
  const next = watched.next(never);
  write(at("roles/web/tasks/main.yml"), "T");
  expect(await next).toEqual([at("roles/web/tasks/main.yml")]);
});

test("whoever does not want to wait any more is answered", async () => {
  const stop = new AbortController();
  const next = watched.next(stop.signal);
  stop.abort();
  expect(await next).toEqual([]);
});
