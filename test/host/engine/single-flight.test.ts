import { describe, expect, it } from "vitest";
import { policy } from "./scripted-outside.ts";
import { MINUTE, settled } from "./simulated-time.ts";
import { D, world } from "./world.ts";

describe("one flight for each domain", () => {
  it("answers 1000 lookups of one domain from one TXT query and one GET (R-8461-3.3-22)", async () => {
    const w = await world();
    w.dns.publish(D, "1");
    w.https.serve(D, policy("enforce"));
    w.dns.hold(D);
    w.https.hold(D);
    const first = Array.from({ length: 500 }, () => w.engine.resolve(D));
    await settled();
    w.dns.release(D);
    await settled();
    const more = Array.from({ length: 500 }, () => w.engine.resolve(D));
    await settled();
    expect([w.dns.count(D), w.https.count(D), w.engine.waiting]).toEqual([1, 1, 1000]);
    w.https.release(D);
    const answers = await Promise.all([...first, ...more]);
    expect(answers.map(({ verdict }) => verdict)).toEqual(Array.from({ length: 1000 }, () => "policy"));
    expect([w.dns.count(D), w.https.count(D), w.engine.waiting]).toEqual([1, 1, 0]);
    expect(w.heard.answers).toHaveLength(1000);
  });

  it("lets the flights of different domains fly at the same time", async () => {
    const w = await world();
    const domains = ["a.example", "b.example", "c.example"];
    for (const domain of domains) {
      w.dns.publish(domain, "1");
      w.https.serve(domain, policy("enforce"));
      w.https.hold(domain);
    }
    const answers = Promise.all(domains.map((domain) => w.engine.resolve(domain)));
    await settled();
    expect([w.https.mostOpen, w.engine.flights]).toEqual([3, 3]);
    for (const domain of domains) w.https.release(domain);
    expect((await answers).map(({ domain, verdict }) => [domain, verdict])).toEqual(
      domains.map((domain) => [domain, "policy"]),
    );
  });

  it("answers TEMP at the caller's deadline, and the flight's result stands for the next attempt (R-8461-5.1-02)", async () => {
    const w = await world();
    w.dns.publish(D, "1");
    w.https.serve(D, policy("enforce"));
    w.https.hold(D);
    const answer = w.engine.resolve(D, { deadline: 4000 });
    await w.time.pass(3.999);
    expect(w.engine.waiting).toBe(1);
    await w.time.pass(0.001);
    expect(await answer).toMatchObject({ verdict: "temp", status: "pending", reason: "discovery-pending", reuse: 0 });
    w.https.release(D);
    await settled();
    expect(await w.ask()).toMatchObject({ verdict: "policy", status: "cached", policy: { mode: "enforce", id: "1" } });
    expect([w.dns.count(D), w.https.count(D)]).toEqual([1, 1]);
  });

  it("waits 20 s unless the caller says otherwise, each caller by its own clock", async () => {
    const w = await world();
    w.dns.hold(D);
    const patient = w.engine.resolve(D);
    const hasty = w.engine.resolve(D, { deadline: 1000 });
    await w.time.pass(1);
    expect(await hasty).toMatchObject({ verdict: "temp", reason: "discovery-pending" });
    await w.time.pass(18.9);
    expect(w.engine.waiting).toBe(1);
    await w.time.pass(0.1);
    expect(await patient).toMatchObject({ verdict: "temp", reason: "discovery-pending" });
  });

  it("names what is still awaited in the TEMP answer: first the TXT record, then the policy (docs: TEMP reasons)", async () => {
    const w = await world();
    w.dns.publish(D, "1");
    w.dns.hold(D);
    w.https.hold(D);
    const early = w.engine.resolve(D, { deadline: 1000 });
    await w.time.pass(1);
    expect((await early).detail).toBe("TXT _mta-sts.example.com: no answer yet");
    w.dns.release(D);
    await settled();
    const late = w.engine.resolve(D, { deadline: 1000 });
    await w.time.pass(1);
    expect((await late).detail).toBe("GET https://mta-sts.example.com/.well-known/mta-sts.txt: no answer yet");
  });

  it("starts nothing anew for a lookup that comes while the flight of an earlier one, given up, still runs", async () => {
    const w = await world();
    w.dns.publish(D, "1");
    w.https.serve(D, policy("testing"));
    w.dns.hold(D);
    void w.engine.resolve(D, { deadline: 1000 });
    await w.time.pass(30);
    const second = w.engine.resolve(D);
    await settled();
    w.dns.release(D);
    expect(await second).toMatchObject({ verdict: "policy", policy: { mode: "testing" } });
    expect([w.dns.count(D), w.https.count(D)]).toEqual([1, 1]);
  });

  it("never lets mail wait for the check or the refresh of a held policy, however slow (R-8461-5.1-02)", async () => {
    const w = await world();
    await w.hold();
    w.dns.hold(D);
    await w.time.pass(11 * MINUTE);
    expect(await w.ask()).toMatchObject({ verdict: "policy", status: "cached" });
    expect(w.dns.count(D)).toBe(2);
    w.https.hold(D);
    w.dns.publish(D, "2");
    w.dns.release(D);
    await settled();
    expect(await w.ask()).toMatchObject({ verdict: "policy", policy: { id: "1" } });
    expect(w.https.count(D)).toBe(2);
  });

  it("answers from memory without any question until the record is due again, then checks the id, not the policy (R-8461-5.1-03)", async () => {
    const w = await world();
    await w.hold(policy("enforce"), "1", D, 120);
    for (let i = 0; i < 50; i++) expect(await w.ask()).toMatchObject({ status: "cached", reuse: 60 });
    await w.time.pass(119);
    await w.ask();
    expect([w.dns.count(D), w.https.count(D)]).toEqual([1, 1]);
    await w.time.pass(1);
    await w.ask();
    expect([w.dns.count(D), w.https.count(D)]).toEqual([2, 1]);
  });
});
