import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import type { DomainSpec } from "../lab/domain-spec.ts";
import { enforce } from "../postfix/delivery-cases.ts";
import type { HarakaInstance } from "./haraka-instance.ts";
import { HarakaSite } from "./haraka-site.ts";
import { current, whyNoHaraka } from "./release.ts";

// A policy that was once fetched holds, whatever becomes of DNS, of the policy host and of Haraka's own processes.

/** Seconds; an id seen a moment ago is not looked at again, one seen a minute ago is. */
const LATER = 120;

const stripped = (exchange: string) => ({ exchange, starttls: "stripped" }) as const;

const domains: Readonly<Record<string, DomainSpec>> = {
  "held.test": { policy: enforce("mx.held.test") },
  "crowd.test": { policy: enforce("mx.crowd.test") },
  "moved.test": { policy: enforce("old.moved.test"), mx: ["new.moved.test"] },
  "optout.test": { policy: enforce("mx.optout.test"), mx: [stripped("mx.optout.test")] },
  "softened.test": { policy: enforce("mx.softened.test"), mx: [stripped("mx.softened.test")] },
  "same.test": { policy: enforce("mx.same.test"), mx: [stripped("mx.same.test")] },
};

for (const nodes of [0, 2]) {
  const reason = whyNoHaraka(current);
  const title = nodes === 0 ? "a single process" : `nodes=${nodes}`;
  describe.skipIf(reason)(reason === undefined ? title : `${title} [${reason}]`, () => {
    let site: HarakaSite;
    let haraka: HarakaInstance;

    beforeAll(async () => {
      site = await HarakaSite.open({ domains, ttl: 0 });
      haraka = site.haraka({ release: current, modules: inject("harakaModules"), nodes });
      await haraka.start();
    });
    afterAll(() => site?.close());

    const to = (domain: string) => haraka.sendAndWait({ to: `b@${domain}` });
    let passed = 0;
    const timePasses = async () => {
      passed += LATER;
      await haraka.stop();
      await haraka.start({ later: passed });
    };

    it("fetches once for a crowd of messages and all workers (R-8461-3.3-22, R-8461-CSM-10)", async () => {
      expect(await to("crowd.test")).toMatchObject({ what: "delivered", tls: true });
      const crowd = await Promise.all(Array.from({ length: 30 }, () => to("crowd.test")));
      expect(new Set(crowd.map(({ what }) => what))).toEqual(new Set(["delivered"]));
      if (nodes > 0) expect(new Set(crowd.map(({ pid }) => pid)).size).toBe(nodes);
      expect(await site.world.requests("mta-sts.crowd.test")).toHaveLength(1);
    });

    it("still enforces after DNS was forged, the policy host died and Haraka was restarted (R-8461-CSM-07, R-8461-CSM-10)", async () => {
      expect(await to("held.test")).toMatchObject({ what: "delivered", tls: true });
      await site.world.breakPolicyHost("held.test", "down");
      await site.world.forgeNxdomain("held.test", "record");
      await site.world.forgeMx("held.test", [stripped("mx.attacker.test")]);
      for (const signal of ["SIGINT", "SIGKILL"] as const) {
        await haraka.stop(signal);
        await haraka.start();
        const attempt = await to("held.test");
        expect(attempt).toMatchObject({ what: "deferred" });
        expect(attempt.reason).toMatch(/mx\.attacker\.test: validation-failure: not-in-policy/);
      }
      expect(await site.world.deliveries("mx.attacker.test")).toEqual([]);
      await site.world.unforge("held.test");
      expect(await to("held.test")).toMatchObject({ what: "delivered", tls: true });
    });

    it("asks for a newer policy before it gives up, and delivers by it in the same attempt (R-8461-5.1-05, R-8461-5-06)", async () => {
      expect(await to("moved.test")).toMatchObject({ what: "deferred" });
      // Ids have no order.
      await site.world.setPolicy("moved.test", enforce("new.moved.test"));
      await site.world.setId("moved.test", "0");
      await timePasses();
      const asked = (await site.world.queries("_mta-sts.moved.test")).length;
      expect(await to("moved.test")).toMatchObject({ what: "delivered", host: "new.moved.test", tls: true });
      expect((await site.world.queries("_mta-sts.moved.test")).length).toBeGreaterThan(asked);
    });

    it("asks DNS before a deferral, and an unchanged id changes nothing (R-8461-5-06)", async () => {
      expect(await to("same.test")).toMatchObject({ what: "deferred" });
      await timePasses();
      const asked = (await site.world.queries("_mta-sts.same.test")).length;
      expect(await to("same.test")).toMatchObject({ what: "deferred" });
      expect((await site.world.queries("_mta-sts.same.test")).length).toBeGreaterThan(asked);
      expect(await site.world.requests("mta-sts.same.test")).toHaveLength(1);
    });

    it("honours mode none at once (R-8461-5-08)", async () => {
      expect(await to("optout.test")).toMatchObject({ what: "deferred" });
      await site.world.setPolicy("optout.test", { mode: "none", maxAge: 86_400 });
      await site.world.setId("optout.test", "2");
      await timePasses();
      expect(await to("optout.test")).toMatchObject({ what: "delivered", tls: false });
    });

    it("honours a step back to testing at once, and goes on observing (R-8461-5-08, R-8461-4.2-10)", async () => {
      expect(await to("softened.test")).toMatchObject({ what: "deferred" });
      await site.world.setPolicy("softened.test", { mode: "testing", mx: ["mx.softened.test"], maxAge: 86_400 });
      await site.world.setId("softened.test", "2");
      await timePasses();
      expect(await to("softened.test")).toMatchObject({ what: "delivered", tls: false });
      expect(haraka.outcomes("softened.test").at(-1)).toMatchObject({
        mode: "testing",
        success: false,
        resultType: "starttls-not-supported",
      });
    });

    it("tries a deferred message again by itself and then delivers it (R-8461-5.1-06)", async () => {
      const config = { "outbound.ini": { main: { local_mx_ok: true, temp_fail_intervals: "5s*9" } } };
      await haraka.stop();
      const retrying = site.haraka({ release: current, modules: inject("harakaModules"), nodes, config });
      await retrying.start();
      await site.world.mendPolicyHost("held.test");
      await site.world.forgeMx("held.test", ["mx.attacker.test"]);
      const uuid = await retrying.send({ to: "b@held.test" });
      expect(await retrying.attempt(uuid)).toMatchObject({ what: "deferred" });
      await site.world.unforge("held.test");
      const later = async (count: number): Promise<string> => {
        const { what } = await retrying.attempt(uuid, count);
        return what === "deferred" && count < 9 ? later(count + 1) : what;
      };
      expect(await later(2)).toBe("delivered");
      await retrying.stop();
    });
  });
}
