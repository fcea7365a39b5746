import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from "vitest";
import { signedWorldObstacle } from "../dane/signed-world.ts";
import { daneDomain, under } from "../dane/signed-zones.ts";
import type { Delivery } from "../lab/mx-server.ts";
import { enforce } from "../postfix/delivery-cases.ts";
import { daneMatrix, daneNeighbours, named } from "./dane-cases.ts";
import { expectFate } from "./expect-fate.ts";
import type { Attempted, HarakaInstance } from "./haraka-instance.ts";
import { HarakaSite } from "./haraka-site.ts";
import { current, type HarakaRelease, oldest, whyNoHaraka } from "./release.ts";
import { ScenarioTable } from "./scenario-table.ts";

// Real Haraka, real Unbound, signed zones: what DANE asks of each MX host, alone and together with MTA-STS.

interface Setup {
  readonly title: string;
  readonly release: HarakaRelease;
  readonly plugin: boolean;
}

const setups: readonly Setup[] = [current, oldest].flatMap((release) => [
  { title: `DANE: Haraka ${release.version} as it comes`, release, plugin: false },
  { title: `DANE: Haraka ${release.version} with the plugin`, release, plugin: true },
]);

// An unsigned domain whose enforce policy is held, and an attacker with DNSSEC and DANE of his own.
const VICTIM = "victim.test";
const attackers = daneDomain("attacker");
const domains = { ...daneNeighbours, [VICTIM]: { policy: enforce(`mx.${VICTIM}`) }, "plain.test": {} };
const signed = [...daneMatrix, attackers, named];

const table = new ScenarioTable(
  daneMatrix.map(({ name }) => name),
  setups.map(({ title }) => title),
);
afterAll(() => table.print());

const reasonFor = (release: HarakaRelease) => whyNoHaraka(release) ?? signedWorldObstacle() ?? undefined;

for (const { release, plugin, title } of setups) {
  const reason = reasonFor(release);
  describe.skipIf(reason)(reason === undefined ? title : `${title} [${reason}]`, () => {
    let site: HarakaSite;
    let haraka: HarakaInstance;
    const attempts = new Map<string, Attempted>();
    let deliveries: readonly Delivery[] = [];

    beforeAll(async () => {
      site = await HarakaSite.open({ domains, signed });
      haraka = site.haraka({ release, modules: plugin ? inject("harakaModules") : null });
      await haraka.start();
      await Promise.all(
        daneMatrix.map(async ({ name, domain }) => {
          attempts.set(name, await haraka.sendAndWait({ to: `b@${domain}`, subject: name }));
        }),
      );
      deliveries = await site.world.deliveries();
    });
    afterAll(() => site?.close());

    for (const { name, title: what, domain, stock, plugin: wanted, outcomes } of daneMatrix)
      it(`${name}: ${what}`, async () => {
        const attempt = attempts.get(name) as Attempted;
        const taken = deliveries.find(({ data }) => data.includes(`Subject: ${name}\r\n`));
        table.set(name, title, attempt, taken);
        expectFate(attempt, taken, plugin ? wanted : stock);
        if (!plugin) return;
        if (outcomes !== undefined)
          expect(haraka.outcomes(domain).map(({ resultType }) => resultType)).toEqual(outcomes);
        if (attempt.what === "deferred") expect(attempt.status).toEqual(["4.7.5"]);
      });

    if (!plugin) return;

    it("sends the TLSA base domain as SNI (R-7672-8.1-01, AMB-18)", () => {
      const sni = (name: string) => deliveries.find(({ data }) => data.includes(`Subject: ${name}\r\n`))?.sni;
      expect([sni("secure"), sni("alias")]).toEqual([`mx.${under("secure")}`, `mx.${under("secure")}`]);
    });

    it("makes no connection to a host whose TLSA records cannot be had (R-7672-2.1.2-03, R-7672-10-01)", async () => {
      for (const name of ["servfail", "tampered-tlsa", "failed-enforce-listed", "forged-enforce-listed"])
        expect([name, await site.world.sessions(`mx.${under(name)}`)]).toEqual([name, []]);
    });

    it("hears nothing of the message but a host that its records authenticate (R-7672-2.2-01)", async () => {
      for (const name of [
        "mismatch",
        "mismatch-enforce-listed",
        "mismatch-testing",
        "ta-wrong-name",
        "ta-expired",
        "stripped",
      ])
        for (const { commands } of await site.world.sessions(`mx.${under(name)}`))
          expect(commands).not.toContain("MAIL");
    });

    it("tells of DANE in its outcomes: the records, and the name they stand under", () => {
      const [outcome] = haraka.outcomes(under("alias"));
      expect(outcome).toMatchObject({
        mx: `mx.${under("alias")}`,
        mode: "enforce",
        success: true,
        why: "compliant",
        policy: { type: "tlsa", base: `mx.${under("secure")}` },
      });
      expect(outcome?.policy.lines).toEqual([expect.stringMatching(/^3 1 1 [0-9A-F]{64}$/)]);
    });

    it("an unsigned domain goes as ever", async () => {
      expect(await haraka.sendAndWait({ to: "b@plain.test" })).toMatchObject({ what: "delivered", tls: true });
    });

    it("a forged, unsigned MX record that names an attacker's own DANE host loses against a held enforce policy (R-7672-2.2.1-03)", async () => {
      expect(await haraka.sendAndWait({ to: `b@${VICTIM}` })).toMatchObject({ what: "delivered", tls: true });
      await site.world.forgeMx(VICTIM, [{ exchange: `mx.${attackers.domain}`, server: false }]);
      await site.signed?.publish(); // the resolver forgets the true record
      const forged = await haraka.sendAndWait({ to: `b@${VICTIM}` });
      expect(forged.what).toBe("deferred");
      expect(forged.reason).toMatch(/^MTA-STS enforce victim\.test .*mx\.attacker\.dane\.test: .*not-in-policy/);
      expect(await site.world.deliveries(`mx.${attackers.domain}`)).toEqual([]);
      await site.world.unforge(VICTIM);
      await site.signed?.publish();
    });
  });
}

