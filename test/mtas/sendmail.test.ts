import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import type { DomainSpec } from "../lab/domain-spec.ts";
import { enforce } from "../postfix/delivery-cases.ts";
import { brokenPromises } from "../postfix/promise-kept.ts";
import { setOddRecords } from "../postfix/routing-cases.ts";
import { caseDomains, casesFor } from "./cases.ts";
import { expectSent } from "./expect-sent.ts";
import { forgeAlias } from "./forge-alias.ts";
import { bookworm, trixie, whyNoMta } from "./mta.ts";
import { type MtaSite, nextSubject, openMtaSite } from "./mta-site.ts";
import { Sendmail } from "./sendmail.ts";

// Sendmail looks exactly at what RFC 8461 asks: nothing in these cases deviates.
const cases = casesFor({});

const attacked: Readonly<Record<string, DomainSpec>> = {
  "shared-casual.test": { mx: [{ exchange: "mx.shared.test", certificate: "self-signed" }] },
  "shared-strict.test": { policy: enforce("mx.shared.test"), mx: ["mx.shared.test"] },
  "names.test": { policy: enforce("mx.provider.test"), mx: ["mx.provider.test"] },
  "omits.test": { policy: enforce("mx.omits.test"), mx: ["mx.provider.test"] },
  "held.test": { policy: enforce("mx.held.test") },
  "victim.test": { policy: enforce("mx.victim.test") },
  "attacker.test": { mx: [{ exchange: "mx.attacker.test", certificate: { names: ["alias.attacker.test"] } }] },
};
const domains = { ...caseDomains, ...attacked };

