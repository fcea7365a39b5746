import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { labelsOf, nameText } from "../lab/dns-name.ts";
import type { DomainSpec } from "../lab/domain-spec.ts";
import { whyNoDaemon } from "./daemon-process.ts";
import { certificateCases, type DeliveryCase, starttlsCases } from "./delivery-cases.ts";
import { expectOutcome } from "./expect-outcome.ts";
import { postfix37, postfix310, whyUnavailable } from "./flavour.ts";
import { brokenPromises } from "./promise-kept.ts";
import { failureCases, mxCases, opportunisticCases, otherDomains, setOddRecords } from "./routing-cases.ts";
import { openSite, type SendingSite } from "./sending-site.ts";

const cases: readonly DeliveryCase[] = [
  ...certificateCases,
  ...starttlsCases,
  ...mxCases,
  ...failureCases,
  ...opportunisticCases,
];

const domains = { ...otherDomains, ...Object.fromEntries(cases.map(({ domain, spec }) => [domain, spec])) };

const setups = [
  [postfix37, "postfix"],
  [postfix310, "postfix"],
  [postfix310, "postfix310"],
] as const;

for (const [flavour, map] of setups) {
  const reason = whyUnavailable(flavour) ?? whyNoDaemon();
  const title = `${flavour.name}, map ${map}`;
  describe.skipIf(reason)(reason === undefined ? title : `${title} [${reason}]`, () => {
    let site: SendingSite<"main">;

    beforeAll(async () => {
      site = await openSite({ flavour, domains, instances: { main: { map } } });
      await setOddRecords(site.world);
    });
    afterAll(() => site?.close());

    for (const { title, domain, to = `b@${domain}`, spec, outcome, unasked } of cases)
      it(title, async () => {
        const sent = await site.send("main", { to });
        expectOutcome(sent, outcome, map);
        if (sent.dsn.startsWith("4.7.")) await expectNoMail(site, spec);
        if (unasked) expect(await site.world.queries(`_mta-sts.${domain}`)).toEqual([]);
      });

    it("counts what a testing policy would have refused", async () => {
      expect(await site.daemon.metric("testing_mismatch_total")).toBe(1);
    });

    it("never had an enforced domain's mail taken by anybody else (R-8461-5-01)", async () => {
      // docs/postfix.md, "What Postfix does not check".
      const deviations = ["mx.cnonly.test", ...(map === "postfix" ? ["mx1.crossed.test"] : [])];
      const accepted = (await site.world.deliveries()).filter(({ mx }) => !deviations.includes(mx));
      expect(accepted.length).toBeGreaterThan(15);
      expect(brokenPromises(accepted, domains, { "target.aliases.test": "mx.alias.test" })).toEqual([]);
    });
  });
}

/** A host that the policy refuses does not even hear of the message (R-9525-6.6-01). */
async function expectNoMail(site: SendingSite, { mx = [] }: DomainSpec): Promise<void> {
  for (const entry of mx) {
    const name = typeof entry === "string" ? entry : nameText(labelsOf(entry.exchange));
    for (const { commands } of await site.world.sessions(name)) expect(commands).not.toContain("MAIL");
  }
}
