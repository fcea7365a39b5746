import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { DomainSpec } from "../lab/domain-spec.ts";
import { whyNoDaemon } from "../postfix/daemon-process.ts";
import { enforce, verified } from "../postfix/delivery-cases.ts";
import { expectOutcome } from "../postfix/expect-outcome.ts";
import { postfix37, postfix310, whyUnavailable } from "../postfix/flavour.ts";
import { openSite, SELF_TEST, type SendingSite, type Sent } from "../postfix/sending-site.ts";
import { EXEMPT, further, interplay } from "./postfix-cases.ts";
import { signedWorldObstacle } from "./signed-world.ts";
import { daneDomain, daneDomains, under } from "./signed-zones.ts";

// Real Postfix, real Unbound, signed zones, the real daemon: what becomes of mail under DANE and MTA-STS together.

// An unsigned domain whose enforce policy is held, and an attacker with DNSSEC and DANE of his own.
const VICTIM = "victim.test";
const attacker = daneDomain("attacker", {
  spec: { mx: [{ exchange: `mx.${under("attacker")}`, certificate: "self-signed" }] },
});
const domains: Readonly<Record<string, DomainSpec>> = { [VICTIM]: { policy: enforce(`mx.${VICTIM}`) } };

const cases = [...interplay, ...further];
const named = new Set(cases.map(({ domain }) => domain));
// The bogus zone of the self-test and what aliases lead to.
const beside = daneDomains.filter(({ domain }) => !named.has(domain));
const signed = [...cases, ...beside, attacker];

/** What README tells an operator to write. */
const parameters = { smtp_dns_support_level: "dnssec", smtp_tls_security_level: "dane" };

for (const [flavour, map] of [
  [postfix37, "postfix"],
  [postfix310, "postfix310"],
] as const) {
  const reason = whyUnavailable(flavour) ?? whyNoDaemon() ?? signedWorldObstacle() ?? undefined;
  const title = `DANE: ${flavour.name}`;
  describe.skipIf(reason)(reason === undefined ? title : `${title} [${reason}]`, () => {
    let site: SendingSite<"main" | "may">;
    const sent = new Map<string, Sent>();

    beforeAll(async () => {
      site = await openSite({
        flavour,
        domains,
        signed,
        ttl: 60,
        deadline: "5s",
        instances: {
          main: { map, parameters },
          may: { map, parameters: { ...parameters, smtp_tls_security_level: "may" } },
        },
        settings: { dane: { ...SELF_TEST, "not-for": [under(EXEMPT)] } },
      });
      // All at once: each waits for nobody but itself.
      await Promise.all(
        cases.map(async ({ domain }) => sent.set(domain, await site.send("main", { to: `b@${domain}` }))),
      );
    });
    afterAll(() => site?.close());

    const ask = async (key: string) =>
      (await site.postfix("main").postmapQuery(key, { inet: "127.0.0.1:8461" }, map)).stdout.trim();

    for (const { title: what, domain, outcome } of cases)
      it(what, () => expectOutcome(sent.get(domain) as Sent, outcome, map));

    const decided = /^TLSA (match|mismatch|unusable|failed|forged|bogus),/;
    for (const { title: what, domain, outcome } of cases.filter(({ title }) => decided.test(title)))
      it(`by the answer alone, whatever Postfix's own level is: ${what}`, async () => {
        expectOutcome(await site.send("may", { to: `b@${domain}` }), outcome, map);
      });

    it("makes no connection to a host whose TLSA lookup fails (R-7672-2.1.2-03, R-7672-10-01)", async () => {
      for (const { domain, title: what } of cases.filter(({ title }) => /^TLSA (failed|forged)/.test(title)))
        expect([what, await site.world.sessions(`mx.${domain}`)]).toEqual([what, []]);
    });

    it("is on after a start that has tested the resolver, and says so (R-7672-2.1.1-02)", async () => {
      await site.daemon.waitForEvent("dane-on");
      expect(await site.daemon.metric("dane_active")).toBe(1);
    });

    it("answers dane-only, dane, or what MTA-STS says (R-BIND-PF-03)", async () => {
      expect(await ask(under("match-none"))).toBe("dane-only");
      expect(await ask(under("match-enforce-listed"))).toBe("dane-only");
      expect(await ask(under("mixed"))).toBe("dane");
      expect(await ask(under("mixed-enforce"))).toBe("dane-only");
      expect(await ask(under("unusable-none"))).toBe("dane");
      expect(await ask(under("absent-none"))).toBe("");
      expect(await ask(under("absent-enforce-listed"))).toMatch(/^secure match=mx\.absent-enforce-listed\.dane\.test /);
      expect(await ask(under("insecure-none"))).toBe("");
    });

    it("counts what one answer for the whole domain loses (R-MIX-03)", async () => {
      const lost = await site.daemon.metric('dane_deviations_total{deviation="hosts-without-tlsa-unused"}');
      expect(lost).toBeGreaterThan(0);
      await site.daemon.waitForEvent("dane-deviation", { domain: under("mixed-enforce") });
    });

    it("a forged, unsigned MX record that names an attacker's own DANE host loses against a held enforce policy (R-7672-2.2.1-03, R-8461-5-01)", async () => {
      expectOutcome(await site.send("main", { to: `b@${VICTIM}` }), verified(`mx.${VICTIM}`), map);
      await site.world.forgeMx(VICTIM, [{ exchange: `mx.${attacker.domain}`, server: false }]);
      await site.signed?.publish(); // the resolver forgets the true record
      const forged = await site.send("main", { to: `b@${VICTIM}` });
      expect(forged.status, forged.lines.join("\n")).toBe("deferred");
      expect(forged.accepted).toEqual([]);
      expect(await site.world.deliveries(`mx.${attacker.domain}`)).toEqual([]);
      await site.world.unforge(VICTIM);
      await site.signed?.publish();
      expectOutcome(await site.retry("main", forged.queueId), verified(`mx.${VICTIM}`), map);
    });
  });
}

