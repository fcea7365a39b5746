// The ABI on one page (docs/abi.md is the contract). Every call is a pure function of the request bytes: it reads only
// [ptr, ptr + len) inside the IN area and writes only OUT, which stays valid until the next call.
import {
  ABI_MAJOR,
  ABI_MINOR,
  E_BOUNDS,
  IN_CAPACITY,
  JUDGE_SIZE,
  KIND_JUDGE,
  KIND_MATCH,
  KIND_PLAN,
  KIND_POLICY,
  KIND_RECORD,
  KIND_STEP,
  KIND_TLSA,
  KIND_TLSA_BASE,
  KIND_TLSA_MATCH,
  OUT_CAPACITY,
  OUT_HEADER,
  OUT_KIND,
  OUT_LENGTH,
  OUT_OFFSET,
  OUT_STATUS,
  PLAN_ENTRY,
} from "./abi.ts";
import { effectsLength } from "./effects.ts";
import { matchIdentity } from "./identity.ts";
import { judge } from "./judge.ts";
import { copy, IN, inRequest, OUT, store32 } from "./memory.ts";
import { matchPattern } from "./mx-pattern.ts";
import { plan, planEntries } from "./plan.ts";
import { policyMaxAge, policyMode, policyPatterns, readPolicy } from "./policy.ts";
import { recordId, recordIdLength, selectRecord } from "./record.ts";
import { step } from "./step.ts";
import { tlsaPayload, tlsaUsable } from "./tlsa.ts";
import { tlsaBase } from "./tlsa-base.ts";
import { matchPayload, tlsaMatch } from "./tlsa-match.ts";
import { beginVerdict, errorOffset, leniencyUsed } from "./verdict.ts";

const POLICY_FIELDS: u32 = 16; // mode, max_age, leniencies used, number of patterns

/** Writes the OUT header and hands the status on. */
function finish(status: i32, kind: u32, length: u32): i32 {
  store32(OUT + OUT_STATUS, u32(status));
  store32(OUT + OUT_OFFSET, status < 0 ? errorOffset() : 0);
  store32(OUT + OUT_KIND, kind);
  store32(OUT + OUT_LENGTH, status < 0 ? 0 : length);
  return status;
}

function outOfBounds(kind: u32): i32 {
  beginVerdict();
  return finish(E_BOUNDS, kind, 0);
}

export function mtasts_abi_version(): i32 {
  return i32(u32(ABI_MAJOR << 16) | ABI_MINOR);
}

export function mtasts_in_ptr(): i32 {
  return i32(IN);
}

export function mtasts_in_cap(): i32 {
  return i32(IN_CAPACITY);
}

export function mtasts_out_ptr(): i32 {
  return i32(OUT);
}

export function mtasts_out_cap(): i32 {
  return i32(OUT_CAPACITY);
}

/** RRset of _mta-sts.<domain>: u16 length + RDATA each. OUT: leniencies used, id length, id. */
export function mtasts_record_select(ptr: i32, len: i32, leniency: i32): i32 {
  if (!inRequest(u32(ptr), u32(len))) return outOfBounds(KIND_RECORD);
  const status = selectRecord(u32(ptr), u32(len), u32(leniency));
  if (status !== 1) return finish(status, KIND_RECORD, 0);
  const payload = OUT + OUT_HEADER;
  store32(payload, leniencyUsed());
  store32(payload + 4, recordIdLength());
  copy(payload + 8, recordId(), recordIdLength());
  return finish(status, KIND_RECORD, 8 + recordIdLength());
}

/** Policy text. OUT: mode, max_age, leniencies used, number of mx values, then (offset, length) of each. */
export function mtasts_policy_parse(ptr: i32, len: i32, leniency: i32): i32 {
  if (!inRequest(u32(ptr), u32(len))) return outOfBounds(KIND_POLICY);
  const payload = OUT + OUT_HEADER;
  const status = readPolicy(u32(ptr), u32(len), u32(leniency), payload + POLICY_FIELDS);
  if (status !== 1) return finish(status, KIND_POLICY, 0);
  store32(payload, policyMode());
  store32(payload + 4, policyMaxAge());
  store32(payload + 8, leniencyUsed());
  store32(payload + 12, policyPatterns());
  return finish(status, KIND_POLICY, POLICY_FIELDS + policyPatterns() * 8);
}

/** mx pattern and MX host: 1 match, 0 none. */
export function mtasts_mx_match(pattern: i32, patternLen: i32, host: i32, hostLen: i32): i32 {
  if (!inRequest(u32(pattern), u32(patternLen)) || !inRequest(u32(host), u32(hostLen))) return outOfBounds(KIND_MATCH);
  beginVerdict();
  return finish(matchPattern(u32(pattern), u32(patternLen), u32(host), u32(hostLen)), KIND_MATCH, 0);
}

/** DNS-IDs of a certificate (u16 length + octets each) and the reference identity: 1 match, 0 none. */
export function mtasts_dnsid_match(names: i32, namesLen: i32, host: i32, hostLen: i32): i32 {
  if (!inRequest(u32(names), u32(namesLen)) || !inRequest(u32(host), u32(hostLen))) return outOfBounds(KIND_MATCH);
  beginVerdict();
  return finish(matchIdentity(u32(names), u32(namesLen), u32(host), u32(hostLen)), KIND_MATCH, 0);
}

/** The cache behaviour: state, event, now -> effects. */
export function mtasts_step(ptr: i32, len: i32): i32 {
  if (!inRequest(u32(ptr), u32(len))) return outOfBounds(KIND_STEP);
  const status = step(u32(ptr), u32(len));
  return finish(status, KIND_STEP, status < 0 ? 0 : effectsLength());
}

/** Decision and MX list -> one entry per MX host. */
export function mtasts_plan(ptr: i32, len: i32): i32 {
  if (!inRequest(u32(ptr), u32(len))) return outOfBounds(KIND_PLAN);
  beginVerdict();
  const status = plan(u32(ptr), u32(len));
  return finish(status, KIND_PLAN, planEntries() * PLAN_ENTRY);
}

/** Plan entry and the facts of one session -> deliver, next host, defer. */
export function mtasts_judge(ptr: i32, len: i32): i32 {
  if (!inRequest(u32(ptr), u32(len))) return outOfBounds(KIND_JUDGE);
  beginVerdict();
  return finish(judge(u32(ptr), u32(len)), KIND_JUDGE, JUDGE_SIZE);
}

/** TLSA RRset: u16 length + RDATA each. OUT: outcome, number of records that remain, (offset, length) of each. */
export function mtasts_tlsa_usable(ptr: i32, len: i32): i32 {
  if (!inRequest(u32(ptr), u32(len))) return outOfBounds(KIND_TLSA);
  beginVerdict();
  const status = tlsaUsable(u32(ptr), u32(len));
  return finish(status, KIND_TLSA, tlsaPayload());
}

/** TLSA records and the certificates of a peer -> which record matches which certificate. */
export function mtasts_tlsa_match(ptr: i32, len: i32): i32 {
  if (!inRequest(u32(ptr), u32(len))) return outOfBounds(KIND_TLSA_MATCH);
  beginVerdict();
  const status = tlsaMatch(u32(ptr), u32(len));
  return finish(status, KIND_TLSA_MATCH, matchPayload());
}

/** Outcomes of the lookups for one MX host -> its DANE state and TLSA base domain, or the candidate to ask for. */
export function mtasts_tlsa_base(addresses: i32, expanded: i32, original: i32): i32 {
  beginVerdict();
  return finish(tlsaBase(u32(addresses), u32(expanded), u32(original)), KIND_TLSA_BASE, 8);
}
