// Every vector in headless Chromium. The tests of test/core/vectors.test.ts run here and their calls are written down; then
// the bundle that ships (dist/browser) must answer each call with the same octets, with WebAssembly and where that is forbidden.
import { writeFileSync } from "node:fs";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { servePlayground } from "../../examples/playground/serve.mjs";
import { libraryOf, openPage, startChromium, whyNoChromium } from "./chromium.ts";
import { calls, vectors } from "./recorded-builds.ts";
import { replay } from "./replay.ts";
import "../core/vectors.test.ts";

vi.mock("../core/builds.ts", async (original) => {
  const { recordedBuilds } = await import("./recorded-builds.ts");
  return { ...(await original<typeof import("../core/builds.ts")>()), builds: recordedBuilds };
});

const title = "every call of every vector in Chromium";
describe.skipIf(whyNoChromium)(whyNoChromium === undefined ? title : `${title} [${whyNoChromium}]`, () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await startChromium();
  });
  afterAll(() => browser?.close());

  it.each([
    { build: "wasm", wasm: true },
    { build: "portable", wasm: false },
  ])("gives the same octets in the $build build", async ({ build, wasm }) => {
    const server = await servePlayground({ wasm });
    const { page } = await openPage(browser, server.url);
    const replayed = await page.evaluate(replay, { library: await libraryOf(page), calls });
    await page.close();
    await server.close();
    expect(vectors.size).toBe(11);
    expect(replayed).toEqual({ build, differences: [] });
    report(build);
  });
});

/** For the matrix of `npm run test:embed`: every vector that made calls, all of which were answered alike. */
function report(build: string): void {
  const target = process.env.MTA_STS_VECTOR_REPORT;
  if (target === undefined) return;
  const files = Object.fromEntries([...vectors].map(([file, titles]) => [file, { passed: titles.size, failed: 0 }]));
  writeFileSync(`${target}.${build}`, `${JSON.stringify({ files }, null, 2)}\n`);
}
