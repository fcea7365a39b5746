import { describe, expect, it } from "vitest";
import { policy } from "./scripted-outside.ts";
import { DAY, HOUR, MINUTE } from "./simulated-time.ts";
import { D, world } from "./world.ts";

const GET = "GET https://mta-sts.example.com/.well-known/mta-sts.txt: ";

describe("what the observer hears", () => {
  it("a first policy after a failed fetch: policy-new carries no stale failure, the failure before it does", async () => {
    const w = await world();
    w.dns.publish(D, "1");
    w.https.fail(D, "connect", "ECONNREFUSED 192.0.2.1");
    await w.ask();
    w.https.serve(D, policy("enforce"));
    await w.time.pass(5 * MINUTE);
    await w.ask();
    expect(w.heard.notices).toMatchObject([
      { notice: "fetch-failed", detail: `${GET}ECONNREFUSED 192.0.2.1`, decision: { verdict: "none" } },
      { notice: "policy-new", detail: "", decision: { verdict: "policy", detail: "" } },
    ]);
  });

  it("a weakened policy, once, with the new decision beside it (R-8461-5-08)", async () => {
    const w = await world();
    await w.hold();
    w.dns.publish(D, "2");
    w.https.serve(D, policy("testing"));
    await w.time.pass(10 * MINUTE);
    await w.ask();
    expect(w.heard.notices).toMatchObject([
      { notice: "policy-weakened", domain: D, detail: "", decision: { policy: { id: "2", mode: "testing" } } },
    ]);
  });

  it("a leniency that was needed, by its bit", async () => {
    const w = await world({ leniency: ["missing-content-type"] });
    w.dns.publish(D, "1");
    w.https.serve(D, policy("enforce"), null);
    expect((await w.ask()).verdict).toBe("policy");
    expect(w.heard.notices).toMatchObject([
      { notice: "policy-new" },
      { notice: "leniency-used", number: 8, detail: "" },
    ]);
  });

  it("every query and fetch with its outcome, and how long the fetch took", async () => {
    const w = await world();
    w.dns.publish(D, "1");
    w.https.fail(D, "timeout", "60 s are over");
    w.https.hold(D);
    const answer = w.engine.resolve(D);
    await w.time.pass(7);
    w.https.release(D);
    await answer;
    w.dns.fail("b.example", "refused");
    await w.ask("b.example");
    await w.ask("c.example");
    expect(w.heard.queries).toEqual(["records", "refused", "nxdomain"]);
    expect(w.heard.fetches).toEqual([{ domain: D, result: "timeout", seconds: 7 }]);
  });

  it("one answered for every call, whatever its end", async () => {
    const w = await world();
    await w.hold();
    await w.ask();
    await w.recheck();
    await w.refresh();
    const long = `${"a.".repeat(123)}example`;
    expect(await w.ask(long)).toMatchObject({ verdict: "none", status: "no-record" });
    expect(w.heard.answers).toHaveLength(5);
    expect(w.dns.asked).not.toContain(long);
  });

  it("a client that rejects, against its contract, as a fault; mail is told TEMP or keeps its policy, with a reason", async () => {
    const w = await world();
    w.faultsExpected = true;
    w.dns.set(D, () => {
      throw new Error("a bug in the DNS client");
    });
    expect(await w.ask()).toMatchObject({
      ...{ verdict: "temp", reason: "internal-error" },
      detail: "TXT _mta-sts.example.com: internal error, see the log of mta-sts",
    });
    w.dns.publish(D, "1");
    w.https.set(D, () => {
      throw new Error("a bug in the fetcher");
    });
    await w.time.pass(MINUTE);
    expect(await w.ask()).toMatchObject({
      ...{ verdict: "temp", reason: "discovery-pending" },
      detail: `${GET}internal error, see the log of mta-sts`,
    });
    expect(w.heard.faults.map(({ where }) => where)).toEqual(["TXT query", "policy fetch"]);
  });

  it("a fault of the engine's own as TEMP internal-error for those concerned, and the next lookup starts afresh", async () => {
    const w = await world();
    w.faultsExpected = true;
    w.store.onCall = async (method) => {
      if (method === "get") throw new RangeError("a bug in the store");
    };
    expect(await w.ask()).toMatchObject({
      verdict: "temp",
      reason: "internal-error",
      detail: "see the log of mta-sts",
    });
    expect(w.heard.faults).toMatchObject([{ where: "lookup", error: { message: "a bug in the store" } }]);
    w.store.onCall = null;
    expect(await w.ask()).toMatchObject({ verdict: "none", status: "no-record" });
  });

  it("a domain that is not in canonical form as a fault of the caller, never as no policy (R-8461-KEY-01)", async () => {
    const w = await world();
    w.faultsExpected = true;
    for (const name of ["Example.com", "example.com.", "a..b", "bücher.example", "[192.0.2.1]"])
      expect(await w.ask(name)).toMatchObject({ verdict: "temp", reason: "internal-error" });
    expect([w.dns.asked, w.https.asked]).toEqual([[], []]);
  });
});

describe("a clock that is wrong (R-8461-CSM-14)", () => {
  it("stepped back two hours changes no age, and a held policy is refreshed on time", async () => {
    const w = await world({ kind: "sqlite" });
    await w.hold(policy("enforce", 2 * DAY));
    await w.time.pass(HOUR);
    w.time.wallMs -= 2 * HOUR * 1000;
    expect((await w.ask()).policy).toMatchObject({ age: HOUR });
    w.https.fail(D);
    await w.time.pass(2 * DAY - HOUR);
    expect((await w.ask()).policy).toMatchObject({ expiresIn: 0 });
    await w.time.pass(1);
    expect((await w.ask()).verdict).toBe("none");
    expect(w.heard.takeNotices()).toContain("clock-behind");
  });

  it("stepped forward by ten years expires nothing while the machine runs, and is said", async () => {
    const w = await world({ kind: "sqlite" });
    await w.hold(policy("enforce", 7 * DAY));
    w.time.wallMs += 3650 * DAY * 1000;
    w.dns.fail(D);
    await w.time.pass(11 * MINUTE);
    expect((await w.ask()).policy).toMatchObject({ age: 660 });
    expect(w.heard.takeNotices()).toContain("clock-ahead");
  });

  it("at 1970 after a reboot makes no policy younger than the store remembers, and none immortal", async () => {
    const w = await world({ kind: "sqlite" });
    await w.hold(policy("enforce", 2 * DAY));
    await w.time.pass(HOUR);
    await w.stop();
    w.time.reboot(0);
    const right = w.time.wallMs;
    w.time.wallMs = 0;
    w.dns.fail(D);
    w.https.fail(D);
    await w.start();
    expect((await w.ask()).verdict).toBe("policy");
    expect(w.heard.takeNotices()).toContain("clock-behind");
    await w.time.pass(HOUR);
    w.time.wallMs = right + DAY * 1000;
    await w.time.pass(MINUTE);
    expect((await w.ask()).policy?.age).toBeGreaterThanOrEqual(DAY);
    await w.time.pass(2 * DAY);
    expect((await w.ask()).verdict).toBe("temp");
  });
});
