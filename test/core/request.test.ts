// A malformed request is an error with the place where it is wrong, never a trap and never half an answer.
import { describe, expect, it } from "vitest";
import * as abi from "../../assembly/abi.ts";
import type { CoreExports } from "../../host/core/exports.ts";
import { builds } from "./builds.ts";
import {
  callFrame,
  callPair,
  callText,
  type FrameFunction,
  frame,
  list,
  octets,
  outcome,
  stepFrame,
} from "./frames.ts";

const POLICY = octets("version: STSv1\nmode: enforce\nmx: mx1.example.com\nmax_age: 604800\n");

const lookup = stepFrame({ event: abi.EVENT_LOOKUP, now: 2_000_000_000, uptime: 100, boot: 1, domain: "example.com" });

const record = stepFrame({
  event: abi.EVENT_RECORD,
  now: 2_000_000_000,
  uptime: 100,
  boot: 1,
  domain: "example.com",
  data: list([Uint8Array.of(12, ...octets("v=STSv1;id=1"))]),
  more: { [abi.Q_OUTCOME]: abi.RECORD_ANSWERED },
});

const token = new Uint8Array(abi.TOKEN_SIZE);
new DataView(token.buffer).setUint32(abi.TOKEN_BOOT, 1, true);

const policy = stepFrame({
  event: abi.EVENT_POLICY,
  now: 2_000_000_000,
  uptime: 100,
  boot: 1,
  domain: "example.com",
  token,
  data: POLICY,
  type: octets("text/plain"),
});

const plan = frame(
  abi.P_SIZE,
  { [abi.P_VERSION]: 1, [abi.P_VERDICT]: abi.VERDICT_POLICY },
  { [abi.P_POLICY]: POLICY, [abi.P_HOSTS]: list(["mx1.example.com"]) },
);

const judge = frame(
  abi.J_SIZE,
  {
    [abi.J_VERSION]: 1,
    [abi.J_ACTION]: abi.ACTION_PKIX,
    [abi.J_REASON]: abi.PLAN_OK,
    [abi.J_EVALUATE]: 1,
    [abi.J_SESSION]: abi.SESSION_TLS,
    [abi.J_TLS_VERSION]: abi.TLS_1_2,
    [abi.J_CHAIN]: abi.CHAIN_VALID,
  },
  { [abi.J_NAMES]: list(["mx1.example.com"]), [abi.J_HOST]: octets("mx1.example.com") },
);

const daneJudge = frame(
  abi.J_SIZE,
  {
    [abi.J_VERSION]: 1,
    [abi.J_ACTION]: abi.ACTION_DANE,
    [abi.J_SESSION]: abi.SESSION_TLS,
    [abi.J_TLS_VERSION]: abi.TLS_1_2,
    [abi.J_CHAIN]: abi.CHAIN_DANE_TA,
  },
  { [abi.J_NAMES]: list(["mx1.example.com"]), [abi.J_HOST]: list(["mx1.example.com", "example.com"]) },
);

const danePlan = frame(
  abi.P_SIZE,
  { [abi.P_VERSION]: 1, [abi.P_VERDICT]: abi.VERDICT_NONE, [abi.P_FLAGS]: abi.FACTS_DANE | abi.FACTS_MX_SECURE },
  { [abi.P_HOSTS]: Buffer.concat([list(["mx1.example.com"]), Uint8Array.of(abi.DANE_USABLE, 0)]) },
);

/** One certificate, laid out by hand. */
const certificateEntry = Buffer.concat([
  new Uint8Array(abi.PEER_CERTIFICATE),
  Uint8Array.of(3, 0, 0, 0, 0x30, 1, 97, 2, 0, 0, 0, 0x30, 0),
]);

const match = frame(
  abi.M_SIZE,
  { [abi.M_VERSION]: 1 },
  {
    [abi.M_RECORDS]: list([Uint8Array.of(3, 0, 0, 0x30, 1, 97)]),
    [abi.M_CERTIFICATES]: certificateEntry,
  },
);

function withField(request: Uint8Array, field: number, value: number): Uint8Array {
  const changed = request.slice();
  new DataView(changed.buffer).setUint32(field, value >>> 0, true);
  return changed;
}

const FAR = [0x7fffffff, 0x80000000, 0xfffffff0, 0xffffffff];

