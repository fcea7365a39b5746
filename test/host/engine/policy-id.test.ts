import { describe, expect, it } from "vitest";
import { policy } from "./scripted-outside.ts";
import { DAY, HOUR, MINUTE, settled } from "./simulated-time.ts";
import { D, world } from "./world.ts";

describe("a new id in DNS", () => {
  const changes: [string, string, string][] = [
    ["testing", policy("testing"), "policy-weakened"],
    ["none", policy("none"), "policy-weakened"],
    ["other MX hosts", policy("enforce", 604_800, ["mx2.example.com"]), "policy-changed"],
  ];
  for (const [what, body, notice] of changes)
    it(`is fetched and honoured at once although it brings ${what}, and is said (R-8461-5-08)`, async () => {
      const w = await world({ kind: "sqlite" });
      await w.hold();
      w.dns.publish(D, "2");
      w.https.serve(D, body);
      await w.time.pass(10 * MINUTE);
      expect(await w.ask()).toMatchObject({ status: "cached", policy: { id: "1", mode: "enforce" } });
      const now = await w.ask();
      expect(now).toMatchObject({ verdict: "policy", policy: { id: "2", lines: body.trimEnd().split("\r\n") } });
      expect(w.heard.takeNotices()).toEqual([notice]);
      await w.restart();
      expect((await w.ask()).policy).toMatchObject({ id: "2", mode: now.policy?.mode, mx: now.policy?.mx });
    });

  it("that goes back, or differs in case only, is a change like any other (R-8461-3.1-19)", async () => {
    const w = await world();
    await w.hold(policy("enforce"), "20260101a");
    for (const [n, id] of ["20250101a", "20250101A", "1"].entries()) {
      w.dns.publish(D, id);
      await w.time.pass(10 * MINUTE);
      await w.ask();
      expect([w.https.count(D), (await w.ask()).policy?.id]).toEqual([n + 2, id]);
    }
  });

  it("whose policy is the same, octet for octet, is stored and restarts the lifetime; it is fetched once (R-8461-CSM-06)", async () => {
    const w = await world();
    await w.hold(policy("enforce", DAY));
    w.dns.publish(D, "2");
    await w.time.pass(HOUR);
    await w.ask();
    expect((await w.ask()).policy).toMatchObject({ id: "2", age: 0, expiresIn: DAY });
    await w.time.pass(HOUR);
    await w.ask();
    await w.ask();
    expect(w.https.count(D)).toBe(2);
    expect(w.heard.takeNotices()).toEqual([]);
  });

  it("that comes while the GET is under way is seen at the next check: the policy was stored under the id read before the GET (R-8461-CSM-01)", async () => {
    const w = await world();
    w.dns.publish(D, "1");
    w.https.serve(D, policy("enforce"));
    w.https.hold(D);
    const answer = w.engine.resolve(D);
    await settled();
    w.dns.publish(D, "2");
    w.https.release(D);
    expect((await answer).policy).toMatchObject({ id: "1" });
    w.https.serve(D, policy("testing"));
    await w.time.pass(10 * MINUTE);
    await w.ask();
    expect((await w.ask()).policy).toMatchObject({ id: "2", mode: "testing" });
    expect(w.https.count(D)).toBe(2);
  });

  it("lets a policy count from the start of its GET, not from its end (R-8461-CSM-01)", async () => {
    const w = await world();
    w.dns.publish(D, "1");
    w.https.serve(D, policy("enforce", 100));
    w.https.hold(D);
    void w.engine.resolve(D);
    await w.time.pass(40);
    w.https.release(D);
    await settled();
    expect((await w.ask()).policy).toMatchObject({ age: 40, expiresIn: 60 });
  });

  it("is fetched at most once a minute and five times an hour, and the churn is said; the held policy stands (AMB-17)", async () => {
    const w = await world();
    await w.hold(policy("enforce"), "0", D, 60);
    const fetchedAt: number[] = [];
    for (let second = 60; second <= 2 * HOUR; second += 60) {
      w.dns.publish(D, `n${second}`, 60);
      await w.time.pass(60);
      const before = w.https.count(D);
      expect((await w.ask()).verdict).toBe("policy");
      if (w.https.count(D) > before) fetchedAt.push(second);
    }
    for (const [n, at] of fetchedAt.entries()) {
      expect(at - (fetchedAt[n - 1] ?? Number.NEGATIVE_INFINITY)).toBeGreaterThanOrEqual(60);
      expect(at - (fetchedAt[n - 5] ?? Number.NEGATIVE_INFINITY)).toBeGreaterThanOrEqual(HOUR);
    }
    expect(fetchedAt).toHaveLength(10);
    expect(w.heard.takeNotices().filter((notice) => notice === "id-churn").length).toBe(110);
  });

  it("under the churn cap does not hold up the daily refresh, which takes the id of the day", async () => {
    const w = await world();
    await w.hold(policy("enforce"), "0", D, 60);
    for (let n = 0; n < 6; n++) {
      w.dns.publish(D, `n${n}`, 60);
      await w.time.pass(60);
      await w.ask();
    }
    expect((await w.ask()).policy?.id).toBe("n4");
    w.dns.publish(D, "last", 60);
    await w.time.pass(DAY);
    expect((await w.ask()).policy).toMatchObject({ id: "last" });
  });

  it("of a held none is looked for like any other: the domain that enforces again is picked up (R-8461-CSM-17)", async () => {
    const w = await world();
    await w.hold(policy("none", DAY));
    w.dns.publish(D, "2");
    w.https.serve(D, policy("enforce"));
    await w.time.pass(10 * MINUTE);
    expect((await w.ask()).policy?.mode).toBe("none");
    expect((await w.ask()).policy?.mode).toBe("enforce");
  });
});

