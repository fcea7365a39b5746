// Faults of other senders (docs/assurance.md "Faults that others had") that no other test of the engine shows.
import { describe, expect, it } from "vitest";
import { policy } from "./scripted-outside.ts";
import { DAY, HOUR, MINUTE } from "./simulated-time.ts";
import { D, type World, world } from "./world.ts";

/** What mail is told, asked every `every` seconds for `seconds`. */
async function toldDuring(w: World, seconds: number, every: number): Promise<Set<string>> {
  const told = new Set<string>();
  for (let passed = 0; passed < seconds; passed += every) {
    await w.time.pass(every);
    const { verdict, policy: honoured } = await w.ask();
    told.add(honoured ? `${verdict} ${honoured.mode}` : verdict);
  }
  return told;
}

describe("classic faults", () => {
  it("a policy host that is down for 50 s, over the end of max_age or over the refresh, takes nothing (R-8461-3.3-18, R-8461-CSM-05)", async () => {
    for (const down of [DAY - 40, DAY / 2 - 45 * MINUTE, DAY / 2 - 25, DAY / 2]) {
      const w = await world();
      await w.hold(policy("enforce", DAY));
      await w.time.pass(down);
      w.https.fail(D, "status", "HTTP 500");
      expect(await toldDuring(w, 50, 10)).toEqual(new Set(["policy enforce"]));
      w.https.serve(D, policy("enforce", DAY));
      expect(await toldDuring(w, 2 * DAY, 5 * MINUTE), `down at ${down} s`).toEqual(new Set(["policy enforce"]));
    }
  });

  it("a policy host that is down at the refresh of a policy of eleven minutes in use costs it nothing: there is time for one retry (R-8461-3.3-11, R-8461-CSM-05)", async () => {
    for (let down = 60; down <= 600; down += 30) {
      const w = await world();
      await w.hold(policy("enforce", 11 * MINUTE));
      expect(await toldDuring(w, down, 10)).toEqual(new Set(["policy enforce"]));
      w.https.fail(D, "status", "HTTP 500");
      expect(await toldDuring(w, 50, 10)).toEqual(new Set(["policy enforce"]));
      w.https.serve(D, policy("enforce", 11 * MINUTE));
      expect(await toldDuring(w, 30 * MINUTE, 10), `down at ${down} s`).toEqual(new Set(["policy enforce"]));
    }
  });

  it("a policy shorter than the back-off is in force all the time: a fetch that succeeded backs off from nothing (R-8461-3.3-11, R-8461-CSM-05)", async () => {
    for (const maxAge of [5, 20, 120, 299]) {
      const w = await world();
      await w.hold(policy("enforce", maxAge));
      expect(await toldDuring(w, 30 * MINUTE, 5), `max_age ${maxAge}`).toEqual(new Set(["policy enforce"]));
    }
  });

  it("a policy of a year is held for a year, not for the 30 days that a sender finds enough (R-8461-3.2-15, R-8461-5.1-01)", async () => {
    const w = await world();
    await w.hold(policy("enforce", 365 * DAY));
    w.https.fail(D);
    w.dns.absent(D);
    for (let month = 1; month <= 12; month++) {
      await w.time.pass(30 * DAY);
      expect((await w.ask()).policy?.mode, `month ${month}`).toBe("enforce");
    }
    await w.time.pass(6 * DAY);
    expect((await w.ask()).verdict).toBe("none");
  });

  it("an expired policy is not renewed by its unchanged id: DNS says what is new, a GET says what is (R-8461-CSM-03, R-8461-5.1-01)", async () => {
    const w = await world();
    await w.hold(policy("enforce", HOUR), "1");
    w.https.fail(D);
    await w.time.pass(HOUR + 1);
    expect((await w.ask()).policy).toBeNull();
    expect(w.https.count(D)).toBeGreaterThan(1);
  });

  it("twenty lookups at once of a domain whose policy host answers 404 make one GET, and the next five none (R-8461-3.3-11, R-8461-3.3-22)", async () => {
    const w = await world();
    w.dns.publish(D, "1");
    w.https.fail(D, "status", "HTTP 404");
    const answers = await Promise.all(Array.from({ length: 20 }, () => w.engine.resolve(D)));
    expect(new Set(answers.map(({ verdict }) => verdict))).toEqual(new Set(["none"]));
    for (let n = 0; n < 5; n++) await w.ask();
    expect(w.https.count(D)).toBe(1);
  });
});
