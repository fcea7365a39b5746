// Random transcripts through both builds: whole lives of a domain, with damaged requests and states in between.
import { expect, it } from "vitest";
import * as abi from "../../assembly/abi.ts";
import { list, octets, repairChecksum, type StepFields, stepFrame } from "./frames.ts";
import { LENIENCY_CHOICES, policyBody, rrset } from "./generate.ts";
import { countsOf, Pair } from "./pair.ts";
import { policyText, Random, txt } from "./walk.ts";

const INPUTS = 200_000;
const LIFE = 60; // steps
const IDS = ["1", "2", "3", "abc", "ABC", "zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz"];
const BODIES = [
  policyText("enforce", ["mx1.example.com"], 604_800),
  policyText("enforce", ["mx2.example.com"], 86_400),
  policyText("testing", ["*.example.com"], 604_800),
  policyText("none", [], 86_400),
  policyText("enforce", ["mx1.example.com"], 600),
  policyText("none", [], 0),
  policyText("enforce", ["mx1.example.com"], 31_557_600),
].map(octets);
const GAPS = [0, 0, 0, 1, 1, 10, 59, 60, 61, 301, 601, 3600, 43_200, 86_400, 200_000];

/** One domain's life: its state, its clock and the flights it has out. */
class Life {
  readonly #random: Random;
  readonly #leniency: number;
  readonly #onFailure: number;
  state: Uint8Array | null = null;
  #now = 2_000_000_000;
  #uptime = 1000;
  #milliseconds = 0;
  #boot = 1;
  #highWater = 0;
  readonly #tokens: Uint8Array[] = [];
  #wanted: number[] = [];

  constructor(random: Random) {
    this.#random = random;
    this.#leniency = random.pick(LENIENCY_CHOICES);
    this.#onFailure = random.pick([0, 0, 0, 1, 2]);
  }

  /** Time passes, seldom strangely. */
  #tick(): void {
    const random = this.#random;
    const gap = random.pick(GAPS) + (random.chance(1) ? 20_000_000 : 0);
    this.#milliseconds = random.chance(30) ? random.below(1000) : this.#milliseconds;
    this.#now += gap;
    this.#uptime += gap;
    if (random.chance(5)) this.#highWater = this.#now;
    if (random.chance(1)) this.#now += random.pick([-40_000_000, 40_000_000, -1000, 1000]);
    if (random.chance(2)) {
      this.#boot++;
      this.#uptime = random.below(1000);
      this.#tokens.length = 0;
    }
  }

  #event(): Pick<StepFields, "event" | "data" | "type" | "token" | "more"> {
    const random = this.#random;
    // Mostly what the transition asked for, else anything.
    const event = random.chance(70) && this.#wanted.length > 0 ? random.pick(this.#wanted) : 1 + random.below(6);
    if (event === abi.EVENT_RECORD) return this.#record();
    const token = this.#tokens.at(random.chance(85) ? -1 : random.below(8));
    if (event === abi.EVENT_POLICY && token) return this.#policy(token);
    return { event: event === abi.EVENT_POLICY ? abi.EVENT_LOOKUP : event };
  }

  #record(): Pick<StepFields, "event" | "data" | "more"> {
    const random = this.#random;
    const outcome = random.pick([1, 1, 1, 1, 2, 3]);
    const data = random.chance(60) ? list([txt(`v=STSv1; id=${random.pick(IDS)}`)]) : rrset(random);
    const more = {
      [abi.Q_OUTCOME]: outcome,
      [abi.Q_TTL]: random.pick([0, 17, 60, 300, 3600, 0xffffffff]),
      [abi.Q_SECURE]: random.below(2),
    };
    return outcome === 1 ? { event: abi.EVENT_RECORD, data, more } : { event: abi.EVENT_RECORD, more };
  }

  #policy(token: Uint8Array): Pick<StepFields, "event" | "data" | "type" | "token" | "more"> {
    const random = this.#random;
    const outcome = random.chance(70) ? 0 : random.below(14);
    if (outcome !== 0) return { event: abi.EVENT_POLICY, token, more: { [abi.Q_OUTCOME]: outcome } };
    const data = random.chance(70) ? random.pick(BODIES) : policyBody(random);
    const type = random.chance(90) ? octets("text/plain") : random.pick([null, octets("text/html")]);
    return { event: abi.EVENT_POLICY, token, data, type };
  }

  request(): Uint8Array {
    this.#tick();
    const random = this.#random;
    const event = this.#event();
    const flags = random.chance(60) ? 0 : random.below(64);
    return stepFrame({
      now: this.#now >>> 0,
      uptime: this.#uptime >>> 0,
      boot: this.#boot,
      domain: "example.com",
      state: this.state,
      ...event,
      more: {
        [abi.Q_UPTIME_MS]: this.#milliseconds,
        [abi.Q_SEED]: random.next(),
        [abi.Q_HIGH_WATER]: this.#highWater,
        [abi.Q_FLAGS]: flags,
        [abi.Q_LENIENCY]: this.#leniency,
        [abi.Q_ON_FAILURE]: this.#onFailure,
        ...event.more,
      },
    });
  }

  /** Reads the effects as a host would, and counts what it sees. */
  apply(payload: Buffer, seen: Seen): void {
    this.#wanted = [];
    for (let at = 0; at < payload.length; ) {
      const kind = payload.readUInt32LE(at);
      const size = payload.readUInt32LE(at + 4);
      const fields = payload.subarray(at + abi.EFFECT_HEADER, at + size);
      seen.count("effect", kind);
      if (kind === abi.EFFECT_STATE) this.state = Uint8Array.from(fields);
      if (kind === abi.EFFECT_QUERY_RECORD) this.#wanted.push(abi.EVENT_RECORD, abi.EVENT_RECORD, abi.EVENT_DEADLINE);
      if (kind === abi.EFFECT_GET_POLICY) {
        this.#tokens.push(Uint8Array.from(fields.subarray(4)));
        this.#wanted.push(abi.EVENT_POLICY);
      }
      if (kind === abi.EFFECT_WAKE_AT) this.#wanted.push(abi.EVENT_REFRESH, abi.EVENT_LOOKUP, abi.EVENT_RECHECK);
      if (kind === abi.EFFECT_NOTICE) seen.count("notice", fields.readUInt32LE(0));
      if (kind === abi.EFFECT_ANSWER) {
        for (const [i, name] of (["status", "verdict", "result", "reason"] as const).entries())
          seen.count(name, fields.readUInt32LE(4 * i));
        seen.count("detail", fields.readInt32LE(16));
      }
      at += size;
    }
  }
}

