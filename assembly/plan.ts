// Decision + MX list -> what to do with each MX host (RFC 8461 §4.1, §5). Hosts keep their order and none is left out:
// loop detection needs the full list (R-8461-8.4-01). DNSSEC and TLSA facts come with a later minor version.
import {
  ACTION_OPPORTUNISTIC,
  ACTION_PKIX,
  ACTION_SKIP,
  E_REQUEST,
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
  PLAN_ENTRY,
  PLAN_NOT_A_HOST_NAME,
  PLAN_NOT_IN_POLICY,
  PLAN_OK,
  PLAN_TEMPORARY,
  VERDICT_NONE,
  VERDICT_TEMP,
} from "./abi.ts";
import { withoutTrailingDot } from "./domain.ts";
import { load16, load32, OUT, outLeft, store32 } from "./memory.ts";
import { covers, isHostName } from "./mx-pattern.ts";
import { policyMode, policyPatterns, readPolicy } from "./policy.ts";
import { failAt } from "./verdict.ts";

/** The patterns' positions in the policy text: as many as 64 KiB can hold, eight bytes each. */
const PATTERNS: usize = memory.data(104864, 16);

let entries: u32 = 0;

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

function actionFor(verdict: u32, mode: u32, reason: u32): u32 {
  if (verdict === VERDICT_TEMP) return ACTION_SKIP;
  if (verdict === VERDICT_NONE || mode !== MODE_ENFORCE) return ACTION_OPPORTUNISTIC;
  return reason === PLAN_OK ? ACTION_PKIX : ACTION_SKIP;
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
  if (load32(p + P_FLAGS) !== 0) return failAt(P_FLAGS, E_REQUEST);
  const honoured = verdict !== VERDICT_NONE && verdict !== VERDICT_TEMP;
  if (honoured) {
    const parsed = readPolicy(p + policyAt, policyLength, load32(p + P_LENIENCY), PATTERNS);
    if (parsed !== 1) return parsed;
  }
  const mode = honoured ? policyMode() : MODE_NONE;
  return planHosts(p + hostsAt, hostsLength, verdict, mode, p + policyAt);
}

function planHosts(hosts: usize, hostsLength: u32, verdict: u32, mode: u32, text: usize): i32 {
  const judged = mode === MODE_ENFORCE || mode === MODE_TESTING;
  let usable: i32 = 0;
  for (let at: u32 = 0; at < hostsLength; ) {
    if (hostsLength - at < 2) return failAt(at, E_REQUEST);
    const length = load16(hosts + at);
    at += 2;
    if (length > hostsLength - at) return failAt(at, E_REQUEST);
    if (outLeft(OUT + OUT_HEADER + entries * PLAN_ENTRY) < PLAN_ENTRY) return failAt(at, E_REQUEST);
    const reason = verdict === VERDICT_TEMP ? PLAN_TEMPORARY : judged ? matchReason(text, hosts + at, length) : PLAN_OK;
    const action = actionFor(verdict, mode, reason);
    writeEntry(action, reason, judged);
    if (action !== ACTION_SKIP) usable++;
    at += length;
  }
  return usable;
}
