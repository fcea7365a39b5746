// The wasm and its portable twin agree on every octet of every answer, for mutated inputs of each parser, plan and judge.
import { describe, expect, it } from "vitest";
import * as abi from "../../assembly/abi.ts";
import { ERRORS } from "../../host/core/names.ts";
import { frame, list } from "./frames.ts";
import {
  hostName,
  LENIENCY_CHOICES,
  namesAndHost,
  patternAndHost,
  peerCertificates,
  policyBody,
  references,
  rrset,
  tlsaRrset,
} from "./generate.ts";
import { countsOf, Pair, type Tally } from "./pair.ts";
import { Random } from "./walk.ts";

const INPUTS = 200_000;

const codesBetween = (high: number, low: number): number[] =>
  Object.keys(ERRORS)
    .map(Number)
    .filter((code) => code <= high && code >= low);

const RECORD_CODES = codesBetween(abi.E_RECORD_SEVERAL, abi.E_RECORD_NO_ID);
const POLICY_CODES = codesBetween(abi.E_POLICY_TOO_LARGE, abi.E_POLICY_NO_MX);

/** Pointers as they should be, and now and then as they should not. */
function place(random: Random, length: number): readonly [number, number] {
  if (!random.chance(1)) return [0, length];
  return random.pick([
    [-1, length],
    [0, -1],
    [abi.IN_CAPACITY, 1],
    [1, abi.IN_CAPACITY],
    [-1_000_000, 4],
    [0, length],
  ] as const);
}

function report(name: string, { inputs, accepted, codes }: Tally, expected: readonly number[]): void {
  console.log(`${name}: ${inputs} inputs, ${((100 * accepted) / inputs).toFixed(1)} % accepted; ${countsOf(codes)}`);
  expect(inputs).toBeGreaterThanOrEqual(INPUTS);
  expect(accepted / inputs).toBeGreaterThan(0.2);
  for (const code of expected) expect(codes.get(code) ?? 0, `${name} never returned ${code}`).toBeGreaterThan(0);
  for (const code of codes.keys())
    expect(code >= 0 || expected.includes(code), `${name} returned ${code}, which is not one of its codes`).toBe(true);
}

const positive = (status: number): boolean => status > 0;