/** Field, the offset that is reported for it, and values that cannot be. */
interface BadField {
  readonly what: string;
  readonly field: number;
  readonly values: readonly number[];
  /** Where it is not the field itself. */
  readonly reported?: number;
}

const bad = (what: string, field: number, values: readonly number[], reported = field): BadField => ({
  what,
  field,
  values,
  reported,
});

const badStepFields: readonly BadField[] = [
  bad("version", abi.Q_VERSION, [0, 2, ...FAR]),
  bad("event", abi.Q_EVENT, [0, 7, ...FAR]),
  bad("uptime milliseconds", abi.Q_UPTIME_MS, [1000, ...FAR]),
  bad("flags", abi.Q_FLAGS, [64, 128, ...FAR]),
  bad("leniency", abi.Q_LENIENCY, [16, ...FAR]),
  bad("on-failure", abi.Q_ON_FAILURE, [3, ...FAR]),
  bad("domain offset", abi.Q_DOMAIN, [100_000, ...FAR]),
  bad("domain length", abi.Q_DOMAIN + 4, [0, 254, 100_000, ...FAR], abi.Q_DOMAIN),
  bad("state offset", abi.Q_STATE, [100_000, ...FAR]),
  bad("state length", abi.Q_STATE + 4, [100_000, 0x7fffffff, 0xfffffff0], abi.Q_STATE),
  bad("data offset", abi.Q_DATA, [100_000, ...FAR]),
  bad("data length", abi.Q_DATA + 4, [100_000, 0x7fffffff, 0xfffffff0], abi.Q_DATA),
  bad("type offset", abi.Q_TYPE, [100_000, ...FAR]),
  bad("type length", abi.Q_TYPE + 4, [100_000, 0x7fffffff, 0xfffffff0], abi.Q_TYPE),
];

const badPolicyFields: readonly BadField[] = [
  bad("outcome", abi.Q_OUTCOME, [14, ...FAR]),
  bad("token milliseconds", abi.Q_TOKEN + abi.TOKEN_UPTIME_MS, [1000, ...FAR], abi.Q_TOKEN),
  bad("token boot", abi.Q_TOKEN + abi.TOKEN_BOOT, [0, 2, ...FAR], abi.Q_TOKEN),
  bad("token id length", abi.Q_TOKEN + abi.TOKEN_ID_LENGTH, [33, ...FAR], abi.Q_TOKEN),
];

const badRecordFields: readonly BadField[] = [bad("outcome", abi.Q_OUTCOME, [0, 4, ...FAR])];

const badPlanFields: readonly BadField[] = [
  bad("version", abi.P_VERSION, [0, 2, ...FAR]),
  bad("verdict", abi.P_VERDICT, [3, ...FAR]),
  bad("policy offset", abi.P_POLICY, [100_000, ...FAR]),
  bad("policy length", abi.P_POLICY + 4, [100_000, ...FAR], abi.P_POLICY),
  bad("leniency", abi.P_LENIENCY, [16, ...FAR]),
  bad("hosts offset", abi.P_HOSTS, [100_000, ...FAR]),
  bad("hosts length", abi.P_HOSTS + 4, [100_000, ...FAR], abi.P_HOSTS),
  bad("flags", abi.P_FLAGS, [8, 16, ...FAR]),
  bad("flags about the MX RRset without the hosts' states", abi.P_FLAGS, [2, 4, 6]),
];

const badMatchFields: readonly BadField[] = [
  bad("version", abi.M_VERSION, [0, 2, ...FAR]),
  bad("records offset", abi.M_RECORDS, [100_000, ...FAR]),
  bad("records length", abi.M_RECORDS + 4, [100_000, ...FAR], abi.M_RECORDS),
  bad("records list that is cut", abi.M_RECORDS + 4, [1, 2, 7], abi.M_RECORDS),
  bad("certificates offset", abi.M_CERTIFICATES, [100_000, ...FAR]),
  bad("certificates length", abi.M_CERTIFICATES + 4, [100_000, ...FAR], abi.M_CERTIFICATES),
  bad("list of certificates that is cut", abi.M_CERTIFICATES + 4, [1, 191, 199, 200, 204], abi.M_CERTIFICATES),
  bad(
    "certificate that is longer than the list",
    abi.M_SIZE + 8 + abi.PEER_CERTIFICATE,
    [4, 6, 1000, ...FAR],
    abi.M_CERTIFICATES,
  ),
];

