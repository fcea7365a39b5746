import { describe, expect, it } from "vitest";
import { Answerer, type AnswererOptions } from "../../../bindings/postfix/answer.ts";
import type { Decision } from "../../../host/engine/decision.ts";
import type { TestingEvaluation } from "../../../host/mx/testing.ts";
import { honour, matchesMx, mxFailed, mxNone, mxRecords, none, policy, ScriptedWorld, temp } from "./scripted-world.ts";

const NO_MATCH = "OK secure match=mta-sts-no-match.invalid servername=hostname";

/** An answerer over a scripted world, a clock the test moves, and a log of what the observer heard. */
function setUp(options: Partial<AnswererOptions> = {}) {
  const world = new ScriptedWorld();
  const clock = { now: 1_000_000 };
  const evaluations: TestingEvaluation[] = [];
  const answered: string[] = [];
  const failures: unknown[] = [];
  const answerer = new Answerer({
    resolver: world,
    lookupMx: world.lookupMx,
    matchesMx,
    monotonic: () => clock.now,
    observer: {
      answered: (flavour, status, source) => answered.push(`${flavour} ${status} ${source}`),
      testing: (evaluation) => evaluations.push(evaluation),
      failed: (_, error) => failures.push(error),
    },
    ...options,
  });
  const ask = async (request: string) => {
    const reply = await answerer.answer(Buffer.from(request));
    return reply === null ? null : (/^\d+:(.*),$/s.exec(reply.bytes.toString("latin1"))?.[1] ?? "not a netstring");
  };
  return { world, clock, evaluations, answered, failures, answerer, ask };
}

const never = new Promise<never>(() => {});

describe("what a question is answered", () => {
  it("is NOTFOUND when there is no policy, and when the policy is testing or none (R-BIND-PF-04)", async () => {
    const { world, ask } = setUp();
    world.decisions.set("testing.example", honour("testing.example", policy("testing", ["*.testing.example"])));
    world.decisions.set("none.example", honour("none.example", policy("none", [])));
    for (const flavour of ["postfix", "postfix310", "sts"]) {
      expect(await ask(`${flavour} nothing.example`)).toBe("NOTFOUND ");
      expect(await ask(`${flavour} testing.example`)).toBe("NOTFOUND ");
      expect(await ask(`${flavour} none.example`)).toBe("NOTFOUND ");
    }
  });

  it("is TEMP with reason, name and command when the engine could not decide, never NOTFOUND", async () => {
    const { world, ask } = setUp();
    world.decisions.set("bad.example", temp("bad.example", "TXT _mta-sts.bad.example: SERVFAIL from 127.0.0.1"));
    expect(await ask("postfix bad.example")).toBe(
      "TEMP discovery-failed: TXT _mta-sts.bad.example: SERVFAIL from 127.0.0.1; mail stays queued; run: mta-sts query bad.example",
    );
  });

  it("is TEMP with the store's fault and the place to look when the store cannot be read (R-8461-CSM-13)", async () => {
    const { world, ask } = setUp();
    const decision = temp("lost.example", "policy store /var/lib/mta-sts/policies.db: the disk does not answer");
    world.decisions.set("lost.example", { ...decision, reason: "store-unavailable" });
    expect(await ask("postfix lost.example")).toBe(
      "TEMP store-unavailable: policy store /var/lib/mta-sts/policies.db: the disk does not answer; mail stays queued; see the log of mta-sts",
    );
  });

  it("is TEMP when the resolver throws, and says so to the observer", async () => {
    const { world, ask, failures } = setUp();
    world.decisions.set("boom.example", Promise.reject(new Error("boom")));
    expect(await ask("postfix boom.example")).toMatch(/^TEMP internal-error: .*; run: mta-sts query boom\.example$/);
    expect(failures).toEqual([new Error("boom")]);
  });

  it("is TEMP when a decision says policy and carries none", async () => {
    const { world, ask } = setUp();
    world.decisions.set("odd.example", { ...none("odd.example"), verdict: "policy" });
    expect(await ask("postfix odd.example")).toMatch(/^TEMP internal-error; /);
  });

  it("asks for the canonical domain, whatever spelling the key has (R-8461-KEY-01, R-6531-3-01)", async () => {
    const { world, ask } = setUp();
    world.decisions.set("xn--bcher-kva.example", honour("xn--bcher-kva.example", policy("enforce", ["mx.example"])));
    for (const key of [
      "bücher.example",
      "BÜCHER.Example",
      "xn--bcher-kva.example",
      "bücher.example.",
      "bücher.example:25",
    ]) {
      expect(await ask(`sts ${key}`)).toBe("OK secure match=mx.example servername=hostname");
    }
    expect(new Set(world.asked)).toEqual(new Set(["policy xn--bcher-kva.example"]));
  });

  it("takes the policy of the relay for a smart host, and asks no MX for brackets (R-8461-3.4-02, R-BIND-PF-02)", async () => {
    const { world, ask } = setUp();
    world.decisions.set("relay.example", honour("relay.example", policy("enforce", ["*.example", "relay.example"])));
    expect(await ask("sts [relay.example]:587")).toBe("OK secure match=relay.example servername=hostname");
    expect(world.asked).toEqual(["policy relay.example"]);
  });

  it.each([".example.com", ".com", "[192.0.2.1]", "[IPv6:2001:db8::1]:25", "192.0.2.1", "", "a..b", "\u00ff\u00fe"])(
    "is NOTFOUND for the key %j in the same tick, without I/O (R-8461-3.4-03, R-8461-3.4-05)",
    (key) => {
      const { world, answerer, answered } = setUp();
      const reply = answerer.answer(Buffer.from(`postfix ${key}`, "latin1"));
      expect(reply).toMatchObject({ status: "notfound" });
      expect(world.asked).toEqual([]);
      expect(answered).toEqual(["postfix notfound local"]);
    },
  );

  it("is PERM for a map name that is not ours, and null for what is no request", async () => {
    const { world, ask } = setUp();
    expect(await ask("query example.com")).toBe(
      'PERM unknown map "query"; mail stays queued; use postfix, postfix310 or sts in main.cf',
    );
    expect(await ask("Postfix example.com")).toMatch(/^PERM unknown map/);
    expect(await ask("")).toBeNull();
    expect(await ask("postfix")).toBeNull();
    expect(await ask(" example.com")).toBeNull();
    expect(world.asked).toEqual([]);
  });
});

