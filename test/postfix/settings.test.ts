import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { DomainSpec } from "../lab/domain-spec.ts";
import { whyNoDaemon } from "./daemon-process.ts";
import { type Expected, enforce, verified } from "./delivery-cases.ts";
import { expectOutcome } from "./expect-outcome.ts";
import { type PostfixFlavour, postfix37, postfix310, whyUnavailable } from "./flavour.ts";
import { brokenPromises } from "./promise-kept.ts";
import { type InstanceSpec, openSite, type SendingSite } from "./sending-site.ts";

// What settings of main.cf make of the same answers: sockets, wrong maps, caches, switches, and very long policies.

const hosts = (domain: string, count: number) => Array.from({ length: count }, (_, i) => `mx${i}.${domain}`);
const selfSigned = (exchange: string) => ({ exchange, certificate: "self-signed" }) as const;

const domains: Readonly<Record<string, DomainSpec>> = {
  "good.test": { policy: enforce("mx.good.test") },
  "star.test": { policy: enforce("*.star.test") },
  "bad.test": { policy: enforce("mx.bad.test"), mx: [selfSigned("mx.bad.test")] },
  "stripped.test": {
    policy: enforce("mx.stripped.test"),
    mx: [{ exchange: "mx.stripped.test", starttls: "stripped" }],
  },
  "casual.test": { mx: [selfSigned("shared.host.test")] },
  "strict.test": { policy: enforce("shared.host.test"), mx: ["shared.host.test"] },
  "clear.test": { mx: [{ exchange: "clear.host.test", starttls: "stripped" }] },
  "clearless.test": { policy: enforce("clear.host.test"), mx: ["clear.host.test"] },
  "crossed.test": {
    policy: enforce("mx1.crossed.test", "*.crossed.test"),
    mx: [{ exchange: "mx2.crossed.test", certificate: { names: ["mx1.crossed.test"] } }],
  },
  "loop.test": { policy: enforce("mx.loop.test"), mx: [{ exchange: "self.loop.test", server: false }, "mx.loop.test"] },
  "relay.fallback.test": { policy: enforce("relay.fallback.test"), mx: [] },
  "hosts.test": { mx: ["relay.fallback.test"] },
  "long.test": { policy: enforce(...hosts("long.test", 1000)), mx: ["mx7.long.test"] },
  "longer.test": { policy: enforce(...hosts("longer.test", 2000)), mx: ["mx7.longer.test"] },
  "many.test": {
    policy: enforce("*.many.test"),
    mx: hosts("many.test", 100).map((exchange, i) => ({ exchange, preference: i, ...(i > 0 && { server: false }) })),
  },
};

const unverified: Expected = { kept: "4.7.5", text: /^Server certificate not verified$/ };
const unusable = (log: RegExp): Expected => ({ kept: "4.7.5", text: /^client TLS configuration problem$/, log });
const noStarttls: Expected = { kept: "4.7.4", text: /^TLS is required, but was not offered/ };

function on(flavour: PostfixFlavour, map: "postfix" | "postfix310") {
  const reason = whyUnavailable(flavour) ?? whyNoDaemon();
  const title = `${flavour.name}, map ${map}`;
  /** A suite on a site with these instances. */
  return (instances: Readonly<Record<string, InstanceSpec>>, tests: (at: () => SendingSite) => void) =>
    describe.skipIf(reason)(reason === undefined ? title : `${title} [${reason}]`, () => {
      let site: SendingSite | undefined;
      beforeAll(async () => {
        site = await openSite({ flavour, domains, instances });
      });
      afterAll(() => site?.close());
      tests(() => site as SendingSite);
    });
}

