import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import type { DomainSpec, MxEntry } from "../lab/domain-spec.ts";
import { enforce } from "../postfix/delivery-cases.ts";
import type { HarakaInstance, Ini } from "./haraka-instance.ts";
import { HarakaSite } from "./haraka-site.ts";
import { Redis, whyNoRedis } from "./redis.ts";
import { current, whyNoHaraka } from "./release.ts";

// Every way in which Haraka can be made to send a message with less protection than the domain asked for. Each test
// first shows, where there is something to show, that the way is open without the plugin.

const one = (domain: string, behaviour: Partial<MxEntry>): DomainSpec => ({
  policy: enforce(`mx.${domain}`),
  mx: [{ exchange: `mx.${domain}`, ...behaviour }],
});

const domains: Readonly<Record<string, DomainSpec>> = {
  "d1.test": one("d1.test", { starttls: "stripped" }),
  "d2.test": one("d2.test", { replies: { ehlo: "502 5.5.1 no EHLO" } }),
  "d3.test": one("d3.test", {}),
  "d4.test": one("d4.test", {}),
  "d5.test": one("d5.test", {}),
  "d6.test": one("d6.test", {}),
  "d7.test": one("d7.test", { starttls: "reset" }),
  "d7after.test": one("d7after.test", { replies: { mail: "421 4.3.0 and the line is cut" } }),
  "d8.test": one("d8.test", { certificate: "self-signed" }),
  "d9.test": one("d9.test", { certificate: "cn-only" }),
  "d10.test": { policy: enforce("mx.d10.test"), mx: ["mx.attacker.test"] },
  "d11.test": one("d11.test", { certificate: "self-signed" }),
  "d11good.test": one("d11good.test", {}),
  // An MX record that holds an address: no name to send as SNI or to compare.
  "d12.test": { policy: enforce("d12.test", "mx.d12.test"), mx: [{ exchange: "127.25.0.77", server: false }] },
  "d13.test": one("d13.test", { starttls: "injected" }),
  "d14.test": one("d14.test", { replies: { greeting: "554 5.3.2 go away" } }),
  "crash.d15.test": one("crash.d15.test", { starttls: "stripped" }),
  "overruled.d15.test": one("overruled.d15.test", { starttls: "stripped" }),
  "routed.d16.test": one("routed.d16.test", { starttls: "stripped" }),
  "d17.test": one("d17.test", { certificate: "expired" }),
  "d18.test": one("d18.test", { starttls: "tls1.0" }),
  "d19.test": one("d19.test", { certificate: "other-ca" }),
  "free.test": { mx: [{ exchange: "mx.free.test", starttls: "reset" }] },
  "route.test": { mx: [{ exchange: "mx.route.test", starttls: "stripped" }] },
};

const reason = whyNoHaraka(current) ?? whyNoRedis();
const title = "every downgrade path of Haraka is closed for enforcing domains";

