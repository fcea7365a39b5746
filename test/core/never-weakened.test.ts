// The promise of the whole engine, walked at random: an unexpired policy is never lost or weakened by anything the
// network does, by what the caller asks, or by what the wall clock says within one boot.
import { describe, expect, it } from "vitest";
import type { Effect, StepEvent, StepRequest } from "../../host/core/step.ts";
import { type Build, builds } from "./builds.ts";
import { octets } from "./frames.ts";
import { QUIET } from "./quiet-step.ts";
import { hostileFetch, hostileRecord, policyText, Random, txt } from "./walk.ts";

const NOW = 2_000_000_000;
const UPTIME = 1_000_000;
const ENFORCE = policyText("enforce", ["mx1.example.com", "*.example.net"], 604_800);

type Overrides = Partial<Omit<StepRequest, "event" | "state">>;

function step(
  { core }: Build,
  event: StepEvent,
  state: Uint8Array | null,
  t: number,
  more: Overrides = {},
): readonly Effect[] {
  const result = core.step({
    event,
    clock: { now: NOW + Math.floor(t), uptimeMs: (UPTIME + t) * 1000, boot: 1 },
    seed: 0,
    highWater: 0,
    domain: "example.com",
    state,
    ...QUIET,
    ...more,
  });
  if (!result.ok) throw new Error(`${event.kind}: ${result.code} at ${result.offset}`);
  return result.effects;
}

const find = <K extends Effect["kind"]>(
  effects: readonly Effect[],
  kind: K,
): Extract<Effect, { kind: K }> | undefined =>
  effects.find((effect): effect is Extract<Effect, { kind: K }> => effect.kind === kind);

interface Held {
  readonly state: Uint8Array;
  readonly token: Uint8Array;
}

/** A policy whose GET began at t = 0 and ended at t = 1. */
function hold(build: Build, body = ENFORCE): Held {
  const looked = find(step(build, { kind: "lookup" }, null, 0), "state");
  const found = step(
    build,
    { kind: "record", outcome: "answered", rrset: [txt("v=STSv1; id=1")], ttl: 300 },
    looked?.state ?? null,
    0,
  );
  const token = find(found, "get-policy")?.token ?? new Uint8Array();
  const event: StepEvent = { kind: "policy", token, body: octets(body), contentType: "text/plain" };
  const state = find(step(build, event, find(found, "state")?.state ?? null, 1), "state")?.state;
  if (!state) throw new Error("no state");
  return { state, token };
}

function randomFlags(random: Random): Overrides {
  return {
    queryInFlight: random.chance(20),
    getInFlight: random.chance(20),
    recheckWaiting: random.chance(20),
    pastLost: random.chance(20),
    storeUnreadable: random.chance(20),
    seed: random.next(),
    onDiscoveryFailure: random.pick(["defer-briefly", "deliver", "defer"]),
  };
}

function anyEvent(random: Random, token: Uint8Array): StepEvent {
  const kind = random.below(8);
  if (kind < 3) return hostileRecord(random);
  if (kind < 5) return hostileFetch(random, token);
  if (kind === 5) return { kind: "refresh", force: random.chance(30) };
  return { kind: random.pick(["lookup", "lookup", "deadline", "recheck"]) };
}

interface Walk {
  readonly seed: number;
  /** Seconds into the life of the policy at which a walk of `steps` hostile events is at most. */
  readonly until: number;
  readonly steps: number;
  readonly more: (random: Random, t: number) => Overrides;
}

/** Plays hostile events against a held enforce policy and checks every effect of every step. */
function attack(build: Build, { seed, until, steps, more }: Walk): { answers: number; gets: number } {
  const random = new Random(seed);
  let { state, token } = hold(build);
  let stored = state;
  let t = 1;
  let answers = 0;
  let gets = 0;
  for (let i = 0; i < steps; i++) {
    t = Math.min(t + random.below(Math.ceil((2 * until) / steps)), until);
    const effects = step(build, anyEvent(random, token), state, t, { ...randomFlags(random), ...more(random, t) });
    for (const effect of effects) {
      if (effect.kind === "state") state = effect.state;
      if (effect.kind === "store") stored = state;
      if (effect.kind === "get-policy") {
        token = effect.token;
        gets++;
      }
      expect(effect.kind, `seed ${seed}, step ${i}`).not.toBe("forget");
      if (effect.kind !== "answer") continue;
      answers++;
      const { verdict, policy } = effect.answer;
      expect(
        { verdict, mode: policy?.mode, maxAge: policy?.maxAge, age: policy?.age },
        `seed ${seed}, step ${i}`,
      ).toEqual({ verdict: "policy", mode: "enforce", maxAge: 604_800, age: Math.floor(t) });
      const text = policy ? state.subarray(policy.offset, policy.offset + policy.length) : new Uint8Array();
      expect(Buffer.from(text).toString(), `seed ${seed}, step ${i}`).toBe(ENFORCE);
      expect(effect.answer.reuse).toBeLessThanOrEqual(Math.min(60, 604_800 - t));
    }
  }
  for (const kept of [state, stored]) {
    const last = find(step(build, { kind: "lookup" }, kept, 604_800), "answer");
    expect(last?.answer.policy?.mode).toBe("enforce");
    expect(find(step(build, { kind: "lookup" }, kept, 604_801), "forget"), `seed ${seed}: no grace`).toBeDefined();
  }
  return { answers, gets };
}

