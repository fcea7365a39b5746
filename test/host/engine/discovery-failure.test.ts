import { describe, expect, it } from "vitest";
import { policy } from "./scripted-outside.ts";
import { DAY, HOUR, MINUTE } from "./simulated-time.ts";
import { D, type World, world } from "./world.ts";

/** What mail is told each minute while the TXT lookup keeps failing: pairs of verdict and minutes it lasted. */
async function verdicts(w: World, minutes: number): Promise<[string, number][]> {
  const spells: [string, number][] = [];
  for (let minute = 0; minute < minutes; minute++) {
    const { verdict } = await w.ask();
    const last = spells.at(-1);
    if (last?.[0] === verdict) last[1]++;
    else spells.push([verdict, 1]);
    await w.time.pass(MINUTE);
  }
  return spells;
}

describe("on-discovery-failure while nothing is held (AMB-10)", () => {
  it("defer-briefly: TEMP for ten minutes from the first failure, then no policy for a day with one notice, then again", async () => {
    const w = await world({ onDiscoveryFailure: "defer-briefly" });
    w.dns.fail(D, "servfail", "SERVFAIL from 192.0.2.53");
    expect(await verdicts(w, 10 + 1440 + 10)).toEqual([
      ["temp", 10],
      ["none", 1440],
      ["temp", 10],
    ]);
    expect(w.heard.notices).toMatchObject([
      { notice: "discovery-open", detail: "TXT _mta-sts.example.com: SERVFAIL from 192.0.2.53", number: 600 },
    ]);
  });

  it("defer-briefly, after its ten minutes: discovery is still tried on lookups, at most once a minute, and its first definite answer counts at once", async () => {
    const w = await world({ onDiscoveryFailure: "defer-briefly" });
    w.dns.fail(D);
    await verdicts(w, 11);
    const before = w.dns.count(D);
    for (let second = 0; second < 600; second += 5) {
      expect(await w.ask()).toMatchObject({ verdict: "none", status: "record-failed" });
      await w.time.pass(5);
    }
    expect(w.dns.count(D) - before).toBeGreaterThanOrEqual(9);
    expect(w.dns.count(D) - before).toBeLessThanOrEqual(11);
    w.dns.publish(D, "1");
    w.https.serve(D, policy("enforce"));
    await w.time.pass(MINUTE);
    await w.ask();
    expect(await w.ask()).toMatchObject({ verdict: "policy", policy: { mode: "enforce" } });
  });

  it("defer-briefly: a definite answer in between begins the ten minutes anew", async () => {
    const w = await world({ onDiscoveryFailure: "defer-briefly" });
    w.dns.fail(D);
    expect(await verdicts(w, 9)).toEqual([["temp", 9]]);
    w.dns.absent(D, "nodata", 60);
    expect(await verdicts(w, 1)).toEqual([["none", 1]]);
    w.dns.fail(D);
    expect(await verdicts(w, 12)).toEqual([
      ["temp", 10],
      ["none", 2],
    ]);
  });

  it("deliver: no policy at once, and a notice", async () => {
    const w = await world({ onDiscoveryFailure: "deliver" });
    w.dns.fail(D);
    expect(await verdicts(w, 30)).toEqual([["none", 30]]);
    expect(w.heard.takeNotices()).toEqual(["discovery-open"]);
  });

  it("defer: TEMP as long as it fails", async () => {
    const w = await world({ onDiscoveryFailure: "defer" });
    w.dns.fail(D);
    expect(await verdicts(w, 26 * 60)).toEqual([["temp", 26 * 60]]);
  });

  for (const mode of ["deliver", "defer", "defer-briefly"] as const)
    it(`${mode}: does not touch a held policy (R-8461-3.3-17)`, async () => {
      const w = await world({ onDiscoveryFailure: mode });
      await w.hold(policy("enforce", 2 * DAY));
      w.dns.fail(D);
      w.https.fail(D);
      for (let hour = 0; hour < 48; hour++) {
        expect((await w.ask()).verdict).toBe("policy");
        await w.time.pass(HOUR);
      }
    });

  it("defer: mail in a hurry does not ask DNS more often than every ten seconds", async () => {
    const w = await world({ onDiscoveryFailure: "defer" });
    w.dns.fail(D);
    for (let second = 0; second < 100; second++) {
      for (let n = 0; n < 5; n++) await w.ask();
      await w.time.pass(1);
    }
    expect(w.dns.count(D)).toBe(10);
  });
});
