// Decision + MX list -> what to do with each MX host (RFC 8461 §4.1, §5). Hosts keep their order and none is left out:
// loop detection needs the full list (R-8461-8.4-01). Where DNSSEC facts come with the hosts, DANE goes first, for each
// host by itself: MTA-STS never makes a host usable that fails DANE (RFC 8461 §2, R-MIX-01, -03).
import {
  ACTION_DANE,
  ACTION_ENCRYPT,
  ACTION_OPPORTUNISTIC,
  ACTION_PKIX,
  ACTION_SKIP,
  DANE_ADDRESS_FAILED,
  DANE_FAILED,
  DANE_INSECURE,
  DANE_NO_ADDRESS,
  DANE_UNKNOWN,
  DANE_UNUSABLE,
  DANE_USABLE,
  E_REQUEST,
  FACTS_ALL,
  FACTS_DANE,
  FACTS_DANE_MANDATORY,
  FACTS_MX_SECURE,
  FRAME_VERSION,
  LENIENT_ALL,
  MODE_ENFORCE,
  MODE_NONE,
  MODE_TESTING,
  OUT_HEADER,
  P_FLAGS,
  P_HOSTS,
  P_LENIENCY,
  P_POLICY,
  P_SIZE,
  P_VERDICT,
  P_VERSION,
  PLAN_ADDRESS_FAILED,
  PLAN_DANE_REQUIRED,
  PLAN_ENTRY,
  PLAN_NO_ADDRESS,
  PLAN_NOT_A_HOST_NAME,
  PLAN_NOT_IN_POLICY,
  PLAN_OK,
  PLAN_TEMPORARY,
  PLAN_TLSA_FAILED,
  VERDICT_NONE,
  VERDICT_TEMP,
} from "./abi.ts";
import { looksLikeAddress, withoutTrailingDot } from "./domain.ts";
import { load16, load32, OUT, outLeft, store32 } from "./memory.ts";
import { covers, isHostName } from "./mx-pattern.ts";
import { policyMode, policyPatterns, readPolicy } from "./policy.ts";
import { failAt } from "./verdict.ts";

/** The patterns' positions in the policy text: as many as 64 KiB can hold, eight bytes each. */
const PATTERNS: usize = memory.data(104864, 16);

let entries: u32 = 0;
let facts: u32 = 0;

export function planEntries(): u32 {
  return entries;
}

/** Any pattern will do (R-8461-4.1-07). Policy and MX list are both an attacker's: nothing is checked per pair. */
function isInPolicy(text: usize, host: usize, n: u32): bool {
  for (let i: u32 = 0; i < policyPatterns(); i++) {
    const at = PATTERNS + i * 8;
    if (covers(text + load32(at), load32(at + 4), host, n)) return true;
  }
  return false;
}

function matchReason(text: usize, host: usize, n: u32): u32 {
  const length = withoutTrailingDot(host, n);
  if (!isHostName(host, length)) return PLAN_NOT_A_HOST_NAME;
  return isInPolicy(text, host, length) ? PLAN_OK : PLAN_NOT_IN_POLICY;
}

/** Why no connection may be made to a host, whatever MTA-STS says (R-7672-2.1.2-03, R-7672-2.2.2-03, R-7672-6-01). */
function daneReason(dane: u32): u32 {
  if (dane === DANE_NO_ADDRESS) return PLAN_NO_ADDRESS;
  if (dane === DANE_ADDRESS_FAILED) return PLAN_ADDRESS_FAILED;
  if (dane === DANE_FAILED) return PLAN_TLSA_FAILED;
  return (facts & FACTS_DANE_MANDATORY) !== 0 && dane !== DANE_USABLE ? PLAN_DANE_REQUIRED : PLAN_OK;
}

/**
 * The DANE state that counts. With an unsigned MX RRset an attacker chose the hosts: their TLSA records vouch for nothing
 * (R-7672-2.2.1-03). Address literals are outside DANE (R-7672-2.2-05).
 */
function appliedState(dane: u32, host: usize, n: u32): u32 {
  if (dane >= DANE_NO_ADDRESS) return dane;
  if ((facts & FACTS_MX_SECURE) === 0 || looksLikeAddress(host, withoutTrailingDot(host, n))) return DANE_INSECURE;
  return dane;
}

