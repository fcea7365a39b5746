// The playground in headless Chromium, and the module as pages, workers and strict policies meet it.
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { servePlayground } from "../../examples/playground/serve.mjs";
import { libraryOf, openPage, startChromium, whyNoChromium } from "./chromium.ts";

const rowsOf = (page: Page): Promise<string[][]> =>
  page.$$eval("#plan tr", (rows) =>
    rows.map((row) => Array.from((row as HTMLTableRowElement).cells, (cell) => cell.textContent ?? "")),
  );

const title = "the playground";
describe.skipIf(whyNoChromium)(whyNoChromium === undefined ? title : `${title} [${whyNoChromium}]`, () => {
  let browser: Browser;
  let server: Awaited<ReturnType<typeof servePlayground>>;
  let page: Page;
  let complaints: string[];

  beforeAll(async () => {
    browser = await startChromium();
    server = await servePlayground();
    ({ page, complaints } = await openPage(browser, server.url));
  });
  afterAll(async () => {
    await browser?.close();
    await server?.close();
  });

  it("says what to do with each host of the example, and why", async () => {
    expect(await page.textContent("#build")).toBe("mta-sts.wasm");
    expect(await page.textContent("#record")).toContain("id 20260101T000000");
    expect(await page.textContent("#parsed")).toBe("Valid: mode enforce, 2 mx patterns, kept for 7 days");
    expect(await rowsOf(page)).toEqual([
      ["mx1.example.com", "Deliver", "covered by mx: mx1.example.com; its certificate names it"],
      [
        "a.backup.example.com",
        "Connect, then leave it for the next host",
        "covered by mx: *.backup.example.com; its certificate does not name it; TLSRPT: certificate-host-mismatch",
      ],
      ["deep.a.backup.example.com", "Do not use it", "no mx line of the policy covers it"],
      ["mx.attacker.example", "Do not use it", "no mx line of the policy covers it"],
      ["192.0.2.1", "Do not use it", "it is no host name that a certificate could hold"],
    ]);
  });

  it("points at the octet where a policy stops being one, also behind characters of several octets", async () => {
    await page.fill("#policy", "version: STSv1\nnote: grüße\nmode: enforce\nmx: *.b*.example.com\nmax_age: 604800\n");
    expect(await page.textContent("#parsed")).toContain("an mx value is not a host name");
    expect(await page.textContent("#place")).toBe("mx: *.b*.example.com\n    ^");
  });

  it("says that two records count as none, and that mail then goes out without a policy", async () => {
    await page.fill("#txt", "v=STSv1; id=1;\nv=STSv1; id=2;");
    expect(await page.textContent("#record")).toContain("Counts as none");
    expect((await rowsOf(page)).map(([, what]) => what)).not.toContain("Do not use it");
  });

  it("shows markup that somebody pastes as text", async () => {
    await page.fill("#hosts", "<img/src=x/onerror=alert(1)>");
    expect((await rowsOf(page))[0]?.[0]).toBe("<img/src=x/onerror=alert(1)>");
    expect(await page.$("#plan img")).toBeNull();
  });

  it("violates its Content-Security-Policy nowhere", () => {
    expect(complaints).toEqual([]);
  });

  it("runs on the portable build where the policy forbids WebAssembly", async () => {
    const strict = await servePlayground({ wasm: false });
    const opened = await openPage(browser, strict.url);
    expect(await opened.page.textContent("#build")).toContain("portable build");
    expect((await rowsOf(opened.page))[0]).toEqual([
      "mx1.example.com",
      "Deliver",
      "covered by mx: mx1.example.com; its certificate names it",
    ]);
    await opened.page.close();
    await strict.close();
  });

  it("takes a module that was compiled elsewhere, as a worker or an edge runtime has it", async () => {
    const id = await page.evaluate(
      async ({ load }) => {
        const module = await WebAssembly.compileStreaming(fetch("/mta-sts/mta-sts.wasm"));
        const { build, core } = await load({ module });
        const record = core.selectRecord(["v=STSv1; id=7;"]);
        // U+0161 must not become "a": text crosses as UTF-8.
        const other = core.selectRecord(["v=STSv1; id=\u0161bc;"]);
        return [build, record.ok && record.id, other.ok];
      },
      await libraryOf(page),
    );
    expect(id).toEqual(["wasm", "7", false]);
  });

  it("tells a file that is damaged from a policy that forbids WebAssembly", async () => {
    const outcome = await page.evaluate(
      async ({ load }) => {
        const failure = (error: Error) => error.name;
        return [
          await load({ url: "/mta-sts/abi.js" }).catch(failure),
          await load({ url: "/mta-sts/missing" }).catch(failure),
        ];
      },
      await libraryOf(page),
    );
    expect(outcome).toEqual(["CompileError", "TypeError"]);
  });
});
