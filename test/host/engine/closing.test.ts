import { describe, expect, it } from "vitest";
import { policy } from "./scripted-outside.ts";
import { HOUR, MINUTE, settled } from "./simulated-time.ts";
import { D, world } from "./world.ts";

describe("close", () => {
  it("answers everybody who waits TEMP shutting-down, whatever is being waited for, and all who come later", async () => {
    const w = await world();
    for (const domain of ["dns.example", "https.example", "store.example"]) {
      w.dns.publish(domain, "1");
      w.https.serve(domain, policy("enforce"));
    }
    w.dns.hold("dns.example");
    w.https.hold("https.example");
    const waiting = [
      w.engine.resolve("dns.example"),
      w.engine.recheck("https.example"),
      w.engine.refresh("https.example"),
    ];
    await settled();
    w.store.hold("put");
    waiting.push(w.engine.resolve("store.example"));
    await settled();
    const closed = w.engine.close();
    for (const answer of waiting)
      expect(await answer).toMatchObject({ verdict: "temp", reason: "shutting-down", reuse: 0 });
    expect(await w.ask("late.example")).toMatchObject({ verdict: "temp", reason: "shutting-down" });
    w.store.release("put");
    await closed;
    expect([w.engine.flights, w.engine.waiting, w.time.pending, w.dns.open, w.https.open]).toEqual([0, 0, 0, 0, 0]);
  });

  it("waits for a write under way: the policy it interrupted the answer of is there after the restart (R-8461-CSM-10)", async () => {
    const w = await world({ kind: "sqlite" });
    w.dns.publish(D, "1");
    w.https.serve(D, policy("enforce"));
    w.store.hold("put");
    void w.engine.resolve(D);
    await settled();
    let closed = false;
    const closing = w.engine.close().then(() => {
      closed = true;
    });
    await settled();
    expect(closed).toBe(false);
    w.store.release("put");
    await closing;
    await w.restart();
    w.dns.fail(D);
    expect(await w.ask()).toMatchObject({ status: "cached", policy: { mode: "enforce" } });
  });

  it("in the middle of a background check leaves no timer, alarms nobody and stores no back-off", async () => {
    const w = await world({ kind: "sqlite" });
    await w.hold();
    const before = await w.store.version(D);
    w.dns.hold(D);
    await w.time.pass(10 * MINUTE);
    await w.ask();
    await w.engine.close();
    expect([w.time.pending, w.heard.takeNotices(), await w.store.version(D)]).toEqual([0, [], before]);
    await w.restart();
    w.dns.publish(D, "2");
    w.https.hold(D);
    w.dns.release(D);
    await w.ask();
    await w.engine.close();
    expect([w.time.pending, w.heard.takeNotices(), await w.store.version(D)]).toEqual([0, [], before]);
  });

  it("while lookups wait for their turn at the store begins no flight and touches the store no more afterwards", async () => {
    const w = await world();
    await w.hold();
    await w.time.pass(11 * MINUTE);
    w.store.hold("version");
    w.store.hold("get");
    const known = w.engine.resolve(D);
    const unknown = w.engine.resolve("new.example");
    await settled();
    const asked = w.dns.asked.length;
    const closed = w.engine.close();
    expect([(await known).reason, (await unknown).reason]).toEqual(["shutting-down", "shutting-down"]);
    w.store.release("version");
    w.store.release("get");
    await closed;
    const calls = w.store.calls.length;
    await settled();
    await w.time.pass(48 * HOUR);
    expect([w.dns.asked.length, w.store.calls.length, w.time.pending]).toEqual([asked, calls, 0]);
  });

  it("during the start stops reading the list of stored policies", async () => {
    const w = await world({ kind: "sqlite" });
    for (let n = 0; n < 50; n++) await w.hold(policy("testing"), "1", `d${n}.example`);
    await w.stop();
    w.beforeStart = (store) => store.hold("get");
    await w.start();
    const closing = w.engine.close();
    w.store.release("get");
    await closing;
    expect(w.store.calls.filter(({ method }) => method === "get").length).toBeLessThanOrEqual(1);
    expect(w.time.pending).toBe(0);
  });

  it("twice is once", async () => {
    const w = await world();
    await w.hold();
    await Promise.all([w.engine.close(), w.engine.close()]);
    expect(w.time.pending).toBe(0);
  });
});
