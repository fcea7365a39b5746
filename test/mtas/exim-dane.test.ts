import { afterAll, beforeAll, expect, it } from "vitest";
import type { DomainSpec } from "../lab/domain-spec.ts";
import { enforce } from "../postfix/delivery-cases.ts";
import type { Exim } from "./exim.ts";
import { onEachExim } from "./exim-setups.ts";
import { expectSent } from "./expect-sent.ts";
import type { MtaSite } from "./mta-site.ts";

const domains: Readonly<Record<string, DomainSpec>> = {
  "dane.test": {
    secure: true,
    policy: enforce("mx.dane.test"),
    mx: [{ exchange: "mx.dane.test", certificate: "self-signed" }],
  },
  "unlisted.test": { secure: true, policy: enforce("mx.elsewhere.test") },
  "cn.test": {
    secure: true,
    policy: enforce("mx.cn.test"),
    mx: [{ exchange: "mx.cn.test", certificate: "cn-only" }],
  },
  "mismatch.test": { secure: true, policy: enforce("mx.mismatch.test") },
  "daneonly.test": { secure: true, mx: [{ exchange: "mx.daneonly.test", certificate: "self-signed" }] },
  "tlsafail.test": { secure: true, policy: enforce("mx.tlsafail.test") },
  "danewrong.test": { secure: true },
  "unsigned.test": { policy: enforce("mx.unsigned.test") },
  "both.test": {
    secure: true,
    policy: enforce("mx1.both.test"),
    mx: ["mx0.both.test", { exchange: "mx1.both.test", certificate: "cn-only" }],
  },
  "evil.test": { secure: true, mx: [{ exchange: "mx.evil.test", certificate: "self-signed" }] },
};

onEachExim("DANE", (open) => {
  let site: MtaSite<Exim>;

  beforeAll(async () => {
    site = await open({ domains });
    for (const host of ["mx.dane.test", "mx.unlisted.test", "mx.cn.test", "mx.daneonly.test", "mx.evil.test"])
      await site.world.setTlsa(host, "own");
    for (const host of ["mx.mismatch.test", "mx.danewrong.test", "mx0.both.test"])
      await site.world.setTlsa(host, "other");
  });
  afterAll(() => site?.close());

  it("lets DANE verify the certificate of a host that has TLSA records (R-MIX-04, R-7672-2.2-01)", async () => {
    expectSent(await site.send("b@dane.test"), { sentTo: "mx.dane.test", tls: true });
  });

  it("does not use a host that the policy does not permit, though DANE verifies it (R-MIX-04)", async () => {
    const sent = await site.send("b@unlisted.test");
    expectSent(sent, "deferred");
    expect(sent.log).toContain("MTA-STS: no MX host that unlisted.test has is in its policy");
  });

  it("does not ask a certificate under DANE-EE for a DNS name (R-BIND-EX-02)", async () => {
    expectSent(await site.send("b@cn.test"), { sentTo: "mx.cn.test", tls: true });
  });

  it("defers when TLSA records do not match, though the policy is met (R-8461-2-01)", async () => {
    expectSent(await site.send("b@mismatch.test"), "deferred");
    expect(await site.daemon.metric('exim_outcomes_total{outcome="dane-failed"}')).toBeGreaterThan(0);
  });

  it("uses DANE where there is no policy: delivers on a match, defers on a mismatch (R-7672-2.2-01)", async () => {
    expectSent(await site.send("b@daneonly.test"), { sentTo: "mx.daneonly.test", tls: true });
    expectSent(await site.send("b@danewrong.test"), "deferred");
  });

  it("forgets the TLSA records of one host when it comes to the next, whose certificate has a CN only (R-MIX-03, R-BIND-EX-02)", async () => {
    expectSent(await site.send("b@both.test"), "deferred");
    expect((await site.world.sessions("mx1.both.test")).length).toBeGreaterThan(0);
  });

  it("defers while TLSA records cannot be looked up (R-MIX-01, R-7672-2.2-04)", async () => {
    await site.world.setDns("_25._tcp.mx.tlsafail.test", "TLSA", { answer: "servfail" });
    expectSent(await site.send("b@tlsafail.test"), "deferred");
  });

  it("does not let a forged MX record lead to a host with TLSA records of its own (R-8461-5-01, R-7672-2.2.1-03)", async () => {
    expectSent(await site.send("b@unsigned.test"), { sentTo: "mx.unsigned.test", tls: true });
    await site.world.forgeMx("unsigned.test", ["mx.evil.test"]);
    expectSent(await site.send("b@unsigned.test"), "deferred");
  });
});
