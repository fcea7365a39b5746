import { describe, expect, it } from "vitest";
import { seeded } from "../store/scratch.ts";
import { policy } from "./scripted-outside.ts";
import { DAY, MINUTE, settled } from "./simulated-time.ts";
import { D, type World, world } from "./world.ts";

describe("events of one domain", () => {
  it("wait for each other: a lookup that comes while the policy is being written is answered after the write", async () => {
    const w = await world();
    w.dns.publish(D, "1");
    w.https.serve(D, policy("enforce"));
    w.store.hold("put");
    const first = w.engine.resolve(D);
    await settled();
    const second = w.engine.resolve(D);
    const third = w.engine.recheck(D);
    await settled();
    expect(w.engine.waiting).toBe(3);
    w.store.release("put");
    for (const answer of [first, second, third]) expect(await answer).toMatchObject({ policy: { id: "1" } });
    expect(w.https.count(D)).toBe(1);
  });

  it("do not hold up those of another domain while one waits for the store", async () => {
    const w = await world();
    w.dns.publish(D, "1");
    w.https.serve(D, policy("enforce"));
    w.store.hold("put");
    void w.engine.resolve(D);
    await settled();
    expect((await w.ask("other.example")).verdict).toBe("none");
    w.store.release("put");
    await settled();
  });

  it("forget while a GET is under way: the GET's policy is taken as a first one, not lost and not doubled", async () => {
    const w = await world({ kind: "sqlite" });
    w.dns.publish(D, "1");
    w.https.serve(D, policy("enforce"));
    w.https.hold(D);
    const answer = w.engine.resolve(D);
    await settled();
    expect(await w.engine.forget(D)).toBe(false);
    w.https.release(D);
    expect(await answer).toMatchObject({ verdict: "policy", status: "fetched" });
    expect(await w.store.get(D)).not.toBeNull();
  });
});

describe("two engines on one store", () => {
  it("agree on a policy within a minute, without a GET of the second (R-8461-CSM-10)", async () => {
    const a = await world({ kind: "sqlite" });
    const b = await world({ kind: "sqlite", beside: a });
    a.dns.absent(D, "nxdomain", 1800);
    await b.ask();
    await a.hold();
    await a.time.pass(MINUTE);
    expect(await b.ask()).toMatchObject({ verdict: "policy", status: "cached", policy: { id: "1" } });
    expect(a.https.count(D)).toBe(1);
  });

  it("the older of two fetches that crossed never replaces the newer one, whichever lands last (R-8461-CSM-12)", async () => {
    for (const lastIsOlder of [true, false]) {
      const a = await world({ kind: "sqlite" });
      const b = await world({ kind: "sqlite", beside: a });
      a.dns.publish(D, "1");
      a.https.hold(D);
      const first = a.engine.resolve(D);
      await a.time.pass(1);
      a.dns.publish(D, "2");
      const second = b.engine.resolve(D);
      await settled();
      expect(a.https.count(D)).toBe(2);
      if (lastIsOlder) {
        // The flight of b lands first: let a's, which is first in the queue, wait behind a slow store.
        a.store.hold("put");
        a.https.serve(D, policy("testing"));
        a.https.releaseOne(D);
        await settled();
        a.https.serve(D, policy("enforce"));
        a.https.release(D);
        expect(await second).toMatchObject({ policy: { id: "2", mode: "enforce" } });
        a.store.release("put");
      } else {
        a.https.serve(D, policy("testing"));
        a.https.releaseOne(D);
        await first;
        a.https.serve(D, policy("enforce"));
        a.https.release(D);
      }
      await Promise.all([first, second]);
      await a.time.pass(MINUTE);
      for (const w of [a, b]) expect((await w.ask()).policy).toMatchObject({ id: "2", mode: "enforce" });
    }
  });

  it("a conflict replays the event on what the other wrote: 99 in a row are survived, 100 are a fault and TEMP, never no policy", async () => {
    const apart = await world();
    await apart.hold(policy("testing"), "1");
    const older = (await apart.store.get(D))?.state ?? new Uint8Array();
    for (const conflicts of [99, 100]) {
      const w = await world();
      w.faultsExpected = conflicts === 100;
      await w.time.pass(MINUTE);
      w.dns.publish(D, "2");
      w.https.serve(D, policy("enforce"));
      let left = conflicts;
      w.store.onCall = async (method) => {
        if (method !== "put" || left-- <= 0) return;
        await w.store.store.put(D, older, await w.store.store.version(D));
      };
      const decision = await w.ask();
      if (conflicts === 99) expect(decision).toMatchObject({ verdict: "policy", policy: { id: "2", mode: "enforce" } });
      else expect(decision).toMatchObject({ verdict: "temp", reason: "internal-error" });
      expect(w.heard.faults).toHaveLength(conflicts === 100 ? 1 : 0);
    }
  });
});