describe.skipIf(reason)(reason === undefined ? title : `${title} [${reason}]`, () => {
  let site: HarakaSite;
  let redis: Redis;
  let stock: HarakaInstance;
  let guarded: HarakaInstance;
  let addresses: Readonly<Record<string, { address: string }>>;

  const start = async (
    plugin: boolean,
    config: Readonly<Record<string, Ini>> = {},
    env: Record<string, string> = {},
  ) => {
    const modules = plugin ? inject("harakaModules") : null;
    const route = { LAB_ROUTE: addresses["mx.route.test"]?.address ?? "" };
    const instance = site.haraka({ release: current, modules, config, env: { ...route, ...env } });
    await instance.start();
    return instance;
  };
  /** Runs both, one after the other on the same port, and stops them. */
  const both = async (
    use: (haraka: HarakaInstance) => Promise<void>,
    ...how: [Record<string, Ini>?, Record<string, string>?]
  ) => {
    for (const plugin of [false, true]) {
      const haraka = await start(plugin, ...how);
      await use(haraka);
      await haraka.stop();
    }
  };
  const send = async (haraka: HarakaInstance, domain: string, headers: Record<string, string> = {}) => {
    await site.world.forgetSeen();
    const attempt = await haraka.sendAndWait({ to: `b@${domain}`, headers });
    const [taken] = await site.world.deliveries();
    return { ...attempt, taken };
  };
  const address = (mx: string) => addresses[mx]?.address ?? "";
  const flagged = (mx: string) => `no_tls|${address(mx)}`;

  const tlsIni = (more: Ini = {}): Ini => ({ redis: { disable_for_failed_hosts: true }, ...more });

  beforeAll(async () => {
    site = await HarakaSite.open({ domains });
    redis = await Redis.start(site.namespace);
    addresses = (await site.world.endpoints()).mx;
  });
  afterAll(async () => {
    await redis?.close();
    await site?.close();
  });

  describe("one Haraka as most are set up, with the no-TLS flags in Redis and a no_tls_hosts list", () => {
    const hosts = { outbound: { "no_tls_hosts[]": "d5.test" } };

    beforeAll(async () => {
      stock = await start(false, { "tls.ini": tlsIni(hosts) });
    });

    it("D1, D2, D5, D6, D8, D9, D10: a stock Haraka is downgraded by each", async () => {
      await redis.command("set", flagged("mx.d6.test"), "2026-01-01T00:00:00Z");
      for (const domain of ["d1.test", "d2.test", "d5.test", "d6.test"])
        expect((await send(stock, domain)).taken, domain).toMatchObject({ tls: false });
      for (const domain of ["d8.test", "d9.test", "d10.test"])
        expect((await send(stock, domain)).taken, domain).toMatchObject({ tls: true });
    });

    it("D7: one reset after STARTTLS makes a stock Haraka send in the clear for a week", async () => {
      expect(await send(stock, "free.test")).toMatchObject({ what: "deferred" });
      expect(await redis.noTlsFlags()).toContain(flagged("mx.free.test"));
      expect((await send(stock, "free.test")).taken).toMatchObject({ tls: false });
    });

    describe("with the plugin", () => {
      beforeAll(async () => {
        await stock.stop();
        await redis.command("flushall");
        await redis.command("set", flagged("mx.d6.test"), "2026-01-01T00:00:00Z");
        guarded = await start(true, { "tls.ini": tlsIni(hosts) });
      });
      afterAll(() => guarded?.stop());

      const deferral = async (domain: string, why: RegExp) => {
        const attempt = await send(guarded, domain);
        expect(attempt).toMatchObject({ what: "deferred", status: ["4.7.5"] });
        expect(attempt.taken).toBeUndefined();
        expect(attempt.reason).toMatch(why);
      };
      const delivery = async (domain: string) =>
        expect((await send(guarded, domain)).taken).toMatchObject({
          mx: `mx.${domain}`,
          tls: true,
          certificate: "good",
        });

      it("D1: STARTTLS is missing in the EHLO reply (R-8461-4.2-09)", () =>
        deferral("d1.test", /starttls-not-supported/));
      it("D2: EHLO is refused, and no HELO follows (R-8461-5-02)", async () => {
        await deferral("d2.test", /starttls-not-supported/);
        expect((await site.world.sessions("mx.d2.test")).map(({ commands }) => commands)).toEqual([["EHLO"]]);
      });
      it("D5: no_tls_hosts names the domain (R-8461-5-02)", () => delivery("d5.test"));
      it("D6: a no-TLS flag for the address is in Redis (R-BIND-HAR-03)", () => delivery("d6.test"));
      it("D7: a TLS failure of an enforcing domain sets no flag for others (R-8461-8.4-02)", async () => {
        const before = await redis.noTlsFlags();
        await deferral("d7.test", /validation-failure/);
        await deferral("d8.test", /certificate-not-trusted/);
        expect(await send(guarded, "d7after.test")).toMatchObject({
          what: "deferred",
          reason: expect.stringMatching(/421/),
        });
        expect(await redis.noTlsFlags()).toEqual(before);
      });
      it("D7: domains without a policy stay as they were, flags and all", async () => {
        expect(await send(guarded, "free.test")).toMatchObject({ what: "deferred", reason: "Tried all MXs" });
        expect(await redis.noTlsFlags()).toContain(flagged("mx.free.test"));
      });
      it("D8: the certificate is not verified (R-8461-4.2-02)", () => deferral("d8.test", /certificate-not-trusted/));
      it("D9: the CN is taken for a name (R-8461-4.2-04)", () => deferral("d9.test", /certificate-host-mismatch/));
      it("D10: the MX host is not the policy's, its certificate is good (R-8461-5-01)", async () => {
        await deferral("d10.test", /mx\.attacker\.test: validation-failure: not-in-policy/);
        expect(await site.world.sessions("mx.attacker.test")).toEqual([]);
      });
      it("D12: an MX record that holds an address has no name to verify (R-8461-4.1-06)", () =>
        deferral("d12.test", /127\.25\.0\.77: validation-failure: not-a-host-name/));
      it("D13: a plaintext byte after the reply to STARTTLS fails that host (R-3207-4.2-01)", () =>
        deferral("d13.test", /plaintext after the reply to STARTTLS/));
      it("D14: a refusal before TLS is no reason to bounce (R-8461-5-07)", () =>
        deferral("d14.test", /554 5\.3\.2 go away/));
      it("D15: a get_mx plugin fails before ours", () => deferral("crash.d15.test", /starttls-not-supported/));
      it("D15: a deny hook overrules the refusal, and still nothing goes out", async () => {
        await site.world.forgeReply("overruled.d15.test", { answer: "servfail" });
        await deferral("overruled.d15.test", /discovery-failed/);
        expect(await site.world.sessions("mx.overruled.d15.test")).toEqual([]);
      });
      it("D16: a route that another plugin gives is exempt by design", async () => {
        expect((await send(guarded, "routed.d16.test")).taken).toMatchObject({ mx: "mx.route.test", tls: false });
      });
      it("D17: nothing is said to a peer that has finished a handshake and proven nothing (R-9525-6.6-01)", async () => {
        await deferral("d17.test", /certificate-expired/);
        expect((await site.world.sessions("mx.d17.test")).map(({ commands }) => commands)).toEqual([
          ["EHLO", "STARTTLS"],
        ]);
      });
    });
  });

  it("D3: enable_tls=false sends in the clear; with the plugin the message waits and the reason says why", () =>
    both(
      async (haraka) => {
        const attempt = await send(haraka, "d3.test");
        if (!haraka.hasPlugin) return expect(attempt.taken).toMatchObject({ tls: false });
        expect(attempt).toMatchObject({ what: "deferred", reason: expect.stringMatching(/enable_tls is off/) });
        expect(attempt.taken).toBeUndefined();
      },
      { "outbound.ini": { main: { local_mx_ok: true, enable_tls: false, temp_fail_intervals: "1h*9" } } },
    ));

  it("D4: Haraka's TLS configuration is not loaded", async () => {
    const haraka = await start(true, {}, { LAB_UNLOAD_TLS: "1" });
    expect((await send(haraka, "d4.test")).taken).toMatchObject({ mx: "mx.d4.test", tls: true, certificate: "good" });
    await haraka.stop();
  });

  it("D11: mutual_tls, whose inbound settings replace those of verification (R-8461-4.2-02)", async () => {
    const haraka = await start(true, { "tls.ini": tlsIni({ main: { mutual_tls: true, rejectUnauthorized: false } }) });
    expect(await send(haraka, "d11.test")).toMatchObject({
      what: "deferred",
      reason: expect.stringMatching(/certificate-not-trusted/),
      taken: undefined,
    });
    expect((await send(haraka, "d11good.test")).taken).toMatchObject({ tls: true, certificate: "good" });
    await haraka.stop();
  });

  it("D18: minVersion is lowered in tls.ini (R-8461-7.2-01)", () =>
    both(
      async (haraka) => {
        const attempt = await send(haraka, "d18.test");
        if (!haraka.hasPlugin) return expect(attempt.taken).toMatchObject({ tlsVersion: "TLSv1" });
        expect(attempt).toMatchObject({ what: "deferred", taken: undefined });
        expect(attempt.reason).toMatch(/validation-failure: handshake-failed/);
      },
      {
        "tls.ini": {
          redis: { disable_for_failed_hosts: false },
          main: { minVersion: "TLSv1", ciphers: "DEFAULT@SECLEVEL=0" },
        },
      },
    ));

  it("D19: at the end of its time the message bounces, and the DSN says what the policy wanted (R-BIND-ALL-03)", async () => {
    const haraka = await start(true, { "outbound.ini": { main: { local_mx_ok: true, temp_fail_intervals: "none" } } });
    const attempt = await send(haraka, "d19.test");
    expect(attempt).toMatchObject({ what: "bounced", status: ["5.7.5"] });
    expect(attempt.reason).toMatch(
      /Too many failures \(MTA-STS enforce d19\.test .*mx\.d19\.test: certificate-not-trusted/,
    );
    await haraka.stop();
  });
});