const reason = whyUnavailable(postfix37) ?? whyNoDaemon() ?? signedWorldObstacle() ?? undefined;
const title = "DANE, where the resolver does not validate";
describe.skipIf(reason)(reason === undefined ? title : `${title} [${reason}]`, () => {
  const wanted = interplay.filter(({ title }) => title === "TLSA mismatch, MTA-STS enforce, listed");
  let site: SendingSite<"main">;

  beforeAll(async () => {
    // The zone that the self-test expects to be refused is a good one: what answers for it does not validate.
    const settings = { dane: { ...SELF_TEST, "bogus-names": [under("secure")] } };
    const instances = { main: { map: "postfix", parameters: { smtp_dns_support_level: "dnssec" } } };
    site = await openSite({ flavour: postfix37, domains: {}, signed: [...wanted, ...beside], instances, settings });
  });
  afterAll(() => site?.close());

  it("is off, and one loud line, a metric and healthz say so (R-7672-2.1.1-01, R-7672-2.1.1-02)", async () => {
    const line = await site.daemon.waitForEvent("dane-off");
    expect(line).toMatchObject({ level: "error", detail: expect.stringContaining("answered as if it were good") });
    expect(await site.daemon.metric("dane_active")).toBe(0);
    expect(await site.daemon.page("/healthz")).toMatch(/"dane":"off: [^"]*answered as if it were good/);
    expect(site.daemon.lines.filter(({ event }) => event === "dane-off").length).toBe(1);
  });

  it("leaves MTA-STS as it is (R-8461-5-01)", async () => {
    const [{ domain } = { domain: "" }] = wanted;
    expectOutcome(await site.send("main", { to: `b@${domain}` }), verified(`mx.${domain}`), "postfix");
  });
});
