import { describe, expect, it } from "vitest";
import { seeded } from "../store/scratch.ts";
import { policy } from "./scripted-outside.ts";
import { DAY, HOUR, MINUTE, settled } from "./simulated-time.ts";
import { D, type World, world } from "./world.ts";

describe("refresh", () => {
  it("fetches once a day without any mail, and each GET restarts max_age (R-8461-3.3-18, R-8461-CSM-04, R-8461-CSM-05)", async () => {
    const w = await world({ kind: "sqlite" });
    await w.hold(policy("enforce", 7 * DAY));
    await w.time.pass(30 * DAY);
    const fetches = w.https.count(D);
    expect(fetches).toBeGreaterThanOrEqual(31);
    expect(fetches).toBeLessThanOrEqual(34);
    expect((await w.ask()).policy?.age).toBeLessThan(DAY);
  });

  it("of a policy shorter than two days comes at half its life (R-8461-CSM-05)", async () => {
    const w = await world();
    await w.hold(policy("enforce", 10 * HOUR));
    await w.time.pass(4 * HOUR);
    expect(w.https.count(D)).toBe(1);
    await w.time.pass(HOUR);
    expect(w.https.count(D)).toBe(2);
  });

  it("of many policies fetched in the same second is spread by the seed (R-8461-CSM-05)", async () => {
    const random = seeded(8461);
    const w = await world({ random: (limit) => Math.floor(random() * limit) });
    for (let n = 0; n < 100; n++) await w.hold(policy("enforce"), "1", `d${n}.example`);
    const perQuarter: number[] = [];
    for (let quarter = 0; quarter < 100; quarter++) {
      const before = w.https.asked.length;
      await w.time.pass(900);
      perQuarter.push(w.https.asked.length - before);
    }
    expect(w.https.asked.length).toBeGreaterThanOrEqual(200);
    expect(Math.max(...perQuarter)).toBeLessThan(40);
  });

  it("goes on without a TXT record, whatever DNS says, keeping the last id (R-8461-CSM-04, R-8461-CSM-08)", async () => {
    const gone = [
      (w: World) => w.dns.absent(D),
      (w: World) => w.dns.fail(D),
      (w: World) => w.dns.records(D, ["v=STSv1;"]),
    ];
    for (const goes of gone) {
      const w = await world();
      await w.hold(policy("enforce", 7 * DAY), "abc");
      goes(w);
      w.https.serve(D, policy("enforce", 7 * DAY, ["mx2.example.com"]));
      await w.time.pass(14 * DAY);
      expect((await w.ask()).policy).toMatchObject({ id: "abc", mx: ["mx2.example.com"] });
      expect((await w.ask()).policy?.age).toBeLessThanOrEqual(DAY);
    }
  });

  it("that meets a policy host that is down keeps the policy, retries with growing pauses and alarms at 50, 75 and 90 % (R-8461-3.3-19, R-8461-CSM-15)", async () => {
    const w = await world({ kind: "sqlite" });
    await w.hold(policy("enforce", 7 * DAY));
    w.https.fail(D, "connect", "ECONNREFUSED 192.0.2.1");
    const verdicts = new Set<string>();
    for (let hour = 0; hour < 7 * 24; hour++) {
      await w.time.pass(HOUR);
      verdicts.add((await w.ask()).verdict);
    }
    expect([...verdicts]).toEqual(["policy"]);
    const alarms = w.heard.notices.filter(({ notice }) => notice === "refresh-failing");
    expect(alarms.map(({ number }) => (number >= 90 ? 90 : number >= 75 ? 75 : number >= 50 ? 50 : 0))).toEqual([
      ...[0, 50, 75, 90],
    ]);
    expect(alarms.every(({ detail }) => detail.endsWith("ECONNREFUSED 192.0.2.1"))).toBe(true);
    expect(w.heard.notices.filter(({ notice }) => notice === "fetch-failed").length).toBeLessThan(7 * 24 + 10);
    await w.time.pass(2);
    expect(w.heard.notices.at(-1)).toMatchObject({ notice: "policy-expired" });
  });

  it("of a policy in mode none fails without a word (R-8461-3.3-19, R-8461-5-05)", async () => {
    const w = await world();
    await w.hold(policy("none", 2 * DAY));
    w.https.fail(D);
    w.dns.fail(D);
    for (let hour = 0; hour < 48; hour++) {
      await w.time.pass(HOUR);
      await w.ask();
    }
    expect(w.heard.takeNotices()).toEqual([]);
  });

  it("is not done for a domain unused for 180 days, whose policy still lives to its expiry", async () => {
    const w = await world();
    await w.hold(policy("enforce", 365 * DAY));
    await w.time.pass(180 * DAY);
    const before = w.https.count(D);
    w.https.fail(D);
    await w.time.pass(170 * DAY);
    expect(w.https.count(D) - before).toBeLessThanOrEqual(1);
    expect(await w.ask()).toMatchObject({ verdict: "policy", status: "cached" });
  });

  it("begins again after a restart for every stored policy without any mail (R-8461-3.3-18)", async () => {
    const w = await world({ kind: "sqlite" });
    for (let n = 0; n < 120; n++) await w.hold(policy("enforce"), "1", `d${n}.example`);
    await w.restart();
    await w.time.pass(DAY + MINUTE);
    expect(w.https.asked.length).toBe(240);
  });
});