const currentReason = reasonFor(current);
describe.skipIf(currentReason)(
  currentReason === undefined ? "DANE, switched" : `DANE, switched [${currentReason}]`,
  () => {
    let site: HarakaSite;
    let running: HarakaInstance | undefined;
    beforeAll(async () => {
      site = await HarakaSite.open({ domains, signed });
    });
    afterEach(() => running?.stop());
    afterAll(() => site?.close());

    const run = async (config: NonNullable<Parameters<HarakaSite["haraka"]>[0]["config"]>) => {
      running = site.haraka({ release: current, modules: inject("harakaModules"), config });
      await running.start();
      return running;
    };
    const start = (sections: Parameters<HarakaSite["mtaStsIni"]>[0]) =>
      run({ "mta-sts.ini": site.mtaStsIni(sections) });
    const to = (haraka: HarakaInstance, name: string) => haraka.sendAndWait({ to: `b@${under(name)}` });

    it("is off while the resolver answers for a bogus name, and one line says so (R-7672-2.1.1-02)", async () => {
      const haraka = await start({ dane: { signed_names: "dane.test", bogus_names: under("secure") } });
      expect(await haraka.waitForLog(/dane-off: DANE IS OFF/)).toMatch(/answered as if it were good/);
      expect(await to(haraka, "mismatch")).toMatchObject({ what: "delivered" });
      // MTA-STS is applied all the same.
      expect(await to(haraka, "both-absent-selfsigned")).toMatchObject({ what: "deferred" });
    });

    it("is off where a signed name is not authenticated (R-7672-2.1.1-02)", async () => {
      const haraka = await start({ dane: { signed_names: "plain.test", bogus_names: under("bogus") } });
      expect(await haraka.waitForLog(/dane-off: DANE IS OFF/)).toMatch(/not authenticated/);
      expect(await to(haraka, "mismatch")).toMatchObject({ what: "delivered" });
    });

    it("does not believe a resolver that is not trusted, whatever it says (R-7672-2.1.1-02)", async () => {
      const haraka = await start({ dns: { servers: "127.0.0.1", trust_ad: "192.0.2.1" } });
      await haraka.waitForLog(/dane-off: DANE IS OFF/);
      expect(await to(haraka, "mismatch")).toMatchObject({ what: "delivered" });
    });

    it("can be switched off", async () => {
      const haraka = await start({ dane: { mode: "off" } });
      expect(await to(haraka, "mismatch")).toMatchObject({ what: "delivered" });
      expect(haraka.log).not.toMatch(/dane-o/);
    });

    it("a TLS report goes out whatever the TLSA records say (R-8460-3-10)", async () => {
      const haraka = await start({});
      const headers = { "Lab-Mark": "tls-report" };
      expect(await haraka.sendAndWait({ to: `b@${under("mismatch")}`, headers })).toMatchObject({ what: "delivered" });
      expect(haraka.log).toMatch(/a TLS report to mismatch\.dane\.test is delivered whatever/);
    });

    it("does not apply where TLS is switched off for all of Haraka, and one line says so", async () => {
      const main = { local_mx_ok: true, temp_fail_intervals: "1h*9", connect_timeout: 5, enable_tls: false };
      const haraka = await run({ "outbound.ini": { main } });
      await haraka.waitForLog(/enable_tls is off in outbound\.ini: DANE is not applied/);
      expect(await to(haraka, "secure")).toMatchObject({ what: "delivered", tls: false });
      expect(await to(haraka, "match-enforce-listed")).toMatchObject({ what: "deferred" });
    });

    it("report-only tells of what DANE would have refused, counts it, and holds nothing back", async () => {
      const haraka = await start({ main: { mode: "report-only" } });
      expect(await to(haraka, "mismatch")).toMatchObject({ what: "delivered" });
      expect(haraka.outcomes(under("mismatch"))).toMatchObject([
        { mode: "report-only", success: false, why: "dane-no-match", policy: { type: "tlsa" } },
      ]);
      expect(haraka.log).toMatch(/report-only .*TLSA records of mismatch\.dane\.test are observed, not enforced/);
    });
  },
);
