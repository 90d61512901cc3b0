// Decides what a page shows of a machine on which something is not so: what its journal said then, first and open; what has no time, after
// that; and links to all else that was kept.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import type { Outcome } from "../model/outcome.ts";
import { excerptsIn } from "./excerpt.ts";
import { wrongSection } from "./html-wrong.ts";
import { reportOf } from "./report.ts";
import { began, check, ranTest, runEnded, runStarted, stoodUp } from "./sample.ts";

const directory = mkdtempSync(join(tmpdir(), "assay-wrong-"));
afterAll(() => rmSync(directory, { recursive: true, force: true }));
const file = "specs/kvm.spec.ts";
const room = join(directory, "evidence", "s");
mkdirSync(room, { recursive: true });
const kernel = ["[   46.35] systemd[1]: Started.", "[   47.42] IPv6: link becomes ready"];
writeFileSync(join(room, "console.log"), kernel.map((line) => `${line}\r\n`).join(""));
writeFileSync(join(room, "dmesg.txt"), kernel.map((line) => `${line}\n`).join(""));
writeFileSync(join(room, "journal.txt"), `${new Date(began + 4900).toISOString()} soe root[328]: permission denied\n`);
writeFileSync(join(room, "qemu.log"), "-device vga \\\n-msg timestamp=on\nDomain id=2 is tainted: custom-argv\n");

const titles = {
  log: "console.log",
  journal: "journal.txt",
  dmesg: "dmesg.txt",
  qemu: "qemu.log",
  screen: "screen.png",
};

function section(outcome: Outcome, kept: readonly (keyof typeof titles)[]): string {
  const report = reportOf([
    runStarted(),
    ...stoodUp(file, "s", 1000, 9000),
    ...ranTest(file, "the file is there", outcome, { checks: [check(file, "the file is there", { outcome })] }),
    ...kept.map((title) => {
      const about = { environment: "docker-soe", scope: "s", node: "soe" };
      return { event: "evidence", at: began, ...about, title, path: `evidence/s/${titles[title]}` } as const;
    }),
    runEnded(),
  ]);
  return wrongSection(report, excerptsIn(report, directory))?.text ?? "";
}

/** Each excerpt: `open` or `closed`, its title, its lines. */
function excerpts(page: string): string[] {
  return [
    ...page.matchAll(/<details class="excerpt"( open)?><summary>([^<]*)<\/summary><pre class="block">([^<]*)</g),
  ].map(([, open, title, lines]) => `${open === undefined ? "closed" : "open"} ${title}: ${lines}`);
}

const all = ["log", "journal", "dmesg", "qemu", "screen"] as const;

test("what was said then comes first; the console's lines are whole, and the kernel's are not told twice", () => {
  expect(excerpts(section("failed", all))).toEqual([
    expect.stringMatching(/^open docker-soe\/soe: journal, around that time, 09:30:05 UTC: .*permission denied$/),
    `closed docker-soe/soe: log, last lines: ${kernel.join("\n")}`,
    "closed docker-soe/soe: qemu, last lines: -msg timestamp=on\nDomain id=2 is tainted: custom-argv",
  ]);
});

test("last lines are open where nothing else tells, and where the node could not be asked", () => {
  expect(excerpts(section("failed", ["log", "qemu"])).map((each) => each.split(" ")[0])).toEqual(["open", "open"]);
  expect(excerpts(section("errored", all)).map((each) => each.split(" ")[0])).toEqual(["open", "open", "open"]);
});

test("all else that was kept of the node is a click away", () => {
  expect(section("failed", all).match(/Also kept:.*?<\/p>/)?.[0]).toBe(
    'Also kept:</span> <a href="evidence/s/dmesg.txt">dmesg of soe</a> <a href="evidence/s/screen.png">screen of soe</a></p>',
  );
  expect(section("failed", ["journal"])).not.toContain("Also kept");
});
