// Every vector of test/vectors on both builds. A person reads the data, not this file; README.md there says how.
import { describe, expect, it } from "vitest";
import * as abi from "../../assembly/abi.ts";
import { txtRdata } from "../../host/core/core.ts";
import {
  type Addresses,
  type Chain,
  DANE_STATES,
  type DaneState,
  ERRORS,
  type Leniency,
  leniencyBits,
  leniencyNames,
  MODES,
  nameOf,
  numberOf,
  type Session,
} from "../../host/core/names.ts";
import type { PlanEntry } from "../../host/core/plan.ts";
import { type Build, builds } from "./builds.ts";
import { callFrame, callPair, callText, frame, list, type Outcome, stepFrame } from "./frames.ts";
import { peer, type TlsaText, tlsaRdata } from "./tlsa-records.ts";
import { Player, type Transcript } from "./transcript.ts";
import {
  type Bytes,
  joined,
  readVectors,
  title,
  toOctets,
  type Vector,
  type VectorFile,
  vectorFiles,
} from "./vectors.ts";

const errorName = (status: number): string => nameOf(ERRORS, status as keyof typeof ERRORS)[0];
const failure = ({ status, offset }: Outcome) => ({ error: errorName(status), offset });
const u32 = (payload: Uint8Array, at: number): number => Buffer.from(payload.buffer).readUInt32LE(at);
const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString("latin1");

interface Lenient extends Vector {
  readonly lenient?: readonly Leniency[];
}

/** `leniencies` is compared where the vector names them; elsewhere none may have been used. */
const withLeniencies = <T extends object>(value: T, used: number, wanted: unknown): T =>
  wanted instanceof Object && "leniencies" in wanted ? { ...value, leniencies: leniencyNames(used) } : value;

interface RecordVector extends Lenient {
  readonly rrset: readonly (readonly Bytes[])[];
  readonly expect: unknown;
}

function runRecord({ exports }: Build, { rrset, lenient = [], expect: wanted }: RecordVector): unknown {
  const rdata = rrset.map((strings) => (strings.length === 0 ? new Uint8Array() : txtRdata(strings.map(toOctets))));
  const result = callText(exports, "mtasts_record_select", list(rdata), leniencyBits(lenient));
  if (result.status < 0) return failure(result);
  if (result.status === 0) return "no-record";
  const used = u32(result.payload, 0);
  if (lenient.length === 0 && used !== 0) return `leniency ${used} used that was not allowed`;
  return withLeniencies({ id: text(result.payload.subarray(8, 8 + u32(result.payload, 4))) }, used, wanted);
}

interface PolicyVector extends Lenient {
  readonly body: Bytes | readonly Bytes[];
  readonly expect: object;
}

function runPolicy({ exports }: Build, { body, lenient = [], expect: wanted }: PolicyVector): unknown {
  const content = joined(body);
  const result = callText(exports, "mtasts_policy_parse", content, leniencyBits(lenient));
  if (result.status < 0) return failure(result);
  const { payload } = result;
  const used = u32(payload, 8);
  if (lenient.length === 0 && used !== 0) return `leniency ${used} used that was not allowed`;
  const mx = Array.from({ length: u32(payload, 12) }, (_, i) => {
    const at = u32(payload, 16 + i * 8);
    return text(content.subarray(at, at + u32(payload, 20 + i * 8))).toLowerCase();
  });
  const counted = "mx" in wanted && !Array.isArray(wanted.mx) ? { count: mx.length } : mx;
  const mode = nameOf(MODES, u32(payload, 0) as keyof typeof MODES);
  return withLeniencies({ mode, maxAge: u32(payload, 4), mx: counted }, used, wanted);
}

interface MxVector extends Vector {
  readonly pattern: Bytes | readonly Bytes[];
  readonly host: Bytes | readonly Bytes[];
  readonly expect: boolean | "pattern";
}

function runMx({ exports }: Build, { pattern, host }: MxVector): unknown {
  const { status } = callPair(exports, "mtasts_mx_match", joined(pattern), joined(host));
  return status < 0 ? errorName(status) : status === 1;
}

interface IdentityVector extends Vector {
  readonly names: readonly Bytes[];
  readonly host: Bytes;
  readonly expect: boolean;
}

function runIdentity({ exports }: Build, { names, host }: IdentityVector): unknown {
  const { status } = callPair(exports, "mtasts_dnsid_match", list(names.map(toOctets)), toOctets(host));
  return status < 0 ? errorName(status) : status === 1;
}

interface MediaTypeVector extends Lenient {
  readonly type: string | null;
  readonly expect: string;
}

