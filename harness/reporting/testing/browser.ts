// Decides with which browser pages are tested: Debian's Chromium, driven by playwright-core, and what it said and asked for meanwhile.
// Refuses to fetch one: where it is missing, the tests are skipped with the reason.
import { existsSync } from "node:fs";
import { type Browser, type BrowserContextOptions, chromium, type Locator, type Page } from "playwright-core";

const program = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find((path) =>
  existsSync(path),
);

/** Why no page can be opened here; `undefined` when one can. */
export const whyNoBrowser = program === undefined ? "no Chromium; apt-get install chromium" : undefined;

/** Root has no sandbox in Chromium; what is opened is ours. */
export function launch(): Promise<Browser> {
  return chromium.launch({ executablePath: program ?? "", args: process.getuid?.() === 0 ? ["--no-sandbox"] : [] });
}

export interface Opened {
  readonly page: Page;
  /** Console errors and warnings, uncaught errors, dialogs. */
  readonly troubles: string[];
  /** Addresses of all that was asked for, the page itself first. */
  readonly requests: string[];
}

/** The context is closed with the browser. */
export async function opened(browser: Browser, url: string, options: BrowserContextOptions = {}): Promise<Opened> {
  const context = await browser.newContext(options);
  const page = await context.newPage();
  const troubles: string[] = [];
  const requests: string[] = [];
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) troubles.push(`${message.type()}: ${message.text()}`);
  });
  page.on("pageerror", (error) => troubles.push(`thrown: ${error.message}`));
  page.on("dialog", (dialog) => {
    troubles.push(`dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  page.on("request", (request) => requests.push(request.url()));
  await page.goto(url);
  return { page, troubles, requests };
}

/** What a person sees of it: as it is laid out, without what is hidden. */
export function shownIn(locator: Locator): Promise<string> {
  // biome-ignore lint/performance/useDomNodeTextContent: what is laid out is what is asked for
  return locator.innerText();
}
