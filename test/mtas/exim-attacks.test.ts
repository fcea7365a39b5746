import type { Socket } from "node:net";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { DomainSpec } from "../lab/domain-spec.ts";
import { enforce } from "../postfix/delivery-cases.ts";
import { brokenPromises } from "../postfix/promise-kept.ts";
import type { Exim } from "./exim.ts";
import { listenAsDaemon, onEachExim } from "./exim-setups.ts";
import { expectSent } from "./expect-sent.ts";
import { type MtaSite, nextSubject } from "./mta-site.ts";

/** One host, not verifiable, with mail for domains that do not mind and for one that does. */
const shared = (host: string) => [{ exchange: host, certificate: "self-signed" }] as const;

/** A provider's certificate names every one of its hosts. */
const crowd = Array.from({ length: 400 }, (_, i) => `host-number-${i}.of-a-large-provider.test`);

const domains: Readonly<Record<string, DomainSpec>> = {
  "casual.test": { mx: shared("mx.shared.test") },
  "casual2.test": { mx: shared("mx.shared.test") },
  "strict.test": { policy: enforce("mx.shared.test"), mx: ["mx.shared.test"] },
  "names.test": { policy: enforce("mx.provider.test"), mx: ["mx.provider.test"] },
  "omits.test": { policy: enforce("mx.omits.test"), mx: ["mx.provider.test"] },
  "before.test": {
    mx: [{ exchange: "mx.late.test", certificate: "self-signed", replies: { greeting: "451 4.3.2 later" } }],
  },
  "beside.test": { mx: ["mx.late.test"] },
  "held.test": { policy: enforce("mx.held.test") },
  "victim.test": { policy: enforce("mx.victim.test") },
  "popular.test": {
    policy: enforce("mx.popular.test"),
    mx: [{ exchange: "mx.popular.test", certificate: { names: [...crowd, "mx.popular.test"] } }],
  },
  "attacker.test": { mx: [{ exchange: "mx.attacker.test", certificate: { names: ["alias.attacker.test"] } }] },
  "down.test": { policy: enforce("mx.down.test") },
  "open.test": { mx: [{ exchange: "mx.open.test", starttls: "stripped" }] },
};

