import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { DomainSpec } from "../lab/domain-spec.ts";
import { whyNoDaemon } from "./daemon-process.ts";
import { type Expected, enforce, type Outcome, verified } from "./delivery-cases.ts";
import { expectOutcome } from "./expect-outcome.ts";
import { postfix37, postfix310, whyUnavailable } from "./flavour.ts";
import { nobodyPermitted } from "./routing-cases.ts";
import { openSite, type SendingSite } from "./sending-site.ts";

// Which domain Postfix asks for, and in which spelling: recipient domains, relays, transports, parents.

const inClear = (sentTo: string): Outcome => ({ sentTo, tls: "none" });
const refused: Outcome = { kept: "4.7.5", text: /Server certificate not verified/ };

const bad = (exchange: string) => ({ exchange, certificate: "self-signed" }) as const;
const plain = (exchange: string) => ({ exchange, starttls: "stripped" }) as const;

const domains: Readonly<Record<string, DomainSpec>> = {
  "keys.test": { policy: enforce("mx.keys.test") },
  "bad.test": { policy: enforce("mx.bad.test"), mx: [bad("mx.bad.test")] },
  "open.test": { mx: [plain("mx.open.test")] },
  "xn--bcher-kva.test": { policy: enforce("*.xn--bcher-kva.test") },
  "xn--hxajbheg2az3al.test": { policy: enforce("mx.greek.test"), mx: [bad("mx.greek.test")] },
  // Relays are policy domains of their own, whether they have MX records or not.
  "relay.test": { policy: enforce("mx.relay.test") },
  "smart.relay.test": { policy: enforce("smart.relay.test"), mx: [] },
  "weak.relay.test": { policy: enforce("weak.relay.test"), mx: [] },
  // In brackets no MX record counts, neither for Postfix nor for the answer.
  "wild.relay.test": { policy: enforce("*.relay.test"), mx: ["mx.elsewhere.test"] },
  "other.relay.test": { policy: enforce("else.relay.test"), mx: [] },
  "open.relay.test": { mx: [plain("open.relay.test")] },
  "hosts.test": { mx: ["smart.relay.test", bad("weak.relay.test"), "wild.relay.test", "other.relay.test"] },
  "routed.test": { policy: enforce("mx.routed.test") },
  "canonical.test": { mx: [bad("mx.canonical.test")] },
  "cname.test": { policy: enforce("mx.canonical.test"), mx: [] },
};

/** transport_maps: where mail for routed.test's neighbours goes. */
const routes: Readonly<Record<string, string>> = {
  "a.routed.test": "smtp:[smart.relay.test]:25",
  "b.routed.test": "smtp:[weak.relay.test]",
  "c.routed.test": "smtp:[wild.relay.test]:smtp",
  "d.routed.test": "smtp:[other.relay.test]:25",
  "e.routed.test": "smtp:relay.test:25",
  "f.routed.test": "smtp:relay.test",
  "routed.test": "smtp:[open.relay.test]:25",
};

const cases: readonly { title: string; to: string; from?: string; outcome: Expected }[] = [
  { title: "a domain in upper case (R-8461-KEY-01)", to: "b@KEYS.Test", outcome: verified("mx.keys.test") },
  { title: "a domain in upper case whose host is not good (R-8461-KEY-01)", to: "b@BAD.Test", outcome: refused },
  { title: "a domain with a trailing dot", to: "b@bad.test.", outcome: refused },
  {
    title: "U-labels (R-6531-3-01, R-5890-2.3-01)",
    to: "b@bücher.test",
    outcome: verified("mx.xn--bcher-kva.test"),
  },
  { title: "U-labels in upper case (R-5890-2.3-01)", to: "b@BÜCHER.test", outcome: verified("mx.xn--bcher-kva.test") },
  {
    title: "U-labels and a local part that is not ASCII, to a host that is not good (R-6531-3-01)",
    to: "δοκιμή@παράδειγμα.test",
    outcome: refused,
  },
  { title: "A-labels", to: "b@xn--bcher-kva.test", outcome: verified("mx.xn--bcher-kva.test") },
  { title: "a transport [host]:port", to: "b@a.routed.test", outcome: verified("smart.relay.test") },
  { title: "a transport [host] whose certificate is not good", to: "b@b.routed.test", outcome: refused },
  { title: "a transport [host]:service and a wildcard", to: "b@c.routed.test", outcome: verified("wild.relay.test") },
  {
    title: "a transport [host]:port that its own policy does not permit",
    to: "b@d.routed.test",
    outcome: nobodyPermitted("other.relay.test"),
  },
  { title: "a transport host:port, with its MX hosts", to: "b@e.routed.test", outcome: verified("mx.relay.test") },
  { title: "a transport host, with its MX hosts", to: "b@f.routed.test", outcome: verified("mx.relay.test") },
  {
    title: "a relay without a policy, for a recipient domain with one (R-8461-3.4-02)",
    to: "b@routed.test",
    outcome: inClear("open.relay.test"),
  },
  {
    title: "a relayhost, for a recipient domain with another policy (R-8461-3.4-02)",
    to: "b@bad.test",
    from: "relayed@sender.lab.test",
    outcome: verified("smart.relay.test"),
  },
  {
    title: "the domain that a message is forwarded to, not from (R-8461-3.4-08)",
    to: "b@forwarded.test",
    outcome: refused,
  },
  {
    title: "a recipient domain that is an alias: its own policy, the MX hosts of the other (R-8461-3.4-07)",
    to: "b@cname.test",
    outcome: refused,
  },
];