/** The media type is judged by the transition: a good body comes with it, and either is accepted or the fetch failed. */
function runMediaType({ exports }: Build, { type, lenient = [] }: MediaTypeVector): unknown {
  const token = new Uint8Array(abi.TOKEN_SIZE);
  new DataView(token.buffer).setUint32(abi.TOKEN_BOOT, 1, true);
  const request = stepFrame({
    event: abi.EVENT_POLICY,
    now: 2_000_000_000,
    uptime: 0,
    boot: 1,
    domain: "example.com",
    token,
    data: Buffer.from("version: STSv1\nmode: none\nmax_age: 86400\n"),
    type: type === null ? null : Buffer.from(type, "utf8"),
    more: { [abi.Q_LENIENCY]: leniencyBits(lenient) },
  });
  const { payload } = callFrame(exports, "mtasts_step", request);
  const answer = Buffer.from(payload.subarray(payload.length - 96));
  return answer.readUInt32LE(0) === abi.STATUS_FETCHED ? "accepted" : errorName(answer.readInt32LE(16));
}

interface PlanVector extends Lenient {
  readonly verdict: number | "policy" | "none" | "temp";
  readonly policy?: Bytes | readonly Bytes[];
  readonly hosts: readonly Bytes[];
  readonly dane?: {
    readonly mx: "secure" | "insecure";
    readonly mandatory?: boolean;
    readonly states: readonly DaneState[];
  };
  readonly expect: unknown;
}

const ACTION_WORDS = ["", "pkix", "dane", "opportunistic", "skip", "encrypt"];
const REASON_WORDS = [
  "",
  "not-in-policy",
  "not-a-host-name",
  "temporary",
  "no-address",
  "address-failed",
  "tlsa-failed",
  "dane-required",
];

/** The list of MX hosts; each with its DANE state behind it where the vector gives one. */
function planHosts({ hosts, dane }: PlanVector): Uint8Array {
  const names = hosts.map((host) => list([toOctets(host)]));
  const states = dane?.states.map((state) => Uint8Array.of(numberOf(DANE_STATES, state), 0)) ?? [];
  return Buffer.concat(names.flatMap((name, i) => [name, states[i] ?? new Uint8Array()]));
}

function planFacts({ dane }: PlanVector): number {
  if (!dane) return 0;
  const secure = dane.mx === "secure" ? abi.FACTS_MX_SECURE : 0;
  return abi.FACTS_DANE | secure | (dane.mandatory ? abi.FACTS_DANE_MANDATORY : 0);
}

function runPlan({ exports }: Build, vector: PlanVector): unknown {
  const verdicts = { none: abi.VERDICT_NONE, policy: abi.VERDICT_POLICY, temp: abi.VERDICT_TEMP };
  const verdict = typeof vector.verdict === "number" ? vector.verdict : verdicts[vector.verdict];
  const request = frame(
    abi.P_SIZE,
    {
      [abi.P_VERSION]: 1,
      [abi.P_VERDICT]: verdict,
      [abi.P_LENIENCY]: leniencyBits(vector.lenient ?? []),
      [abi.P_FLAGS]: planFacts(vector),
    },
    { [abi.P_POLICY]: joined(vector.policy ?? ""), [abi.P_HOSTS]: planHosts(vector) },
  );
  const result = callFrame(exports, "mtasts_plan", request);
  if (result.status < 0) return failure(result);
  const entries = vector.hosts.map((_, i) => {
    const [action, reason, evaluate] = [0, 4, 8].map((field) => u32(result.payload, i * abi.PLAN_ENTRY + field));
    const words = [ACTION_WORDS[action ?? 0], REASON_WORDS[reason ?? 0], evaluate ? "evaluate" : ""];
    return words.filter(Boolean).join(" ");
  });
  return { usable: result.status, hosts: entries };
}

interface JudgeVector extends Vector {
  readonly entry: string;
  readonly session: Session;
  readonly tls?: string;
  readonly chain?: Chain;
  readonly names?: readonly string[];
  readonly host?: string;
  readonly references?: readonly string[];
  readonly last?: boolean;
  readonly expect: string;
}

const TLS_VERSIONS: Record<string, number> = {
  none: 0,
  "SSL 3": 0x300,
  "1.0": 0x301,
  "1.1": 0x302,
  "1.2": 0x303,
  "1.3": 0x304,
};

/** "pkix evaluate", "skip not-in-policy evaluate": as plan prints them. */
function planEntry(printed: string, host: string): PlanEntry {
  const [action, ...rest] = printed.split(" ");
  const reason = rest.find((word) => word !== "evaluate") ?? null;
  return { host, action, reason, evaluate: rest.includes("evaluate") } as PlanEntry;
}

function runJudge({ core }: Build, vector: JudgeVector): unknown {
  const result = core.judge({
    entry: planEntry(vector.entry, vector.host ?? "mx1.example.com"),
    session: vector.session,
    tlsVersion: TLS_VERSIONS[vector.tls ?? (vector.session === "tls" ? "1.3" : "none")] ?? 0,
    chain: vector.chain ?? "valid",
    names: vector.names ?? ["mx1.example.com"],
    ...(vector.references ? { references: vector.references } : {}),
    last: vector.last ?? false,
  });
  return `${result.verdict}: ${result.why}${result.resultType ? ` (${result.resultType})` : ""}`;
}