onEachExim("attacks", (open) => {
  let site: MtaSite<Exim>;

  beforeAll(async () => {
    site = await open({ domains });
  });
  afterAll(() => site?.close());

  const later = async (to: readonly string[]) => {
    const subject = nextSubject();
    return { subject, id: await site.mta.submit(to, subject, "later") };
  };

  it("does not hand an enforced domain's queued mail to a connection that another domain opened (R-BIND-ALL-01, R-8461-3.4-06)", async () => {
    site.mta.forgetHints();
    const casual = [await later(["b@casual.test"]), await later(["b@casual2.test"])];
    const strict = await later(["b@strict.test"]);
    // The second stage knows which messages wait for which host.
    await site.mta.run(["-qqf"]);
    for (const { subject } of casual) expect(await site.accepted(subject)).toHaveLength(1);
    // The connection was used again, so there was something to fall for.
    const sessions = await site.world.sessions("mx.shared.test");
    expect(sessions.map(({ commands }) => commands.filter((verb) => verb === "MAIL").length)).toContain(2);
    expect(await site.accepted(strict.subject)).toEqual([]);
    expect(site.mta.isQueued(strict.id)).toBe(true);
  });

  it("does not deliver the strict recipient of a message beside its casual one (R-BIND-ALL-01)", async () => {
    site.mta.forgetHints();
    const { subject, id } = await later(["b@casual.test", "b@strict.test"]);
    await site.mta.run(["-M", id]);
    expect((await site.accepted(subject)).map(({ to }) => to)).toEqual([["b@casual.test"]]);
    expect(site.mta.isQueued(id)).toBe(true);
  });

  it("does not hand mail under one policy to a host that only another policy names (R-BIND-ALL-01)", async () => {
    site.mta.forgetHints();
    const names = [await later(["b@names.test"]), await later(["c@names.test"])];
    const omits = await later(["b@omits.test"]);
    await site.mta.run(["-qqf"]);
    for (const { subject } of names) expect(await site.accepted(subject)).toHaveLength(1);
    expect(await site.accepted(omits.subject)).toEqual([]);
    expect(site.mta.isQueued(omits.id)).toBe(true);
    const sessions = await site.world.sessions("mx.provider.test");
    expect(sessions.map(({ commands }) => commands.filter((verb) => verb === "MAIL").length)).not.toContain(2);
  });

  it("judges mail that waited for a host since before its domain had a policy (R-BIND-ALL-01)", async () => {
    site.mta.forgetHints();
    const [before, beside] = [await later(["b@before.test"]), await later(["b@beside.test"])];
    await site.mta.run(["-qqf"]);
    await site.world.setMxBehaviour("mx.late.test", { certificate: "self-signed" });
    await site.world.domain("before.test", { policy: enforce("mx.late.test"), mx: ["mx.late.test"] });
    // This delivery finds the other message waiting for the host and offers it the connection.
    await site.mta.run(["-M", beside.id]);
    await expect.poll(() => site.accepted(beside.subject)).toHaveLength(1);
    await site.mta.run(["-M", before.id]);
    expect(await site.accepted(before.subject)).toEqual([]);
    expect(site.mta.isQueued(before.id)).toBe(true);
  });

  it("holds a policy against a forged NXDOMAIN and forged MX records (R-8461-3.1-23, R-8461-5-01)", async () => {
    expectSent(await site.send("b@held.test"), { sentTo: "mx.held.test", tls: true });
    await site.world.forgeNxdomain("held.test", "record");
    await site.world.forgeMx("held.test", ["mx.attacker.test"]);
    expectSent(await site.send("b@held.test"), "deferred");
    await site.world.unforge("held.test");
    expectSent(await site.send("b@held.test"), { sentTo: "mx.held.test", tls: true });
  });

  it("reads a certificate with hundreds of names to the last (R-8461-4.2-03)", async () => {
    expectSent(await site.send("b@popular.test"), { sentTo: "mx.popular.test", tls: true });
  });

  it("takes no certificate for the name before a forged CNAME, when the host behind it is the permitted one (R-8461-4.2-05, R-9525-6.1-01)", async () => {
    expectSent(await site.send("b@victim.test"), { sentTo: "mx.victim.test", tls: true });
    // Exim verifies the certificate for the alias, and asks us about the name it stands for.
    const { mx } = await site.world.endpoints();
    await site.world.forgeMx("victim.test", [{ exchange: "alias.attacker.test", server: false }]);
    await site.world.setDns("alias.attacker.test", "CNAME", ["mx.victim.test"]);
    await site.world.setDns("mx.victim.test", "A", [mx["mx.attacker.test"]?.address ?? ""]);
    site.mta.forgetHints();
    const sent = await site.send("b@victim.test");
    expectSent(sent, "deferred");
    expect(await site.world.deliveries("mx.attacker.test")).toEqual([]);
    expect(sent.log).toMatch(
      /MTA-STS: mx\.victim\.test is not a permitted MX host of victim\.test, or its certificate/,
    );
  });

  it("defers all mail while the daemon is stopped, and delivers it when it is back (R-8461-5-07)", async () => {
    await site.daemon.stop();
    expectSent(await site.send("b@down.test"), "deferred");
    const open = await site.send("b@open.test");
    expectSent(open, "deferred");
    expect(open.log).toMatch(/R=mta_sts_none defer .*: condition check lookup defer/);
    await site.daemon.start();
    expectSent(await site.send("b@down.test"), { sentTo: "mx.down.test", tls: true });
    expectSent(await site.send("b@open.test"), { sentTo: "mx.open.test", tls: false });
  });

  it.each(["", "none\n", "NONE", " none", "enforce", "yes", "error: expected MODE", "none none"])(
    "takes %j, from whatever program stands in the daemon's place, for no permission (R-BIND-EX-01)",
    async (reply) => {
      await site.daemon.stop();
      const impostor = await listenAsDaemon(site);
      impostor.on("connection", (socket: Socket) => {
        socket.on("error", () => socket.destroy());
        socket.once("data", () => socket.end(reply));
      });
      try {
        expectSent(await site.send("b@open.test"), "deferred");
      } finally {
        impostor.close();
        await site.daemon.start();
      }
    },
  );

  it("never had an enforced domain's mail taken by anybody else (R-8461-5-01)", async () => {
    const { "before.test": _, ...others } = domains;
    expect(brokenPromises(await site.world.deliveries(), others)).toEqual([]);
  });
});