const setups = [
  [postfix37, "postfix"],
  [postfix310, "postfix310"],
] as const;

for (const [flavour, map] of setups) {
  const reason = whyUnavailable(flavour) ?? whyNoDaemon();
  const title = `${flavour.name}, map ${map}, policy of`;
  describe.skipIf(reason)(reason === undefined ? title : `${title} [${reason}]`, () => {
    let site: SendingSite<"main">;

    beforeAll(async () => {
      const table = Object.entries({ "sender.lab.test": "discard:", ...routes });
      const parameters = {
        transport_maps: `inline:{ ${table.map(([key, value]) => `{ ${key} = ${value} }`).join(", ")} }`,
        sender_dependent_relayhost_maps: "inline:{ { relayed@sender.lab.test = [smart.relay.test]:25 } }",
        virtual_alias_maps: "inline:{ { b@forwarded.test = b@bad.test } }",
      };
      site = await openSite({ flavour, domains, instances: { main: { map, parameters } } });
      await site.world.setDns("cname.test", "CNAME", ["canonical.test"]);
    });
    afterAll(() => site?.close());

    for (const { title, to, from, outcome } of cases)
      it(title, async () => {
        await site.world.forgetSeen();
        expectOutcome(await site.send("main", { to, ...(from === undefined ? {} : { from }) }), outcome, map);
      });

    it("the relay alone: nobody asks for the recipient domain's policy (R-8461-3.4-02)", async () => {
      await site.world.forgetSeen();
      await site.send("main", { to: "b@routed.test" });
      expect(await site.world.queries("_mta-sts.routed.test")).toEqual([]);
    });

    it("nobody, for an address literal: no name is asked for (R-8461-3.4-03)", async () => {
      const { mx } = await site.world.endpoints();
      await site.world.forgetSeen();
      const sent = await site.send("main", { to: `b@[${mx["mx.open.test"]?.address}]` });
      expect(sent).toMatchObject({ status: "sent", accepted: [{ mx: "mx.open.test", tls: false }] });
      expect((await site.world.queries()).filter(({ type }) => type === "TXT")).toEqual([]);
    });

    it("nobody, for mail that does not leave by SMTP (R-8461-3.4-09)", async () => {
      await site.world.forgetSeen();
      expect(await site.send("main", { to: "a@sender.lab.test" })).toMatchObject({ status: "sent", relay: "none" });
      expect(await site.world.queries()).toEqual([]);
    });

    it("each recipient's domain, in one message to several (R-8461-3.4-06)", async () => {
      const postfix = site.postfix("main");
      const to = ["b@keys.test", "b@bad.test", "b@open.test"];
      const queueId = await postfix.send({ from: "a@sender.lab.test", to, subject: "To all" });
      const statuses = await Promise.all(to.map((one) => postfix.waitForStatus(queueId, { to: one })));
      expect(statuses.map(({ status }) => status)).toEqual(["sent", "deferred", "sent"]);
      const accepted = await site.acceptedBy(queueId);
      expect(accepted.map(({ mx, tls }) => [mx, tls]).sort()).toEqual([
        ["mx.keys.test", true],
        ["mx.open.test", false],
      ]);
    });
  });
}