describe("the MX set of a wildcard policy", () => {
  it("is asked for only where a wildcard needs it, and never for postfix310 (R-BIND-PF-01)", async () => {
    const { world, ask } = setUp();
    world.decisions.set("exact.example", honour("exact.example", policy("enforce", ["mx.exact.example"])));
    world.decisions.set("wild.example", honour("wild.example", policy("enforce", ["*.wild.example"])));
    world.mx.set("wild.example", mxRecords(["mx1.wild.example", "mx.evil.test"]));
    expect(await ask("postfix exact.example")).toMatch(/^OK secure match=mx\.exact\.example /);
    expect(await ask("postfix310 wild.example")).toMatch(/^OK .* mx_host_pattern=\*\.wild\.example /);
    expect(world.asked).toEqual(["policy exact.example", "policy wild.example"]);
    expect(await ask("postfix wild.example")).toMatch(/^OK secure match=mx1\.wild\.example servername/);
    expect(world.asked.slice(2)).toEqual(["policy wild.example", "MX wild.example"]);
  });

  it.each([
    ["NXDOMAIN", mxNone("nxdomain")],
    ["a Null MX", mxRecords([""])],
    ["a forged MX set", mxRecords(["mx.evil.test", "x\\058evil\\046net.wild.example"])],
  ])("that comes to %s lets nobody take the mail", async (_, outcome) => {
    const { world, ask } = setUp();
    world.decisions.set("wild.example", honour("wild.example", policy("enforce", ["*.wild.example"])));
    world.mx.set("wild.example", outcome);
    expect(await ask("postfix wild.example")).toBe(NO_MATCH);
  });

  it("that cannot be had is TEMP mx-lookup-failed, and the next question tries again", async () => {
    const { world, ask } = setUp();
    world.decisions.set("wild.example", honour("wild.example", policy("enforce", ["*.wild.example"])));
    world.mx.set("wild.example", mxFailed("MX wild.example: SERVFAIL from 127.0.0.1"));
    expect(await ask("postfix wild.example")).toBe(
      "TEMP mx-lookup-failed: MX wild.example: SERVFAIL from 127.0.0.1; mail stays queued; run: mta-sts query wild.example",
    );
    world.mx.set("wild.example", mxRecords(["mx.wild.example"]));
    expect(await ask("postfix wild.example")).toMatch(/^OK secure match=mx\.wild\.example /);
  });

  it("bounds the reuse of the answer by its TTL", async () => {
    const { world, clock, ask } = setUp();
    world.decisions.set("wild.example", honour("wild.example", policy("enforce", ["*.wild.example"]), 60));
    world.mx.set("wild.example", mxRecords(["mx1.wild.example"], 7));
    await ask("sts wild.example");
    world.mx.set("wild.example", mxRecords(["mx2.wild.example"], 0));
    clock.now += 6_999;
    expect(await ask("sts wild.example")).toContain("mx1");
    clock.now += 1;
    expect(await ask("sts wild.example")).toContain("mx2");
    world.mx.set("wild.example", mxRecords(["mx3.wild.example"]));
    expect(await ask("sts wild.example")).toContain("mx3");
  });

  it("that failed shortens the reuse of the exact names to ten seconds", async () => {
    const { world, clock, ask } = setUp();
    world.decisions.set(
      "both.example",
      honour("both.example", policy("enforce", ["mx.example.org", "*.both.example"]), 60),
    );
    world.mx.set("both.example", mxFailed("MX both.example: timeout"));
    expect(await ask("sts both.example")).toBe("OK secure match=mx.example.org servername=hostname");
    world.mx.set("both.example", mxRecords(["mx.both.example"]));
    clock.now += 10_000;
    expect(await ask("sts both.example")).toBe("OK secure match=mx.example.org:mx.both.example servername=hostname");
  });
});

