// Faults of other senders (docs/assurance.md "Faults that others had") that only the whole daemon can show.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { createWorld, type World } from "../lab/world.ts";
import { DaemonProcess, endDaemons, Home, policyHostObstacle } from "./daemon-process.ts";

const PIN = "protocols=!SSLv2:!SSLv3:!TLSv1:!TLSv1.1";
const DAY = 86_400;

describe("classic faults of policy daemons", () => {
  let world: World;
  let home: Home;

  beforeAll(async () => {
    if (policyHostObstacle() !== null) return;
    world = await createWorld({ httpsAddress: "127.84.62.1", httpsPort: 443, ttl: 0 });
  });
  beforeEach((context) => {
    const obstacle = policyHostObstacle();
    if (obstacle !== null) context.skip(obstacle);
    home = new Home().configure(world);
  });
  afterEach(async () => {
    await endDaemons();
    home?.remove();
  });
  afterAll(() => world?.close());

  it("one MX host whose addresses cannot be looked up does not hold up mail to the others (R-8461-4-02, R-8461-5.1-04)", async () => {
    const hosts = ["mx1.two.test", "mx2.two.test"];
    await world.domain("two.test", { policy: { mode: "enforce", mx: ["*.two.test"], maxAge: DAY }, mx: hosts });
    for (const type of ["A", "AAAA", "TLSA"] as const) {
      await world.setDns("mx2.two.test", type, { answer: "servfail" });
      await world.setDns("_25._tcp.mx2.two.test", type, { answer: "servfail" });
    }
    const daemon = await DaemonProcess.start(home);
    expect(await daemon.ask("postfix two.test")).toBe(`OK secure match=${hosts.join(":")} servername=hostname ${PIN}`);
    expect(await daemon.stop()).toBe(0);
  });

  it("a policy host that needs 4 s gets its policy at the first attempt (R-8461-3.3-13)", async () => {
    await world.domain("slow.test", { policy: { mode: "enforce", mx: ["mx.slow.test"], maxAge: DAY } });
    const policy = ["version: STSv1", "mode: enforce", "mx: mx.slow.test", `max_age: ${DAY}`, ""].join("\n");
    const every = Math.ceil(4000 / policy.length);
    await world.breakPolicyHost("slow.test", { behaviour: { kind: "slow-body", body: policy, every } });
    const daemon = await DaemonProcess.start(home);
    const started = performance.now();
    expect(await daemon.ask("postfix slow.test")).toBe(`OK secure match=mx.slow.test servername=hostname ${PIN}`);
    expect(performance.now() - started).toBeGreaterThan(3500);
    expect(await daemon.stop()).toBe(0);
  });

  it("a forged MX record leads to nobody: neither does a signed host of the attacker's with TLSA records (R-8461-5-01, R-7672-2.2.1-03)", async () => {
    await world.domain("victim.test", { policy: { mode: "enforce", mx: ["mx.victim.test"], maxAge: DAY } });
    await world.domain("provider.test", { secure: true });
    await world.setTlsa("mx.provider.test", "own");
    await world.forgeMx("victim.test", ["mx.provider.test"]);
    const daemon = await DaemonProcess.start(home);
    expect(await daemon.ask("postfix victim.test")).toBe(`OK secure match=mx.victim.test servername=hostname ${PIN}`);
    expect(await daemon.ask("postfix310 victim.test")).toContain(" mx_host_pattern=mx.victim.test ");
    expect(await daemon.stop()).toBe(0);
  });

  it("an attribute in a policy is no attribute of the answer (R-8461-3.2-18, R-8461-3.2-23)", async () => {
    const lines = ["version: STSv1", "mode: enforce", "mx: mx.inject.test", `max_age: ${DAY}`];
    await world.domain("inject.test", { policy: { mode: "enforce", mx: ["mx.inject.test"], maxAge: DAY } });
    const ask = async (body: string): Promise<string | null> => {
      await world.breakPolicyHost("inject.test", { behaviour: { kind: "ok", body } });
      const daemon = await DaemonProcess.start(home);
      const reply = await daemon.ask("postfix310 inject.test");
      expect(await daemon.stop()).toBe(0);
      home.remove();
      home = new Home().configure(world);
      return reply;
    };
    const extension = "x: a } match=.evil.example { policy_string = b";
    const answered = (await ask(`${[...lines, extension].join("\n")}\n`)) ?? "";
    expect(answered).toMatch(/^OK secure /);
    expect(answered.replace(/\{[^{}]*\}/g, "")).not.toContain("evil");
    for (const mx of ["mx.inject.test protocols=SSLv3 ciphers=null", "*", ".*", "192.0.2.1:25"])
      expect(await ask(`${lines.join("\n").replace("mx.inject.test", mx)}\n`), mx).toBe("NOTFOUND ");
  });
});
