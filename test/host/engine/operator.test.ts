import { describe, expect, it } from "vitest";
import { StoreError } from "../../../host/store/types.ts";
import { policy } from "./scripted-outside.ts";
import { HOUR, MINUTE, settled } from "./simulated-time.ts";
import { D, world } from "./world.ts";

describe("what an administrator can do", () => {
  it("inspect shows what is held and asks nobody; a domain never seen stays unseen (R-8461-CSM-18)", async () => {
    const w = await world({ kind: "sqlite" });
    await w.hold(policy("enforce", HOUR));
    await w.time.pass(10 * MINUTE);
    const asked = w.dns.asked.length;
    expect(await w.engine.inspect(D)).toMatchObject({
      stored: true,
      decision: { verdict: "policy", policy: { mode: "enforce", age: 600, expiresIn: HOUR - 600, source: "cache" } },
    });
    expect(await w.engine.inspect("never.example")).toBeNull();
    expect([w.dns.asked.length, w.https.asked.length, w.heard.answers.length]).toEqual([asked, 1, 1]);
  });

  it("inspect tells what memory alone knows from what is stored, and never shows an expired policy", async () => {
    const w = await world({ kind: "sqlite" });
    w.dns.absent(D);
    await w.ask();
    expect(await w.engine.inspect(D)).toMatchObject({ stored: false, decision: { verdict: "none" } });
    await w.hold(policy("enforce", HOUR), "1", "short.example");
    w.dns.hold("short.example");
    w.https.hold("short.example");
    await w.time.pass(HOUR + 1);
    expect((await w.engine.inspect("short.example"))?.decision.policy ?? null).toBeNull();
  });

  it("stored lists every stored policy in domain order, also those not in memory (R-8461-CSM-18)", async () => {
    const w = await world({ kind: "sqlite" });
    const domains = Array.from({ length: 30 }, (_, n) => `d${String(n).padStart(2, "0")}.example`);
    for (const domain of [...domains].reverse()) await w.hold(policy("testing"), "1", domain);
    await w.restart({ maxDomains: 16 });
    const seen: string[] = [];
    for await (const { decision, stored } of w.engine.stored()) {
      expect([stored, decision.policy?.mode]).toEqual([true, "testing"]);
      seen.push(decision.domain);
    }
    expect(seen).toEqual(domains);
  });

  it("forget drops a maliciously published long-lived policy from memory and store; the next lookup asks anew (R-8461-CSM-18)", async () => {
    const w = await world({ kind: "sqlite" });
    await w.hold(policy("enforce", 31_557_600));
    expect(await w.engine.forget(D)).toBe(true);
    expect(await w.store.get(D)).toBeNull();
    expect(await w.engine.inspect(D)).toBeNull();
    w.dns.absent(D);
    expect(await w.ask()).toMatchObject({ verdict: "none", status: "no-record" });
    expect(await w.engine.forget("never.example")).toBe(false);
    await w.restart();
    expect(await w.engine.inspect(D)).toBeNull();
  });

  it("forget takes the domain's refresh timer away too", async () => {
    const w = await world();
    await w.hold();
    await w.engine.forget(D);
    await w.time.pass(48 * HOUR);
    expect([w.dns.count(D), w.https.count(D)]).toEqual([1, 1]);
  });

  it("forget that the store refuses is an error, never silence", async () => {
    const w = await world();
    await w.hold();
    w.store.fail(["forget"], "read-only");
    await expect(w.engine.forget(D)).rejects.toThrow(StoreError);
    expect(await w.ask()).toMatchObject({ verdict: "policy" });
  });

  it("forget wins against another process that keeps writing, and removes a damaged row (R-8461-CSM-18)", async () => {
    const w = await world({ kind: "sqlite" });
    await w.hold();
    let writes = 5;
    w.store.onCall = async (method) => {
      if (method !== "forget" || writes-- <= 0) return;
      const row = await w.store.store.get(D);
      await w.store.store.put(D, row?.state ?? new Uint8Array(), row?.version ?? 0);
    };
    expect(await w.engine.forget(D)).toBe(true);
    expect([writes, await w.store.get(D)]).toEqual([-1, null]);
  });

  it("refresh fetches whatever id, age and back-off say, waits for it, and the held policy stands meanwhile (R-8461-CSM-18)", async () => {
    const w = await world({ kind: "sqlite" });
    await w.hold();
    w.https.serve(D, policy("testing"));
    expect(await w.refresh()).toMatchObject({ verdict: "policy", status: "fetched", policy: { mode: "testing" } });
    w.https.fail(D, "status", "503");
    expect(await w.refresh()).toMatchObject({ status: "fetch-failed", policy: { mode: "testing" } });
    w.https.serve(D, policy("enforce"));
    w.https.hold(D);
    const waiting = w.engine.refresh(D);
    await settled();
    expect(await w.ask()).toMatchObject({ policy: { mode: "testing" } });
    w.https.release(D);
    expect(await waiting).toMatchObject({ status: "fetched", policy: { mode: "enforce" } });
    expect(w.https.count(D)).toBe(4);
  });

  it("refresh of an unknown domain, or one that just failed, is a discovery that does not wait for negative TTL or back-off", async () => {
    const w = await world();
    expect(await w.refresh()).toMatchObject({ verdict: "none", status: "no-record" });
    w.dns.publish(D, "1");
    expect(await w.refresh()).toMatchObject({ verdict: "none", status: "fetch-failed" });
    w.https.serve(D, policy("enforce"));
    expect(await w.refresh()).toMatchObject({ verdict: "policy", status: "fetched" });
  });
});
