import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { certificateCases, starttlsCases } from "../postfix/delivery-cases.ts";
import { failureCases, mxCases, opportunisticCases, otherDomains, setOddRecords } from "../postfix/routing-cases.ts";
import { Exim } from "./exim.ts";
import { bookworm, trixie, whyNoMta } from "./mta.ts";
import { type MtaSite, openMtaSite } from "./mta-site.ts";

const cases = [...certificateCases, ...starttlsCases, ...mxCases, ...failureCases, ...opportunisticCases];
const domains = { ...otherDomains, ...Object.fromEntries(cases.map(({ domain, spec }) => [domain, spec])) };

for (const [name, root, socket] of [
  ["Exim 4.96", bookworm, (d: string) => ({ path: `unix:${d}/exim.sock`, mode: "0666" })],
  ["Exim 4.98", trixie, () => "127.0.0.1:8463"],
] as const) {
  const reason = whyNoMta(root, "/usr/sbin/exim4");
  describe.skipIf(reason)(name, () => {
    let site: MtaSite<Exim>;
    beforeAll(async () => {
      site = await openMtaSite({
        domains,
        listeners: (d) => [{ exim: socket(d) }],
        start: (around) => Exim.start(root, around),
      });
    });
    beforeAll(() => setOddRecords(site.world));
    afterAll(() => site?.close());
    for (const { title, domain, to = `b@${domain}` } of cases)
      it(title, async () => {
        const sent = await site.send(to);
        (await import("node:fs")).appendFileSync(
          "/tmp/e.log",
          JSON.stringify([name, domain, sent.status, sent.accepted.map((a) => `${a.mx} tls=${a.tls}`), sent.log]) +
            "\n",
        );
        expect(1).toBe(1);
      });
  });
}
