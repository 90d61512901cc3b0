// Decides that the page is what it claims to be in a real browser: content, filters, keys, contrast and roles, on paper and without a
// script; that it asks nobody for anything; and that no foreign text becomes more than text.
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import axe from "axe-core";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { serverOf } from "../commands/report-serve.ts";
import { compareReports } from "./compare.ts";
import { excerptsIn } from "./excerpt.ts";
import { htmlOf } from "./html.ts";
import { reportOf } from "./report.ts";
import { began, ranTest, runEnded, runStarted, sampleRun } from "./sample.ts";
import { launch, opened, shownIn, whyNoBrowser } from "./testing/browser.ts";
import { differing, diffSaying, fileChange } from "./testing/differing.ts";
import { hostile, saying } from "./testing/hostile.ts";
import { largeRun } from "./testing/large.ts";

const directory = mkdtempSync(join(tmpdir(), "assay-page-"));
const sample = reportOf(sampleRun());

function written(name: string, html: string): string {
  const path = join(directory, `${name}.html`);
  writeFileSync(path, html);
  return pathToFileURL(path).href;
}

const pageSaying = (text: string) => htmlOf(reportOf(saying(text)), { diffs: [diffSaying(text)] });

/** What a person sees at once: tests that are not filtered out. */
const seen = (page: Page) => page.locator("details.test:visible summary .name").allInnerTexts();