for (const [name, root] of [
  ["Sendmail 8.17", bookworm],
  ["Sendmail 8.18", trixie],
] as const) {
  const reason = whyNoMta(root, "/usr/libexec/sendmail/sendmail");
  describe.skipIf(reason)(reason === undefined ? `${name}, deliveries` : `${name}, deliveries [${reason}]`, () => {
    let site: MtaSite<Sendmail>;

    beforeAll(async () => {
      site = await openMtaSite({ domains, start: (around) => Sendmail.start(root, around) });
      await setOddRecords(site.world);
    });
    afterAll(() => site?.close());

    for (const { title, to, outcome } of cases) it(title, async () => expectSent(await site.send(to), outcome));

    it("names the sender, and no recipient, to a host that the policy does not permit (R-9525-6.6-01)", async () => {
      const verbs = (await site.world.sessions("mx.allrogue.evil.test")).flatMap(({ commands }) => commands);
      expect(verbs).toContain("MAIL");
      expect(verbs).not.toContain("RCPT");
    });

    it("says in its log why mail waits (R-BIND-ALL-03)", async () => {
      expect((await site.send("b@servfail.test")).log).toMatch(/Deferred: 450 .*STS lookup temp fail/);
      expect((await site.send("b@selfsigned.test")).log).toMatch(/Deferred: 403 4\.7\.0 authentication failed/);
    });

    it("holds a policy against a forged NXDOMAIN and forged MX records (R-8461-3.1-23, R-8461-5-01)", async () => {
      expectSent(await site.send("b@held.test"), { sentTo: "mx.held.test", tls: true });
      await site.world.forgeNxdomain("held.test", "record");
      await site.world.forgeMx("held.test", ["mx.attacker.test"]);
      expectSent(await site.send("b@held.test"), "deferred");
    });

    it("takes no certificate for the name before a forged CNAME, when the host behind it is the permitted one (R-8461-4.2-05, R-9525-6.1-01)", async () => {
      expectSent(await site.send("b@victim.test"), { sentTo: "mx.victim.test", tls: true });
      await forgeAlias(site);
      expectSent(await site.send("b@victim.test"), "deferred");
      expect(await site.world.deliveries("mx.attacker.test")).toEqual([]);
    });

    it("defers all mail while the daemon is stopped, and delivers it when it is back (R-8461-5-07)", async () => {
      await site.daemon.stop();
      expectSent(await site.send("b@good.test"), "deferred");
      expectSent(await site.send("b@plain.test"), "deferred");
      await site.daemon.start();
      expectSent(await site.send("b@good.test"), { sentTo: "mx.good.test", tls: true });
    });

    it("does not deliver the strict recipient of a message beside its casual one (R-BIND-ALL-01)", async () => {
      expect(await strictBesideCasual(site)).toEqual(["b@shared-casual.test"]);
    });

    it("does not hand an enforced domain's queued mail to a connection that another domain opened (R-BIND-ALL-01, R-8461-3.4-06)", async () => {
      const { first, second } = await queuedTogether(site, "b@shared-casual.test", "b@shared-strict.test");
      expect(first).toEqual({ accepted: 1, queued: false });
      expect(second).toEqual({ accepted: 0, queued: true });
      // The connection was used again, so there was something to fall for.
      expect(await mailsOfLastDelivery(site, "mx.shared.test")).toBe(2);
    });

    it("does not hand mail under one policy to a host that only another policy names (R-BIND-ALL-01)", async () => {
      const { first, second } = await queuedTogether(site, "b@names.test", "b@omits.test");
      expect(first).toEqual({ accepted: 1, queued: false });
      expect(second).toEqual({ accepted: 0, queued: true });
      expect(await mailsOfLastDelivery(site, "mx.provider.test")).toBe(2);
    });

    it("lets a certificate that one policy refuses hold up other domains' mail to the host for one run of the queue", async () => {
      const { first, second, subjects } = await queuedTogether(site, "b@shared-strict.test", "b@shared-casual.test");
      expect(first).toEqual({ accepted: 0, queued: true });
      expect(second).toEqual({ accepted: 0, queued: true });
      expectSent(await site.send("c@shared-casual.test"), { sentTo: "mx.shared.test", tls: true });
      await site.mta.runQueue("-qRshared-casual.test");
      expect(await site.accepted(subjects[1])).toHaveLength(1);
    });

    it("resumes no TLS session (R-BIND-ALL-02)", async () => {
      const before = (await site.world.sessions("mx.shared.test")).length;
      // One process, one connection after the other to the same host.
      await queuedTogether(site, "b@shared-casual.test", "c@shared-casual.test", ["-OConnectionCacheSize=0"]);
      const sessions = (await site.world.sessions("mx.shared.test")).slice(before);
      expect(sessions.filter(({ tls }) => tls === "established").length).toBeGreaterThanOrEqual(2);
      expect(sessions.filter(({ resumed }) => resumed)).toEqual([]);
    });

    it("never had an enforced domain's mail taken by anybody else (R-8461-5-01)", async () => {
      const aliases = { "target.aliases.test": "mx.alias.test" };
      expect(brokenPromises(await site.world.deliveries(), domains, aliases)).toEqual([]);
    });
  });

  describe.skipIf(reason)(reason === undefined ? `${name}, as shipped` : `${name}, as shipped [${reason}]`, () => {
    const open = async (without: "wildcard-fix" | "recipient-check") => {
      const site = await openMtaSite({ domains, start: (around) => Sendmail.start(root, around, without) });
      onTestFinished(() => site.close());
      return site;
    };

    it("refuses wildcard certificates without the two lines of wildcard-fix.sed", async () => {
      const site = await open("wildcard-fix");
      expectSent(await site.send("b@star.test"), "deferred");
      expectSent(await site.send("b@good.test"), { sentTo: "mx.good.test", tls: true });
    });

    it("delivers strict mail over a casual one's connection without LOCAL_TLS_RCPT of ours", async () => {
      const site = await open("recipient-check");
      expect(await strictBesideCasual(site)).toEqual(["b@shared-casual.test", "b@shared-strict.test"]);
      const { second } = await queuedTogether(site, "b@shared-casual.test", "b@shared-strict.test");
      expect(second).toEqual({ accepted: 1, queued: false });
    });
  });
}

/** Who of two recipients, one of a casual and one of an enforcing domain, the host they share took the message for. */
async function strictBesideCasual(site: MtaSite<Sendmail>): Promise<string[]> {
  const subject = nextSubject();
  await site.mta.submit(["b@shared-casual.test", "b@shared-strict.test"], subject, "now");
  return (await site.accepted(subject)).flatMap(({ to }) => to).sort();
}

/** Two messages that one run of the queue delivers, the first one first, and what became of them. */
async function queuedTogether(site: MtaSite<Sendmail>, first: string, second: string, options: readonly string[] = []) {
  site.mta.emptyQueue();
  const subjects = [nextSubject(), nextSubject()] as const;
  await site.mta.submit([first], subjects[0], "later");
  await site.mta.submit([second], subjects[1], "later", "bulk");
  await site.mta.runQueue(...options);
  const outcome = async (subject: string) => ({
    accepted: (await site.accepted(subject)).length,
    queued: site.mta.isQueued(subject),
  });
  return { subjects, first: await outcome(subjects[0]), second: await outcome(subjects[1]) };
}

/** How many messages were begun on the last connection over which one was delivered. */
async function mailsOfLastDelivery(site: MtaSite<Sendmail>, host: string): Promise<number> {
  const delivered = (await site.world.sessions(host)).filter(({ commands }) => commands.includes("DATA"));
  return delivered.at(-1)?.commands.filter((verb) => verb === "MAIL").length ?? 0;
}