describe("expiry", () => {
  it("comes without any contact with the domain, at the second after max_age, and is said (R-8461-5.1-01)", async () => {
    const w = await world({ kind: "sqlite" });
    await w.hold(policy("enforce", 2 * HOUR));
    w.dns.fail(D);
    w.https.fail(D);
    await w.time.pass(2 * HOUR);
    expect((await w.ask()).policy).toMatchObject({ age: 2 * HOUR, expiresIn: 0 });
    await w.time.pass(1);
    expect(w.heard.notices.at(-1)?.notice).toBe("policy-expired");
    expect(await w.store.get(D)).toBeNull();
    expect(await w.ask()).toMatchObject({ verdict: "temp", status: "record-failed" });
  });

  it("is not survived by an answer: reuse never reaches past it (R-8461-5.1-01)", async () => {
    const w = await world();
    await w.hold(policy("enforce", 90));
    w.https.fail(D);
    await w.time.pass(70);
    expect((await w.ask()).reuse).toBe(20);
    await w.time.pass(20);
    expect((await w.ask()).reuse).toBe(0);
  });

  it("leads to a fetch of its own, not held up by the back-off cap of changed ids", async () => {
    const w = await world();
    await w.hold(policy("enforce", 30 * MINUTE), "0", D, 60);
    for (let n = 1; n < 8; n++) {
      w.dns.publish(D, `n${n}`, 60);
      await w.time.pass(61);
      await w.ask();
    }
    const { expiresIn } = (await w.ask()).policy ?? { expiresIn: 0 };
    w.dns.hold(D);
    await w.time.pass(expiresIn + 1);
    w.dns.release(D);
    expect(await w.ask()).toMatchObject({ verdict: "policy", status: "fetched" });
  });
});

describe("max_age 0", () => {
  it("serves the attempts that waited for it and nothing later: the next one fetches again, nothing is stored (R-8461-CSM-09)", async () => {
    const w = await world({ kind: "sqlite" });
    w.dns.publish(D, "1");
    w.https.serve(D, policy("enforce", 0));
    for (let n = 1; n <= 3; n++) {
      expect(await w.ask()).toMatchObject({
        verdict: "policy",
        status: "fetched",
        reuse: 0,
        policy: { mode: "enforce" },
      });
      expect([w.dns.count(D), w.https.count(D), await w.store.get(D)]).toEqual([n, n, null]);
    }
  });

  it("after a longer policy ends that one at once, in the store too (R-8461-CSM-09, R-8461-5-08)", async () => {
    const w = await world({ kind: "sqlite" });
    await w.hold();
    w.dns.publish(D, "2");
    w.https.serve(D, policy("testing", 0));
    await w.time.pass(10 * MINUTE);
    await w.ask();
    await settled();
    expect(await w.store.get(D)).toBeNull();
    w.https.fail(D);
    expect(await w.ask()).toMatchObject({ verdict: "none", status: "fetch-failed" });
  });
});
