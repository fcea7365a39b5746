import { copyFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { dnsNames, selfSignedLeaf } from "../host/https/certificates.ts";
import type { DomainSpec, MxEntry, PolicySpec } from "../lab/domain-spec.ts";
import { enforce } from "../postfix/delivery-cases.ts";
import type { HarakaInstance } from "./haraka-instance.ts";
import { HarakaSite } from "./haraka-site.ts";
import { current, whyNoHaraka } from "./release.ts";

// What a postmaster sees and sets: outcomes, metrics, report-only, overrides, trust anchors, settings read again.

const testing = (...mx: string[]): PolicySpec => ({ mode: "testing", mx, maxAge: 604_800 });
const one = (
  domain: string,
  certificate: "good" | "expired" | "cn-only" | "self-signed",
  policy = enforce,
): DomainSpec => ({
  policy: policy(`mx.${domain}`),
  mx: [{ exchange: `mx.${domain}`, certificate }],
});

const nobody = (exchange: string): MxEntry => ({ exchange, server: false });
const says = (domain: string, replies: NonNullable<MxEntry["replies"]>): DomainSpec => ({
  policy: testing(`mx.${domain}`),
  mx: [{ exchange: `mx.${domain}`, replies }],
});

const domains: Readonly<Record<string, DomainSpec>> = {
  "good.test": one("good.test", "good"),
  "expired.test": one("expired.test", "expired"),
  "excused.test": one("excused.test", "expired"),
  "forgiven.test": one("forgiven.test", "expired"),
  "t-good.test": one("t-good.test", "good", testing),
  "t-cnonly.test": one("t-cnonly.test", "cn-only", testing),
  "t-unlisted.test": { policy: testing("other.test"), mx: ["mx.t-unlisted.test"] },
  "t-reset.test": { policy: testing("mx.t-reset.test"), mx: [{ exchange: "mx.t-reset.test", starttls: "reset" }] },
  "t-clear.test": { policy: testing("mx.t-clear.test"), mx: [{ exchange: "mx.t-clear.test", starttls: "stripped" }] },
  "t-greeting.test": says("t-greeting.test", { greeting: "554 5.3.2 no" }),
  "t-busy.test": says("t-busy.test", { greeting: "421 4.3.2 busy" }),
  "t-refused.test": says("t-refused.test", { starttls: "454 4.7.0 later" }),
  "t-forced.test": one("t-forced.test", "expired", testing),
  "odd.test": {
    policy: enforce("mx.odd.test"),
    mx: [{ exchange: ["mx/success", "evil", "test"], server: false }],
  },
  "many.test": {
    policy: enforce("mx.many.test"),
    mx: ["mx0.elsewhere.test", ...Array.from({ length: 39 }, (_, i) => nobody(`mx${i + 1}.elsewhere.test`))],
  },
  "private.test": one("private.test", "good"),
  "nopolicy.test": { mx: ["mx.nopolicy.test"] },
};

const reason = whyNoHaraka(current);
const suite = (title: string) =>
  describe.skipIf(reason)(reason === undefined ? title : `${title} [${reason}]`, body[title]);
const METRICS_PORT = 8462;

let site: HarakaSite;
beforeAll(async () => {
  if (reason === undefined) site = await HarakaSite.open({ domains });
});
afterAll(() => site?.close());

const start = async (sections: Record<string, Record<string, string | number | boolean>> = {}, nodes = 0) => {
  const config = { "mta-sts.ini": site.mtaStsIni(sections) };
  const haraka = site.haraka({ release: current, modules: inject("harakaModules"), nodes, config });
  await haraka.start();
  return haraka;
};
const to = (haraka: HarakaInstance, domain: string) => haraka.sendAndWait({ to: `b@${domain}` });

async function page(path: string): Promise<string> {
  const socket = await site.door.connect(METRICS_PORT);
  socket.write(`GET ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`);
  let text = "";
  for await (const chunk of socket.setEncoding("utf8")) text += chunk;
  return text;
}

const body: Record<string, () => void> = {
  "the outcome of each attempt": () => {
    let haraka: HarakaInstance;
    beforeAll(async () => {
      haraka = await start({ metrics: { listen: `127.0.0.1:${METRICS_PORT}` } });
      const left = ["private.test", "odd.test", "many.test", "t-forced.test"];
      for (const domain of Object.keys(domains).filter((name) => !left.includes(name))) await to(haraka, domain);
    });
    afterAll(() => haraka?.stop());

    it.each([
      ["good.test", { mode: "enforce", success: true, resultType: null, tlsVersion: "TLSv1.3" }],
      ["expired.test", { mode: "enforce", success: false, resultType: "certificate-expired", tlsVersion: "TLSv1.3" }],
      ["t-good.test", { mode: "testing", success: true, resultType: null, tlsVersion: "TLSv1.3" }],
      ["t-cnonly.test", { mode: "testing", success: false, resultType: "certificate-host-mismatch" }],
      ["t-unlisted.test", { mode: "testing", success: false, resultType: "validation-failure", why: "not-in-policy" }],
      ["t-reset.test", { mode: "testing", success: false, resultType: "validation-failure", why: "handshake-failed" }],
      ["t-clear.test", { mode: "testing", success: false, resultType: "starttls-not-supported", tlsVersion: null }],
      ["t-greeting.test", { mode: "testing", success: false, resultType: "starttls-not-supported" }],
      ["t-refused.test", { mode: "testing", success: false, why: "starttls-refused" }],
      ["t-busy.test", { mode: "testing", success: false, resultType: null, why: "not-connected" }],
    ])("%s is told to who listens (R-8461-4.2-10, R-8461-5-04)", (domain, expected) => {
      const outcomes = haraka.outcomes(domain);
      expect(outcomes).toHaveLength(1);
      expect(outcomes[0]).toMatchObject({
        ...expected,
        mx: `mx.${domain}`,
        address: expect.stringMatching(/^127\.25\./),
        policy: { type: "sts", id: "1", lines: expect.arrayContaining(["version: STSv1"]) },
      });
    });

    it("is a line of the log", async () => {
      const line = await haraka.waitForLog(/outcome domain=expired\.test/);
      expect(line).toMatch(
        /\[NOTICE\] .* mx=mx\.expired\.test address=127\.25\.\S+ policy=sts id=1 mode=enforce result=certificate-expired why=expired tls=TLSv1\.3/,
      );
    });

    it("is nothing for a domain without a policy", () => {
      expect(haraka.outcomes("nopolicy.test")).toEqual([]);
    });

    it("is counted, without a domain in a label", async () => {
      const text = await page("/metrics");
      expect(text).toMatch(/^mta_sts_sessions_total\{mode="enforce",result="success"\} 1$/m);
      expect(text).toMatch(/^mta_sts_sessions_total\{mode="enforce",result="certificate-expired"\} 3$/m);
      expect(text).toMatch(/^mta_sts_deferrals_total 3$/m);
      expect(text).not.toContain("expired.test");
      expect(await page("/healthz")).toMatch(/"status":"ok"/);
    });
  },

  "what DNS and MX hosts say": () => {
    let haraka: HarakaInstance;
    beforeAll(async () => {
      haraka = await start();
    });
    afterAll(() => haraka?.stop());

    it("puts no field into a line of the log", async () => {
      await site.world.setDns(["mx/success", "evil", "test"], "A", ["127.25.9.9"]);
      const { what, reason: why } = await to(haraka, "odd.test");
      expect([what, why]).toEqual(["deferred", expect.stringMatching(/"mx\/success\.evil\.test": validation-failure/)]);
      const line = await haraka.waitForLog(/outcome domain=odd\.test/);
      expect(line).toMatch(/ mx="mx\/success\.evil\.test" policy=sts id=1 mode=enforce result=validation-failure /);
    });

    it("does not make a reason or the log as long as it likes", async () => {
      const address = (await site.world.endpoints()).mx["mx0.elsewhere.test"]?.address ?? "";
      for (let i = 1; i < 40; i++) await site.world.setDns(`mx${i}.elsewhere.test`, "A", [address]);
      const { reason: why = "" } = await to(haraka, "many.test");
      expect(why).toMatch(/not-in-policy; and 35 more$/);
      expect(why.length).toBeLessThan(600);
      expect(haraka.log.match(/outcome domain=many\.test/g)).toHaveLength(20);
    });
  },

  "a session of Haraka's own under testing": () => {
    it("that force_tls_hosts ends is told with its reason, and harms nothing (R-8461-4.2-10)", async () => {
      const tls = { redis: { disable_for_failed_hosts: false }, outbound: { "force_tls_hosts[]": "t-forced.test" } };
      const config = { "mta-sts.ini": site.mtaStsIni(), "tls.ini": tls };
      const haraka = site.haraka({ release: current, modules: inject("harakaModules"), config });
      await haraka.start();
      expect(await to(haraka, "t-forced.test")).toMatchObject({ what: "deferred", reason: "Tried all MXs" });
      expect(haraka.outcomes("t-forced.test")).toMatchObject([{ resultType: "certificate-expired", tlsVersion: null }]);
      expect(haraka.log).not.toMatch(/\[CRIT\] \[-\] \[mta-sts\]/);
      await haraka.stop();
    });

    it("is held against the roots of [mx], not against those Haraka trusts beside (R-8461-4.2-02)", async () => {
      const { cert } = await selfSignedLeaf(dnsNames("a root that signed nothing here"));
      const other = join(site.directory, "other-ca.pem");
      writeFileSync(other, cert);
      const config = { "mta-sts.ini": site.mtaStsIni({ mx: { ca_file: other } }) };
      const env = { NODE_EXTRA_CA_CERTS: site.caFile };
      const haraka = site.haraka({ release: current, modules: inject("harakaModules"), config, env });
      await haraka.start();
      expect(await to(haraka, "t-good.test")).toMatchObject({ what: "delivered" });
      expect(haraka.outcomes("t-good.test")).toMatchObject([{ resultType: "certificate-not-trusted" }]);
      expect(await to(haraka, "good.test")).toMatchObject({ what: "deferred" });
      await haraka.stop();
    });
  },

  "metrics of a cluster": () => {
    it("are the sum over its workers", async () => {
      const haraka = await start({ metrics: { listen: `127.0.0.1:${METRICS_PORT}` } }, 2);
      const sent = await Promise.all(Array.from({ length: 20 }, () => to(haraka, "good.test")));
      expect(new Set(sent.map(({ pid }) => pid)).size).toBe(2);
      const text = await page("/metrics");
      expect(text).toMatch(/^mta_sts_sessions_total\{mode="enforce",result="success"\} 20$/m);
      // How many of them have an engine that runs, and a store that writes.
      expect(text).toMatch(/^mta_sts_build_info\{version="[\d.]+"\} 2$/m);
      expect(text).toMatch(/^mta_sts_store_persisting 2$/m);
      await haraka.stop();
    });
  },

  "mode=report-only": () => {
    it("observes enforce policies, holds nothing back, and counts what it let out", async () => {
      const haraka = await start({ main: { mode: "report-only" }, metrics: { listen: `127.0.0.1:${METRICS_PORT}` } });
      expect(await to(haraka, "expired.test")).toMatchObject({ what: "delivered", tls: true });
      expect(haraka.outcomes("expired.test")).toMatchObject([
        { mode: "report-only", success: false, resultType: "certificate-expired" },
      ]);
      await haraka.waitForLog(
        /\[WARN\] .*report-only \(\[main\] mode\): the enforce policy 1 of expired\.test is observed/,
      );
      expect(await page("/metrics")).toMatch(/^mta_sts_fail_open_total\{reason="report-only"\} 1$/m);
      await haraka.stop();
    });
  },

  "a section for one domain": () => {
    it("lets it out until its day, with its reason in the log; after that day it is enforced again", async () => {
      const haraka = await start({
        "domain.excused.test": { mode: "report-only", until: "2999-12-31", reason: "ticket 4711" },
        "domain.forgiven.test": { mode: "report-only", until: "2020-12-31", reason: "ticket 1" },
      });
      expect(await to(haraka, "excused.test")).toMatchObject({ what: "delivered" });
      await haraka.waitForLog(/report-only \(\[domain\.excused\.test\], ticket 4711\)/);
      expect(await to(haraka, "forgiven.test")).toMatchObject({ what: "deferred" });
      await haraka.waitForLog(/the day of \[domain\.forgiven\.test\] has passed/);
      await haraka.stop();
    });

    it("trusts its own CA for that domain alone (R-8461-4.2-02)", async () => {
      const ca = join(site.directory, "private-ca.pem");
      copyFileSync(site.caFile, ca);
      const haraka = await start({ mx: { ca_file: "" }, "domain.private.test": { ca_file: ca } });
      expect(await to(haraka, "private.test")).toMatchObject({ what: "delivered", tls: true });
      expect(await to(haraka, "good.test")).toMatchObject({
        what: "deferred",
        reason: expect.stringMatching(/certificate-not-trusted/),
      });
      await haraka.stop();
    });
  },

  "mta-sts.ini": () => {
    it("is read again when it changes; a fault in it changes nothing", async () => {
      const haraka = await start();
      expect(await to(haraka, "expired.test")).toMatchObject({ what: "deferred" });
      haraka.configure("mta-sts.ini", site.mtaStsIni({ main: { mode: "report-only" } }));
      await haraka.waitForLog(/mta-sts\.ini was read again/);
      expect(await to(haraka, "expired.test")).toMatchObject({ what: "delivered" });
      haraka.configure("mta-sts.ini", site.mtaStsIni({ main: { mode: "enforced" } }));
      await haraka.waitForLog(
        /was not read again, .*: mta-sts\.ini: \[main\] mode: expected enforce or report-only, found "enforced"/,
      );
      expect(await to(haraka, "expired.test")).toMatchObject({ what: "delivered" });
      await haraka.stop();
    });

    it("with a fault stops the start, and says what and where", async () => {
      const haraka = site.haraka({
        release: current,
        modules: inject("harakaModules"),
        config: { "mta-sts.ini": site.mtaStsIni({ main: { mood: "good" }, "domain.x.test": { mode: "report-only" } }) },
      });
      await expect(haraka.start()).rejects.toThrow(/it has ended/);
      expect(haraka.log).toMatch(/unknown key \[main\] mood/);
      expect(haraka.log).toMatch(/\[domain\.x\.test\] until: expected a day such as 2026-12-31, found "nothing"/);
    });

    it("with enabled=false leaves Haraka as it is", async () => {
      const haraka = site.haraka({
        release: current,
        modules: inject("harakaModules"),
        config: { "mta-sts.ini": site.mtaStsIni({ main: { enabled: false } }) },
      });
      await haraka.start({ engine: false });
      await site.world.forgetSeen();
      expect(await to(haraka, "expired.test")).toMatchObject({ what: "delivered" });
      expect(await site.world.queries("_mta-sts.expired.test")).toEqual([]);
      await haraka.stop();
    });
  },
};

for (const title of Object.keys(body)) suite(title);