const badDaneJudgeFields: readonly BadField[] = [
  bad("chain", abi.J_CHAIN, [abi.CHAIN_VALID, 9, ...FAR]),
  bad("names list that is cut", abi.J_NAMES + 4, [1, 2, 3, 16], abi.J_NAMES),
  bad("list of reference identities that is cut", abi.J_HOST + 4, [1, 2, 16, 18, 29], abi.J_HOST),
];

const badJudgeFields: readonly BadField[] = [
  bad("version", abi.J_VERSION, [0, 2, ...FAR]),
  bad("action", abi.J_ACTION, [0, 6, ...FAR]),
  bad("reason", abi.J_REASON, [8, ...FAR]),
  bad("reason that no PKIX entry has", abi.J_REASON, [1, 2, 3, 4, 5, 6, 7]),
  bad("evaluate", abi.J_EVALUATE, [2, ...FAR]),
  bad("flags", abi.J_FLAGS, [2, 3, ...FAR]),
  bad("session", abi.J_SESSION, [0, 6, ...FAR]),
  bad("chain", abi.J_CHAIN, [6, 7, 8, ...FAR]),
  bad("names offset", abi.J_NAMES, [100_000, ...FAR]),
  bad("names length", abi.J_NAMES + 4, [100_000, ...FAR], abi.J_NAMES),
  bad("names list that is cut", abi.J_NAMES + 4, [1, 2, 3, 16], abi.J_NAMES),
  bad("host offset", abi.J_HOST, [100_000, ...FAR]),
  bad("host length", abi.J_HOST + 4, [100_000, ...FAR], abi.J_HOST),
];

const cases: readonly [FrameFunction, string, Uint8Array, readonly BadField[]][] = [
  ["mtasts_step", "lookup", lookup, badStepFields],
  ["mtasts_step", "record", record, [...badStepFields, ...badRecordFields]],
  ["mtasts_step", "policy", policy, [...badStepFields, ...badPolicyFields]],
  ["mtasts_plan", "plan", plan, badPlanFields],
  ["mtasts_judge", "judge", judge, badJudgeFields],
  ["mtasts_plan", "plan with DANE states", danePlan, badPlanFields],
  ["mtasts_judge", "judge of a DANE host", daneJudge, badDaneJudgeFields],
  ["mtasts_tlsa_match", "match", match, badMatchFields],
];

/** Every call that takes (ptr, len) in its first two arguments. */
const bounded: readonly [string, (exports: CoreExports, at: number, n: number) => number][] = [
  ["record_select", (core, at, n) => core.mtasts_record_select(at, n, 0)],
  ["policy_parse", (core, at, n) => core.mtasts_policy_parse(at, n, 0)],
  ["mx_match, pattern", (core, at, n) => core.mtasts_mx_match(at, n, core.mtasts_in_ptr(), 0)],
  ["mx_match, host", (core, at, n) => core.mtasts_mx_match(core.mtasts_in_ptr(), 0, at, n)],
  ["dnsid_match, names", (core, at, n) => core.mtasts_dnsid_match(at, n, core.mtasts_in_ptr(), 0)],
  ["dnsid_match, host", (core, at, n) => core.mtasts_dnsid_match(core.mtasts_in_ptr(), 0, at, n)],
  ["step", (core, at, n) => core.mtasts_step(at, n)],
  ["plan", (core, at, n) => core.mtasts_plan(at, n)],
  ["judge", (core, at, n) => core.mtasts_judge(at, n)],
  ["tlsa_usable", (core, at, n) => core.mtasts_tlsa_usable(at, n)],
  ["tlsa_match", (core, at, n) => core.mtasts_tlsa_match(at, n)],
];

