import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { createWorld, type World } from "../lab/world.ts";
import { control, DaemonProcess, endDaemons, Home, policyHostObstacle } from "./daemon-process.ts";

const PIN = "protocols=!SSLv2:!SSLv3:!TLSv1:!TLSv1.1";
const DAY = 86_400;

describe("a daemon in the lab", () => {
  let world: World;
  let home: Home;

  beforeAll(async () => {
    if (policyHostObstacle() !== null) return;
    world = await createWorld({ httpsAddress: "127.84.61.1", httpsPort: 443, ttl: 0 });
    await world.domain("enforce.test", { policy: { mode: "enforce", mx: ["mx.enforce.test"], maxAge: DAY } });
    await world.domain("wild.test", { policy: { mode: "enforce", mx: ["*.wild.test"], maxAge: DAY } });
    await world.domain("testing.test", { policy: { mode: "testing", mx: ["other.testing.test"], maxAge: DAY } });
    await world.domain("none.test", { policy: { mode: "none", maxAge: DAY } });
    await world.domain("plain.test", {});
  });
  beforeEach((context) => {
    const obstacle = policyHostObstacle();
    if (obstacle !== null) context.skip(obstacle);
    home = new Home().configure(world);
  });
  afterEach(async () => {
    await endDaemons();
    home?.remove();
    await world?.setDnsOutage(null);
  });
  afterAll(() => world?.close());

  it.each([
    ["an enforce policy", "postfix enforce.test", `OK secure match=mx.enforce.test servername=hostname ${PIN}`],
    [
      "a wildcard, as concrete MX names",
      "postfix wild.test",
      `OK secure match=mx.wild.test servername=hostname ${PIN}`,
    ],
    ["testing, as if there were none (R-BIND-PF-04)", "postfix testing.test", "NOTFOUND "],
    ["mode none, as if there were none (R-BIND-PF-04)", "postfix none.test", "NOTFOUND "],
    ["no policy", "postfix plain.test", "NOTFOUND "],
    ["a parent key, without a lookup (R-8461-3.4-05)", "postfix .enforce.test", "NOTFOUND "],
    ["Sendmail's map", "sts enforce.test", "OK secure match=mx.enforce.test servername=hostname"],
  ])("answers for %s", async (_title, question, reply) => {
    const daemon = await DaemonProcess.start(home);
    expect(await daemon.ask(question)).toBe(reply);
    expect(await daemon.stop()).toBe(0);
  });

  it("tells Postfix 3.10.5 the patterns, so that it checks MX names itself (R-BIND-PF-01)", async () => {
    const daemon = await DaemonProcess.start(home);
    const reply = await daemon.ask("postfix310 wild.test");
    expect(reply).toContain("policy_type=sts policy_domain=wild.test mx_host_pattern=*.wild.test");
    expect(await daemon.stop()).toBe(0);
  });

  it("counts and logs the MX hosts that a testing policy would refuse (R-8461-5-03)", async () => {
    const daemon = await DaemonProcess.start(home);
    expect(await daemon.ask("postfix testing.test")).toBe("NOTFOUND ");
    expect((await daemon.event("testing-mismatch")).hosts).toEqual(["mx.testing.test"]);
    expect((await daemon.page("/metrics")).body).toContain("mta_sts_testing_mismatch_total 1");
  });

  it("names an enforced domain of which no MX host is permitted", async () => {
    await world.domain("forged.test", { policy: { mode: "enforce", mx: ["*.forged.test"], maxAge: DAY } });
    await world.setMx("forged.test", ["mx.attacker.test"]);
    const daemon = await DaemonProcess.start(home);
    expect(await daemon.ask("postfix forged.test")).toBe(
      "OK secure match=mta-sts-no-match.invalid servername=hostname",
    );
    expect((await daemon.event("answer-no-match")).domain).toBe("forged.test");
  });

  it("answers TEMP with the name, the cause and the command to run when DNS is dead", async () => {
    await world.setDnsOutage({ answer: "drop" });
    const daemon = await DaemonProcess.start(home);
    const reply = await daemon.ask("postfix enforce.test");
    expect(reply).toMatch(/^TEMP discovery-failed: TXT _mta-sts\.enforce\.test: /);
    expect(reply).toMatch(/mail stays queued; run: mta-sts query enforce\.test$/);
    const health = JSON.parse((await daemon.page("/healthz")).body);
    expect(health).toMatchObject({ status: "ok", serving: true, resolver: expect.stringMatching(/^no answer since/) });
  });

  it("answers TEMP when the discovery takes longer than the listener's deadline, and keeps what it then finds", async () => {
    await world.domain("slow.test", {
      policy: { mode: "enforce", mx: ["mx.slow.test"], maxAge: DAY },
      policyHost: {
        behaviour: {
          kind: "hold",
          next: { kind: "ok", body: `version: STSv1\nmode: enforce\nmx: mx.slow.test\nmax_age: ${DAY}\n` },
        },
      },
    });
    home.configure(world, { listen: [{ postfix: { address: "127.0.0.1:0", deadline: "1s" } }] });
    const daemon = await DaemonProcess.start(home);
    expect(await daemon.ask("postfix slow.test")).toMatch(/^TEMP discovery-pending: /);
    expect((await daemon.event("answer-temp")).reason).toBe("discovery-pending");
    await world.releasePolicyHost("slow.test");
    await daemon.event("policy-new", ({ domain }) => domain === "slow.test");
    expect(await daemon.ask("postfix slow.test")).toContain("OK secure match=mx.slow.test");
  });

  it("still holds a policy after a restart, with DNS dead (R-8461-CSM-10)", async () => {
    const first = await DaemonProcess.start(home);
    const before = await first.ask("postfix enforce.test");
    expect(await first.stop()).toBe(0);
    await world.setDnsOutage({ answer: "drop" });
    const second = await DaemonProcess.start(home);
    expect(await second.ask("postfix enforce.test")).toBe(before);
    expect(await second.ask("postfix plain.test")).toMatch(/^TEMP discovery-failed/);
  });

  it("still holds every answered policy after kill -9 (R-8461-CSM-12)", async () => {
    const domains = Array.from({ length: 12 }, (_, i) => `kill${i}.test`);
    for (const name of domains)
      await world.domain(name, { policy: { mode: "enforce", mx: [`mx.${name}`], maxAge: DAY } });
    const first = await DaemonProcess.start(home);
    const acknowledged: string[] = [];
    let enough = () => {};
    const some = new Promise<void>((resolve) => {
      enough = resolve;
    });
    for (const name of domains)
      void first.ask(`postfix ${name}`).then((reply) => {
        if (reply?.startsWith("OK ")) acknowledged.push(name);
        if (acknowledged.length >= 4) enough();
      }, enough);
    await some;
    expect(await first.stop("SIGKILL")).toBeNull();
    expect(acknowledged.length).toBeGreaterThanOrEqual(4);
    await world.setDnsOutage({ answer: "drop" });
    const second = await DaemonProcess.start(home);
    for (const name of acknowledged) expect(await second.ask(`postfix ${name}`)).toContain(`match=mx.${name} `);
    expect(second.events("store-quarantined")).toEqual([]);
    expect(await second.stop()).toBe(0);
  });

  it("lets an operator see, refresh and forget a domain on the control socket only (R-8461-CSM-18)", async () => {
    const daemon = await DaemonProcess.start(home);
    await daemon.ask("postfix enforce.test");
    const shown = await control(home.control, "GET", "/v1/policies/enforce.test");
    expect(shown.status).toBe(200);
    expect(JSON.parse(shown.body)).toMatchObject({ version: 1, verdict: "policy", stored: true, policy: { id: "1" } });

    await world.setPolicy("enforce.test", { mode: "enforce", mx: ["new.enforce.test"], maxAge: DAY });
    const refreshed = await control(home.control, "POST", "/v1/policies/enforce.test/refresh");
    expect(JSON.parse(refreshed.body)).toMatchObject({ status: "fetched", policy: { mx: ["new.enforce.test"] } });
    expect(await daemon.ask("postfix enforce.test")).toContain("match=new.enforce.test ");

    const forgotten = await control(home.control, "DELETE", "/v1/policies/enforce.test");
    expect(JSON.parse(forgotten.body)).toEqual({ version: 1, domain: "enforce.test", forgotten: true });
    expect((await control(home.control, "GET", "/v1/policies/enforce.test")).status).toBe(404);
    await world.setDnsOutage({ answer: "drop" });
    expect(await daemon.ask("postfix enforce.test")).toMatch(/^TEMP discovery-failed/);
    await world.setPolicy("enforce.test", { mode: "enforce", mx: ["mx.enforce.test"], maxAge: DAY });
  });

  it.each([
    ["DELETE", "/v1/policies", 405, "method"],
    ["GET", "/v1/policies/enforce.test/refresh", 405, "method"],
    ["POST", "/v1/policies/enforce.test", 405, "method"],
    ["GET", "/v1/policies/UPPER.test", 400, "not-a-domain"],
    ["GET", "/v1/policies/..%2f..%2fetc", 400, "not-a-domain"],
    ["GET", "/", 404, "not-found"],
  ])("refuses %s %s on the control socket with %i", async (method, path, status, code) => {
    const daemon = await DaemonProcess.start(home);
    const refused = await control(home.control, method, path);
    expect(refused.status).toBe(status);
    expect(JSON.parse(refused.body)).toMatchObject({ version: 1, error: { code } });
    expect(await daemon.stop()).toBe(0);
  });

  it("takes no control words on the policy port: nothing sent there changes what is held", async () => {
    const daemon = await DaemonProcess.start(home);
    const before = await daemon.ask("postfix enforce.test");
    for (const words of ["forget enforce.test", "purge enforce.test", "refresh enforce.test", "control forget"])
      expect(await daemon.ask(words)).toMatch(/^PERM unknown map/);
    const client = await daemon.postfix();
    client.send("DELETE /v1/policies/enforce.test HTTP/1.1\r\nHost: x\r\n\r\n");
    expect(await client.reply()).toMatch(/^PERM malformed socketmap request/);
    await client.closed();
    expect(await daemon.ask("postfix enforce.test")).toBe(before);
    const held = await control(home.control, "GET", "/v1/policies/enforce.test");
    expect(JSON.parse(held.body)).toMatchObject({ stored: true, policy: { mode: "enforce" } });
  });

  it("shows policies by mode, persistence and answers in its metrics", async () => {
    const daemon = await DaemonProcess.start(home);
    for (const name of ["enforce.test", "wild.test", "testing.test", "none.test", "plain.test"])
      await daemon.ask(`postfix ${name}`);
    const { body } = await daemon.page("/metrics");
    for (const line of [
      'mta_sts_policies{mode="enforce"} 2',
      'mta_sts_policies{mode="testing"} 1',
      'mta_sts_policies{mode="none"} 1',
      "mta_sts_refresh_failing 0",
      "mta_sts_store_persisting 1",
      "mta_sts_cache_memory_domains 5",
      'mta_sts_answers_total{listener="postfix",verdict="policy"} 2',
      'mta_sts_answers_total{listener="postfix",verdict="none"} 3',
      'mta_sts_notices_total{event="policy-new"} 4',
      'mta_sts_dns_queries_total{type="mx",outcome="records"} 2',
    ])
      expect(body).toContain(`${line}\n`);
    expect(body).not.toContain("enforce.test");
  });

  it("answers what is pending before SIGTERM ends it, with the policy when that comes in time", async () => {
    await world.domain("late.test", {
      policy: { mode: "enforce", mx: ["mx.late.test"], maxAge: DAY },
      policyHost: {
        behaviour: {
          kind: "hold",
          next: { kind: "ok", body: `version: STSv1\nmode: enforce\nmx: mx.late.test\nmax_age: ${DAY}\n` },
        },
      },
    });
    const daemon = await DaemonProcess.start(home);
    const idle = await daemon.postfix();
    await idle.ask("postfix [192.0.2.1]");
    const client = await daemon.postfix();
    const pending = client.ask("postfix late.test");
    await world.waitForRequest("late.test");
    const stopped = daemon.stop();
    await idle.closed();
    await expect(daemon.postfix()).rejects.toThrow("ECONNREFUSED");
    await world.releasePolicyHost("late.test");
    expect(await pending).toContain("OK secure match=mx.late.test");
    expect(await stopped).toBe(0);
    expect(daemon.events("daemon-stopped")[0]?.cause).toBe("SIGTERM");
  });

  it("answers TEMP within 5 s of SIGTERM to who still waits then, and stores no failure of its own making", async () => {
    await world.domain("stuck.test", {
      policy: { mode: "enforce", mx: ["mx.stuck.test"], maxAge: DAY },
      policyHost: { behaviour: { kind: "silent" } },
    });
    const daemon = await DaemonProcess.start(home);
    const client = await daemon.postfix();
    const pending = client.ask("postfix stuck.test");
    await world.waitForRequest("stuck.test");
    const asked = performance.now();
    const stopped = daemon.stop();
    expect(await pending).toMatch(/^TEMP shutting-down; mail stays queued/);
    expect(await stopped).toBe(0);
    expect(performance.now() - asked).toBeLessThan(6_000);
    expect(daemon.events("fetch-failed")).toEqual([]);
  });
});