describe.each(builds)("an unexpired enforce policy, $name build", (build) => {
  it("survives anything DNS and HTTPS do short of a valid new policy, to the second of its expiry (R-8461-3.1-23, R-8461-3.3-17, R-8461-CSM-02, R-8461-CSM-07, R-8461-3.2-28)", () => {
    let answers = 0;
    let gets = 0;
    for (let seed = 1; seed <= 400; seed++) {
      const walked = attack(build, { seed, until: 604_800, steps: 60, more: () => ({}) });
      answers += walked.answers;
      gets += walked.gets;
    }
    expect(answers).toBeGreaterThan(10_000);
    expect(gets).toBeGreaterThan(1_000);
  });

  it("survives the same while the wall clock of this boot says anything at all (R-8461-CSM-14)", () => {
    for (let seed = 1001; seed <= 1200; seed++)
      attack(build, {
        seed,
        until: 604_800,
        steps: 40,
        more: (random, t) => ({
          clock: {
            now: random.pick([0, 1, NOW - 31_536_000, NOW, NOW + 31_536_000, 0xffffffff]),
            uptimeMs: (UPTIME + t) * 1000,
            boot: 1,
          },
          highWater: random.pick([0, NOW, NOW + 31_536_000]),
        }),
      });
  });

  it("survives a fast storm of events within a minute", () => {
    for (let seed = 2001; seed <= 2100; seed++) attack(build, { seed, until: 60, steps: 60, more: () => ({}) });
  });

  it("takes its lifetime from max_age alone: no event has a place for HTTP freshness, and no TTL moves the expiry (R-8461-3.3-08, R-8461-5.1-01)", () => {
    for (const ttl of [0, 1, 60, 86_400, 0xffffffff]) {
      const { state } = hold(build);
      const seen = step(
        build,
        { kind: "record", outcome: "answered", rrset: [txt("v=STSv1; id=1")], ttl },
        state,
        1000,
      );
      const { policy } = find(seen, "answer")?.answer ?? {};
      expect({ maxAge: policy?.maxAge, age: policy?.age, expiresIn: policy?.expiresIn }).toEqual({
        maxAge: 604_800,
        age: 1000,
        expiresIn: 603_800,
      });
    }
  });
});

describe.each(builds)("numbers over many seeds, $name build", (build) => {
  it("spreads refreshes over the last tenth before they are due, never later (R-8461-CSM-05)", () => {
    const seen = new Set<number>();
    const random = new Random(7);
    const looked = find(step(build, { kind: "lookup" }, null, 0), "state");
    const found = step(
      build,
      { kind: "record", outcome: "answered", rrset: [txt("v=STSv1; id=1")], ttl: 300 },
      looked?.state ?? null,
      0,
    );
    const token = find(found, "get-policy")?.token ?? new Uint8Array();
    const state = find(found, "state")?.state ?? null;
    for (let i = 0; i < 2000; i++) {
      const event: StepEvent = { kind: "policy", token, body: octets(ENFORCE), contentType: "text/plain" };
      const wake = find(step(build, event, state, 0, { seed: random.next() }), "wake-at")?.seconds ?? 0;
      expect(wake).toBeGreaterThanOrEqual(77_760);
      expect(wake).toBeLessThanOrEqual(86_400);
      seen.add(wake);
    }
    expect(seen.size).toBeGreaterThan(1000);
  });

  it("never retries under five minutes nor over an hour, whatever the seed and the number of failures (R-8461-3.3-11)", () => {
    const random = new Random(11);
    let { state, token } = hold(build);
    let t = 86_400;
    for (let i = 0; i < 300; i++) {
      const record = step(
        build,
        { kind: "record", outcome: "answered", rrset: [txt("v=STSv1; id=1")], ttl: 300 },
        state,
        t,
      );
      state = find(record, "state")?.state ?? state;
      token = find(record, "get-policy")?.token ?? token;
      const failed = step(build, { kind: "policy", token, failure: "connect" }, state, t, { seed: random.next() });
      state = find(failed, "state")?.state ?? state;
      const wake = find(failed, "wake-at")?.seconds ?? 0;
      expect(wake, `failure ${i + 1}`).toBeGreaterThanOrEqual(300);
      expect(wake, `failure ${i + 1}`).toBeLessThanOrEqual(3600);
      t += wake;
      if (t > 600_000) break;
    }
  });

  it("never fetches one failed id twice within five minutes, nor for changed ids more than once a minute and five times an hour (R-8461-3.3-11, AMB-17)", () => {
    const random = new Random(13);
    let { state, token } = hold(build);
    const fetches: number[] = [];
    for (let t = 10; t < 40_000; t += 1 + random.below(20)) {
      const id = `x${random.below(1000)}`;
      const effects = step(
        build,
        { kind: "record", outcome: "answered", rrset: [txt(`v=STSv1; id=${id}`)], ttl: 60 },
        state,
        t,
      );
      state = find(effects, "state")?.state ?? state;
      const get = find(effects, "get-policy");
      if (!get) continue;
      fetches.push(t);
      token = get.token;
      const event: StepEvent = { kind: "policy", token, body: octets(ENFORCE), contentType: "text/plain" };
      state = find(step(build, event, state, t), "state")?.state ?? state;
    }
    expect(fetches.length).toBeGreaterThan(40);
    for (const [i, t] of fetches.entries()) {
      expect(t - (fetches[i - 1] ?? -60)).toBeGreaterThanOrEqual(60);
      expect(t - (fetches[i - 5] ?? -3600)).toBeGreaterThanOrEqual(3600);
    }
  });
});