/** A host that DANE lets through: what DANE and MTA-STS together ask of it (section J of docs/requirements.md). */
function actionFor(verdict: u32, mode: u32, reason: u32, dane: u32): u32 {
  // The list of an enforce policy applies to DANE hosts too; their certificates are DANE's affair (AMB-12).
  if (mode === MODE_ENFORCE && reason !== PLAN_OK) return ACTION_SKIP;
  if (dane === DANE_USABLE) return ACTION_DANE;
  if (verdict === VERDICT_TEMP) return ACTION_SKIP;
  if (mode === MODE_ENFORCE) return ACTION_PKIX;
  return dane === DANE_UNUSABLE ? ACTION_ENCRYPT : ACTION_OPPORTUNISTIC;
}

function writeEntry(action: u32, reason: u32, evaluate: bool): void {
  const at = OUT + OUT_HEADER + entries * PLAN_ENTRY;
  store32(at, action);
  store32(at + 4, reason);
  store32(at + 8, evaluate ? 1 : 0);
  entries++;
}

/** Number of hosts that may be used, or an error code. */
export function plan(p: usize, n: u32): i32 {
  entries = 0;
  if (n < P_SIZE) return failAt(n, E_REQUEST);
  const verdict = load32(p + P_VERDICT);
  const policyAt = load32(p + P_POLICY);
  const policyLength = load32(p + P_POLICY + 4);
  const hostsAt = load32(p + P_HOSTS);
  const hostsLength = load32(p + P_HOSTS + 4);
  if (load32(p + P_VERSION) !== FRAME_VERSION) return failAt(P_VERSION, E_REQUEST);
  if (verdict > VERDICT_TEMP) return failAt(P_VERDICT, E_REQUEST);
  if (policyAt > n || policyLength > n - policyAt) return failAt(P_POLICY, E_REQUEST);
  if (load32(p + P_LENIENCY) > LENIENT_ALL) return failAt(P_LENIENCY, E_REQUEST);
  if (hostsAt > n || hostsLength > n - hostsAt) return failAt(P_HOSTS, E_REQUEST);
  facts = load32(p + P_FLAGS);
  // What is said of the MX RRset says nothing without what is said of its hosts.
  if (facts > FACTS_ALL || (facts !== 0 && (facts & FACTS_DANE) === 0)) return failAt(P_FLAGS, E_REQUEST);
  const honoured = verdict !== VERDICT_NONE && verdict !== VERDICT_TEMP;
  if (honoured) {
    const parsed = readPolicy(p + policyAt, policyLength, load32(p + P_LENIENCY), PATTERNS);
    if (parsed !== 1) return parsed;
  }
  const mode = honoured ? policyMode() : MODE_NONE;
  return planHosts(p + hostsAt, hostsLength, verdict, mode, p + policyAt);
}

function planHosts(hosts: usize, hostsLength: u32, verdict: u32, mode: u32, text: usize): i32 {
  const trailer: u32 = (facts & FACTS_DANE) !== 0 ? 2 : 0; // behind each name its DANE state
  let usable: i32 = 0;
  for (let at: u32 = 0; at < hostsLength; ) {
    if (hostsLength - at < 2 + trailer) return failAt(at, E_REQUEST);
    const length = load16(hosts + at);
    at += 2;
    if (length > hostsLength - at - trailer) return failAt(at, E_REQUEST);
    if (outLeft(OUT + OUT_HEADER + entries * PLAN_ENTRY) < PLAN_ENTRY) return failAt(at, E_REQUEST);
    const dane = trailer === 0 ? DANE_INSECURE : load16(hosts + at + length);
    if (dane === DANE_UNKNOWN || dane > DANE_ADDRESS_FAILED) return failAt(at + length, E_REQUEST);
    if (planHost(hosts + at, length, verdict, mode, text, dane) !== ACTION_SKIP) usable++;
    at += length + trailer;
  }
  return usable;
}

/** Writes the entry of one host; its action. */
function planHost(host: usize, n: u32, verdict: u32, mode: u32, text: usize, told: u32): u32 {
  const judged = mode === MODE_ENFORCE || mode === MODE_TESTING;
  const dane = appliedState(told, host, n);
  const barred = daneReason(dane);
  const listed = judged ? matchReason(text, host, n) : PLAN_OK;
  const action = barred !== PLAN_OK ? ACTION_SKIP : actionFor(verdict, mode, listed, dane);
  const waits = verdict === VERDICT_TEMP && action === ACTION_SKIP;
  writeEntry(action, barred !== PLAN_OK ? barred : waits ? PLAN_TEMPORARY : listed, judged);
  return action;
}
