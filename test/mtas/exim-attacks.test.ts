import { readFileSync, writeFileSync } from "node:fs";
import type { Socket } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { DomainSpec } from "../lab/domain-spec.ts";
import { enforce } from "../postfix/delivery-cases.ts";
import { brokenPromises } from "../postfix/promise-kept.ts";
import type { Exim } from "./exim.ts";
import { listenAsDaemon, onEachExim } from "./exim-setups.ts";
import { expectSent } from "./expect-sent.ts";
import { forgeAlias } from "./forge-alias.ts";
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
  "spiteful.test": { policy: enforce("mx.spiteful.test"), mx: ["mx.blamed.test"] },
  "innocent.test": { policy: enforce("mx.blamed.test"), mx: ["mx.blamed.test"] },
  "demanding.test": { policy: enforce("mx.weak.test"), mx: shared("mx.weak.test") },
  "easy.test": { mx: shared("mx.weak.test") },
  "first.test": { policy: enforce("mx.hub.test"), mx: ["mx.hub.test"] },
  "like-first.test": { policy: enforce("mx.hub.test"), mx: ["mx.hub.test"] },
  "unlike-first.test": { policy: enforce("mx.unlike-first.test"), mx: ["mx.hub.test"] },
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

  it("does not let one domain's policy hold up other domains' mail to the same host (R-8461-5-01)", async () => {
    site.mta.forgetHints();
    // Without `send`, which would forget them again: what Exim remembers of a host is the question here.
    const outcome = async (to: string) => {
      const subject = nextSubject();
      const id = await site.mta.submit([to], subject);
      return { queued: site.mta.isQueued(id), taken: (await site.accepted(subject)).length };
    };
    expect(await outcome("b@spiteful.test")).toEqual({ queued: true, taken: 0 });
    expect(await outcome("b@innocent.test")).toEqual({ queued: false, taken: 1 });
    expect(await outcome("b@demanding.test")).toEqual({ queued: true, taken: 0 });
    expect(await outcome("b@easy.test")).toEqual({ queued: false, taken: 1 });
  });

  describe("with cut-through delivery", () => {
    const cutThrough = async (recipients: readonly string[]) => {
      site.mta.forgetHints();
      const subject = nextSubject();
      await site.mta.receive(
        recipients,
        subject,
        "acl_smtp_rcpt = cut",
        "cut:\n  accept control = cutthrough_delivery",
      );
      return { subject, taken: (await site.accepted(subject)).flatMap(({ to }) => to).sort() };
    };

    it("gives a second recipient the connection of the first where both policies permit the host", async () => {
      const { taken } = await cutThrough(["b@first.test", "b@like-first.test"]);
      expect(taken).toEqual(["b@first.test", "b@like-first.test"]);
      // Exim's mark of a delivery made while the message came in.
      expect(site.mta.log()).toMatch(/>> b@first\.test/);
      expect(site.mta.log()).toMatch(/>> b@like-first\.test/);
    });

    it("does not give it to one whose policy does not permit the host (R-BIND-ALL-01, R-8461-3.4-06)", async () => {
      const { taken } = await cutThrough(["b@first.test", "b@unlike-first.test"]);
      expect(taken).not.toContain("b@unlike-first.test");
      expect((await site.world.deliveries()).flatMap(({ to }) => to)).not.toContain("b@unlike-first.test");
    });
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

  it("judges the host once more at the handshake, should the policy change between routing and delivery (R-8461-5.1-04)", async () => {
    // No list of other hosts: as if the policy had changed between routing and handshake.
    const generated = join(site.directory, "etc/mta-sts/routers.conf");
    const routers = readFileSync(generated, "utf8");
    writeFileSync(generated, routers.replace(/ : \$\{readsocket\{MTA_STS_SOCKET\}\{OTHERS .*$/m, ""));
    try {
      const sent = await site.send("b@omits.test");
      expectSent(sent, "deferred");
      expect(sent.log).toMatch(
        /MTA-STS: mx\.provider\.test is not a permitted MX host of omits\.test, or its certificate/,
      );
      await site.daemon.waitForEvent("host-not-permitted", { domain: "omits.test", host: "mx.provider.test" });
    } finally {
      writeFileSync(generated, routers);
    }
  });

  it("takes no certificate for the name before a forged CNAME, when the host behind it is the permitted one (R-8461-4.2-05, R-9525-6.1-01)", async () => {
    expectSent(await site.send("b@victim.test"), { sentTo: "mx.victim.test", tls: true });
    // Exim verifies the certificate for the alias, and asks us about the name it stands for.
    await forgeAlias(site);
    site.mta.forgetHints();
    const sent = await site.send("b@victim.test");
    expectSent(sent, "deferred");
    expect(await site.world.deliveries("mx.attacker.test")).toEqual([]);
    expect(sent.log).toContain("MTA-STS: no MX host that victim.test has is in its policy");
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
    const afterwards = { ...domains, "before.test": { policy: enforce("mx.late.test"), mx: ["mx.late.test"] } };
    expect(brokenPromises(await site.world.deliveries(), afterwards)).toEqual([]);
  });
});
