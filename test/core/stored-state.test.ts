import "../../host/core/portable.ts"; // the memory that assembly/ needs
import { beforeAll, describe, expect, it } from "vitest";
import * as layout from "../../assembly/state.ts";
import type { Core } from "../../host/core/core.ts";
import { txtRdata } from "../../host/core/core.ts";
import { loadCore } from "../../host/core/load.ts";
import type { StepEvent } from "../../host/core/step.ts";
import { laterFetch, storedPolicy } from "../../host/core/stored-state.ts";
import { QUIET } from "./quiet-step.ts";

const DOMAIN = "example.test";
const POLICY = "version: STSv1\nmode: testing\nmx: mx.example.test\nmax_age: 86400\n";

/** A state as it could be stored, without what this file does not look at. */
function stateWith(fields: Partial<Record<"mode" | "fetchedAt" | "ms", number>>): Uint8Array {
  const state = new Uint8Array(layout.S_HEAD);
  const view = new DataView(state.buffer);
  view.setUint32(layout.S_MODE, fields.mode ?? 1, true);
  view.setUint32(layout.S_FETCHED_AT, fields.fetchedAt ?? 0, true);
  view.setUint32(layout.S_FETCHED_MS, fields.ms ?? 0, true);
  return state;
}

describe("reading stored states", () => {
  let core: Core;
  beforeAll(async () => {
    core = await loadCore();
  });

  /** Runs events through the core as an engine would, one second apart. */
  function stateAfter(events: readonly ((token: Uint8Array) => StepEvent)[]): Uint8Array {
    let state: Uint8Array | null = null;
    let token: Uint8Array = new Uint8Array();
    let now = 1_700_000_000;
    for (const event of events) {
      const result = core.step({
        event: event(token),
        clock: { now: now++, uptimeMs: (now - 1_700_000_000) * 1000 + 250, boot: 7 },
        seed: 1,
        highWater: 0,
        domain: DOMAIN,
        state,
        ...QUIET,
      });
      if (!result.ok) throw new Error(result.code);
      for (const effect of result.effects) {
        if (effect.kind === "state") state = effect.state;
        if (effect.kind === "get-policy") token = effect.token;
      }
    }
    return state ?? new Uint8Array();
  }
  const found = [
    () => ({ kind: "lookup" }) as const,
    () => ({ kind: "record", outcome: "answered", rrset: [txtRdata("v=STSv1; id=1;")], ttl: 300 }) as const,
    (token: Uint8Array) =>
      ({ kind: "policy", token, body: new TextEncoder().encode(POLICY), contentType: "text/plain" }) as const,
  ];

  it("finds mode, lifetime and failures where the core wrote them", () => {
    const fresh = storedPolicy(stateAfter(found));
    expect(fresh).toMatchObject({ mode: "testing", maxAge: 86_400, failures: 0 });
    expect(fresh?.fetchedAt).toBe(1_700_000_001);
    const failing = stateAfter([
      ...found,
      () => ({ kind: "refresh", force: true }) as const,
      (token) => ({ kind: "policy", token, failure: "timeout" }) as const,
    ]);
    expect(storedPolicy(failing)).toMatchObject({ mode: "testing", failures: 1, fetchedAt: 1_700_000_001 });
  });

  it("sees no policy in a state without one, nor in what is no state", () => {
    expect(storedPolicy(stateWith({ mode: 0 }))).toBeNull();
    expect(storedPolicy(stateWith({ mode: 99 }))).toBeNull();
    expect(storedPolicy(new Uint8Array(10))).toBeNull();
  });

  it.each([
    ["a later second", { fetchedAt: 9 }, { fetchedAt: 8, ms: 999 }, "ours"],
    ["an earlier second", { fetchedAt: 8, ms: 999 }, { fetchedAt: 9 }, "theirs"],
    ["a later millisecond", { fetchedAt: 9, ms: 2 }, { fetchedAt: 9, ms: 1 }, "ours"],
    ["a tie: what is stored stays", { fetchedAt: 9, ms: 1 }, { fetchedAt: 9, ms: 1 }, "theirs"],
    ["a policy against none", { fetchedAt: 1 }, { mode: 0, fetchedAt: 9 }, "ours"],
    ["none against a policy", { mode: 0, fetchedAt: 9 }, { fetchedAt: 1 }, "theirs"],
    ["none against none", { mode: 0 }, { mode: 0 }, "theirs"],
  ] as const)("lets the later fetch win: %s (R-8461-CSM-12)", (_title, ours, theirs, winner) => {
    expect(laterFetch(DOMAIN, stateWith(ours), stateWith(theirs))).toBe(winner);
  });
});
