import { execFileSync } from "node:child_process";
import { chownSync, mkdirSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import type { DomainSpec } from "../lab/domain-spec.ts";
import { enforce } from "../postfix/delivery-cases.ts";
import type { HarakaInstance } from "./haraka-instance.ts";
import { HarakaSite } from "./haraka-site.ts";
import { current, whyNoHaraka } from "./release.ts";

// Every part of the policy engine is made to fail while a message is on its way. Haraka goes on, the message waits.

const stripped = (domain: string): DomainSpec => ({
  policy: enforce(`mx.${domain}`),
  mx: [{ exchange: `mx.${domain}`, starttls: "stripped" }],
});

const everywhere = [
  "policyDomain",
  "resolve",
  "attemptFor",
  "core.plan",
  "core.judge",
  "sessionFacts",
  "trustFor",
  "record",
];
const atTheHandshake = ["identityError", "core.matchesDnsId"];
/** What the engine itself asks for while a domain is discovered; all fail in a way that none of them may. */
const outside = ["dns.txt", "dns.addresses", "fetcher.fetch", "store.get", "store.put", "engine.resolve"];
const withoutAHost = ["recheck", "deferred"];

const domains: Readonly<Record<string, DomainSpec>> = {
  "good.test": { policy: enforce("mx.good.test") },
  "bad.test": { policy: enforce("mx.bad.test"), mx: [{ exchange: "mx.bad.test", certificate: "expired" }] },
  "unlisted.test": { policy: enforce("other.unlisted.test"), mx: ["mx.unlisted.test"] },
  "watched.test": { policy: { mode: "testing", mx: ["mx.watched.test"], maxAge: 604_800 } },
  "servfail.test": {
    policy: enforce("mx.servfail.test"),
    mx: [{ exchange: "mx.servfail.test", starttls: "stripped" }],
  },
  ...Object.fromEntries(outside.map((part) => [`${part}.fresh.test`, stripped(`${part}.fresh.test`)])),
  "silent.test": {
    policyHost: { behaviour: { kind: "silent" } },
    mx: [{ exchange: "mx.silent.test", starttls: "stripped" }],
  },
};

const reason = whyNoHaraka(current);
const title = "an engine that fails";

describe.skipIf(reason)(reason === undefined ? title : `${title} [${reason}]`, () => {
  let site: HarakaSite;
  let haraka: HarakaInstance;

  beforeAll(async () => {
    site = await HarakaSite.open({ domains, ttl: 0 });
    haraka = site.haraka({ release: current, modules: inject("harakaModules"), env: { LAB_FAULTS: "1" } });
    await haraka.start();
  });
  afterAll(() => site?.close());

  const defers = async (to: string) => {
    const taken = (await site.world.deliveries()).length;
    expect(await haraka.sendAndWait({ to })).toMatchObject({ what: "deferred" });
    expect(await site.world.deliveries()).toHaveLength(taken);
  };

  it.each(everywhere)(
    "in %s defers the message and harms neither Haraka nor the next one (R-8461-5-07)",
    async (part) => {
      await defers(`fault-${part}@good.test`);
      expect(await haraka.sendAndWait({ to: "b@good.test" })).toMatchObject({ what: "delivered", tls: true });
    },
  );

  it.each(atTheHandshake)("in %s, called from inside the handshake, ends no process", async (part) => {
    // Node calls it where a throw would be nobody's to catch.
    await defers(`fault-${part}@good.test`);
    expect(haraka.isRunning).toBe(true);
    expect(await haraka.sendAndWait({ to: "b@good.test" })).toMatchObject({ what: "delivered", tls: true });
  });

  it.each(outside)("in %s, while a domain is first discovered, lets nothing out (R-8461-CSM-13)", async (part) => {
    await defers(`fault-${part}@${part}.fresh.test`);
    expect(await haraka.sendAndWait({ to: "b@good.test" })).toMatchObject({ what: "delivered", tls: true });
  });

  it.each(withoutAHost)("in %s, when no MX host was left, defers all the same", async (part) => {
    await defers(`fault-${part}@bad.test`);
    await defers(`fault-${part}@unlisted.test`);
    expect(haraka.isRunning).toBe(true);
  });

  it.each(["core.plan", "core.judge", "sessionFacts", "record"])(
    "in %s changes no delivery in testing mode (R-8461-5-03)",
    async (part) => {
      expect(await haraka.sendAndWait({ to: `fault-${part}@watched.test` })).toMatchObject({ what: "delivered" });
      expect(haraka.isRunning).toBe(true);
    },
  );

  it("a policy record that cannot be looked up defers the message (AMB-10)", async () => {
    await site.world.forgeReply("servfail.test", { answer: "servfail" });
    await defers("b@servfail.test");
    await site.world.unforge("servfail.test");
  });

  it("lets a TLS report go although the policy is not known, and says so (R-8460-3-10)", async () => {
    await site.world.forgeReply("servfail.test", { answer: "servfail" });
    const headers = { "Lab-Mark": "tls-report" };
    expect(await haraka.sendAndWait({ to: "b@servfail.test", headers })).toMatchObject({
      what: "delivered",
      tls: false,
    });
    await haraka.waitForLog(
      /\[WARN\] .*a TLS report: mail to servfail\.test is not held back although discovery-failed/,
    );
    await site.world.unforge("servfail.test");
  });

  it("says in the log and in the deferred hook what it waits for", async () => {
    await site.world.forgeReply("servfail.test", { answer: "servfail" });
    const { reason: why, status } = await haraka.sendAndWait({ to: "b@servfail.test" });
    expect(why).toMatch(/^MTA-STS servfail\.test: discovery-failed TXT _mta-sts\.servfail\.test: SERVFAIL/);
    expect(status).toEqual(["4.7.5"]);
    expect(why).not.toContain("to do");
    await haraka.waitForLog(
      /\[WARN\] .*MTA-STS servfail\.test: discovery-failed .*the message stays queued \(to do: run: npx mta-sts query servfail\.test\)/,
    );
    await site.world.unforge("servfail.test");
  });

  it("a policy host that never answers costs the first message one retry, not the hook's patience (AMB-09)", async () => {
    const sent = Date.now();
    const uuid = await haraka.send({ to: "b@silent.test" });
    const attempt = await haraka.attempt(uuid, 1, 40_000);
    expect(attempt).toMatchObject({ what: "deferred", reason: expect.stringMatching(/discovery-pending/) });
    // Below 30 s, after which Haraka would have given up on the hook.
    expect(Date.now() - sent).toBeLessThan(29_000);
  });

  it("a hook that Haraka would give up on sooner is answered sooner (AMB-09)", async () => {
    await haraka.stop();
    const hurried = site.haraka({
      release: current,
      modules: inject("harakaModules"),
      config: { "mta-sts.timeout": "4" },
    });
    await hurried.start();
    const { reason: why } = await hurried.sendAndWait({ to: "b@silent.test" });
    expect(why).toMatch(/discovery-pending/);
    expect(hurried.log).not.toMatch(/timed out on hook/);
    await hurried.stop();
  });

  it("under mode=report-only defers where one domain is enforced, and nowhere else", async () => {
    const config = {
      "mta-sts.ini": site.mtaStsIni({ main: { mode: "report-only" }, "domain.bad.test": { mode: "enforce" } }),
    };
    const env = { LAB_FAULTS: "1" };
    const observing = site.haraka({ release: current, modules: inject("harakaModules"), config, env });
    await observing.start();
    for (const part of ["attemptFor", "core.plan"])
      expect(await observing.sendAndWait({ to: `fault-${part}@bad.test` })).toMatchObject({
        what: "deferred",
        reason: expect.stringMatching(/internal error/),
      });
    expect(await observing.sendAndWait({ to: "fault-attemptFor@good.test" })).toMatchObject({ what: "delivered" });
    await observing.waitForLog(
      /\[WARN\] .*report-only \(\[main\] mode\): mail to good\.test is not held back although internal error/,
    );
    await observing.stop();
  });

  it("a Haraka that gives up its privileges keeps policies in a directory of its user's, and says so where it has none", async () => {
    const config = { "smtp.ini": { main: { listen: "127.0.0.1:2525", user: "nobody", group: "nogroup" } } };
    for (const given of [false, true]) {
      const modest = site.haraka({ release: current, modules: inject("harakaModules"), config });
      const store = dirname(modest.storePath);
      mkdirSync(store, { mode: 0o700 });
      const nobody = Number(execFileSync("id", ["-u", "nobody"]));
      for (const path of [...modest.writtenTo, ...(given ? [store] : [])]) chownSync(path, nobody, -1);
      await modest.start();
      const attempt = await modest.sendAndWait({ to: "b@good.test" });
      if (given) {
        expect(attempt).toMatchObject({ what: "delivered", tls: true });
        expect(statSync(modest.storePath).uid).toBe(nobody);
      } else {
        expect(attempt).toMatchObject({
          what: "deferred",
          reason: expect.stringMatching(/engine does not run \(.*mta-sts/),
        });
        expect(modest.log).toMatch(/\[CRIT\] .*the MTA-STS engine did not start; all mail to MX hosts waits/);
      }
      await modest.stop();
    }
  });

  it("a store that cannot be opened keeps all mail in the queue, and Haraka serves on", async () => {
    const broken = site.haraka({ release: current, modules: inject("harakaModules") });
    mkdirSync(broken.storePath, { recursive: true });
    await broken.start();
    const { what, reason: why } = await broken.sendAndWait({ to: "b@good.test" });
    expect(what).toBe("deferred");
    expect(why).toMatch(/MTA-STS good\.test: the policy engine does not run \(.*policies\.db/);
    await broken.waitForLog(/\[CRIT\] .*the MTA-STS engine did not start; all mail to MX hosts waits/);
    await broken.stop();
  });

  it("a CA file without a certificate stops the start", async () => {
    const config = { "mta-sts.ini": site.mtaStsIni({ mx: { ca_file: "/etc/hostname" } }) };
    const broken = site.haraka({ release: current, modules: inject("harakaModules"), config });
    await expect(broken.start()).rejects.toThrow(/\[mx\] ca_file: \/etc\/hostname holds no PEM certificate/);
  });
});