describe.skipIf(whyNoBrowser !== undefined)(
  `the page in Chromium${whyNoBrowser === undefined ? "" : ` (${whyNoBrowser})`}`,
  () => {
    let browser: Browser;
    let url: string;
    beforeAll(async () => {
      browser = await launch();
      const folder = join(directory, "evidence/docker-soe-bash");
      mkdirSync(folder, { recursive: true });
      const at = (ms: number) => new Date(began + ms).toISOString();
      writeFileSync(
        join(folder, "soe.log"),
        `${at(1000)} long before\n${at(4500)} the prompt is <b>read</b>\n${at(4900)} avc:  denied  { read }\n`,
      );
      const earlier = reportOf([
        runStarted({ run: "k1" }),
        ...ranTest("specs/docker-soe-bash.spec.ts", ".bashrc is there", "failed"),
        runEnded(),
      ]);
      url = written(
        "sample",
        htmlOf(sample, {
          excerpts: excerptsIn(sample, directory),
          compared: compareReports(earlier, sample),
          diffs: [differing({ new: sample.images[0]?.imageId ?? "" })],
        }),
      );
    });
    afterAll(async () => {
      await browser?.close();
      rmSync(directory, { recursive: true, force: true });
    });

    test("tells the verdict first, then why, with what the node's log said then and how to bring it back", async () => {
      const { page, troubles, requests } = await opened(browser, url);
      expect(await shownIn(page.locator("h1"))).toBe("Could not ask");
      expect(await page.title()).toContain("Could not ask: 2 of 5 tests passed");
      const failed = page.locator("article.account.tone-failed");
      expect(await shownIn(failed.locator("dd.expected"))).toBe('"vfx$ "');
      expect(await shownIn(failed.locator("dd.seen"))).toBe('"bash-5.2# "');
      expect(await failed.locator("details.excerpt").allInnerTexts()).toEqual([
        expect.stringMatching(/denied around that time.*\n.*avc: {2}denied {2}\{ read \}\n/s),
        expect.stringMatching(/around that time, 09:30:05 UTC.*\n.*the prompt is <b>read<\/b>\n.*avc/s),
      ]);
      expect(await failed.locator(".again code").allInnerTexts()).toEqual([
        "assay run specs/docker-soe-bash.spec.ts",
        "assay run specs/docker-soe-bash.spec.ts --keep",
      ]);
      expect(await shownIn(page.locator("#compared"))).toMatch(/fixed\s+\.bashrc is there/);
      expect(await page.locator("svg.picture text").allTextContents()).toEqual(
        expect.arrayContaining([
          "/vfx ← scratch/vfx ← scratch",
          "studio 10.9.0.7studio 10.9.0.7",
          "port 80/tcpport 80/tcp",
        ]),
      );
      expect(await shownIn(page.locator("#images"))).toMatch(/from debian bookworm.*ansible site\.yml/s);
      expect(troubles).toEqual([]);
      expect(requests).toEqual([url]);
    });

    test("filters by outcome, file and words, says how many are left, and shows all again", async () => {
      const { page, troubles } = await opened(browser, url);
      expect(await seen(page)).toHaveLength(5);
      await page.getByRole("button", { name: "passed" }).click();
      expect(await seen(page)).toHaveLength(3);
      expect(await shownIn(page.locator("#shown"))).toBe("3 of 5 tests shown");
      await page.getByLabel("Spec file").selectOption("specs/docker-soe-dns.spec.ts");
      expect(await seen(page)).toHaveLength(2);
      await page.getByLabel("Search in tests").fill("GETENT ahosts");
      expect(await seen(page)).toEqual(["resolv.conf names the declared servers"]);
      await page.getByLabel("Search in tests").fill("no such words");
      expect(await page.locator("#none").isVisible()).toBe(true);
      await page.getByRole("button", { name: "reset" }).click();
      expect(await seen(page)).toHaveLength(5);
      await page.getByRole("button", { name: "open all" }).click();
      expect(await page.locator("details.test[open]").count()).toBe(5);
      expect(troubles).toEqual([]);
    });

    test("filters differences of images by kind, topic and words, apart from the tests", async () => {
      const { page, troubles, requests } = await opened(browser, url);
      const rows = () => page.locator("tr.diff:visible td:nth-child(2)").allInnerTexts();
      const shown = () => shownIn(page.locator("#diff-shown"));
      expect(await shownIn(page.locator("#differences .badge"))).toBe("this run was on the new one");
      expect(await shownIn(page.locator("#differences .account"))).toMatch(
        /Not allowed\s+setuid-added \/usr\/bin\/env/,
      );
      expect(await rows()).toHaveLength(8);
      await page.getByRole("button", { name: "added", exact: false }).click();
      expect(await rows()).toEqual(["adm", "bash", "/etc/a"]);
      expect(await shown()).toBe("3 of 8 differences shown");
      await page.getByLabel("Topic").selectOption("package");
      expect(await rows()).toEqual(["bash"]);
      await page.locator("#diff-reset").click();
      await page.getByLabel("Search in differences").fill("OPT app/b");
      expect(await rows()).toEqual(["/opt/app/b/c"]);
      await page.keyboard.press("Enter");
      expect(await page.locator("details.diff:visible").count()).toBe(1);
      await page.getByLabel("Search in differences").fill("no such words");
      expect(await page.locator("#diff-none").isVisible()).toBe(true);
      await page.keyboard.press("Escape");
      expect(await rows()).toHaveLength(8);
      expect(await seen(page)).toHaveLength(5);
      await page.getByLabel("Search in tests").press("Enter");
      expect(requests).toEqual([url]);
      expect(troubles).toEqual([]);
    });

    test("of two large differences shows what fits, and opens what a search finds", async () => {
      const changes = Array.from({ length: 2_000 }, (_, each) =>
        fileChange(`/srv/${each}`, "added", "file of 1 bytes"),
      );
      const large = { ...differing(), changes };
      const { page } = await opened(browser, written("large-diff", htmlOf(sample, { diffs: [large, differing()] })));
      expect(await page.locator("details.diff[open]").count()).toBe(5);
      await page.getByLabel("Search in differences").fill("/srv/499");
      expect(await page.locator("tr.diff:visible").count()).toBe(1);
      expect(await shownIn(page.locator("#diff-shown"))).toBe("1 of 508 differences shown");
    });

    test("is used by keys alone, and a link to a test opens it", async () => {
      const { page, troubles } = await opened(browser, url);
      const focused = () =>
        page.evaluate<string>('document.activeElement.closest("details.test")?.id ?? document.activeElement.id');
      await page.keyboard.press("/");
      await page.keyboard.type("hosts");
      expect(await seen(page)).toHaveLength(2);
      await page.keyboard.press("Escape");
      await page.keyboard.press("Escape");
      expect(await seen(page)).toHaveLength(5);
      await page.keyboard.press("j");
      expect(await focused()).toBe("t0");
      await page.keyboard.press("Enter");
      expect(await page.locator("#t0[open]").count()).toBe(1);
      await page.keyboard.press("n");
      expect(await focused()).toBe("t1");
      await page.keyboard.press("n");
      expect(await focused()).toBe("t2");
      await page.keyboard.press("p");
      expect(await focused()).toBe("t1");
      await page.keyboard.press("c");
      expect(await page.locator("details.test[open]").count()).toBe(0);
      await page.keyboard.press("?");
      expect(await page.getByText("next and previous test").isVisible()).toBe(true);
      await page.getByRole("button", { name: "failed" }).click();
      await page.locator("article.account.tone-failed a").first().click();
      expect(await page.locator("#t1[open]").isVisible()).toBe(true);
      expect(troubles).toEqual([]);
    });

    test.each(["light", "dark"] as const)(
      "has contrast, names and roles as axe wants them, in %s colours",
      async (colorScheme) => {
        const { page } = await opened(browser, url, { colorScheme });
        await page.evaluate('for (const details of document.querySelectorAll("details")) details.open = true');
        await page.evaluate(axe.source);
        const { violations, passes } = await page.evaluate(() =>
          (globalThis as unknown as { axe: typeof axe }).axe.run(),
        );
        expect(violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(" ")}`)).toEqual([]);
        expect(passes.map(({ id }) => id)).toContain("color-contrast");
        if (colorScheme === "dark") return;
        // It finds what is there to find.
        await page.locator("h1").evaluate((heading) => heading.setAttribute("role", "nonsense"));
        const again = await page.evaluate(() => (globalThis as unknown as { axe: typeof axe }).axe.run());
        expect(again.violations.map(({ id }) => id)).toContain("aria-roles");
      },
    );

    test("on paper has no controls and dark ink, and fits a telephone", async () => {
      const { page } = await opened(browser, url, { colorScheme: "dark", viewport: { width: 375, height: 700 } });
      expect(await page.evaluate("document.documentElement.scrollWidth")).toBeLessThanOrEqual(375);
      await page.emulateMedia({ media: "print" });
      expect(await page.locator(".filters:visible").count()).toBe(0);
      expect(await page.evaluate("getComputedStyle(document.body).color")).toBe("rgb(27, 31, 38)");
      expect((await page.pdf()).subarray(0, 5).toString()).toBe("%PDF-");
    });

    test("without its script is whole, and has no controls that do nothing", async () => {
      const { page } = await opened(browser, url, { javaScriptEnabled: false });
      expect(await page.locator("#filters").isVisible()).toBe(false);
      expect(await page.locator("details.test").count()).toBe(5);
      expect(await page.locator("article.account").count()).toBe(2);
      expect(await page.locator("#diff-filters").isVisible()).toBe(false);
      expect(await page.locator("tr.diff").count()).toBe(8);
    });

    test("runs no other script and no other style, and that would be seen", async () => {
      const { page, troubles } = await opened(browser, url);
      await page.evaluate(
        `const script = document.createElement("script");
         script.textContent = "window.ran = true";
         document.body.append(script);
         document.body.setAttribute("style", "color: red")`,
      );
      expect(await page.evaluate(() => "ran" in globalThis)).toBe(false);
      expect(troubles.join("\n")).toMatch(/violates the following Content Security Policy directive.*script-src/);
      expect(troubles.join("\n")).toMatch(/style-src/);
    });

    test("shows hostile text as text and nothing else, whatever it is", async () => {
      const tagsIn = (page: Page) =>
        page.evaluate<string>('[...document.querySelectorAll("*")].map(({ tagName }) => tagName).join(" ")');
      const harmless = await opened(browser, written("harmless", pageSaying("harmless")));
      const tags = await tagsIn(harmless.page);
      for (const [name, text] of Object.entries(hostile).filter(([each]) => each !== "megabyte")) {
        const { page, troubles, requests } = await opened(browser, written(name, pageSaying(text)));
        expect(await tagsIn(page), name).toBe(tags);
        expect(await page.evaluate<string>("document.documentElement.textContent"), name).not.toMatch(
          /[^\P{Cc}\t\n]|\p{Bidi_Control}/u,
        );
        if (name === "script")
          expect(await shownIn(page.locator("article.account").first())).toContain("<script>alert(1)</script>");
        expect(troubles, name).toEqual([]);
        expect(requests, name).toHaveLength(1);
        await page.context().close();
      }
    });

    test("of two thousand checks has at most 3 MB, and filters at once", async () => {
      const html = htmlOf(reportOf(largeRun()));
      expect(Buffer.byteLength(html)).toBeLessThanOrEqual(3_000_000);
      const { page, troubles } = await opened(browser, written("many", html));
      const ready = Number(await page.locator("html").getAttribute("data-ready"));
      await page.getByLabel("Search in tests").fill("program-399-4");
      expect(await seen(page)).toEqual([expect.stringMatching(/^test 399: /)]);
      expect(troubles).toEqual([]);
      console.log(
        `2,000 checks: page of ${(html.length / 1024).toFixed(0)} KiB, interactive after ${ready.toFixed(0)} ms`,
      );
    });

    test("is served to who asks by its address, with what lies beside it, and nothing else", async () => {
      const room = join(directory, "served");
      mkdirSync(join(room, "evidence"), { recursive: true });
      writeFileSync(join(room, "index.html"), htmlOf(sample));
      writeFileSync(join(room, "evidence", "a.html"), "<script>document.title='ran'</script>");
      symlinkSync("/etc/passwd", join(room, "evidence", "out"));
      const server = serverOf(room);
      await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
      const { port } = server.address() as AddressInfo;
      const status = (path: string, headers: Record<string, string> = {}, method = "GET") =>
        new Promise<number | undefined>((answered, failed) =>
          request(
            { host: "127.0.0.1", port, path, method, headers: { host: `127.0.0.1:${port}`, ...headers } },
            (response) => {
              response.resume();
              answered(response.statusCode);
            },
          )
            .on("error", failed)
            .end(),
        );
      try {
        const { page, troubles } = await opened(browser, `http://127.0.0.1:${port}/`);
        expect(await shownIn(page.locator("h1"))).toBe("Could not ask");
        expect(await seen(page)).toHaveLength(5);
        expect(troubles.filter((each) => !/favicon|404/.test(each))).toEqual([]);
        const evidence = await opened(browser, `http://127.0.0.1:${port}/evidence/a.html`);
        expect(await evidence.page.title()).not.toBe("ran");
        expect(await shownIn(evidence.page.locator("body"))).toContain("<script>");
        expect(await Promise.all([status("/"), status("/evidence/a.html")])).toEqual([200, 200]);
        expect(
          await Promise.all([
            status("/", { host: "evil.example" }),
            status("/", {}, "POST"),
            status("/evidence/out"),
            status("/../../etc/passwd"),
            status("/%2e%2e/%2e%2e/etc/passwd"),
            status("/evidence/none"),
            status("/evidence"),
            status("/%00"),
            status("/%"),
          ]),
        ).toEqual([403, 405, 404, 404, 404, 404, 404, 404, 404]);
      } finally {
        server.closeAllConnections();
        server.close();
      }
    });
  },
);
