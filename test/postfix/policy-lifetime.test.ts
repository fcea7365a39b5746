import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { DomainSpec, PolicySpec } from "../lab/domain-spec.ts";
import { whyNoDaemon } from "./daemon-process.ts";
import { type Expected, enforce, verified } from "./delivery-cases.ts";
import { expectOutcome } from "./expect-outcome.ts";
import { postfix37, postfix310, whyUnavailable } from "./flavour.ts";
import { openSite, type SendingSite } from "./sending-site.ts";

// From the first fetch of a policy to its end, seen from the mail queue: what the publisher changes reaches the mail.

const MINUTES = 60;

/** Every host here strips STARTTLS, so that mail shows at once whether a policy is in force. */
const stripped = (exchange: string) => ({ exchange, starttls: "stripped" }) as const;
const brief = (maxAge: number, mx: string): PolicySpec => ({ mode: "enforce", mx: [mx], maxAge });

const domains: Readonly<Record<string, DomainSpec>> = {
  "moved.test": { policy: enforce("old.moved.test"), mx: ["old.moved.test"] },
  "optout.test": { policy: enforce("mx.optout.test"), mx: [stripped("mx.optout.test")] },
  "joined.test": { policy: { mode: "none", maxAge: 86_400 }, mx: [stripped("mx.joined.test")] },
  "expiring.test": { policy: brief(6, "mx.expiring.test"), mx: [stripped("mx.expiring.test")] },
  "once.test": { policy: brief(0, "mx.once.test"), mx: [stripped("mx.once.test")] },
  "slow.test": {
    policyHost: { behaviour: { kind: "hold", next: { kind: "ok", body: policyText("mx.slow.test") } } },
    mx: [stripped("mx.slow.test")],
  },
  "crowd.test": { policy: enforce("mx.crowd.test") },
};

function policyText(mx: string): string {
  return `version: STSv1\nmode: enforce\nmx: ${mx}\nmax_age: 604800\n`;
}

const enforced: Expected = { kept: "4.7.4", text: /^TLS is required, but was not offered/ };
const inClear = (sentTo: string): Expected => ({ sentTo, tls: "none" });

const setups = [
  [postfix37, "postfix"],
  [postfix310, "postfix310"],
] as const;

