import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { DomainSpec } from "../lab/domain-spec.ts";
import { enforce } from "../postfix/delivery-cases.ts";
import { brokenPromises } from "../postfix/promise-kept.ts";
import { setOddRecords } from "../postfix/routing-cases.ts";
import { caseDomains, casesFor } from "./cases.ts";
import { expectSent } from "./expect-sent.ts";
import { trixie, whyNoMta } from "./mta.ts";
import { type MtaSite, nextSubject, openMtaSite, type Sent } from "./mta-site.ts";
import { OpenSmtpd } from "./opensmtpd.ts";

// docs/mtas.md, "OpenSMTPD": where it is weaker, and where it is stricter, than RFC 8461 asks.
const cases = casesFor({
  "cnonly.test": {
    title: "delivers to a host named in the CN only, which no table can forbid OpenSMTPD",
    outcome: { sentTo: "mx.cnonly.test", tls: true },
  },
  "injected.test": {
    title: "gives up a host that injects replies in clear before the handshake (R-3207-4.2-01)",
    outcome: "deferred",
  },
  "nullmx.test": {
    title: "keeps mail for an enforcing domain that wants none until it is too old (R-7505-3-01)",
    outcome: "deferred",
  },
  "gone.test": {
    title: "keeps mail for an enforcing domain that does not exist until it is too old (R-5321-5.1-02)",
    outcome: "deferred",
  },
  "badfirst.test": {
    title: "defers when the best permitted MX has a bad certificate: there is one host for each lookup",
    outcome: "deferred",
  },
  "strippedfirst.test": {
    title: "defers when the best permitted MX has no STARTTLS: there is one host for each lookup",
    outcome: "deferred",
  },
});

const more: Readonly<Record<string, DomainSpec>> = {
  "held.test": { policy: enforce("mx.held.test") },
  "weak.test": { policy: enforce("mx.weak.test") },
  "relay.test": { policy: enforce("mx.relay.test") },
  "stopped.test": { policy: enforce("mx.stopped.test") },
  "shared-casual.test": { mx: [{ exchange: "mx.shared.test", certificate: "self-signed" }] },
  "shared-strict.test": { policy: enforce("mx.shared.test"), mx: ["mx.shared.test"] },
};
const domains = { ...caseDomains, ...more };

const name = "OpenSMTPD 7.6";
const reason = whyNoMta(trixie, "/usr/sbin/smtpd");
describe.skipIf(reason)(reason === undefined ? name : `${name} [${reason}]`, () => {
  let site: MtaSite<OpenSmtpd>;
  const sent = new Map<string, Promise<Sent>>();

  beforeAll(async () => {
    site = await openMtaSite({
      domains,
      listeners: (directory) => [{ opensmtpd: { path: `unix:${directory}/opensmtpd.sock`, mode: "0666" } }],
      start: (around) => OpenSmtpd.start(trixie, around),
    });
    await setOddRecords(site.world);
    // It says "deferred" only after 11 s, so all messages are on their way at once.
    for (const { domain, to } of cases) {
      const attempt = site.send(to);
      attempt.catch(() => undefined);
      sent.set(domain, attempt);
    }
  });
  afterAll(() => site?.close());

  for (const { title, domain, outcome } of cases)
    it(title, async () => expectSent((await sent.get(domain)) as Sent, outcome));

  it("asks no MX records of the host that the policy led to (R-8461-5-01)", async () => {
    await site.world.setDns("mx.relay.test", "MX", [{ preference: 1, exchange: "mx.shared.test" }]);
    expectSent(await site.send("b@relay.test"), { sentTo: "mx.relay.test", tls: true });
  });

  it("refuses a recipient with 451 while discovery fails (R-BIND-ALL-03)", async () => {
    expect((await site.send("b@servfail.test")).log).toMatch(/^451 /);
  });

  it("holds a policy against forged DNS, and delivers when the truth is back (R-8461-3.1-23, R-8461-5-01)", async () => {
    expectSent(await site.send("b@held.test"), { sentTo: "mx.held.test", tls: true });
    await site.world.forgeNxdomain("held.test", "record");
    await site.world.forgeMx("held.test", ["mx.attacker.test"]);
    expectSent(await site.send("b@held.test"), "deferred");
    await site.daemon.waitForEvent("answer-no-match", { domain: "held.test" });
    await site.world.unforge("held.test");
    await site.mta.retry();
    await site.world.waitForDelivery("mx.held.test", 2);
  });

  it("still delivers what it took for an enforcing domain whose policy is withdrawn (R-8461-5-08)", async () => {
    await site.world.forgeMx("weak.test", ["mx.attacker.test"]);
    expectSent(await site.send("b@weak.test"), "deferred");
    await site.world.unforge("weak.test");
    await site.world.setPolicy("weak.test", { mode: "none", maxAge: 86_400 });
    await site.world.setId("weak.test", "2");
    await site.mta.retry();
    await site.world.waitForDelivery("mx.weak.test");
  });

  it("does not deliver an enforced domain's mail over a connection that another domain opened (R-BIND-ALL-01, R-8461-3.4-06)", async () => {
    for (const to of ["b@shared-casual.test", "c@shared-casual.test"])
      expectSent(await site.send(to), { sentTo: "mx.shared.test", tls: true });
    // The connection stays open for 10 s. It goes on trying the host where mail of others passed, so nobody waits.
    expect((await site.mta.submit("b@shared-strict.test", nextSubject())).id).toBeDefined();
    const given = async () =>
      (await site.world.sessions("mx.shared.test")).filter(
        ({ commands, closed }) => closed && commands.includes("STARTTLS") && !commands.includes("MAIL"),
      ).length;
    await expect.poll(given, { timeout: 20_000 }).toBeGreaterThan(0);
  });

  it("takes no mail while the daemon is stopped, and delivers when it is back (R-8461-5-07)", async () => {
    await site.daemon.stop();
    expectSent(await site.send("b@stopped.test"), "deferred");
    expectSent(await site.send("b@plain.test"), "deferred");
    await site.daemon.start();
    expectSent(await site.send("b@stopped.test"), { sentTo: "mx.stopped.test", tls: true });
  });

  it("never had an enforced domain's mail taken by anybody else, but for the CN (R-8461-5-01)", async () => {
    const accepted = (await site.world.deliveries()).filter(({ mx }) => mx !== "mx.cnonly.test");
    const { "weak.test": _, ...unchanged } = domains;
    expect(brokenPromises(accepted, unchanged, { "target.aliases.test": "mx.alias.test" })).toEqual([]);
  });
});