for (const [flavour, map] of [
  [postfix37, "postfix"],
  [postfix310, "postfix310"],
] as const) {
  const caches = {
    smtp_connection_cache_destinations: "static:all",
    smtp_tls_connection_reuse: "yes",
  };
  const sessions = { smtp_tls_session_cache_database: "btree:$data_directory/sessions", smtp_tls_loglevel: "2" };
  const instances = {
    main: { map },
    socket: { map, over: "unix" },
    typo: { map: "postfiks" },
    "no-ca": { map, parameters: { smtp_tls_CAfile: "" } },
    caches: { map, parameters: caches },
    sessions: { map, parameters: sessions },
    fallback: { map, parameters: { smtp_fallback_relay: "[relay.fallback.test]" } },
  } as const;
  on(flavour, map)(instances, (at) => {
    const cases: readonly { title: string; from: keyof typeof instances; to: string; outcome: Expected }[] = [
      {
        title: "delivers from a jailed smtp(8) that asks over a unix socket",
        from: "socket",
        to: "good.test",
        outcome: verified("mx.good.test"),
      },
      {
        title: "defers from a jailed smtp(8) that asks over a unix socket (R-8461-5-01)",
        from: "socket",
        to: "bad.test",
        outcome: unverified,
      },
      {
        title: "defers and names the right maps when main.cf names a wrong one (R-BIND-ALL-03)",
        from: "typo",
        to: "good.test",
        outcome: unusable(/unknown map "postfiks"; mail stays queued; use postfix, postfix310 or sts in main\.cf/),
      },
      { title: "defers when Postfix has no CA to trust", from: "no-ca", to: "good.test", outcome: unverified },
      {
        title: "delivers under a policy of 1000 hosts",
        from: "main",
        to: "long.test",
        outcome: verified("mx7.long.test"),
      },
      {
        title: "delivers under a policy of 2000 hosts, or defers and says that the answer is too long",
        from: "main",
        to: "longer.test",
        outcome: {
          postfix: verified("mx7.longer.test"),
          postfix310: unusable(/answer-too-long: .* 99997/),
        } as Expected,
      },
      {
        title: "delivers under a wildcard policy to a domain with 100 MX hosts",
        from: "main",
        to: "many.test",
        outcome: verified("mx0.many.test"),
      },
      {
        title: "hands mail that enforcement refuses to smtp_fallback_relay, under the relay's own policy",
        from: "fallback",
        to: "bad.test",
        outcome: verified("relay.fallback.test"),
      },
    ];
    for (const { title, from, to, outcome } of cases)
      it(title, async () => expectOutcome(await at().send(from, { to: `b@${to}` }), outcome, map));

    for (const [host, casual, strict, outcome] of [
      ["shared.host.test", "casual.test", "strict.test", unverified],
      ["clear.host.test", "clear.test", "clearless.test", noStarttls],
    ] as const)
      it(`does not send an enforced domain's mail over a connection to ${host} kept from another's (R-BIND-ALL-01, R-8461-3.4-06)`, async () => {
        const site = at();
        const relaxed = [
          await site.send("caches", { to: `b@${casual}` }),
          await site.send("caches", { to: `c@${casual}` }),
        ];
        expect(relaxed.map(({ status }) => status)).toEqual(["sent", "sent"]);
        // The connection is kept and used again, so there was something to fall for.
        const [kept] = await site.world.sessions(host);
        expect(kept?.commands.filter((verb) => verb === "MAIL")).toHaveLength(2);
        expectOutcome(await site.send("caches", { to: `b@${strict}` }), outcome, map);
      });

    it("verifies a host again when it resumes a TLS session (R-BIND-ALL-02)", async () => {
      const resumed = async (to: string) => {
        await at().send("sessions", { to });
        const sent = await at().send("sessions", { to });
        expect(sent.lines.join("\n")).toMatch(/Reusing old session/);
        return sent;
      };
      expectOutcome(await resumed("b@good.test"), verified("mx.good.test"), map);
      // A session that was resumed without a policy opens no door under one.
      expect(await resumed("b@casual.test")).toMatchObject({ status: "sent", tls: "Untrusted" });
      expectOutcome(await at().send("sessions", { to: "b@strict.test" }), unverified, map);
    });

    it("does not go past itself in the MX list to a host that the policy permits (R-8461-8.4-01, R-5321-5.1-05)", async () => {
      const site = at();
      await site.world.setDns("self.loop.test", "A", [site.postfix("main").address]);
      const sent = await site.send("main", { to: "b@loop.test" });
      expectOutcome(sent, { kept: "5.4.6", text: /mail for loop\.test loops back to myself/ }, map);
    });

    it("never had an enforced domain's mail taken by anybody but the fallback relay (R-8461-5-01)", async () => {
      const accepted = (await at().world.deliveries()).filter(({ mx }) => mx !== "relay.fallback.test");
      expect(brokenPromises(accepted, domains)).toEqual([]);
    });
  });
}

on(postfix37, "postfix310")({ main: { map: "postfix310" } }, (at) => {
  it("defers: this Postfix does not know the attributes of that map", async () => {
    const sent = await at().send("main", { to: "b@good.test" });
    expectOutcome(sent, unusable(/invalid attribute name|malformed attribute\/value pair/), "postfix310");
  });
});

const options = {
  patternsOff: { map: "postfix310", parameters: { smtp_tls_enforce_sts_mx_patterns: "no" } },
  usual: { map: "postfix310" },
  alwaysAsk: { map: "postfix310", parameters: { tls_required_enable: "no" } },
};
on(postfix310, "postfix310")(options, (at) => {
  const optional = { "TLS-Required": "no" };

  it("compares the certificate with the MX host in use, not with another permitted one (R-8461-4.2-05, R-BIND-PF-01)", async () => {
    expectOutcome(await at().send("usual", { to: "b@crossed.test" }), unverified, "postfix310");
  });

  it("delivers to an exact name with smtp_tls_enforce_sts_mx_patterns = no", async () => {
    expectOutcome(await at().send("patternsOff", { to: "b@good.test" }), verified("mx.good.test"), "postfix310");
  });

  it("defers under a wildcard with smtp_tls_enforce_sts_mx_patterns = no: nobody would compare the names", async () => {
    expectOutcome(await at().send("patternsOff", { to: "b@star.test" }), unverified, "postfix310");
    expectOutcome(await at().send("usual", { to: "b@star.test" }), verified("mx.star.test"), "postfix310");
  });

  it("does not ask when the sender says TLS-Required: no, and sends in clear", async () => {
    const sent = await at().send("usual", { to: "b@stripped.test", headers: optional });
    expectOutcome(sent, { sentTo: "mx.stripped.test", tls: "none" }, "postfix310");
    expect(await at().world.queries("_mta-sts.stripped.test")).toEqual([]);
  });

  it("asks all the same with tls_required_enable = no", async () => {
    const sent = await at().send("alwaysAsk", { to: "b@stripped.test", headers: optional });
    expectOutcome(sent, noStarttls, "postfix310");
  });
});