describe("a storm", () => {
  it("of 20,000 random events on two engines and 12 domains, with failing stores, slow answers, clock steps, and forgets, leaves nobody waiting and never says no policy for a held one", async () => {
    const random = seeded(20_240_601);
    const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T;
    const a = await world({ kind: "sqlite", random: (limit) => Math.floor(random() * limit) });
    const b = await world({ kind: "sqlite", beside: a, random: (limit) => Math.floor(random() * limit) });
    const domains = Array.from({ length: 12 }, (_, n) => `d${n}.example`);
    const steadfast = domains.slice(0, 4);
    for (const domain of steadfast) await a.hold(policy("enforce", 31_557_600), "1", domain);
    let answered = 0;
    const wrong: string[] = [];
    const ask = (w: World, domain: string): void => {
      const kind = pick(["resolve", "resolve", "recheck"] as const);
      void w.engine[kind](domain, { deadline: pick([100, 5000, 20_000]) }).then(({ verdict }) => {
        answered++;
        if (verdict === "none" && steadfast.includes(domain)) wrong.push(domain);
      });
    };
    let asked = 0;
    for (let n = 0; n < 20_000; n++) {
      const domain = pick(domains);
      const w = pick([a, b]);
      const dice = random();
      if (dice < 0.55) {
        asked++;
        ask(w, domain);
      } else if (dice < 0.62) w.dns.publish(domain, pick(["1", "2", "3"]), pick([0, 60, 300]));
      else if (dice < 0.66) pick([() => w.dns.absent(domain), () => w.dns.fail(domain)])();
      else if (dice < 0.7 && !steadfast.includes(domain))
        w.https.serve(domain, policy(pick(["enforce", "testing", "none"]), pick([0, 30, 3600, 604_800])));
      else if (dice < 0.73) w.https.fail(domain);
      else if (dice < 0.76) pick([() => w.https.hold(domain), () => w.dns.hold(domain)])();
      else if (dice < 0.82) {
        w.https.release(domain);
        w.dns.release(domain);
      } else if (dice < 0.84) w.store.fail(["get", "version", "put", "forget"], pick(["busy", "io", "full"]));
      else if (dice < 0.88) w.store.heal();
      else if (dice < 0.885 && !steadfast.includes(domain)) void w.engine.forget(domain).catch(() => {});
      else if (dice < 0.89) a.time.wallMs += pick([-3600_000, 3600_000]);
      else await a.time.pass(pick([0, 0.01, 1, 10, 70]));
    }
    for (const w of [a, b]) w.store.heal();
    for (const domain of domains) {
      a.dns.release(domain);
      a.https.release(domain);
    }
    await a.time.pass(60);
    expect([answered, a.engine.waiting, b.engine.waiting, wrong]).toEqual([asked, 0, 0, []]);
    console.log(`${asked} lookups, ${a.dns.asked.length} queries, ${a.https.asked.length} GETs, 0 left waiting`);
    await a.time.pass(DAY);
  }, 60_000);
});
