import type { Core } from "../../host/core/core.ts";
import { MODES } from "../../host/core/names.ts";
import type { Effect, StepRequest, StepResult } from "../../host/core/step.ts";
import type { PolicyStore } from "../../host/store/types.ts";
import { publication } from "./publication.ts";
import type { Plant } from "./world.ts";

// Offsets of docs/abi.md "Stored state".
const LENGTH = 8;
const CHECKSUM = 12;
const FLAGS = 16;
const FETCHED_AT = 44;
const NEGATIVE_UNTIL = 84;
const BACKOFF_UNTIL = 76;
const DNS_FAILED_AT = 80;
const ID_FETCHES = 100;
const ANCHOR_TIME = 20;
const ANCHOR_UPTIME = 24;
const MODE = 32;

const REAL_MODES = Object.keys(MODES).length;

type Step = (request: StepRequest) => StepResult;

/** The core with another step in front of it. */
const withStep =
  (change: (step: Step) => Step): Plant["core"] =>
  (core: Core): Core => {
    const real: Step = (request) => core.step(request);
    const step = change(real);
    return new Proxy(core, {
      get: (target, name) => {
        if (name === "step") return step;
        const value = Reflect.get(target, name) as unknown;
        return typeof value === "function" ? value.bind(target) : value;
      },
    });
  };

/** The state with fields set and its checksum made good (assembly/state.ts). */
function rewritten(state: Uint8Array, change: (view: DataView) => void): Uint8Array {
  const copy = Uint8Array.from(state);
  const view = new DataView(copy.buffer);
  change(view);
  let h = 0x9e3779b9;
  for (let i = FLAGS; i < view.getUint32(LENGTH, true); i += 4) {
    h ^= view.getUint32(i, true);
    h ^= h << 13;
    h ^= h >>> 17;
    h ^= h << 5;
  }
  view.setUint32(CHECKSUM, h, true);
  return copy;
}

const put = (field: number, value: number) => (view: DataView) => view.setUint32(field, value, true);
const get = (state: Uint8Array, field: number): number =>
  new DataView(state.buffer, state.byteOffset).getUint32(field, true);

/** The step on a state that was tampered with before. */
const before = (when: (request: StepRequest) => boolean, change: (view: DataView) => void): Plant => ({
  core: withStep(
    (step) => (request) =>
      step(request.state && when(request) ? { ...request, state: rewritten(request.state, change) } : request),
  ) as NonNullable<Plant["core"]>,
});

/** The step with its effects tampered with afterwards. */
const after = (change: (effects: readonly Effect[], request: StepRequest) => readonly Effect[]): Plant => ({
  core: withStep((step) => (request) => {
    const result = step(request);
    return result.ok ? { ok: true, effects: change(result.effects, request) } : result;
  }) as NonNullable<Plant["core"]>,
});

/** The step with another request. */
const instead = (change: (request: StepRequest) => StepRequest): Plant => ({
  core: withStep((step) => (request) => step(change(request))) as NonNullable<Plant["core"]>,
});

const isRecord = ({ event }: StepRequest, outcome: string): boolean =>
  event.kind === "record" && event.outcome === outcome;

/** Forgets the policy whenever `when` says so. */
const forgetting = (when: (request: StepRequest) => boolean): Plant => ({
  core: withStep((step) => (request) => {
    if (!when(request) || !request.state) return step(request);
    const result = step({ ...request, state: null });
    if (!result.ok) return result;
    const [state, ...rest] = result.effects;
    return { ok: true, effects: state ? [state, { kind: "forget" }, ...rest] : rest };
  }) as NonNullable<Plant["core"]>,
});

const NONE = publication(1, "none", 86_400).body;

const storeThat = (change: (store: PolicyStore) => Partial<PolicyStore>): Plant => ({
  store: (store) => {
    const changed = change(store);
    return new Proxy(store, {
      get: (target, name) => {
        const value = Reflect.get(name in changed ? changed : target, name) as unknown;
        return typeof value === "function" ? value.bind(target) : value;
      },
    });
  },
});

