// Each of these was broken once, and found by test/simulation: guard tests, named after what went wrong.
import { describe, expect, it } from "vitest";
import { MemoryStore } from "../../../host/store/memory.ts";
import { StoreError } from "../../../host/store/types.ts";
import { policy } from "./scripted-outside.ts";
import { DAY, MINUTE, settled } from "./simulated-time.ts";
import { D, world } from "./world.ts";

class LostStore extends MemoryStore {
  readonly #at: number;
  constructor(now: () => number) {
    super({ now });
    this.#at = now();
  }
  override async lostAt(): Promise<number> {
    return this.#at;
  }
}

it("a negative learned while the row was damaged is not stored as if it were the policy when the store is lost after that (R-8461-CSM-12, R-8461-CSM-13)", async () => {
  const w = await world();
  await w.hold();
  await w.stop();
  w.beforeStart = (store) => {
    store.onCall = async (method) => {
      if (method === "get") throw new StoreError("damaged-row", "this row is unreadable");
    };
  };
  await w.start();
  w.dns.absent(D);
  expect(await w.ask()).toMatchObject({ verdict: "temp", reason: "store-unavailable" });
  const lost = new LostStore(() => w.time.now);
  w.store.onCall = null;
  w.store.store = lost;
  await w.time.pass(10 * MINUTE);
  expect(await w.ask()).toMatchObject({ verdict: "temp", reason: "store-unavailable" });
  expect(await lost.get(D)).toBeNull();
});

describe("fetches for changed ids", () => {
  it("a failed id is not fetched again within its five minutes because another id failed in between (R-8461-3.3-11)", async () => {
    const w = await world();
    const failures: [number, string][] = [];
    w.https.set(D, () => ({ ok: false, failure: "connect", detail: "connection refused" }));
    for (let second = 0; second < 900; second += 61) {
      const id = (second / 61) % 2 === 0 ? "a" : "b";
      w.dns.publish(D, id, 1);
      const before = w.https.count(D);
      await w.ask();
      if (w.https.count(D) > before) failures.push([second, id]);
      await w.time.pass(61);
    }
    for (const [i, [second, id]] of failures.entries())
      for (const [earlier, other] of failures.slice(0, i))
        if (other === id) expect(second - earlier).toBeGreaterThanOrEqual(300);
    expect(failures.length).toBeGreaterThan(3);
  });

  it.each([-DAY, DAY])("stay capped when the wall clock is set by %i s between them (AMB-17)", async (step) => {
    const w = await world();
    await w.hold();
    for (let id = 2; id < 60; id++) {
      w.dns.publish(D, `${id}`, 1);
      w.time.wallMs += (id % 2 === 0 ? step : -step) * 1000;
      await w.time.pass(61);
      await w.ask();
    }
    // One first fetch, and five in each hour that was begun.
    expect(w.https.count(D)).toBeLessThanOrEqual(1 + 5);
  });
});

it("a new id is seen although other domains keep all places of waiting lookups taken (A-46)", async () => {
  const w = await world({ maxWaiting: 2 });
  await w.hold();
  for (const domain of ["a.example", "b.example"]) w.dns.hold(domain);
  const flood = ["a.example", "b.example"].map((domain) => w.engine.resolve(domain));
  w.dns.publish(D, "2");
  w.https.serve(D, policy("testing"));
  await w.time.pass(10);
  await settled();
  expect(await w.ask("c.example")).toMatchObject({ verdict: "temp", reason: "overloaded" });
  await w.time.pass(5);
  for (const domain of ["a.example", "b.example"]) w.dns.release(domain);
  await Promise.all(flood);
  await w.time.pass(10 * MINUTE);
  for (const domain of ["e.example", "f.example"]) w.dns.hold(domain);
  const second = ["e.example", "f.example"].map((domain) => w.engine.resolve(domain));
  await settled();
  expect(await w.ask()).toMatchObject({ policy: { mode: "enforce", id: "1" } });
  expect(await w.ask()).toMatchObject({ policy: { mode: "testing", id: "2" } });
  for (const domain of ["e.example", "f.example"]) w.dns.release(domain);
  await Promise.all(second);
});

it("mail that goes out without discovery because its deadline came first is told like any other (R-8461-3.1-26)", async () => {
  const w = await world();
  w.dns.fail(D);
  expect(await w.ask()).toMatchObject({ verdict: "temp", reason: "discovery-failed" });
  await w.time.pass(595);
  w.dns.hold(D);
  w.heard.takeNotices();
  const answer = w.engine.resolve(D, { deadline: 20_000 });
  await w.time.pass(20);
  expect(await answer).toMatchObject({ verdict: "none", status: "record-failed" });
  expect(w.heard.takeNotices()).toEqual(["discovery-open"]);
});

it("a policy in memory whose write was done but reported as failed outlives the damage of its row (R-8461-CSM-12)", async () => {
  const w = await world();
  w.store.onDone = async (method) => {
    if (method === "put") throw new StoreError("io", "the disk did not say whether it is done");
  };
  await w.hold();
  w.store.onDone = null;
  w.store.onCall = async (method) => {
    if (method === "get") throw new StoreError("damaged-row", "this row is unreadable");
  };
  w.dns.absent(D);
  await w.time.pass(10 * MINUTE);
  expect(await w.ask()).toMatchObject({ verdict: "policy", policy: { mode: "enforce", id: "1" } });
});

it("a policy of max_age 0, still in memory, takes the place of no damaged row: that one was another process's (R-8461-CSM-12, R-8461-CSM-09)", async () => {
  const w = await world();
  await w.hold(policy("enforce", 0));
  await w.store.store.put(D, new Uint8Array(4), 0);
  w.store.onCall = async (method) => {
    if (method === "get") throw new StoreError("damaged-row", "this row is unreadable");
  };
  const written: string[] = [];
  w.store.onDone = async (method) => {
    written.push(method);
  };
  w.dns.absent(D);
  await w.time.pass(10 * MINUTE);
  await w.ask();
  expect(written).not.toContain("put");
});
