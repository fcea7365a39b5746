import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { DnsLabel } from "../lab/dns-name.ts";
import type { DomainSpec } from "../lab/domain-spec.ts";
import { whyNoDaemon } from "./daemon-process.ts";
import { type Expected, enforce, verified } from "./delivery-cases.ts";
import { expectOutcome } from "./expect-outcome.ts";
import { postfix37, postfix310, whyUnavailable } from "./flavour.ts";
import { brokenPromises } from "./promise-kept.ts";
import { openSite, type SendingSite } from "./sending-site.ts";

// Somebody on the path, or a machine that fails, between a site that holds policies and the rest of the world.

const HOUR = 3600;
const DAY = 24 * HOUR;

/** What one label of a forged MX name holds, to start something new in the answer to Postfix. */
const oddLabels: Readonly<Record<string, DnsLabel>> = {
  "colons that make three names of one": "x:evil.net:y",
  "a space": "x evil.net",
  "an equals sign": "x=evil.net",
  "an opening brace": "{",
  "a comma": "x,evil.net",
  "a NUL octet": Buffer.from("mx\0"),
  "a dot": "a.b",
};

const domains: Readonly<Record<string, DomainSpec>> = {
  "held.test": { policy: enforce("mx.held.test") },
  "forged.test": { policy: enforce("mx.forged.test") },
  "silent.test": { policy: enforce("*.silent.test") },
  "outage.test": { policy: enforce("mx.outage.test") },
  "badcert.test": { policy: enforce("*.badcert.test") },
  "stopped.test": { policy: enforce("mx.stopped.test") },
  "odd.test": { policy: enforce("*.odd.test") },
};

const refused: Expected = {
  postfix: { kept: "4.7.5", text: /^Server certificate not verified$/ },
  postfix310: { kept: "4.3.0", text: /server unavailable or unable to receive mail/ },
};

const setups = [
  [postfix37, "postfix"],
  [postfix310, "postfix310"],
] as const;

for (const [flavour, map] of setups) {
  const reason = whyUnavailable(flavour) ?? whyNoDaemon();
  const title = `${flavour.name}, map ${map}, under attack`;
  describe.skipIf(reason)(reason === undefined ? title : `${title} [${reason}]`, () => {
    let site: SendingSite<"main">;

    beforeAll(async () => {
      // TTL 0: no answer is kept warm, so every message sees the world as it is.
      site = await openSite({ flavour, domains, ttl: 0, instances: { main: { map } } });
      for (const domain of Object.keys(domains))
        expectOutcome(await site.send("main", { to: `b@${domain}` }), verified(`mx.${domain}`), map);
    });
    afterAll(() => site?.close());

    /** An attacker diverts mail to his own host, which has a good certificate for its own name. */
    const divert = (domain: string) => site.world.forgeMx(domain, [`mx.attacker-of-${domain}`]);

    it("holds a policy against forged MX records (R-8461-5-01)", async () => {
      await divert("held.test");
      const sent = await site.send("main", { to: "b@held.test" });
      expectOutcome(sent, refused, map);
      await site.world.unforge("held.test");
      expectOutcome(await site.retry("main", sent.queueId), verified("mx.held.test"), map);
    });

    it("holds a policy against a forged NXDOMAIN for its record (R-8461-3.1-23)", async () => {
      await divert("forged.test");
      await site.world.forgeNxdomain("forged.test", "record");
      // An hour later the record is due to be looked at again.
      const since = site.daemon.mark();
      await site.daemon.restart({ later: HOUR });
      const sent = await site.send("main", { to: "b@forged.test" });
      expectOutcome(sent, refused, map);
      await site.daemon.waitForEvent("record-missing", { domain: "forged.test" }, { since });
      expectOutcome(await site.retry("main", sent.queueId), refused, map);
      await site.world.unforge("forged.test");
      expectOutcome(await site.retry("main", sent.queueId), verified("mx.forged.test"), map);
    });

    it("holds a policy over a restart while DNS is dead (R-8461-3.3-17, R-8461-CSM-10)", async () => {
      await site.world.forgeReply("silent.test", { answer: "drop" }, "record");
      await site.world.forgeReply("silent.test", { answer: "drop" }, "policy-host");
      await divert("silent.test");
      const since = site.daemon.mark();
      await site.daemon.restart({ later: HOUR });
      const sent = await site.send("main", { to: "b@silent.test" });
      expectOutcome(sent, refused, map);
      await site.daemon.waitForEvent("record-failed", { domain: "silent.test" }, { since });
      expectOutcome(await site.retry("main", sent.queueId), refused, map);
    });

    it("holds a policy when its host is down at the daily refresh, and says so (R-8461-3.3-17, R-8461-3.3-19)", async () => {
      await site.world.breakPolicyHost("outage.test", "down");
      await site.world.breakPolicyHost("badcert.test", { certificate: "expired" });
      await divert("outage.test");
      await divert("badcert.test");
      const since = site.daemon.mark();
      await site.daemon.restart({ later: DAY });
      for (const domain of ["outage.test", "badcert.test"]) {
        await site.daemon.waitForEvent("refresh-failed", { domain }, { since });
        expectOutcome(await site.send("main", { to: `b@${domain}` }), refused, map);
      }
    });

    it("defers while the daemon is stopped, says why, and delivers when it is back (R-8461-5-07)", async () => {
      await site.daemon.stop();
      const sent = await site.send("main", { to: "b@stopped.test" });
      expectOutcome(
        sent,
        {
          kept: "4.7.5",
          text: /^client TLS configuration problem$/,
          log: new RegExp(`socketmap:inet:127\\.0\\.0\\.1:8461:${map}.*(Connection refused|lookup error)`),
        },
        map,
      );
      await site.daemon.start();
      expectOutcome(await site.retry("main", sent.queueId), verified("mx.stopped.test"), map);
    });

    for (const [what, label] of Object.entries(oddLabels))
      it(`lets nobody in through an MX name with ${what} in a label (R-8461-5-01)`, async () => {
        // He smuggles "evil.net" into the answer with one name, and waits for the mail under the other.
        await site.world.forgeMx("odd.test", [{ exchange: [label, "odd", "test"] }, "evil.net"]);
        expectOutcome(await site.send("main", { to: "b@odd.test" }), refused, map);
      });

    it("writes none of those names into an answer, and still finds the good one among them", async () => {
      const odd = Object.values(oddLabels).map((label) => ({ exchange: [label, "odd", "test"] }));
      const ask = () => site.postfix("main").postmapQuery("odd.test", { inet: "127.0.0.1:8461" }, "postfix");
      await site.world.forgeMx("odd.test", odd);
      expect((await ask()).stdout).toBe("secure match=mta-sts-no-match.invalid servername=hostname\n");
      await site.world.forgeMx("odd.test", [...odd, "mx.odd.test"]);
      expect((await ask()).stdout).toMatch(/^secure match=mx\.odd\.test servername=hostname protocols=\S+\n$/);
    });

    it("never had an enforced domain's mail taken by anybody else (R-8461-5-01)", async () => {
      expect(brokenPromises(await site.world.deliveries(), domains)).toEqual([]);
    });
  });
}
