import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { loadCoreSync } from "../../host/core/load.ts";
import { createDnsClient } from "../../host/dns/client.ts";
import { control, policyHostObstacle } from "../daemon/daemon-process.ts";
import type { DnsReply } from "../lab/dns-zone.ts";
import { Sender } from "../lab/sender.ts";
import { DAY, enforce, eventually, HOUR, NOTFOUND, Site, secured, WEEK } from "./site.ts";

const MINUTE = 60;

describe("downgrade and discovery", () => {
  let site: Site;
  beforeAll(async () => {
    if (policyHostObstacle() === null) site = await Site.open();
  });
  beforeEach((context) => {
    const obstacle = policyHostObstacle();
    if (obstacle !== null) context.skip(obstacle);
  });
  afterAll(() => site?.close());

  it("A-01 a stripped STARTTLS on an enforce domain defers the message and is reported as starttls-not-supported (R-8461-5-01)", async () => {
    const { world } = site;
    const domain = await site.known();
    await world.setMxBehaviour(`mx.${domain}`, { starttls: "stripped" });
    expect(await site.ask(domain)).toBe(secured(domain));
    const held = await site.held(domain);
    const policy = { verdict: "policy", policy: held, detail: "", recheck: false };
    const sender = new Sender({
      core: loadCoreSync(),
      engine: { resolve: async () => policy, recheck: async () => policy } as never,
      dns: createDnsClient({ servers: [`127.0.0.1:${world.dns.port}`] }),
      caPem: world.caPem,
      portOf: async (host) => (await world.endpoints()).mx[host]?.port ?? 25,
    });
    const sent = await sender.send({ from: "a@sender.test", to: `b@${domain}`, text: "secret" });
    expect(sent.status).toBe("held");
    expect(sent.attempts).toMatchObject([{ judged: { verdict: "defer", resultType: "starttls-not-supported" } }]);
    expect(await world.deliveries(`mx.${domain}`)).toEqual([]);
  });

  it("A-02 blocking the _mta-sts TXT of a domain with a cached enforce policy changes nothing until it expires (R-8461-CSM-02)", async () => {
    const blocks: DnsReply[] = (["drop", "servfail", "refused", "nodata", "empty"] as const).map((answer) => ({
      answer,
    }));
    const domains: string[] = [];
    for (const reply of blocks) {
      const domain = await site.known(DAY);
      await site.world.forgeReply(domain, reply);
      await site.world.breakPolicyHost(domain, "down"); // else the daily refresh would prolong it
      domains.push(domain);
    }
    for (const hours of [1, 11, 11]) {
      site.clock.pass(hours * HOUR);
      for (const domain of domains) expect(await site.ask(domain)).toBe(secured(domain));
    }
    site.clock.pass(2 * HOUR);
    for (const domain of domains) expect(await site.ask(domain)).not.toContain("secure");
    for (const domain of domains) expect((await site.event("policy-expired", domain)).level).toBe("warn");
  });

  it("A-03 NXDOMAIN for the TXT record does not erase a cached enforce policy, and is logged as possible downgrade (R-8461-CSM-02)", async () => {
    const domain = await site.known();
    await site.world.forgeNxdomain(domain, "all");
    site.clock.pass(11 * MINUTE);
    expect(await site.askAndLook(domain)).toBe(secured(domain));
    const { level, msg, todo } = await site.event("record-missing", domain);
    expect({ level, msg }).toEqual({ level: "warn", msg: expect.stringContaining("held and honoured") });
    expect(todo).toContain("forged");
    await site.restart();
    expect(await site.ask(domain)).toBe(secured(domain));
  });

  it('A-04 at first contact a TXT timeout gives TEMP inside the window and never an answer cached as "no policy" beyond 5 minutes (AMB-10)', async () => {
    const domain = await site.unknown();
    await site.world.forgeReply(domain, { answer: "drop" });
    expect(await site.ask(domain)).toMatch(/^TEMP discovery-failed: /);
    site.clock.pass(9 * MINUTE);
    expect(await site.ask(domain)).toMatch(/^TEMP discovery-failed: /);
    site.clock.pass(2 * MINUTE);
    expect(await site.ask(domain)).toBe(NOTFOUND);
    expect((await site.event("discovery-open", domain)).level).toBe("warn");
    expect(await site.metric('mta_sts_fail_open_total{reason="record-failed"}')).toBeGreaterThan(0);
    await site.world.unforge(domain);
    await eventually("the policy is found", async () => {
      site.clock.pass(MINUTE + 1);
      return (await site.ask(domain)) === secured(domain);
    });
    await site.event("policy-new", domain);
  });

  it("A-05 a policy host that is unreachable at first contact yields no policy, is retried after 5 minutes, and is reported sts-policy-fetch-error (R-8461-3.3-11)", async () => {
    const domain = await site.unknown();
    await site.world.breakPolicyHost(domain, "down");
    expect(await site.ask(domain)).toBe(NOTFOUND);
    expect((await site.event("fetch-failed", domain)).resultType).toBe("sts-policy-fetch-error");
    await site.world.mendPolicyHost(domain);
    site.clock.pass(4 * MINUTE);
    expect(await site.ask(domain)).toBe(NOTFOUND);
    expect(site.gets(domain)).toBe(0);
    site.clock.pass(MINUTE + 5);
    await site.ask(domain);
    await site.event("policy-new", domain);
    expect(await site.ask(domain)).toBe(secured(domain));
    expect(site.gets(domain)).toBe(1);
  });

  it("A-06 a refresh that fails keeps the old policy; a refresh that returns invalid text keeps the old policy (R-8461-3.3-17)", async () => {
    const { world } = site;
    const refresh = (domain: string) => control(site.home.control, "POST", `/v1/policies/${domain}/refresh`);
    const failing = await site.known();
    for (const how of ["down", { tls: "reset" }, { behaviour: { kind: "status", status: 503 } }] as const) {
      await world.breakPolicyHost(failing, how);
      expect(JSON.parse((await refresh(failing)).body)).toMatchObject({ policy: { mode: "enforce", id: "1" } });
      expect(await site.ask(failing)).toBe(secured(failing));
      await world.mendPolicyHost(failing);
    }
    expect((await site.event("refresh-failed", failing)).level).toBe("warn");
    const invalid = await site.known();
    for (const raw of ["", "mode: none\n", "version: STSv2\nmode: none\nmax_age: 1\n", "<html>none</html>"]) {
      await world.setPolicy(invalid, { raw });
      await refresh(invalid);
      expect(await site.ask(invalid)).toBe(secured(invalid));
    }
    expect((await site.event("policy-invalid", invalid)).level).toBe("warn");
  });

  it("A-07 refresh starts by half of max_age and at least once a day, so the attack window at expiry is not aligned with delivery (R-8461-CSM-05)", async () => {
    for (const [maxAge, early, due] of [
      [10 * HOUR, 4 * HOUR, 5 * HOUR],
      [WEEK, 21 * HOUR, DAY],
    ] as const) {
      const domain = await site.known(maxAge);
      site.clock.pass(early);
      expect(await site.askAndLook(domain)).toBe(secured(domain));
      expect(site.gets(domain)).toBe(1);
      site.clock.pass(due - early + 1);
      await site.restart(); // nobody asks: the stored policy wakes by itself
      await eventually(`a refresh of ${domain}`, () => site.gets(domain) === 2);
      await eventually("the policy is young again", async () => ((await site.held(domain))?.age ?? DAY) < MINUTE);
    }
  });

  it("A-12 an enforce policy with no mx line is invalid and yields no answer string, never `secure match=` (R-8461-3.2-16)", async () => {
    const domain = await site.unknown({ policy: enforce("nobody.test") });
    await site.world.setPolicy(domain, { raw: `version: STSv1\nmode: enforce\nmax_age: ${WEEK}\n` });
    for (const map of ["postfix", "postfix310", "sts"]) {
      const reply = await site.daemon.ask(`${map} ${domain}`);
      expect(reply).toBe(NOTFOUND);
    }
    expect((await site.event("policy-invalid", domain)).resultType).toBe("sts-policy-invalid");
  });
});