interface TlsaVector extends Vector {
  readonly records: readonly TlsaText[];
  readonly expect: unknown;
}

/** Through the octets, then through the typed API, which must say the same. */
function runTlsa({ exports, core }: Build, { records }: TlsaVector): unknown {
  const rrset = records.map(tlsaRdata);
  const request = list(rrset);
  const { status, payload } = callFrame(exports, "mtasts_tlsa_usable", request);
  const kept = Array.from({ length: u32(payload, 4) }, (_, i) => {
    const at = u32(payload, 8 + 8 * i);
    return request.subarray(at, at + u32(payload, 12 + 8 * i));
  });
  const state = nameOf(DANE_STATES, u32(payload, 0) as keyof typeof DANE_STATES);
  expect(status).toBe(kept.length);
  const typed = core.tlsaUsable(rrset);
  expect(typed.state).toBe(state);
  expect(typed.records.map((record) => Buffer.from(record))).toEqual(kept.map((record) => Buffer.from(record)));
  return { state, remain: kept.map((record) => rrset.findIndex((other) => Buffer.from(other).equals(record))) };
}

interface TlsaBaseVector extends Vector {
  readonly addresses: Addresses;
  readonly expanded?: DaneState;
  readonly original?: DaneState;
  readonly expect: string;
}

function runTlsaBase({ core }: Build, { addresses, expanded, original }: TlsaBaseVector): unknown {
  const { state, base } = core.tlsaBase(addresses, expanded, original);
  return [state === "unknown" ? "ask" : state, base].filter(Boolean).join(" ");
}

interface TlsaMatchVector extends Vector {
  readonly records: readonly string[];
  readonly certificates: readonly string[];
  readonly expect: readonly string[];
}

/** "short 3 1 1 leaf" is that record without its last octet. */
const perhapsShort = (text: string): Uint8Array =>
  text.startsWith("short ") ? tlsaRdata(text.slice(6)).subarray(0, -1) : tlsaRdata(text);

function runTlsaMatch({ core }: Build, { records, certificates }: TlsaMatchVector): unknown {
  const rrset = records.map(perhapsShort);
  return core.tlsaMatch(rrset, certificates.map(peer)).map(({ record, certificate }) => {
    const index = rrset.findIndex((other) => Buffer.from(other).equals(record));
    return `${records[index]} -> ${certificate}`;
  });
}

interface StepFile extends VectorFile<Transcript> {
  readonly bodies: Readonly<Record<string, string>>;
}

const runners: Record<string, (build: Build) => void> = {
  "records.json": (build) => table<RecordVector>("records.json", build, runRecord, (v) => v.rrset),
  "policies.json": (build) => table<PolicyVector>("policies.json", build, runPolicy, (v) => v.body),
  "mx.json": (build) => table<MxVector>("mx.json", build, runMx, (v) => [v.pattern, v.host]),
  "identities.json": (build) => table<IdentityVector>("identities.json", build, runIdentity, (v) => [v.names, v.host]),
  "media-types.json": (build) => table<MediaTypeVector>("media-types.json", build, runMediaType, (v) => v.type),
  "plan.json": (build) => table<PlanVector>("plan.json", build, runPlan, (v) => v.hosts),
  "judge.json": (build) => table<JudgeVector>("judge.json", build, runJudge, (v) => [v.entry, v.session]),
  "tlsa.json": (build) => table<TlsaVector>("tlsa.json", build, runTlsa, (v) => v.records),
  "tlsa-base.json": (build) =>
    table<TlsaBaseVector>("tlsa-base.json", build, runTlsaBase, ({ addresses, expanded, original }) => [
      addresses,
      expanded,
      original,
    ]),
  "tlsa-match.json": (build) =>
    table<TlsaMatchVector>("tlsa-match.json", build, runTlsaMatch, (v) => [v.records, v.certificates]),
  "step.json": (build) => {
    const { bodies, vectors } = readVectors<StepFile>("step.json");
    it.each(vectors.map((vector) => ({ vector, title: title(vector, vector.name) })))("$title", ({ vector }) => {
      const player = new Player(build, vector, bodies);
      for (const [i, step] of vector.steps.entries())
        expect(player.play(step), `step ${i + 1}, ${step.event} at ${step.at}`).toEqual(step.expect);
    });
  },
};

function table<T extends Vector & { readonly expect: unknown }>(
  file: string,
  build: Build,
  run: (build: Build, vector: T) => unknown,
  input: (vector: T) => unknown,
): void {
  const { vectors } = readVectors<VectorFile<T>>(file);
  it.each(vectors.map((vector) => ({ vector, title: title(vector, input(vector)) })))("$title", ({ vector }) => {
    expect(run(build, vector)).toEqual(vector.expect);
  });
}

it("runs every file of test/vectors", () => {
  expect(vectorFiles()).toEqual(Object.keys(runners).sort());
});

describe.each(builds)("$name build", (build) => {
  for (const [file, run] of Object.entries(runners)) describe(file, () => run(build));
});
