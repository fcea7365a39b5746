// The step frame: request fields in, effects out. Offsets and meanings are docs/abi.md's.
import * as abi from "../../assembly/abi.ts";
import type { Areas } from "./areas.ts";
import {
  ERRORS,
  type ErrorName,
  FETCH_FAILURES,
  type FetchFailureName,
  type Leniency,
  leniencyBits,
  leniencyNames,
  MODES,
  type Mode,
  NOTICES,
  type Notice,
  nameOf,
  ON_DISCOVERY_FAILURE,
  type OnDiscoveryFailure,
  REASONS,
  RESULT_TYPES,
  type Reason,
  type ResultType,
  STATUSES,
  type Status,
  VERDICTS,
  type Verdict,
} from "./names.ts";
import type { RecordedStep } from "./step-record.ts";

export type StepEvent =
  | { readonly kind: "lookup" | "deadline" | "recheck" }
  /** force: an operator asks; fetched whatever the age, back-off notwithstanding. */
  | { readonly kind: "refresh"; readonly force?: boolean }
  /** rrset: raw RDATA of each TXT RR; ttl in seconds, the negative TTL for "none". */
  | {
      readonly kind: "record";
      readonly outcome: "answered";
      readonly rrset: readonly Uint8Array[];
      readonly ttl: number;
    }
  | { readonly kind: "record"; readonly outcome: "none"; readonly ttl: number }
  | { readonly kind: "record"; readonly outcome: "failed" }
  /** token: the bytes that get-policy gave out, unchanged. */
  | {
      readonly kind: "policy";
      readonly token: Uint8Array;
      readonly body: Uint8Array;
      readonly contentType: string | null;
    }
  | { readonly kind: "policy"; readonly token: Uint8Array; readonly failure: FetchFailureName };

export interface StepClock {
  /** Unix seconds, u32. */
  readonly now: number;
  /** Monotonic milliseconds since boot. */
  readonly uptimeMs: number;
  /** Differs between boots. */
  readonly boot: number;
}

export interface StepRequest {
  readonly event: StepEvent;
  readonly clock: StepClock;
  /** Any number; spreads refresh times. */
  readonly seed: number;
  /** Highest Unix second the store has seen. */
  readonly highWater: number;
  /** Policy Domain in canonical form. */
  readonly domain: string;
  /** The state at hand, null when nothing is known. */
  readonly state: Uint8Array | null;
  readonly queryInFlight: boolean;
  readonly getInFlight: boolean;
  readonly recheckWaiting: boolean;
  readonly pastLost: boolean;
  readonly storeUnreadable: boolean;
  readonly leniency: readonly Leniency[];
  readonly onDiscoveryFailure: OnDiscoveryFailure;
}

export interface StepAnswer {
  readonly status: Status;
  readonly verdict: Verdict;
  readonly resultType: ResultType;
  readonly reason: Reason;
  /** A FETCH_ number (positive) or an error code (negative); names.ts detailName. */
  readonly detail: number;
  /** What to honour; null unless verdict is "policy". */
  readonly policy: {
    readonly mode: Mode;
    readonly maxAge: number;
    readonly age: number;
    readonly expiresIn: number;
    readonly leniencies: readonly Leniency[];
    readonly id: string;
    /** Seconds since the id was last seen in DNS. */
    readonly idAge: number;
    /** Where the policy text stands in the state that holds after this step. */
    readonly offset: number;
    readonly length: number;
  } | null;
  readonly reuse: number;
  readonly recheck: boolean;
}

export type Effect =
  | { readonly kind: "state"; readonly state: Uint8Array }
  | { readonly kind: "store" }
  | { readonly kind: "forget" }
  | {
      readonly kind: "notice";
      readonly notice: Notice;
      readonly resultType: ResultType;
      readonly detail: number;
      readonly number: number;
    }
  | { readonly kind: "query-record"; readonly wait: boolean }
  | { readonly kind: "get-policy"; readonly wait: boolean; readonly token: Uint8Array }
  | { readonly kind: "wake-at"; readonly seconds: number }
  | { readonly kind: "answer"; readonly answer: StepAnswer };

export type StepResult =
  | { readonly ok: true; readonly effects: readonly Effect[] }
  | { readonly ok: false; readonly code: ErrorName; readonly offset: number };