for (const [flavour, map] of setups) {
  const reason = whyUnavailable(flavour) ?? whyNoDaemon();
  const title = `${flavour.name}, map ${map}`;
  describe.skipIf(reason)(reason === undefined ? title : `${title} [${reason}]`, () => {
    let site: SendingSite<"main">;

    beforeAll(async () => {
      site = await openSite({ flavour, domains, ttl: 0, deadline: "3s", instances: { main: { map } } });
    });
    afterAll(() => site?.close());

    const send = (domain: string) => site.send("main", { to: `b@${domain}` });

    it("honours a new id: mail kept for a host that was not permitted goes out once it is (R-8461-5-08, R-8461-3.1-19)", async () => {
      expectOutcome(await send("moved.test"), verified("old.moved.test"), map);
      await site.world.setMx("moved.test", ["new.moved.test"]);
      const kept = await send("moved.test");
      expect(kept).toMatchObject({ status: "deferred", accepted: [] });
      // Ids have no order: this one looks older and is new all the same.
      await site.world.setPolicy("moved.test", enforce("new.moved.test"));
      await site.world.setId("moved.test", "0");
      const since = site.daemon.mark();
      await site.daemon.restart({ later: 2 * MINUTES });
      expect(await site.retry("main", kept.queueId)).toMatchObject({ status: "deferred" });
      await site.daemon.waitForEvent("policy-changed", { domain: "moved.test" }, { since });
      expectOutcome(await site.retry("main", kept.queueId), verified("new.moved.test"), map);
    });

    it("honours mode none as the way out, at once (R-8461-5-08, R-8461-5-05)", async () => {
      const kept = await send("optout.test");
      expectOutcome(kept, enforced, map);
      await site.world.setPolicy("optout.test", { mode: "none", maxAge: 86_400 });
      await site.world.setId("optout.test", "2");
      const since = site.daemon.mark();
      await site.daemon.restart({ later: 2 * MINUTES });
      expectOutcome(await site.retry("main", kept.queueId), enforced, map);
      await site.daemon.waitForEvent("policy-weakened", { domain: "optout.test", mode: "none" }, { since });
      expectOutcome(await site.retry("main", kept.queueId), inClear("mx.optout.test"), map);
    });

    it("looks at the id of a domain in mode none, too, and picks up its way back in (R-8461-CSM-17)", async () => {
      expectOutcome(await send("joined.test"), inClear("mx.joined.test"), map);
      await site.world.setPolicy("joined.test", enforce("mx.joined.test"));
      await site.world.setId("joined.test", "2");
      const since = site.daemon.mark();
      await site.daemon.restart({ later: 2 * MINUTES });
      expectOutcome(await send("joined.test"), inClear("mx.joined.test"), map);
      await site.daemon.waitForEvent("policy-changed", { domain: "joined.test", mode: "enforce" }, { since });
      expectOutcome(await send("joined.test"), enforced, map);
    });

    it("enforces until max_age has passed since the last fetch, and no longer (R-8461-5.1-01, R-8461-CSM-03)", async () => {
      const since = site.daemon.mark();
      const kept = await send("expiring.test");
      expectOutcome(kept, enforced, map);
      // From now on the id is seen unchanged, but the policy cannot be fetched.
      await site.world.breakPolicyHost("expiring.test", "down");
      expectOutcome(await site.retry("main", kept.queueId), enforced, map);
      await site.daemon.waitForEvent("policy-expired", { domain: "expiring.test" }, { since });
      const counted = await site.daemon.metric('fail_open_total{reason="fetch-failed"}');
      expectOutcome(await site.retry("main", kept.queueId), inClear("mx.expiring.test"), map);
      expect(await site.daemon.metric('fail_open_total{reason="fetch-failed"}')).toBeGreaterThan(counted);
    });

    it("applies a policy of max_age 0 to the attempt it was fetched for, and fetches it again for the next (R-8461-CSM-09)", async () => {
      const kept = await send("once.test");
      expectOutcome(kept, enforced, map);
      const fetched = (await site.world.requests("mta-sts.once.test")).length;
      expectOutcome(await site.retry("main", kept.queueId), enforced, map);
      expect((await site.world.requests("mta-sts.once.test")).length).toBeGreaterThan(fetched);
      await site.world.setPolicy("once.test", { mode: "none", maxAge: 0 });
      expectOutcome(await site.retry("main", kept.queueId), inClear("mx.once.test"), map);
    });

    it("defers while the first fetch is slow, and its result stands for the next attempt", async () => {
      const since = site.daemon.mark();
      const kept = await send("slow.test");
      const pending = /discovery-pending: .*; mail stays queued; run: mta-sts query slow\.test/;
      expectOutcome(kept, { kept: "4.7.5", text: /^client TLS configuration problem$/, log: pending }, map);
      await site.world.releasePolicyHost("slow.test");
      await site.daemon.waitForEvent("policy-new", { domain: "slow.test" }, { since });
      expectOutcome(await site.retry("main", kept.queueId), enforced, map);
      expect(await site.world.requests("mta-sts.slow.test")).toHaveLength(1);
    });

    it("fetches once for a queue full of mail to one domain (R-8461-3.3-22)", async () => {
      const postfix = site.postfix("main");
      const crowd = Array.from({ length: 40 }, (_, i) =>
        postfix.send({ from: "a@sender.lab.test", to: `b${i}@crowd.test`, subject: "Hello" }),
      );
      for (const queueId of await Promise.all(crowd))
        expectOutcome(await site.attempt("main", queueId), verified("mx.crowd.test"), map);
      expect(await site.world.requests("mta-sts.crowd.test")).toHaveLength(1);
    });
  });
}