describe.each(builds)("malformed requests, $name build", ({ exports, core }) => {
  it.each(cases)("%s (%s) takes its well-formed request", (name, _, request) => {
    expect(callFrame(exports, name, request).status).toBeGreaterThan(0);
  });

  for (const [name, kind, request, fields] of cases)
    it.each(fields)(`${name} (${kind}) refuses a bad $what and says where it stands`, ({ field, values, reported }) => {
      for (const value of values)
        expect(callFrame(exports, name, withField(request, field, value)), `value ${value}`).toMatchObject({
          status: abi.E_REQUEST,
          headerStatus: abi.E_REQUEST,
          offset: reported,
          payload: new Uint8Array(),
        });
    });

  it.each(cases)(
    "%s (%s) refuses every request shorter than its fixed fields, and any other cut without a trap",
    (name, _, request) => {
      const fixed = {
        mtasts_step: abi.Q_SIZE,
        mtasts_plan: abi.P_SIZE,
        mtasts_judge: abi.J_SIZE,
        mtasts_tlsa_usable: 0,
        mtasts_tlsa_match: abi.M_SIZE,
      }[name];
      for (let n = 0; n < request.length; n++) {
        const cut = callFrame(exports, name, request.subarray(0, n));
        if (n < fixed) expect(cut).toMatchObject({ status: abi.E_REQUEST, offset: n });
        else expect(cut.headerStatus).toBe(cut.status);
      }
    },
  );

  it.each(bounded)("%s refuses pointers outside the IN area", (_, call) => {
    const at = exports.mtasts_in_ptr();
    const capacity = exports.mtasts_in_cap();
    const outside: readonly [number, number][] = [
      [0, 0],
      [0, 16],
      [at - 1, 1],
      [at - 1, 0],
      [at, capacity + 1],
      [at + capacity, 1],
      [at + capacity + 1, 0],
      [at + 1, capacity],
      [at, -1],
      [at, 0x7fffffff],
      [at, -0x80000000],
      [-1, 1],
      [-1, 0],
      [-0x80000000, 0],
      [0x7fffffff, 0x7fffffff],
      [exports.mtasts_out_ptr(), 16],
      [at + 16, -16],
    ];
    for (const [ptr, len] of outside) {
      const result = outcome(exports, call(exports, ptr, len));
      expect(result, `(${ptr}, ${len})`).toMatchObject({
        status: abi.E_BOUNDS,
        headerStatus: abi.E_BOUNDS,
        payload: new Uint8Array(),
      });
    }
  });

  it.each(bounded)("%s reads an empty request at the very end of the IN area", (_, call) => {
    expect(call(exports, exports.mtasts_in_ptr() + exports.mtasts_in_cap(), 0)).not.toBe(abi.E_BOUNDS);
  });

  it("a request may lie anywhere in the IN area, aligned or not", () => {
    const at = exports.mtasts_in_ptr() + exports.mtasts_in_cap() - policy.length;
    const expected = callFrame(exports, "mtasts_step", policy).payload;
    for (const start of [at, at - 1, at - 2, at - 3]) {
      new Uint8Array(exports.memory.buffer).set(policy, start);
      expect(outcome(exports, exports.mtasts_step(start, policy.length)).payload).toEqual(expected);
    }
  });

  it("refuses a Policy Domain that is not in canonical form (R-8461-KEY-01)", () => {
    const bad = [
      "Example.com",
      "example.COM",
      "example.com.",
      ".example.com",
      "a..b",
      "a_b.example",
      "-a.example",
      "a-.example",
      "bücher.example",
      "[192.0.2.1]",
      "a b",
      `${"a".repeat(64)}.example`,
      `${"a123456789.".repeat(22)}1example.com`,
    ];
    for (const domain of bad)
      expect(
        callFrame(exports, "mtasts_step", stepFrame({ event: abi.EVENT_LOOKUP, now: 1, uptime: 1, boot: 1, domain })),
        domain,
      ).toMatchObject({ status: abi.E_REQUEST, offset: abi.Q_DOMAIN });
    const good = [
      "example.com",
      "xn--bcher-kva.example",
      "localhost",
      `${"a".repeat(63)}.example`,
      `${"a123456789.".repeat(22)}example.com`,
    ];
    for (const domain of good)
      expect(
        callFrame(exports, "mtasts_step", stepFrame({ event: abi.EVENT_LOOKUP, now: 1, uptime: 1, boot: 1, domain }))
          .status,
        domain,
      ).toBe(2);
  });

  it("refuses an RRset that is cut, with the offset of the RR that is", () => {
    const first = list([Uint8Array.of(4, ...octets("spf1"))]);
    const cut: readonly [Uint8Array, number][] = [
      [Uint8Array.of(1), 0],
      [Uint8Array.of(5, 0, 1), 0],
      [Uint8Array.of(2, 0, 9, 9), 0],
      [Buffer.concat([first, Uint8Array.of(1)]), first.length],
      [Buffer.concat([first, Uint8Array.of(2, 0, 2, 65)]), first.length],
    ];
    for (const [rrset, offset] of cut)
      expect(callText(exports, "mtasts_record_select", rrset)).toMatchObject({ status: abi.E_REQUEST, offset });
  });

  it.each([
    ["mtasts_step", record, [abi.Q_DOMAIN, abi.Q_STATE, abi.Q_DATA]],
    ["mtasts_step", policy, [abi.Q_DOMAIN, abi.Q_STATE, abi.Q_DATA, abi.Q_TYPE]],
    ["mtasts_plan", plan, [abi.P_POLICY, abi.P_HOSTS]],
    ["mtasts_judge", judge, [abi.J_NAMES, abi.J_HOST]],
  ] as const)("%s refuses a part that ends one octet behind the request", (name, request, parts) => {
    const view = new DataView(request.buffer, request.byteOffset);
    for (const part of parts) {
      const length = request.length - view.getUint32(part, true) + 1;
      const { status, offset } = callFrame(exports, name, withField(request, part + 4, length));
      expect([status, offset]).toEqual([abi.E_REQUEST, part]);
    }
  });

  it("step refuses an RRset that is cut and names the field that points to it", () => {
    const length = new DataView(record.buffer).getUint32(abi.Q_DATA + 4, true);
    for (let n = 1; n < length; n++)
      expect(callFrame(exports, "mtasts_step", withField(record, abi.Q_DATA + 4, n))).toMatchObject({
        status: abi.E_REQUEST,
        offset: abi.Q_DATA,
      });
  });

  it("dnsid_match refuses a list that is cut, also after a name that matches", () => {
    const names = list(["mx1.example.com"]);
    for (const cut of [
      names.subarray(0, 1),
      names.subarray(0, 5),
      Buffer.concat([names, Uint8Array.of(1)]),
      Buffer.concat([names, Uint8Array.of(9, 0, 1)]),
    ])
      expect(callPair(exports, "mtasts_dnsid_match", cut, octets("mx1.example.com")).status).toBe(abi.E_REQUEST);
  });

  it("plan refuses a host list that is cut, and one with more hosts than OUT holds", () => {
    const hosts = list(["mx1.example.com"]);
    for (const cut of [Uint8Array.of(1), hosts.subarray(0, 10), Buffer.concat([hosts, Uint8Array.of(1)])])
      expect(
        callFrame(exports, "mtasts_plan", frame(abi.P_SIZE, { [abi.P_VERSION]: 1 }, { [abi.P_HOSTS]: cut })).status,
      ).toBe(abi.E_REQUEST);
    const most = Math.floor((exports.mtasts_out_cap() - abi.OUT_HEADER) / abi.PLAN_ENTRY);
    const many = (n: number) => frame(abi.P_SIZE, { [abi.P_VERSION]: 1 }, { [abi.P_HOSTS]: new Uint8Array(2 * n) });
    expect(callFrame(exports, "mtasts_plan", many(most)).payload.length).toBe(most * abi.PLAN_ENTRY);
    expect(callFrame(exports, "mtasts_plan", many(most + 1)).status).toBe(abi.E_REQUEST);
  });

  it("plan refuses a DANE state that is none, with the octet of the list where it stands", () => {
    const at = list(["mx1.example.com"]).length;
    for (const state of [0, 8, 255, 0x101, 0xffff]) {
      const hosts = Buffer.concat([list(["mx1.example.com"]), Uint8Array.of(state & 255, state >> 8)]);
      const request = frame(
        abi.P_SIZE,
        { [abi.P_VERSION]: 1, [abi.P_FLAGS]: abi.FACTS_DANE },
        { [abi.P_HOSTS]: hosts },
      );
      expect(callFrame(exports, "mtasts_plan", request)).toMatchObject({ status: abi.E_REQUEST, offset: at });
    }
  });

  it("tlsa_usable refuses an RRset that is cut, with the offset of the record that is, and one that is too large", () => {
    const record = list([Uint8Array.of(3, 1, 1, ...new Uint8Array(32))]);
    for (let n = 1; n < record.length; n++) {
      const cut = Buffer.concat([record, record.subarray(0, n)]);
      expect(callFrame(exports, "mtasts_tlsa_usable", cut)).toMatchObject({
        status: abi.E_REQUEST,
        offset: record.length,
        payload: new Uint8Array(),
      });
    }
    expect(callFrame(exports, "mtasts_tlsa_usable", new Uint8Array(abi.TLSA_LIMIT)).status).toBe(0);
    expect(callFrame(exports, "mtasts_tlsa_usable", new Uint8Array(abi.TLSA_LIMIT + 1))).toMatchObject({
      status: abi.E_REQUEST,
      offset: abi.TLSA_LIMIT,
    });
  });

  it("tlsa_usable has room for as many usable records as a request can hold", () => {
    const smallest = list([Uint8Array.of(3, 0, 0, 0x30, 0)]);
    const records = new Uint8Array(Math.floor(abi.TLSA_LIMIT / smallest.length) * smallest.length);
    for (let at = 0; at < records.length; at += smallest.length) records.set(smallest, at);
    const { status, payload } = callFrame(exports, "mtasts_tlsa_usable", records);
    expect(status).toBe(records.length / smallest.length);
    expect(payload.length).toBe(8 + 8 * status);
  });

  it("tlsa_match finds no match in more matches than OUT holds (R-7672-3.2-01)", () => {
    const many = (records: number) =>
      frame(
        abi.M_SIZE,
        { [abi.M_VERSION]: 1 },
        {
          [abi.M_RECORDS]: list(Array.from({ length: records }, () => Uint8Array.of(3, 0, 0, 0x30, 1, 97))),
          [abi.M_CERTIFICATES]: certificateEntry,
        },
      );
    const most = Math.floor((exports.mtasts_out_cap() - abi.OUT_HEADER) / abi.MATCH_ENTRY);
    expect(callFrame(exports, "mtasts_tlsa_match", many(most)).status).toBe(most);
    expect(callFrame(exports, "mtasts_tlsa_match", many(most + 1))).toMatchObject({ status: abi.E_REQUEST });
  });

  it("tlsa_base refuses numbers that are none, and says which", () => {
    for (const number of [0, 8, -1, 0x7fffffff])
      expect(outcome(exports, exports.mtasts_tlsa_base(number, 0, 0))).toMatchObject({
        status: abi.E_REQUEST,
        offset: 0,
      });
    for (const number of [6, 7, 8, -1, 0x7fffffff]) {
      expect(outcome(exports, exports.mtasts_tlsa_base(5, number, 0))).toMatchObject({
        status: abi.E_REQUEST,
        offset: 1,
      });
      expect(outcome(exports, exports.mtasts_tlsa_base(5, 0, number))).toMatchObject({
        status: abi.E_REQUEST,
        offset: 2,
      });
    }
  });

  it("says its limits, and the typed API turns what does not fit into an answer or an exception", () => {
    expect(exports.mtasts_in_cap()).toBe(abi.IN_CAPACITY);
    expect(exports.mtasts_out_cap()).toBe(abi.OUT_CAPACITY);
    expect(exports.mtasts_abi_version()).toBe((abi.ABI_MAJOR << 16) | abi.ABI_MINOR);
    const huge = "a".repeat(200_000);
    expect(core.parsePolicy(huge)).toMatchObject({ ok: false, code: "policy-too-large", offset: 65536 });
    expect(core.selectRecord([huge])).toMatchObject({ ok: false, code: "request" });
    expect(core.matchesMx(huge, "mx1.example.com")).toBe(false);
    expect(core.matchesMx("mx1.example.com", huge)).toBe(false);
    expect(core.matchesDnsId([huge], "mx1.example.com")).toBe(false);
    expect(() => core.plan({ decision: { verdict: "none" }, hosts: [huge] })).toThrow(RangeError);
    const record = Uint8Array.of(3, 1, 1, ...new Uint8Array(60_000));
    expect(() => core.tlsaUsable([record, record, record])).toThrow(RangeError);
    expect(() => core.tlsaUsable([record, record, record, record])).toThrow(RangeError);
    expect(() => core.tlsaUsable([new Uint8Array(65_536)])).toThrow(RangeError);
  });
});