const EVENTS = {
  lookup: abi.EVENT_LOOKUP,
  record: abi.EVENT_RECORD,
  policy: abi.EVENT_POLICY,
  deadline: abi.EVENT_DEADLINE,
  refresh: abi.EVENT_REFRESH,
  recheck: abi.EVENT_RECHECK,
} as const;

const U32_LIMIT = 0xffffffff;
const toU32 = (value: number): number => Math.min(Math.max(Math.trunc(value), 0), U32_LIMIT);

/** Appends variable parts behind the fixed fields. */
class RequestWriter {
  readonly #areas: Areas;
  length: number = abi.Q_SIZE;

  constructor(areas: Areas) {
    this.#areas = areas;
    areas.bytes.fill(0, areas.in, areas.in + abi.Q_SIZE);
  }

  put(field: number, value: number): void {
    this.#areas.put32(field, value);
  }

  /** Writes the part's position to `field` and its bytes to the end. */
  append(field: number, content: Uint8Array): void {
    if (!this.#areas.write(content, this.length)) throw new RangeError("the step request exceeds the IN area");
    this.put(field, this.length);
    this.put(field + 4, content.length);
    this.length += content.length;
  }

  appendText(field: number, text: string): void {
    const n = this.#areas.writeText(text, this.length);
    if (n < 0) throw new RangeError("the step request exceeds the IN area");
    this.put(field, this.length);
    this.put(field + 4, n);
    this.length += n;
  }

  appendRrset(field: number, rrset: readonly Uint8Array[]): void {
    const start = this.length;
    for (const rdata of rrset) {
      if (!this.#areas.write(rdata, this.length + 2)) throw new RangeError("the TXT RRset exceeds the IN area");
      this.#areas.put16(this.length, rdata.length);
      this.length += 2 + rdata.length;
    }
    this.put(field, start);
    this.put(field + 4, this.length - start);
  }

  writeToken(token: Uint8Array): void {
    this.#areas.write(token.subarray(0, abi.TOKEN_SIZE), abi.Q_TOKEN);
  }
}

function writeEvent(out: RequestWriter, event: StepEvent): void {
  out.put(abi.Q_EVENT, EVENTS[event.kind]);
  if (event.kind === "record") {
    const outcomes = { answered: abi.RECORD_ANSWERED, none: abi.RECORD_NONE, failed: abi.RECORD_FAILED };
    out.put(abi.Q_OUTCOME, outcomes[event.outcome]);
    if (event.outcome !== "failed") out.put(abi.Q_TTL, toU32(event.ttl));
    if (event.outcome === "answered") out.appendRrset(abi.Q_DATA, event.rrset);
  }
  if (event.kind !== "policy") return;
  out.writeToken(event.token);
  if ("failure" in event) out.put(abi.Q_OUTCOME, FETCH_FAILURES[event.failure]);
  else {
    out.append(abi.Q_DATA, event.body);
    if (event.contentType === null) out.put(abi.Q_TYPE + 4, abi.ABSENT);
    else out.appendText(abi.Q_TYPE, event.contentType.slice(0, 1024));
  }
}

function flagsOf(request: StepRequest): number {
  return (
    (request.queryInFlight ? abi.FLAG_QUERY_IN_FLIGHT : 0) |
    (request.getInFlight ? abi.FLAG_GET_IN_FLIGHT : 0) |
    (request.recheckWaiting ? abi.FLAG_RECHECK_WAITING : 0) |
    (request.pastLost ? abi.FLAG_PAST_LOST : 0) |
    (request.storeUnreadable ? abi.FLAG_STORE_UNREADABLE : 0) |
    (request.event.kind === "refresh" && request.event.force ? abi.FLAG_FORCE : 0)
  );
}

function writeRequest(areas: Areas, request: StepRequest): number {
  const out = new RequestWriter(areas);
  const { now, uptimeMs, boot } = request.clock;
  out.put(abi.Q_VERSION, abi.FRAME_VERSION);
  out.put(abi.Q_NOW, toU32(now));
  out.put(abi.Q_UPTIME, toU32(uptimeMs / 1000));
  out.put(abi.Q_UPTIME_MS, Math.trunc(uptimeMs) % 1000);
  out.put(abi.Q_BOOT, boot >>> 0);
  out.put(abi.Q_SEED, request.seed >>> 0);
  out.put(abi.Q_HIGH_WATER, toU32(request.highWater));
  out.put(abi.Q_FLAGS, flagsOf(request));
  out.put(abi.Q_LENIENCY, leniencyBits(request.leniency));
  out.put(abi.Q_ON_FAILURE, ON_DISCOVERY_FAILURE[request.onDiscoveryFailure]);
  out.appendText(abi.Q_DOMAIN, request.domain);
  if (request.state) out.append(abi.Q_STATE, request.state);
  writeEvent(out, request.event);
  return out.length;
}

function readAnswer(areas: Areas, at: number): StepAnswer {
  const verdict = nameOf(VERDICTS, areas.get32(at + 4));
  const policy =
    verdict !== "policy"
      ? null
      : {
          mode: nameOf(MODES, areas.get32(at + 20)),
          maxAge: areas.get32(at + 24),
          age: areas.get32(at + 28),
          expiresIn: areas.get32(at + 32),
          leniencies: leniencyNames(areas.get32(at + 44)),
          offset: areas.get32(at + 48),
          length: areas.get32(at + 52),
          idAge: areas.get32(at + 56),
          id: areas.payloadText(at + 64, areas.get32(at + 60)),
        };
  return {
    status: nameOf(STATUSES, areas.get32(at)),
    verdict,
    resultType: nameOf(RESULT_TYPES, areas.get32(at + 8)),
    reason: nameOf(REASONS, areas.get32(at + 12)),
    detail: areas.getSigned(at + 16),
    policy,
    reuse: areas.get32(at + 36),
    recheck: areas.get32(at + 40) === 1,
  };
}

function readEffect(areas: Areas, at: number, size: number): Effect {
  const fields = at + abi.EFFECT_HEADER;
  switch (areas.get32(at)) {
    case abi.EFFECT_STATE:
      return { kind: "state", state: areas.payload(fields, size - abi.EFFECT_HEADER) };
    case abi.EFFECT_STORE:
      return { kind: "store" };
    case abi.EFFECT_FORGET:
      return { kind: "forget" };
    case abi.EFFECT_NOTICE:
      return {
        kind: "notice",
        notice: nameOf(NOTICES, areas.get32(fields)),
        resultType: nameOf(RESULT_TYPES, areas.get32(fields + 4)),
        detail: areas.getSigned(fields + 8),
        number: areas.get32(fields + 12),
      };
    case abi.EFFECT_QUERY_RECORD:
      return { kind: "query-record", wait: areas.get32(fields) === 1 };
    case abi.EFFECT_GET_POLICY: {
      const token = areas.payload(fields + 4, abi.TOKEN_SIZE);
      return { kind: "get-policy", wait: areas.get32(fields) === 1, token };
    }
    case abi.EFFECT_WAKE_AT:
      return { kind: "wake-at", seconds: areas.get32(fields) };
    case abi.EFFECT_ANSWER:
      return { kind: "answer", answer: readAnswer(areas, fields) };
    default:
      throw new Error(`the core gave effect ${areas.get32(at)}, which this host does not know`);
  }
}

function readEffects(areas: Areas): Effect[] {
  const effects: Effect[] = [];
  const end = areas.payloadLength;
  for (let at = 0; at < end; ) {
    const size = areas.get32(at + 4);
    effects.push(readEffect(areas, at, size));
    at += size;
  }
  return effects;
}

/** Hears every step as bytes, right after it was made. */
export type StepListener = (request: StepRequest, step: RecordedStep) => void;

export function runStep(areas: Areas, request: StepRequest, listener: StepListener | null): StepResult {
  const length = writeRequest(areas, request);
  const status = areas.call((core) => core.mtasts_step(areas.in, length));
  listener?.(request, { request: areas.request(length), status, output: areas.output });
  if (status >= 0) return { ok: true, effects: readEffects(areas) };
  return { ok: false, code: nameOf(ERRORS, status)[0], offset: areas.errorOffset };
}

/** Makes a recorded step again. Null: the request does not fit the IN area. */
export function replayStep(areas: Areas, request: Uint8Array): Omit<RecordedStep, "request"> | null {
  if (!areas.write(request, 0)) return null;
  const status = areas.call((core) => core.mtasts_step(areas.in, request.length));
  return { status, output: areas.output };
}
