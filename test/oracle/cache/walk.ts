// Random histories of one domain, told to the model and to the core alike. A host that behaves drives them: one query and
// one GET at a time, and every flight that lands was asked for; when and with what, is anybody's guess.
import { isDeepStrictEqual } from "node:util";
import fc from "fast-check";
import type { Core } from "../../../host/core/core.ts";
import type { Effect, StepEvent } from "../../../host/core/step.ts";
import { toBytes, writeList } from "../octets.ts";
import { predictionOf } from "./core-prediction.ts";
import type { OnDiscoveryFailure } from "./discovery-failure.ts";
import { type CacheEvent, CacheModel, type Flags, type Prediction } from "./model.ts";

const START = { now: 2_000_000_000, uptime: 1_000_000, boot: 1 };

const policy = (mode: string, maxAge: number, mx = "mx1.example.com"): string =>
  `version: STSv1\nmode: ${mode}\nmx: ${mx}\nmax_age: ${maxAge}\n`;
const BODIES = [
  policy("enforce", 604_800),
  policy("enforce", 604_800),
  policy("enforce", 604_800, "*.example.net"),
  policy("testing", 604_800),
  policy("none", 86_400),
  policy("enforce", 600),
  policy("enforce", 3600),
  policy("testing", 0),
  policy("enforce", 30),
  policy("enforce", 31_557_600),
  "not a policy",
  "a".repeat(65_537),
];
const txt = (...texts: string[]): string => writeList(texts.map((text) => String.fromCharCode(text.length) + text));
const RECORDS = [
  "failed",
  "failed",
  "none",
  txt("v=STSv1; id=1;"),
  txt("v=STSv1; id=1;"),
  txt("v=STSv1; id=1;"),
  txt("v=STSv1; id=2;"),
  txt("v=STSv1; id=3;"),
  txt("v=STSv1; id=4"),
  txt("v=STSv1; id=no-good;"),
  txt("v=STSv1; id=1;", "v=STSv1; id=2;"),
  txt("v=spf1 -all"),
  "",
];

interface Move {
  readonly wait: number;
  readonly kind: CacheEvent["kind"];
  readonly record: string;
  readonly ttl: number;
  /** null: the GET failed. */
  readonly body: string | null;
  readonly aborted: boolean;
}

const waits = fc.oneof(
  fc.constantFrom(0, 0.25, 0.5, 1, 1, 5, 9, 10, 30, 59, 60, 61, 120, 299, 300, 301, 599, 600, 601),
  fc.constantFrom(
    1799,
    1800,
    3599,
    3600,
    7200,
    43_200,
    86_399,
    86_400,
    86_401,
    604_800,
    604_801,
    15_000_000,
    16_000_000,
  ),
  fc.nat(700),
);
const kinds = fc.constantFrom<CacheEvent["kind"]>(
  "lookup",
  "lookup",
  "lookup",
  "record",
  "record",
  "record",
  "policy",
  "policy",
  "policy",
  "refresh",
  "recheck",
  "deadline",
);
const moves: fc.Arbitrary<Move> = fc.record({
  wait: waits,
  kind: kinds,
  record: fc.constantFrom(...RECORDS),
  ttl: fc.constantFrom(0, 1, 30, 60, 61, 300, 599, 600, 601, 1800, 3600, 86_400),
  body: fc.oneof(
    { weight: 3, arbitrary: fc.constantFrom<string | null>(...BODIES) },
    { weight: 1, arbitrary: fc.constant(null) },
  ),
  aborted: fc.boolean(),
});
/** Ids that change all the time, within an hour or two. */
const churning: fc.Arbitrary<Move> = fc.record({
  wait: fc.constantFrom(0, 0, 0, 0, 0, 1, 59, 60, 61, 300, 3540, 3600),
  kind: fc.constantFrom<CacheEvent["kind"]>("lookup", "record", "record", "policy", "recheck", "recheck"),
  record: fc.integer({ min: 1, max: 9 }).map((id) => txt(`v=STSv1; id=${id};`)),
  ttl: fc.constantFrom(0, 60, 300),
  body: fc.constantFrom(null, null, BODIES[0] ?? "", BODIES[2] ?? "", "not a policy"),
  aborted: fc.constant(false),
});
/** A policy that was found once, whose host is down for hours. */
const failing: fc.Arbitrary<Move> = fc.record({
  wait: fc.constantFrom(0, 0, 0, 300, 600, 1200, 2400, 3600, 43_200),
  kind: fc.constantFrom<CacheEvent["kind"]>("lookup", "record", "policy", "refresh"),
  record: fc.constantFrom(txt("v=STSv1; id=1;"), "none"),
  ttl: fc.constantFrom(60, 300),
  body: fc.constant(null),
  aborted: fc.constant(false),
});
const found: Move[] = (["lookup", "record", "policy"] as const).map((kind) => ({
  wait: 0,
  kind,
  record: txt("v=STSv1; id=1;"),
  ttl: 300,
  body: BODIES[0] ?? "",
  aborted: false,
}));
const many = { minLength: 1, maxLength: 60, size: "max" } as const;
export const histories: fc.Arbitrary<Move[]> = fc.oneof(
  { weight: 3, arbitrary: fc.array(moves, many) },
  { weight: 1, arbitrary: fc.array(churning, many) },
  { weight: 1, arbitrary: fc.array(failing, many).map((more) => [...found, ...more]) },
);
export const options = fc.constantFrom<OnDiscoveryFailure>("defer-briefly", "defer-briefly", "deliver", "defer");

