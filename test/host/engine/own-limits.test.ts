import { describe, expect, it } from "vitest";
import { DomainTable } from "../../../host/engine/domain-table.ts";
import { MemoryStore } from "../../../host/store/memory.ts";
import { StoreError } from "../../../host/store/types.ts";
import { policy } from "./scripted-outside.ts";
import { DAY, MINUTE, settled } from "./simulated-time.ts";
import { D, world } from "./world.ts";

describe("what we could not do ourselves is never held against a domain", () => {
  it("a query that was never sent is TEMP overloaded, opens no deferral window and stores nothing (R-8461-3.1-26)", async () => {
    const w = await world();
    w.dns.set(D, () => ({ kind: "failed", reason: "overloaded", detail: "too many DNS questions at once" }));
    for (let minute = 0; minute < 30; minute++) {
      expect(await w.ask()).toMatchObject({ verdict: "temp", reason: "overloaded" });
      await w.time.pass(MINUTE);
    }
    w.dns.fail(D);
    expect(await w.ask()).toMatchObject({ verdict: "temp", reason: "discovery-failed" });
  });

  it("a fetch whose turn never came is TEMP, without a back-off: the next lookup fetches (R-8461-3.3-16)", async () => {
    const w = await world();
    w.dns.publish(D, "1");
    w.https.fail(D, "aborted", "no fetch slot came free");
    expect(await w.ask()).toMatchObject({ verdict: "temp", reason: "discovery-pending" });
    w.https.serve(D, policy("enforce"));
    expect(await w.ask()).toMatchObject({ verdict: "policy", status: "fetched" });
  });

  it("a refresh whose turn never came raises no alarm and is tried again within a minute", async () => {
    const w = await world();
    await w.hold();
    w.https.fail(D, "aborted", "no fetch slot came free");
    await w.time.pass(DAY);
    expect(w.heard.takeNotices()).toEqual([]);
    w.https.serve(D, policy("enforce"));
    const before = w.https.count(D);
    await w.time.pass(2 * MINUTE);
    expect(w.https.count(D)).toBe(before + 1);
  });
});

it("policies of a store that could not be read at the start are scheduled once it heals (R-8461-3.3-18, R-8461-CSM-04)", async () => {
  const w = await world();
  await w.hold();
  await w.stop();
  w.beforeStart = (store) => {
    store.onCall = async () => {
      throw new StoreError("io", "the disk does not answer");
    };
  };
  await w.start();
  w.store.onCall = async () => {};
  await w.engine.storeChanged();
  await settled();
  const before = w.https.count(D);
  await w.time.pass(DAY);
  expect(w.https.count(D)).toBe(before + 1);
});

it("a loss dated by a clock that was not set yet counts as a loss of today (R-8461-CSM-14)", async () => {
  const store = new MemoryStore({ now: () => 12 });
  store.lostAt = async () => 12;
  const w = await world({ store });
  w.dns.fail(D);
  for (let minute = 0; minute < 30; minute++) {
    expect(await w.ask()).toMatchObject({ verdict: "temp", reason: "discovery-failed" });
    await w.time.pass(MINUTE);
  }
});

it("large policies leave memory by their size, long before there are many of them", () => {
  const table = new DomainTable(1_000, 1 << 20);
  for (let n = 0; n < 100; n++) {
    const entry = table.use(`d${n}.example`);
    entry.hold(new Uint8Array(64 << 10), 1);
    table.weigh(entry);
  }
  expect(table.size).toBeLessThanOrEqual(17);
  expect(table.find("d99.example")).toBeDefined();
});

it("stored policies that are all due are refreshed at a pace, not all at once (R-8461-3.3-22)", async () => {
  const w = await world();
  for (let n = 0; n < 200; n++) await w.hold(policy("enforce"), "1", `held${n}.example`);
  await w.stop();
  await w.time.pass(2 * DAY);
  for (let n = 0; n < 200; n++) w.dns.hold(`held${n}.example`);
  await w.start();
  await w.time.pass(0);
  expect(w.dns.open).toBeGreaterThan(0);
  expect(w.dns.open).toBeLessThanOrEqual(50);
  await w.time.pass(2);
  expect(w.dns.open).toBe(200);
});