class Seen {
  readonly counts = new Map<string, Map<number, number>>();

  count(name: string, value: number): void {
    const counts = this.counts.get(name) ?? new Map<number, number>();
    counts.set(value, (counts.get(value) ?? 0) + 1);
    this.counts.set(name, counts);
  }

  numbers(name: string): number[] {
    return [...(this.counts.get(name)?.keys() ?? [])].sort((a, b) => a - b);
  }
}

/** Octets of the fixed fields, of the state, or of anything, changed; the state's checksum put right half of the time. */
function damage(random: Random, request: Uint8Array): Uint8Array {
  const damaged = request.slice();
  const view = new DataView(damaged.buffer);
  const stateAt = view.getUint32(abi.Q_STATE, true);
  const stateLength = view.getUint32(abi.Q_STATE + 4, true);
  const where = random.below(3);
  for (let n = 1 + random.below(3); n > 0; n--) {
    const at =
      where === 0
        ? random.below(abi.Q_SIZE)
        : where === 1 && stateLength > 0
          ? stateAt + random.below(stateLength)
          : random.below(damaged.length);
    damaged[at] = random.chance(50) ? (damaged[at] ?? 0) ^ (1 << random.below(8)) : random.below(256);
  }
  if (stateLength > 0 && random.chance(50))
    damaged.set(
      repairChecksum(
        request.length >= stateAt + stateLength ? damaged.subarray(stateAt, stateAt + stateLength) : new Uint8Array(),
      ),
      stateAt,
    );
  return damaged;
}

const upTo = (last: number, first = 1): number[] => Array.from({ length: last - first + 1 }, (_, i) => first + i);

it(`step: wasm and portable build agree on ${INPUTS} steps of random transcripts, every effect, notice, status and verdict among them`, () => {
  const random = new Random(0x73746570);
  const pair = new Pair((status) => status >= 0);
  const seen = new Seen();
  while (pair.tally.inputs < INPUTS) {
    const life = new Life(random);
    for (let i = 0; i < LIFE; i++) {
      const request = life.request();
      if (random.chance(25)) {
        const damaged = damage(random, request);
        pair.run(damaged, (core, at) => core.mtasts_step(at, damaged.length));
      }
      if (random.chance(1)) pair.run(request, (core, at) => core.mtasts_step(at - 1, request.length));
      if (pair.run(request, (core, at) => core.mtasts_step(at, request.length)) >= 0) life.apply(pair.payload, seen);
    }
  }
  const { inputs, accepted, codes } = pair.tally;
  console.log(
    `step: ${inputs} inputs, ${((100 * accepted) / inputs).toFixed(1)} % accepted; effects given or error: ${countsOf(codes)}`,
  );
  for (const [name, counts] of seen.counts) console.log(`step: ${name} ${countsOf(counts)}`);
  expect(accepted / inputs).toBeGreaterThan(0.2);
  expect([...codes.keys()].filter((code) => code < 0).sort((a, b) => b - a)).toEqual([
    abi.E_BOUNDS,
    abi.E_REQUEST,
    abi.E_STATE,
  ]);
  expect(seen.numbers("effect")).toEqual(upTo(abi.EFFECT_ANSWER));
  expect(seen.numbers("notice")).toEqual(upTo(abi.NOTICE_LENIENCY_USED));
  expect(seen.numbers("status")).toEqual(upTo(abi.STATUS_PENDING)); // store-failed is the host's own word
  expect(seen.numbers("verdict")).toEqual(upTo(abi.VERDICT_TEMP, 0));
  expect(seen.numbers("reason")).toEqual(upTo(abi.REASON_STORE_UNAVAILABLE, 0));
  expect(seen.numbers("result")).toEqual([
    abi.RESULT_NONE,
    abi.RESULT_STS_POLICY_FETCH_ERROR,
    abi.RESULT_STS_POLICY_INVALID,
    abi.RESULT_STS_WEBPKI_INVALID,
  ]);
});
