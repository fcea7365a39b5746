// Debian's Chromium, headless, and pages in it that remember what they complained of.
import { existsSync } from "node:fs";
import { type Browser, chromium, type JSHandle, type Page } from "playwright-core";

const PROGRAM = "/usr/bin/chromium";

/** Why no Chromium can run here; undefined when it can. */
export const whyNoChromium = existsSync(PROGRAM)
  ? undefined
  : process.env.MTA_STS_TEST_ALL === "1"
    ? undefined
    : `no ${PROGRAM}`;

export const startChromium = (): Promise<Browser> =>
  // A test may run as root, for whom Chromium has no sandbox; it only ever sees pages of this repository.
  chromium.launch({ executablePath: PROGRAM, args: ["--no-sandbox", "--disable-gpu"] });

/** A page and everything that went wrong on it: errors, and violations of its Content-Security-Policy. */
export async function openPage(browser: Browser, url: string): Promise<{ page: Page; complaints: string[] }> {
  const page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
  const complaints: string[] = [];
  page.on("pageerror", (error) => complaints.push(error.message));
  page.on("console", (message) => {
    if (message.type() === "error") complaints.push(message.text());
  });
  await page.goto(url);
  await page.waitForSelector("#plan tr");
  return { page, complaints };
}

/** What dist/browser/index.js exports, in the page. As text, because the test runner rewrites an import(). */
export const libraryOf = (page: Page): Promise<JSHandle<typeof import("../../bindings/browser/index.ts")>> =>
  page.evaluateHandle('import("/mta-sts/index.js")');