describe("warm answers", () => {
  it("come in the same tick for as long as the engine allows, no policy included, then are asked for again", async () => {
    const { world, clock, answerer, answered, ask } = setUp();
    world.decisions.set("a.example", honour("a.example", policy("enforce", ["mx.example"]), 60));
    await ask("postfix a.example");
    await ask("postfix b.example");
    clock.now += 59_999;
    expect(answerer.answer(Buffer.from("postfix a.example"))).toMatchObject({ status: "ok" });
    expect(answerer.answer(Buffer.from("postfix b.example"))).toMatchObject({ status: "notfound" });
    expect(world.asked).toHaveLength(2);
    clock.now += 1;
    await ask("postfix a.example");
    expect(world.asked).toHaveLength(3);
    expect(answered).toEqual([
      "postfix ok cold",
      "postfix notfound cold",
      "postfix ok warm",
      "postfix notfound warm",
      "postfix ok cold",
    ]);
  });

  it("are not kept when the engine allows no reuse", async () => {
    const { world, answerer, ask } = setUp();
    world.decisions.set("zero.example", honour("zero.example", policy("enforce", ["mx.example"], 0), 0));
    await ask("postfix zero.example");
    await ask("postfix zero.example");
    expect(world.asked).toHaveLength(2);
    expect(answerer.warm).toBe(0);
  });

  it("stay apart by map name and spelling, and go away when told", async () => {
    const { world, answerer, ask } = setUp();
    world.decisions.set("a.example", honour("a.example", policy("enforce", ["mx.example"])));
    expect(await ask("sts a.example")).not.toContain("policy_type");
    expect(await ask("postfix310 a.example")).toContain("policy_type");
    expect(await ask("sts a.example")).not.toContain("policy_type");
    expect(answerer.warm).toBe(2);
    answerer.forgetReplies();
    world.decisions.delete("a.example");
    expect(await ask("sts a.example")).toBe("NOTFOUND ");
  });
});