describe("an unchanged id", () => {
  it("extends nothing: without a GET the policy expires on its day, however often DNS confirms it (R-8461-CSM-03)", async () => {
    const w = await world();
    await w.hold(policy("enforce", DAY));
    w.https.fail(D);
    for (let hour = 0; hour < 24; hour++) {
      expect(await w.ask()).toMatchObject({ verdict: "policy", policy: { expiresIn: DAY - hour * HOUR } });
      await w.time.pass(HOUR);
    }
    expect((await w.ask()).policy).toMatchObject({ age: DAY, expiresIn: 0 });
    await w.time.pass(1);
    expect(await w.ask()).toMatchObject({ verdict: "none", status: "fetch-failed" });
    expect(w.heard.takeNotices()).toContain("policy-expired");
  });

  it("leads to no GET while the policy is fresh, at a hundred checks (R-8461-5.1-03)", async () => {
    const w = await world();
    await w.hold(policy("enforce"), "1", D, 60);
    for (let n = 0; n < 100; n++) {
      await w.time.pass(61);
      await w.ask();
    }
    expect([w.dns.count(D), w.https.count(D)]).toEqual([101, 1]);
  });

  it("is looked at again within ten minutes, however long the TTL a forger gives it", async () => {
    const w = await world();
    await w.hold(policy("enforce"), "1", D, 604_800);
    await w.time.pass(10 * MINUTE);
    await w.ask();
    expect(w.dns.count(D)).toBe(2);
  });
});

describe("back-off after a failed GET", () => {
  it("is for one id: the same one is not fetched again within five minutes, another at once (R-8461-3.3-11, R-8461-3.3-12)", async () => {
    const w = await world();
    w.dns.publish(D, "1", 60);
    expect((await w.ask()).status).toBe("fetch-failed");
    for (let minute = 1; minute < 4; minute++) {
      await w.time.pass(MINUTE);
      expect((await w.ask()).status).toBe("fetch-failed");
    }
    expect(w.https.count(D)).toBe(1);

    w.dns.publish(D, "2", 60);
    w.https.serve(D, policy("enforce"));
    await w.time.pass(MINUTE);
    expect(await w.ask()).toMatchObject({ verdict: "policy", status: "fetched", policy: { id: "2" } });
  });

  it("ends after five minutes: the same id is fetched again (R-8461-3.3-11)", async () => {
    const w = await world();
    w.dns.publish(D, "1", 60);
    await w.ask();
    w.https.serve(D, policy("enforce"));
    await w.time.pass(5 * MINUTE);
    expect(await w.ask()).toMatchObject({ status: "fetched" });
  });

  it("survives a restart where a policy is held, and is shared with another process on the same store (R-8461-3.3-11)", async () => {
    const w = await world({ kind: "sqlite" });
    await w.hold();
    w.dns.publish(D, "2", 60);
    w.https.fail(D);
    await w.time.pass(10 * MINUTE);
    await w.ask();
    expect(w.https.count(D)).toBe(2);
    await w.restart();
    const other = await world({ kind: "sqlite", beside: w });
    for (let minute = 1; minute < 5; minute++) {
      await w.time.pass(MINUTE);
      expect([(await w.ask()).verdict, (await other.ask()).verdict]).toEqual(["policy", "policy"]);
    }
    expect(w.https.count(D)).toBe(2);
  });

  it("is seen by a second process at its next record check, although it looked at the row less than a minute ago (R-8461-3.3-11)", async () => {
    const w = await world({ kind: "sqlite" });
    await w.hold();
    await w.time.pass(280);
    const other = await world({ kind: "sqlite", beside: w });
    await other.ask();
    w.dns.publish(D, "2");
    w.https.fail(D);
    await w.time.pass(5);
    expect((await w.recheck()).status).toBe("fetch-failed");
    await w.time.pass(15);
    expect((await other.ask()).verdict).toBe("policy");
    expect([w.dns.count(D), w.https.count(D)]).toEqual([2, 2]);
  });
});
