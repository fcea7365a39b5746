import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type DomainSpec, policyBody } from "../lab/domain-spec.ts";
import { enforce } from "../postfix/delivery-cases.ts";
import { expectSent } from "./expect-sent.ts";
import { forgeAlias } from "./forge-alias.ts";
import { trixie, whyNoMta } from "./mta.ts";
import { type MtaSite, nextSubject, openMtaSite } from "./mta-site.ts";
import { OpenSmtpd } from "./opensmtpd.ts";

const selfSigned = (host: string) => [{ exchange: host, certificate: "self-signed" }] as const;

const domains: Readonly<Record<string, DomainSpec>> = {
  "victim.test": { policy: enforce("mx.victim.test") },
  "attacker.test": { mx: [{ exchange: "mx.attacker.test", certificate: { names: ["alias.attacker.test"] } }] },
  "of-users.test": { policy: enforce("mx.of-users.test") },
  "of-users-bad.test": {
    policy: enforce("mx.of-users-bad.test"),
    mx: [{ exchange: "mx.of-users-bad.test", certificate: "self-signed" }],
  },
  "of-users-plain.test": { mx: [{ exchange: "mx.of-users-plain.test", starttls: "stripped" }] },
  "before.test": {
    mx: [{ exchange: "mx.late.test", certificate: "self-signed", replies: { greeting: "451 4.3.2 later" } }],
  },
  "slow.test": {
    policy: enforce("mx.slow.test"),
    policyHost: { behaviour: { kind: "hold", next: { kind: "ok", body: policyBody(enforce("mx.slow.test")) } } },
  },
  "beside-slow.test": {},
  "demanding.test": { policy: enforce("mx.weak-host.test"), mx: selfSigned("mx.weak-host.test") },
  "easy.test": { mx: selfSigned("mx.weak-host.test") },
  "casual.test": { mx: selfSigned("mx.casual.test") },
};

const name = "OpenSMTPD 7.6, habits";
const reason = whyNoMta(trixie, "/usr/sbin/smtpd");
// Its queue is tried again as a whole: a file of its own, where little else waits.
describe.skipIf(reason)(reason === undefined ? name : `${name} [${reason}]`, () => {
  let site: MtaSite<OpenSmtpd>;

  beforeAll(async () => {
    site = await openMtaSite({
      domains,
      listeners: (directory) => [{ opensmtpd: { path: `unix:${directory}/opensmtpd.sock`, mode: "0666" } }],
      start: (around) => OpenSmtpd.start(trixie, around),
    });
  });
  afterAll(() => site?.close());

  /** Whose mail a host has taken, once everything in the queue is tried again: a host that failed is left alone for 15 s. */
  async function takenAtLast(host: string): Promise<readonly (readonly string[])[]> {
    await site.mta.retry();
    return (await site.world.deliveries(host)).map(({ to }) => to);
  }
  /** It keeps a connection for 10 s, and would rightly use it again. */
  async function connectionsEnd(host: string): Promise<void> {
    const open = async () => (await site.world.sessions(host)).filter(({ closed }) => !closed);
    await expect.poll(open, { timeout: 20_000 }).toEqual([]);
  }
  const patience = { timeout: 40_000, interval: 3_000 };

  it("takes no certificate for the name before a forged CNAME, when the host behind it is the permitted one (R-8461-4.2-05, R-9525-6.1-01)", async () => {
    expectSent(await site.send("b@victim.test"), { sentTo: "mx.victim.test", tls: true });
    await connectionsEnd("mx.victim.test");
    await forgeAlias(site);
    expectSent(await site.send("b@victim.test"), "deferred");
    // Nor is the certificate good enough where the daemon names the permitted host.
    await site.world.unforge("victim.test");
    await site.mta.retry();
    await expect
      .poll(async () => (await site.world.sessions("mx.attacker.test")).length, { timeout: 20_000 })
      .toBeGreaterThan(0);
    expect(await site.world.deliveries("mx.attacker.test")).toEqual([]);
  });

  it("enforces for users who have authenticated, wherever they are, and leaves their other mail alone", async () => {
    const send = async (to: string) => {
      const subject = nextSubject();
      return { ...(await site.mta.send(to, subject, "user")), accepted: await site.accepted(subject) };
    };
    expectSent(await send("b@of-users.test"), { sentTo: "mx.of-users.test", tls: true, sni: "mx.of-users.test" });
    expectSent(await send("b@of-users-plain.test"), { sentTo: "mx.of-users-plain.test", tls: false });
    expectSent(await send("b@of-users-bad.test"), "deferred");
    expect(site.mta.log()).toContain("smtp connected address=192.0.2.1");
  });

  it("delivers as before what it took before a policy was found: a message keeps its action", async () => {
    expectSent(await site.send("b@before.test"), "deferred");
    await site.world.domain("before.test", { policy: enforce("mx.elsewhere.test"), mx: selfSigned("mx.late.test") });
    await site.world.setMxBehaviour("mx.late.test", { certificate: "self-signed" });
    expectSent(await site.send("c@before.test"), "deferred");
    await expect.poll(() => takenAtLast("mx.late.test"), patience).toEqual([["b@before.test"]]);
  });

  it("lets a certificate that one policy refuses hold up other domains' mail to the host for 15 s", async () => {
    expectSent(await site.send("b@demanding.test"), "deferred");
    expectSent(await site.send("b@easy.test"), "deferred");
    const [, address = ""] = /.*Disabling route \[\] <-> (\S+) \(\S+\) for 15s/s.exec(site.mta.log()) ?? [];
    await expect.poll(() => site.mta.log(), patience).toContain(`Enabling route [] <-> ${address} `);
    expectSent(await site.send("c@easy.test"), { sentTo: "mx.weak-host.test", tls: true });
  });

  it("asks one question at a time: a first discovery holds up the recipients of other domains", async () => {
    const slow = site.mta.submit("b@slow.test", nextSubject());
    await site.world.waitForRequest("slow.test");
    const beside = site.mta.submit("b@beside-slow.test", nextSubject());
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    expect(await site.world.queries("_mta-sts.beside-slow.test", "TXT")).toEqual([]);
    await site.world.releasePolicyHost("slow.test");
    expect((await slow).id).toBeDefined();
    expect((await beside).id).toBeDefined();
    await site.world.waitForQuery("_mta-sts.beside-slow.test", "TXT");
  });

  it("resumes no TLS session (R-BIND-ALL-02)", async () => {
    expectSent(await site.send("b@casual.test"), { sentTo: "mx.casual.test", tls: true });
    await connectionsEnd("mx.casual.test");
    expectSent(await site.send("c@casual.test"), { sentTo: "mx.casual.test", tls: true });
    const sessions = await site.world.sessions("mx.casual.test");
    expect(sessions.map(({ tls, resumed }) => ({ tls, resumed }))).toEqual([
      { tls: "established", resumed: false },
      { tls: "established", resumed: false },
    ]);
  });
});