describe("load", () => {
  it("makes one question of a thousand askers of one domain, and its failure answers all of them", async () => {
    const { world, answerer, ask } = setUp({ maxPending: 1 });
    let fail: (decision: Decision) => void = () => {};
    world.decisions.set("slow.example", new Promise((resolve) => (fail = resolve)));
    const askers = Array.from({ length: 1_000 }, () => ask("postfix slow.example"));
    expect(answerer.pending).toBe(1);
    fail(temp("slow.example", "TXT _mta-sts.slow.example: timeout"));
    const replies = await Promise.all(askers);
    expect(new Set(replies).size).toBe(1);
    expect(replies[0]).toMatch(/^TEMP discovery-failed: /);
    expect(world.asked).toEqual(["policy slow.example"]);
    expect(answerer.pending).toBe(0);
  });

  it("answers TEMP overloaded at once when too many questions wait, never NOTFOUND, and recovers", async () => {
    const { world, answerer, ask } = setUp({ maxPending: 3 });
    const ends: ((decision: Decision) => void)[] = [];
    for (let i = 0; i < 3; i++) world.decisions.set(`d${i}.example`, new Promise((resolve) => ends.push(resolve)));
    const waiting = [0, 1, 2].map((i) => ask(`postfix d${i}.example`));
    const refused = answerer.answer(Buffer.from("postfix more.example"));
    expect(refused).toMatchObject({ status: "temp" });
    expect(await ask("postfix more.example")).toBe(
      "TEMP overloaded: 3 lookups wait already; mail stays queued; run: mta-sts query more.example",
    );
    expect(await ask("postfix .example")).toBe("NOTFOUND ");
    for (const [i, end] of ends.entries()) end(none(`d${i}.example`));
    await Promise.all(waiting);
    expect(await ask("postfix more.example")).toBe("NOTFOUND ");
  });

  it("ends a question by itself when the engine does not keep the deadline", async () => {
    const { world, answerer, ask } = setUp({ hardDeadline: 50 });
    world.decisions.set("stuck.example", never);
    expect(await ask("postfix stuck.example")).toMatch(
      /^TEMP discovery-pending: no decision within 0.05 s; mail stays queued/,
    );
    expect(answerer.pending).toBe(0);
  });

  it("ends the MX lookup of a question with the question", async () => {
    const { world, ask } = setUp({ hardDeadline: 50 });
    world.decisions.set("wild.example", honour("wild.example", policy("enforce", ["*.wild.example"])));
    world.mx.set("wild.example", never);
    expect(await ask("postfix wild.example")).toMatch(/^TEMP mx-lookup-failed: MX wild\.example: no answer in time; /);
  });
});

describe("testing mode", () => {
  const testing = (mx: string[]) => honour("t.example", policy("testing", mx));

  it("delivers opportunistically and counts what enforce would have refused (R-BIND-PF-04)", async () => {
    const { world, evaluations, ask } = setUp();
    world.decisions.set("t.example", testing(["*.t.example"]));
    world.mx.set("t.example", mxRecords(["mx.t.example", "mx.other.test", "x\\058.t.example"]));
    expect(await ask("postfix t.example")).toBe("NOTFOUND ");
    expect(evaluations).toEqual([
      { domain: "t.example", result: "mismatch", refused: 2, hosts: ["mx.other.test", "x\\058.t.example"] },
    ]);
    expect(await ask("postfix t.example")).toBe("NOTFOUND ");
    expect(evaluations).toHaveLength(1);
  });

  it("says so when every MX host is permitted, also for exact patterns", async () => {
    const { world, evaluations, ask } = setUp();
    world.decisions.set("t.example", testing(["mx.t.example"]));
    world.mx.set("t.example", mxRecords(["mx.t.example"]));
    await ask("postfix310 t.example");
    expect(evaluations).toEqual([{ domain: "t.example", result: "match", refused: 0, hosts: [] }]);
  });

  it("names ten hosts at most", async () => {
    const { world, evaluations, ask } = setUp();
    world.decisions.set("t.example", testing(["mx.t.example"]));
    world.mx.set("t.example", mxRecords(Array.from({ length: 500 }, (_, i) => `mx${i}.other.test`)));
    await ask("postfix t.example");
    expect(evaluations[0]?.refused).toBe(500);
    expect(evaluations[0]?.hosts).toHaveLength(10);
  });

  it("never holds mail back because the MX lookup fails or hangs", async () => {
    const { world, evaluations, ask } = setUp({ testingDeadline: 20 });
    world.decisions.set("t.example", testing(["mx.t.example"]));
    world.mx.set("t.example", mxFailed("MX t.example: timeout"));
    expect(await ask("postfix t.example")).toBe("NOTFOUND ");
    world.mx.set("t.example", never);
    expect(await ask("sts t.example")).toBe("NOTFOUND ");
    expect(evaluations.map(({ result }) => result)).toEqual(["unknown", "unknown"]);
  });
});