const rdataOf = (rrset: string): Uint8Array[] => {
  const records: Uint8Array[] = [];
  for (let at = 0; at < rrset.length; ) {
    const length = rrset.charCodeAt(at) + 256 * rrset.charCodeAt(at + 1);
    records.push(toBytes(rrset.slice(at + 2, at + 2 + length)));
    at += 2 + length;
  }
  return records;
};

/** One history: what is in flight, and the state that the core gave last. */
class Walk {
  readonly #core: Core;
  readonly #onFailure: OnDiscoveryFailure;
  readonly #model: CacheModel;
  readonly #tokens: Uint8Array[] = [];
  #state: Uint8Array | null = null;
  #query = false;
  /** The flights under way, from 1. */
  #gets: number[] = [];
  #recheck = false;
  #at = 0;
  #busySince = 0;

  constructor(core: Core, onFailure: OnDiscoveryFailure) {
    this.#core = core;
    this.#onFailure = onFailure;
    this.#model = new CacheModel(onFailure);
  }

  /** What both said; throws where they differ. Null for a move that no host would make now. */
  move(move: Move): Prediction | null {
    if (move.kind === "record" && !this.#query) return null;
    if (move.kind === "policy" && this.#gets.length === 0) return null;
    // Whatever is under way ends within a minute (R-8461-3.3-13).
    const busy = this.#query || this.#gets.length > 0;
    if (!busy) this.#busySince = this.#at + move.wait;
    this.#at = Math.min(this.#at + move.wait, busy ? this.#busySince + 60 : Number.POSITIVE_INFINITY);
    const event = this.#event(move);
    if (event.kind === "record") this.#query = false;
    if (event.kind === "policy") this.#gets = this.#gets.filter((flight) => flight !== event.flight);
    if (event.kind === "recheck") this.#recheck = true;
    const flags = { query: this.#query, get: this.#gets.length > 0, recheck: this.#recheck };
    const predicted = this.#model.step(event, this.#at, flags);
    const effects = this.#step(event, flags);
    const seen = predictionOf(effects, predicted);
    if (!isDeepStrictEqual(seen, predicted))
      throw new Error(`${event.kind} at ${this.#at}: core ${JSON.stringify(seen)}, model ${JSON.stringify(predicted)}`);
    this.#carryOut(effects);
    return seen;
  }

  #event({ kind, record, ttl, body, aborted }: Move): CacheEvent {
    if (kind === "record") return { kind, rrset: record, ttl };
    if (kind === "policy") return { kind, flight: this.#gets[0] ?? 0, body, aborted: body === null && aborted };
    return { kind };
  }

  #step(event: CacheEvent, flags: Flags): readonly Effect[] {
    const result = this.#core.step({
      event: this.#stepEvent(event),
      clock: { now: START.now + Math.floor(this.#at), uptimeMs: (START.uptime + this.#at) * 1000, boot: START.boot },
      seed: 0,
      highWater: 0,
      domain: "example.com",
      state: this.#state,
      queryInFlight: flags.query,
      getInFlight: flags.get,
      recheckWaiting: flags.recheck,
      pastLost: false,
      storeUnreadable: false,
      leniency: [],
      onDiscoveryFailure: this.#onFailure,
    });
    if (!result.ok) throw new Error(`${event.kind}: ${result.code}`);
    return result.effects;
  }

  #stepEvent(event: CacheEvent): StepEvent {
    if (event.kind === "record") {
      if (event.rrset === "failed") return { kind: "record", outcome: "failed" };
      if (event.rrset === "none") return { kind: "record", outcome: "none", ttl: event.ttl };
      return { kind: "record", outcome: "answered", rrset: rdataOf(event.rrset), ttl: event.ttl };
    }
    if (event.kind !== "policy") return { kind: event.kind };
    const token = this.#tokens[event.flight - 1] ?? new Uint8Array();
    if (event.body === null) return { kind: "policy", token, failure: event.aborted ? "aborted" : "connect" };
    return { kind: "policy", token, body: toBytes(event.body), contentType: "text/plain" };
  }

  #carryOut(effects: readonly Effect[]): void {
    for (const effect of effects) {
      if (effect.kind === "state") this.#state = effect.state;
      if (effect.kind === "query-record") this.#query = true;
      if (effect.kind === "get-policy" && this.#gets.length === 0) this.#busySince = this.#at;
      if (effect.kind === "get-policy") this.#gets.push(this.#tokens.push(effect.token));
      if (effect.kind === "answer") this.#recheck = false;
    }
  }
}

/** Plays a history; says to `told` what both said of each move. */
export function play(
  core: Core,
  onFailure: OnDiscoveryFailure,
  history: readonly Move[],
  told: (what: string) => void,
): void {
  const walk = new Walk(core, onFailure);
  for (const move of history) {
    const said = walk.move(move);
    if (said === null) continue;
    if (said.answer !== null) told(said.answer.replace(/ id=.*/, ""));
    for (const notice of said.notices) told(`notice ${notice}`);
    if (said.get !== null) told(`get-policy ${said.get.split(" ")[0]}`);
    if (said.query !== null) told(`query-record ${said.query}`);
  }
}