describe("wasm and portable build agree", () => {
  it(`record_select, ${INPUTS} mutated RRsets (R-8461-3.1-04)`, () => {
    const random = new Random(0x7265636f);
    const pair = new Pair(positive);
    for (let i = 0; i < INPUTS; i++) {
      const request = rrset(random);
      const leniency = random.pick(LENIENCY_CHOICES);
      const [from, length] = place(random, request.length);
      pair.run(request, (core, at) => core.mtasts_record_select(at + from, length, leniency));
    }
    report("record_select", pair.tally, [1, 0, abi.E_BOUNDS, abi.E_REQUEST, ...RECORD_CODES]);
  });

  it(`policy_parse, ${INPUTS} mutated bodies (R-8461-3.2-29)`, () => {
    const random = new Random(0x706f6c69);
    const pair = new Pair(positive);
    for (let i = 0; i < INPUTS; i++) {
      const request = policyBody(random);
      const leniency = random.pick(LENIENCY_CHOICES);
      const [from, length] = place(random, request.length);
      pair.run(request, (core, at) => core.mtasts_policy_parse(at + from, length, leniency));
    }
    report("policy_parse", pair.tally, [1, abi.E_BOUNDS, ...POLICY_CODES]);
  });

  it(`mx_match, ${INPUTS} mutated pairs`, () => {
    const random = new Random(0x6d786d78);
    const pair = new Pair(positive);
    for (let i = 0; i < INPUTS; i++) {
      const [pattern, host] = patternAndHost(random);
      const [from, length] = place(random, pattern.length);
      pair.run(Buffer.concat([pattern, host]), (core, at) =>
        core.mtasts_mx_match(at + from, length, at + pattern.length, host.length),
      );
    }
    report("mx_match", pair.tally, [1, 0, abi.E_BOUNDS, abi.E_PATTERN]);
  });

  it(`dnsid_match, ${INPUTS} mutated lists`, () => {
    const random = new Random(0x646e7369);
    const pair = new Pair(positive);
    for (let i = 0; i < INPUTS; i++) {
      const [names, host] = namesAndHost(random);
      const [from, length] = place(random, names.length);
      pair.run(Buffer.concat([names, host]), (core, at) =>
        core.mtasts_dnsid_match(at + from, length, at + names.length, host.length),
      );
    }
    report("dnsid_match", pair.tally, [1, 0, abi.E_BOUNDS, abi.E_REQUEST]);
  });

  it(`plan, ${INPUTS} mutated requests`, () => {
    const random = new Random(0x706c616e);
    const pair = new Pair(positive);
    const actions = new Set<number>();
    const reasons = new Set<number>();
    for (let i = 0; i < INPUTS; i++) {
      const names = Array.from({ length: random.below(5) }, () => hostName(random));
      const facts = random.chance(50) ? abi.FACTS_DANE | random.pick([0, 2, 2, 2, 6]) : 0;
      const hosts = names.flatMap((name) =>
        facts === 0 ? [list([name])] : [list([name]), Uint8Array.of(1 + random.below(7), 0)],
      );
      const request = frame(
        abi.P_SIZE,
        {
          [abi.P_VERSION]: 1,
          [abi.P_VERDICT]: random.pick([0, 1, 1, 1, 1, 2]),
          [abi.P_LENIENCY]: random.pick(LENIENCY_CHOICES),
          [abi.P_FLAGS]: facts,
        },
        { [abi.P_POLICY]: policyBody(random), [abi.P_HOSTS]: Buffer.concat(hosts) },
      );
      if (random.chance(10)) request[random.below(abi.P_SIZE)] = random.below(256);
      const [from, length] = place(random, request.length);
      if (pair.run(request, (core, at) => core.mtasts_plan(at + from, length)) < 0) continue;
      for (let at = 0; at < pair.payload.length; at += abi.PLAN_ENTRY) {
        actions.add(pair.payload.readUInt32LE(at));
        reasons.add(pair.payload.readUInt32LE(at + 4));
      }
    }
    report("plan", pair.tally, [0, 1, 2, 3, 4, abi.E_BOUNDS, abi.E_REQUEST, ...POLICY_CODES]);
    expect(actions.size).toBe(abi.ACTION_ENCRYPT);
    expect(reasons.size).toBe(abi.PLAN_DANE_REQUIRED + 1);
  });

  it(`judge, ${INPUTS} mutated requests`, () => {
    const random = new Random(0x6a756467);
    const pair = new Pair(positive);
    const whys = new Set<number>();
    const results = new Set<number>();
    for (let i = 0; i < INPUTS; i++) {
      const [names, host] = namesAndHost(random);
      const action = random.pick([
        abi.ACTION_PKIX,
        abi.ACTION_PKIX,
        2,
        2,
        abi.ACTION_OPPORTUNISTIC,
        abi.ACTION_SKIP,
        5,
      ]);
      const request = frame(
        abi.J_SIZE,
        {
          [abi.J_VERSION]: 1,
          [abi.J_ACTION]: action,
          [abi.J_REASON]: action === abi.ACTION_PKIX ? 0 : random.below(8),
          [abi.J_EVALUATE]: random.below(2),
          [abi.J_FLAGS]: random.below(2),
          [abi.J_SESSION]: random.pick([1, 2, 3, 4, 5, 5, 5, 5, 5]),
          [abi.J_TLS_VERSION]: random.pick([0, 0x301, 0x303, 0x304]),
          [abi.J_CHAIN]: random.pick(
            action === abi.ACTION_DANE ? [1, 2, 3, 4, 5, 6, 7, 7, 8] : [0, 0, 0, 0, 1, 2, 3, 4, 5],
          ),
        },
        { [abi.J_NAMES]: names, [abi.J_HOST]: action === abi.ACTION_DANE ? references(random, host) : host },
      );
      if (random.chance(10)) request[random.below(abi.J_SIZE)] = random.below(256);
      const [from, length] = place(random, request.length);
      if (pair.run(request, (core, at) => core.mtasts_judge(at + from, length)) < 0) continue;
      results.add(pair.payload.readUInt32LE(4));
      whys.add(pair.payload.readUInt32LE(12));
    }
    report("judge", pair.tally, [abi.JUDGE_DELIVER, abi.JUDGE_NEXT_HOST, abi.JUDGE_DEFER, abi.E_BOUNDS, abi.E_REQUEST]);
    expect(whys.size).toBe(abi.WHY_DANE_REQUIRED + 1);
    expect([...results].sort()).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8]);
  });

  it(`tlsa_usable, ${INPUTS} mutated RRsets (R-6698-4.1-01)`, () => {
    const random = new Random(0x746c7361);
    const pair = new Pair(positive);
    for (let i = 0; i < INPUTS; i++) {
      const request = tlsaRrset(random);
      const [from, length] = place(random, request.length);
      pair.run(request, (core, at) => core.mtasts_tlsa_usable(at + from, length));
    }
    report("tlsa_usable", pair.tally, [0, 1, 2, 3, 4, abi.E_BOUNDS, abi.E_REQUEST]);
  });

  it(`tlsa_match, ${INPUTS} mutated requests (R-6698-2.1-01)`, () => {
    const random = new Random(0x6d617463);
    const pair = new Pair(positive);
    for (let i = 0; i < INPUTS; i++) {
      const request = frame(
        abi.M_SIZE,
        { [abi.M_VERSION]: 1 },
        { [abi.M_RECORDS]: tlsaRrset(random), [abi.M_CERTIFICATES]: peerCertificates(random) },
      );
      if (random.chance(5)) request[random.below(abi.M_SIZE)] = random.below(256);
      const [from, length] = place(random, request.length);
      pair.run(request, (core, at) => core.mtasts_tlsa_match(at + from, length));
    }
    report("tlsa_match", pair.tally, [0, 1, 2, abi.E_BOUNDS, abi.E_REQUEST]);
  });

  it("tlsa_base, every argument there is", () => {
    const pair = new Pair((status) => status >= 0);
    for (let addresses = -1; addresses <= 9; addresses++)
      for (let expanded = -1; expanded <= 9; expanded++)
        for (let original = -1; original <= 9; original++)
          pair.run(new Uint8Array(), (core) => core.mtasts_tlsa_base(addresses, expanded, original));
    expect(pair.tally.accepted).toBe(7 * 6 * 6);
  });
});
