// Decides how reports are measured: two thousand checks, written by a process of its own each time and opened in Chromium from the disk, and
// decided about by the gate.
// There is no peer: limits are all that was asked for.
import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { ownModule } from "../place.ts";
import { sampleOf } from "./sample.ts";
import type { Row } from "./table.ts";

const mebi = 1024 ** 2;

/** Written, opened, as large as it is, and decided about. Without a browser the second row says so. */
export async function measureReport(rounds: number, say: (line: string) => void): Promise<Row[]> {
  const room = mkdtempSync(join(tmpdir(), "assay-bench-report-"));
  try {
    for (let index = 0; index < 20; index += 1) {
      mkdirSync(join(room, "evidence", `s${index}`), { recursive: true });
      const lines = Array.from(
        { length: 5000 },
        (_, nth) => `${new Date(Date.UTC(2026, 10, 3, 9, 30, 0, nth * 3)).toISOString()} line ${nth}`,
      );
      writeFileSync(join(room, "evidence", `s${index}`, "soe.log"), lines.join("\n"));
    }
    say("a report of two thousand checks");
    const written: number[] = [];
    const loads: number[] = [];
    for (let round = -1; round < rounds; round += 1) {
      const { stdout } = await promisify(execFile)(process.execPath, [ownModule("bench/report-work"), room]);
      loads.push(loadavg()[0] ?? 0);
      if (round >= 0) written.push(Number(stdout));
    }
    say("a decision of the gate about two thousand checks");
    const decided: number[] = [];
    for (let round = -1; round < rounds; round += 1) {
      const { stdout } = await promisify(execFile)(process.execPath, [ownModule("bench/gate-work")]);
      if (round >= 0) decided.push(Number(stdout));
    }
    const load = [Math.min(...loads), Math.max(...loads)] as const;
    const page = join(room, "index.html");
    return [
      {
        work: "a report of 2,000 checks written, in every format",
        ours: { by: "from the events to the last file, in a new process", sample: sampleOf(written) },
        limit: 1000,
        load,
      },
      {
        work: "that page opened in Chromium, until it can be used",
        ours: await openedIn(page, rounds),
        limit: 1000,
        load,
      },
      {
        work: "that page's size",
        ours: { by: "index.html, 40 tests of it failed", sample: sampleOf([statSync(page).size / mebi]) },
        limit: 2.86,
        unit: "MiB",
      },
      {
        work: "a decision of the gate about a run of 2,000 checks",
        ours: { by: "policy, report and evidence to the verdict, in a new process", sample: sampleOf(decided) },
        limit: 200,
        load,
      },
    ];
  } finally {
    rmSync(room, { recursive: true, force: true });
  }
}

async function openedIn(path: string, rounds: number): Promise<Row["ours"]> {
  const by = "from the start of loading to the first paint and a working search, whichever is later";
  const { launch, opened, whyNoBrowser } = await import("../reporting/testing/browser.ts");
  if (whyNoBrowser !== undefined) return { by, missing: whyNoBrowser };
  const browser = await launch();
  try {
    const times: number[] = [];
    for (let round = -1; round < rounds; round += 1) {
      const { page } = await opened(browser, pathToFileURL(path).href);
      const usable = Number(await page.locator("html").getAttribute("data-ready"));
      const painted = await page.evaluate<number>(
        `new Promise((seen) => requestAnimationFrame(() => seen(performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? performance.now())))`,
      );
      if (round >= 0) times.push(Math.max(usable, painted));
      await page.context().close();
    }
    return { by, sample: sampleOf(times) };
  } finally {
    await browser.close();
  }
}
