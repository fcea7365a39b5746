import { describe, expect, it } from "vitest";
import { policy } from "./scripted-outside.ts";
import { HOUR, MINUTE, settled } from "./simulated-time.ts";
import { D, world } from "./world.ts";

describe("before mail is bounced under enforce", () => {
  it("every answer says whether a re-check is owed: not just after the id was seen, and from a minute on (R-8461-5.1-08)", async () => {
    const w = await world();
    await w.hold();
    expect((await w.ask()).recheck).toBe(false);
    await w.time.pass(MINUTE);
    expect((await w.ask()).recheck).toBe(false);
    await w.time.pass(1);
    expect((await w.ask()).recheck).toBe(true);
    expect(await w.recheck()).toMatchObject({ verdict: "policy", recheck: false });
    expect((await w.ask()).recheck).toBe(false);
  });

  it("a re-check asks DNS although the record is not due, and waits for the changed policy (R-8461-5.1-05, R-8461-5-06)", async () => {
    const w = await world();
    await w.hold();
    await w.time.pass(2 * MINUTE);
    w.dns.publish(D, "2");
    w.https.serve(D, policy("enforce", 604_800, ["new.example.com"]));
    w.https.hold(D);
    const waiting = w.engine.recheck(D);
    await settled();
    expect([w.dns.count(D), w.https.count(D), w.engine.waiting]).toEqual([2, 2, 1]);
    expect(await w.ask()).toMatchObject({ policy: { id: "1" }, recheck: true });
    w.https.release(D);
    expect(await waiting).toMatchObject({ policy: { id: "2", mx: ["new.example.com"] }, recheck: false });
  });

  it("an unchanged id costs one TXT query and no GET (R-8461-5-06)", async () => {
    const w = await world();
    await w.hold();
    await w.time.pass(2 * MINUTE);
    expect(await w.recheck()).toMatchObject({ verdict: "policy", policy: { id: "1" }, recheck: false });
    expect([w.dns.count(D), w.https.count(D)]).toEqual([2, 1]);
  });

  it("a changed id whose GET fails leaves the held policy in force and the re-check owed (R-8461-CSM-07)", async () => {
    const w = await world();
    await w.hold();
    await w.time.pass(2 * MINUTE);
    w.dns.publish(D, "2");
    w.https.fail(D);
    expect(await w.recheck()).toMatchObject({ status: "fetch-failed", policy: { id: "1" }, recheck: true });
  });

  it("a re-check that meets a background check on its way waits for that one (R-8461-3.3-22)", async () => {
    const w = await world();
    await w.hold();
    w.dns.publish(D, "2");
    w.https.serve(D, policy("testing"));
    w.dns.hold(D);
    await w.time.pass(10 * MINUTE);
    await w.ask();
    const waiting = w.engine.recheck(D);
    await settled();
    expect([w.dns.count(D), w.engine.waiting]).toEqual([2, 1]);
    w.dns.release(D);
    expect(await waiting).toMatchObject({ policy: { id: "2", mode: "testing" } });
    expect([w.dns.count(D), w.https.count(D)]).toEqual([2, 2]);
  });

  it("a re-check that DNS does not answer ends at the deadline with the held policy, still owed", async () => {
    const w = await world();
    await w.hold();
    await w.time.pass(2 * MINUTE);
    w.dns.hold(D);
    const waiting = w.engine.recheck(D, { deadline: 5000 });
    await w.time.pass(5);
    expect(await waiting).toMatchObject({ verdict: "policy", policy: { id: "1" }, recheck: true });
    w.dns.release(D);
    await settled();
  });

  it("a re-check of a domain of which nothing is known is a lookup", async () => {
    const w = await world();
    expect(await w.recheck()).toMatchObject({ verdict: "none", status: "no-record" });
  });

  it("testing and none owe no re-check (R-8461-5-05)", async () => {
    for (const mode of ["testing", "none"] as const) {
      const w = await world();
      await w.hold(policy(mode));
      await w.time.pass(HOUR);
      expect((await w.ask()).recheck).toBe(false);
    }
  });
});