/** Each is a fault that a real implementation had or could have. The simulation must find every one. */
export const PLANTED: Readonly<Record<string, Plant>> = {
  "forgets the policy on NXDOMAIN": forgetting((request) => isRecord(request, "none")),
  "forgets the policy when the TXT lookup fails": forgetting((request) => isRecord(request, "failed")),
  "takes a failed lookup for a missing record": instead((request) =>
    isRecord(request, "failed") ? { ...request, event: { kind: "record", outcome: "none", ttl: 300 } } : request,
  ),
  "extends the life of a policy when the record is seen unchanged": before(
    (request) => isRecord(request, "answered"),
    (view) => view.getUint32(MODE, true) !== 0 && put(FETCHED_AT, view.getUint32(FETCHED_AT, true) + 600)(view),
  ),
  "ignores the back-off after a failed GET": before((request) => isRecord(request, "answered"), put(BACKOFF_UNTIL, 0)),
  "ignores the cap on fetches for changed ids": before(
    () => true,
    (view) => {
      for (let i = 0; i < 5; i++) put(ID_FETCHES + 4 * i, 0)(view);
    },
  ),
  "takes any media type for text/plain": instead((request) =>
    request.event.kind === "policy" && "body" in request.event
      ? { ...request, event: { ...request.event, contentType: "text/plain" } }
      : request,
  ),
  "takes a failed GET for mode none": instead((request) =>
    request.event.kind === "policy" && "failure" in request.event
      ? { ...request, event: { kind: "policy", token: request.event.token, body: NONE, contentType: "text/plain" } }
      : request,
  ),
  "honours a policy for an hour after it expired": instead((request) =>
    request.event.kind === "lookup"
      ? { ...request, clock: { ...request.clock, uptimeMs: request.clock.uptimeMs - 3_600_000 } }
      : request,
  ),
  "counts the life of a policy from the end of its GET": instead((request) => {
    if (request.event.kind !== "policy") return request;
    const token = Uint8Array.from(request.event.token);
    new DataView(token.buffer).setUint32(0, Math.floor(request.clock.uptimeMs / 1000), true);
    return { ...request, event: { ...request.event, token } };
  }),
  "keeps a policy under no id": instead((request) => {
    if (request.event.kind !== "policy") return request;
    const token = Uint8Array.from(request.event.token);
    new DataView(token.buffer).setUint32(12, 0, true);
    return { ...request, event: { ...request.event, token } };
  }),
  "reckons time by the wall clock": {
    clock: (clock) => ({
      read: () => {
        const { now, boot } = clock.read();
        return { now, boot, uptimeMs: (now - 1_700_000_000) * 1000 };
      },
    }),
  },
  "caches no policy for a day": after((effects, request) =>
    isRecord(request, "none")
      ? effects.map((effect) =>
          effect.kind === "state" && get(effect.state, MODE) === 0
            ? {
                kind: "state",
                state: rewritten(effect.state, (view) =>
                  put(NEGATIVE_UNTIL, view.getUint32(NEGATIVE_UNTIL, true) + 86_400)(view),
                ),
              }
            : effect,
        )
      : effects,
  ),
  "takes an unreadable store for an empty one": instead((request) => ({ ...request, storeUnreadable: false })),
  "takes a lost store for an empty one": instead((request) => ({ ...request, pastLost: false })),
  "delivers at the first failed lookup": instead((request) => ({ ...request, onDiscoveryFailure: "deliver" })),
  "defers for ever while lookups fail": before((request) => isRecord(request, "failed"), put(DNS_FAILED_AT, 0)),
  "refuses to take over mode none": instead((request) =>
    request.event.kind === "policy" && "body" in request.event && Buffer.from(request.event.body).includes("mode: none")
      ? { ...request, event: { kind: "policy", token: request.event.token, failure: "status" } }
      : request,
  ),
  "says nothing when a policy gets weaker": after((effects) =>
    effects.filter((effect) => effect.kind !== "notice" || effect.notice !== "policy-weakened"),
  ),
  "says nothing when mail goes out without discovery": after((effects) =>
    effects.filter((effect) => effect.kind !== "notice" || effect.notice !== "discovery-open"),
  ),
  "begins a second query beside the first": instead((request) => ({
    ...request,
    queryInFlight: false,
    getInFlight: false,
  })),
  "owes no look at the id before a bounce": after((effects) =>
    effects.map((effect) =>
      effect.kind === "answer" ? { kind: "answer", answer: { ...effect.answer, recheck: false } } : effect,
    ),
  ),
  "lets an answer be reused for an hour": after((effects) =>
    effects.map((effect) =>
      effect.kind === "answer" ? { kind: "answer", answer: { ...effect.answer, reuse: 3600 } } : effect,
    ),
  ),
  "never looks at the record again": after((effects, request) =>
    request.event.kind === "lookup" && request.state && get(request.state, MODE) !== 0
      ? effects.filter(({ kind }) => kind !== "query-record")
      : effects,
  ),
  "stores nothing": storeThat(() => ({ put: async () => 1 })),
  "writes over what another process wrote": storeThat((store) => ({
    put: async (domain, state) => store.put(domain, state, await store.version(domain)),
  })),
  "never looks whether another process wrote": storeThat(() => ({ version: async () => 0 })),
  "deletes a policy instead of storing it": storeThat((store) => ({
    put: async (domain, state, version) => {
      const written = await store.put(domain, state, version);
      if (written !== null) await store.forget(domain, written);
      return written;
    },
  })),
  "never answers at the deadline": {
    timers: (timers) => ({
      after: (milliseconds, task) => (milliseconds === 4000 ? () => {} : timers.after(milliseconds, task)),
    }),
  },
  "trusts the wall clock over a boot in both directions": before(
    ({ state, clock }) => state !== null && get(state, 28) !== clock.boot && get(state, MODE) < REAL_MODES,
    (view) => {
      put(ANCHOR_TIME, view.getUint32(ANCHOR_TIME, true) + 31_536_000)(view);
      put(ANCHOR_UPTIME, 0)(view);
    },
  ),
};
