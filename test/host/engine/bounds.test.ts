import { describe, expect, it } from "vitest";
import type { Timers } from "../../../host/engine/clock.ts";
import { DomainTable } from "../../../host/engine/domain-table.ts";
import { WakeQueue } from "../../../host/engine/wake-queue.ts";
import { policy } from "./scripted-outside.ts";
import { MINUTE, settled } from "./simulated-time.ts";
import { D, world } from "./world.ts";

describe("memory is bounded", () => {
  it("100,000 random domains pass through 500 places; the enforce policies among them are still answered, from the store (R-8461-CSM-11)", async () => {
    const w = await world({ kind: "sqlite", maxDomains: 500 });
    const held = Array.from({ length: 20 }, (_, n) => `held${n}.example`);
    for (const domain of held) await w.hold(policy("enforce"), "1", domain);
    let largest = 0;
    for (let n = 0; n < 100_000; n += 100) {
      const burst = Array.from({ length: 100 }, (_, i) => w.engine.resolve(`r${n + i}.example`));
      for (const { verdict } of await Promise.all(burst)) expect(verdict).toBe("none");
      largest = Math.max(largest, w.engine.domainsInMemory);
    }
    expect(largest).toBeLessThanOrEqual(600);
    for (const domain of held) {
      w.dns.fail(domain);
      w.https.fail(domain);
      expect(await w.ask(domain)).toMatchObject({ verdict: "policy", status: "cached", policy: { mode: "enforce" } });
    }
    expect([w.dns.mostOpen, w.engine.domainsInMemory]).toEqual([expect.any(Number), 500]);
  }, 60_000);

  it("a domain whose flight is under way keeps its place, and keeps no other domain in memory", async () => {
    const w = await world({ maxDomains: 50 });
    const slow = Array.from({ length: 40 }, (_, n) => `slow${n}.example`);
    for (const domain of slow) w.dns.hold(domain);
    const waiting = slow.map((domain) => w.engine.resolve(domain));
    await settled();
    for (let n = 0; n < 1000; n++) await w.ask(`fast${n}.example`);
    expect(w.engine.domainsInMemory).toBeLessThanOrEqual(51);
    const again = slow.map((domain) => w.engine.resolve(domain));
    await settled();
    for (const domain of slow) w.dns.release(domain);
    await Promise.all([...waiting, ...again]);
    expect(slow.map((domain) => w.dns.count(domain))).toEqual(slow.map(() => 1));
  });

  it("a table smaller than its busy domains still has one entry for each", () => {
    const table = new DomainTable(1);
    const first = table.use("a.example");
    first.queryInFlight = true;
    const second = table.use("b.example");
    expect(table.use("a.example")).toBe(first);
    expect(table.use("b.example")).toBe(second);
    first.queryInFlight = false;
    table.use("c.example");
    expect(table.size).toBe(1);
  });
});

describe("overload", () => {
  it("answers TEMP overloaded when too many lookups wait, and goes on when they are answered", async () => {
    const w = await world({ maxWaiting: 10 });
    for (let n = 0; n < 10; n++) {
      w.dns.hold(`slow${n}.example`);
      void w.engine.resolve(`slow${n}.example`);
    }
    await settled();
    expect(await w.ask()).toMatchObject({
      ...{ verdict: "temp", reason: "overloaded", reuse: 0, detail: "too many lookups wait" },
    });
    expect(w.dns.count(D)).toBe(0);
    await w.time.pass(20);
    expect((await w.ask()).verdict).toBe("none");
  });

  it("does not defer mail to domains that memory knows", async () => {
    const w = await world({ maxWaiting: 10 });
    await w.hold();
    await w.ask("none.example");
    for (let n = 0; n < 10; n++) {
      w.dns.hold(`slow${n}.example`);
      void w.engine.resolve(`slow${n}.example`);
    }
    await settled();
    expect(await w.ask()).toMatchObject({ verdict: "policy", policy: { mode: "enforce" } });
    expect(await w.ask("none.example")).toMatchObject({ verdict: "none", status: "no-record" });
    expect((await w.ask("other.example")).reason).toBe("overloaded");
  });
});

describe("timers", () => {
  it("of answered lookups are called off at once", async () => {
    const w = await world();
    await w.hold();
    const resting = w.time.pending;
    await Promise.all(Array.from({ length: 1000 }, () => w.engine.resolve(D)));
    expect([resting, w.time.pending]).toEqual([1, 1]);
  });

  it("there is one for all refreshes, and the latest wake-up of a domain counts", async () => {
    let uptime = 0;
    const set: { at: number; task: () => void; off: boolean }[] = [];
    const timers: Timers = {
      after(milliseconds, task) {
        const timer = { at: uptime + milliseconds, task, off: false };
        set.push(timer);
        return () => {
          timer.off = true;
        };
      },
    };
    const woken: string[] = [];
    const queue = new WakeQueue(
      timers,
      () => uptime,
      (domain) => woken.push(`${domain} ${uptime / 1000}`),
    );
    for (let round = 0; round < 1000; round++) for (const domain of ["a", "b", "c"]) queue.set(domain, 1000 + round);
    queue.set("a", 10);
    queue.set("b", 30);
    queue.clear("c");
    for (;;) {
      const next = set.filter(({ off }) => !off).sort((a, b) => a.at - b.at)[0];
      if (!next) break;
      expect(set.filter(({ off }) => !off)).toHaveLength(1);
      next.off = true;
      uptime = Math.max(uptime, next.at);
      next.task();
    }
    expect(woken).toEqual(["a 10", "b 30"]);
    expect(queue.size).toBe(0);
  });

  it("wake a crowd of domains that are due together in bursts, not all at once", async () => {
    const w = await world({ kind: "sqlite", random: () => 0 });
    for (let n = 0; n < 300; n++) await w.hold(policy("enforce", 86_400), "1", `d${n}.example`);
    const before = w.dns.asked.length;
    await w.time.pass(12 * 60 * MINUTE);
    expect(w.dns.asked.length - before).toBe(50);
    await w.time.pass(0.1);
    expect(w.dns.asked.length - before).toBe(100);
    await w.time.pass(1);
    expect(w.dns.asked.length - before).toBe(300);
  });

  it("replaced wake-ups take no memory: of ten thousand for one domain a few are left to be skipped", () => {
    let uptime = 0;
    let rings = 0;
    let alarm: { readonly at: number; readonly task: () => void } | undefined;
    const timers: Timers = {
      after(milliseconds, task) {
        alarm = { at: uptime + milliseconds, task };
        return () => {};
      },
    };
    const queue = new WakeQueue(
      timers,
      () => uptime,
      () => rings++,
    );
    for (let n = 0; n < 10_000; n++, uptime += 1000) queue.set("a.example", 86_400);
    let turns = 0;
    for (; rings === 0 && turns < 20_000; turns++) {
      uptime = alarm?.at ?? 0;
      alarm?.task();
    }
    expect([rings, turns < 100]).toEqual([1, true]);
  });
});
