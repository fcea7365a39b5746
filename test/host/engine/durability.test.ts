import { describe, expect, it } from "vitest";
import { laterFetch } from "../../../host/core/stored-state.ts";
import type { StoreListener } from "../../../host/store/notice.ts";
import { openSqliteStore } from "../../../host/store/open.ts";
import { openResilientStore } from "../../../host/store/resilient.ts";
import { policy } from "./scripted-outside.ts";
import { DAY, HOUR, MINUTE, settled } from "./simulated-time.ts";
import { UnwillingStore } from "./unwilling-store.ts";
import { D, world } from "./world.ts";

const held = { verdict: "policy", policy: { mode: "enforce", id: "1" } };

describe("a restart", () => {
  it("keeps the policy enforced while DNS and the policy host are dead (R-8461-CSM-10)", async () => {
    const w = await world({ kind: "sqlite" });
    await w.hold();
    w.dns.fail(D);
    w.https.fail(D);
    await w.restart();
    expect(await w.ask()).toMatchObject({ status: "cached", ...held });
    await w.time.pass(11 * MINUTE);
    expect(await w.ask()).toMatchObject(held);
  });

  it("keeps no negative answer: they live in memory only", async () => {
    const w = await world({ kind: "sqlite" });
    w.dns.absent(D);
    await w.ask();
    expect(await w.store.get(D)).toBeNull();
    await w.restart();
    await w.ask();
    expect(w.dns.count(D)).toBe(2);
  });

  it("of the machine keeps the policy's age, the hours it was off included (R-8461-CSM-14)", async () => {
    const w = await world({ kind: "sqlite" });
    await w.hold(policy("enforce", 2 * DAY));
    await w.time.pass(HOUR);
    await w.stop();
    w.time.reboot(3 * HOUR);
    w.dns.fail(D);
    w.https.fail(D);
    await w.start();
    expect((await w.ask()).policy).toMatchObject({ age: 4 * HOUR, expiresIn: 2 * DAY - 4 * HOUR });
    await w.stop();
    w.time.reboot(2 * DAY);
    await w.start();
    expect((await w.ask()).verdict).toBe("temp");
  });
});

describe("the write of a new policy", () => {
  it("is durable before the answer that rests on it leaves", async () => {
    const w = await world({ kind: "sqlite" });
    w.dns.publish(D, "1");
    w.https.serve(D, policy("enforce"));
    const order: string[] = [];
    w.store.onDone = async (method) => {
      if (method !== "put") return;
      const second = await openSqliteStore({ path: w.path, now: () => w.time.now });
      order.push((await second.get(D)) ? "on disk" : "not on disk");
      await second.close();
    };
    w.store.hold("put");
    const answer = w.engine.resolve(D).then(() => order.push("answered"));
    await settled();
    expect(order).toEqual([]);
    w.store.release("put");
    await answer;
    expect(order).toEqual(["on disk", "answered"]);
  });

  it("that hangs holds no caller beyond his deadline: TEMP, and the policy once it is written", async () => {
    const w = await world();
    w.dns.publish(D, "1");
    w.https.serve(D, policy("enforce"));
    w.store.hold("put");
    const answer = w.engine.resolve(D, { deadline: 2000 });
    await w.time.pass(2);
    expect(await answer).toMatchObject({ verdict: "temp", reason: "discovery-pending" });
    w.store.release("put");
    await settled();
    expect(await w.ask()).toMatchObject(held);
  });

  it("that fails is counted, and the policy is honoured from memory all the same (failure table: not writable)", async () => {
    const w = await world();
    w.store.fail(["put"], "full");
    await w.hold();
    expect(w.heard.storeFailures).toMatchObject([{ failure: "full", domain: D }]);
    w.dns.fail(D);
    w.https.fail(D);
    for (let day = 0; day < 6; day++) {
      await w.time.pass(DAY);
      expect(await w.ask()).toMatchObject(held);
    }
  });
});

describe("a store that goes on in memory when its disk does not", () => {
  it("answers its policies, over a restart of the engine too, and has them on disk once it heals (failure table: disk full)", async () => {
    const w = await world({ kind: "sqlite" });
    await w.stop();
    const disk = new UnwillingStore(await w.openStore());
    const events: string[] = [];
    const onEvent: StoreListener = ({ event }) => void events.push(event);
    const { path, time } = w;
    const open = async (): Promise<UnwillingStore> => disk;
    const store = await openResilientStore({ path, now: () => time.now, later: laterFetch, open, onEvent });
    await w.start({ store });
    disk.fail(["put"], "full");
    await w.hold();
    await w.time.pass(2 * MINUTE);
    w.dns.fail(D);
    w.https.fail(D);
    expect(await w.ask()).toMatchObject(held);
    await w.engine.close();
    await w.start({ store });
    expect(await w.ask()).toMatchObject({ status: "cached", ...held });
    expect([await disk.store.get(D), events]).toEqual([null, ["store-not-persisting"]]);
    disk.heal();
    await expect.poll(() => events).toContain("store-persisting");
    await w.engine.close();
    await store.close();
    await w.start();
    expect(await w.ask()).toMatchObject({ status: "cached", ...held });
  });
});
