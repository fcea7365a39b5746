// The step request (docs/abi.md "step"): fields by offset, variable parts by (offset, length) within the request.
import {
  ABSENT,
  DOMAIN_LIMIT,
  E_REQUEST,
  EVENT_LOOKUP,
  EVENT_POLICY,
  EVENT_RECHECK,
  EVENT_RECORD,
  FETCH_ABORTED,
  FLAG_ALL,
  FRAME_VERSION,
  ID_LIMIT,
  LENIENT_ALL,
  ON_FAILURE_DEFER,
  Q_BOOT,
  Q_DATA,
  Q_DOMAIN,
  Q_EVENT,
  Q_FLAGS,
  Q_LENIENCY,
  Q_ON_FAILURE,
  Q_OUTCOME,
  Q_SIZE,
  Q_STATE,
  Q_TOKEN,
  Q_TYPE,
  Q_UPTIME_MS,
  Q_VERSION,
  RECORD_ANSWERED,
  RECORD_FAILED,
  TOKEN_BOOT,
  TOKEN_ID_LENGTH,
  TOKEN_UPTIME_MS,
} from "./abi.ts";
import { isDomain } from "./domain.ts";
import { load8, load32 } from "./memory.ts";
import { failAt } from "./verdict.ts";

let base: usize = 0;
let length: u32 = 0;

export function asked(field: u32): u32 {
  return load32(base + field);
}

export function askedFlag(flag: u32): bool {
  return (asked(Q_FLAGS) & flag) !== 0;
}

/** Address of the variable part whose offset stands at `field`. */
export function part(field: u32): usize {
  return base + asked(field);
}

export function partLength(field: u32): u32 {
  const n = asked(field + 4);
  return n === ABSENT ? 0 : n;
}

export function tokenAt(): usize {
  return base + Q_TOKEN;
}

export function token(field: u32): u32 {
  return load32(base + Q_TOKEN + field);
}

function isPartInside(field: u32): bool {
  const at = asked(field);
  return at <= length && partLength(field) <= length - at;
}

function isOutcomeKnown(): bool {
  const outcome = asked(Q_OUTCOME);
  if (asked(Q_EVENT) === EVENT_RECORD) return outcome >= RECORD_ANSWERED && outcome <= RECORD_FAILED;
  return asked(Q_EVENT) !== EVENT_POLICY || outcome <= FETCH_ABORTED;
}

/** A flight token is one this boot gave out: the GET it stands for cannot outlive the host. */
function isTokenSound(): bool {
  if (asked(Q_EVENT) !== EVENT_POLICY) return true;
  return token(TOKEN_ID_LENGTH) <= ID_LIMIT && token(TOKEN_UPTIME_MS) <= 999 && token(TOKEN_BOOT) === asked(Q_BOOT);
}

/** Policy Domains are lower case: one form for keys and comparisons (R-8461-KEY-01). */
function isCanonicalDomain(p: usize, n: u32): bool {
  if (n > DOMAIN_LIMIT || !isDomain(p, n)) return false;
  for (let i: u32 = 0; i < n; i++) {
    const c = load8(p + i);
    if (c >= 0x41 && c <= 0x5a) return false;
  }
  return true;
}

/** 0, or E_REQUEST with the offset of the first field that cannot be. */
export function readRequest(p: usize, n: u32): i32 {
  base = p;
  length = n;
  if (n < Q_SIZE) return failAt(n, E_REQUEST);
  if (asked(Q_VERSION) !== FRAME_VERSION) return failAt(Q_VERSION, E_REQUEST);
  if (asked(Q_EVENT) < EVENT_LOOKUP || asked(Q_EVENT) > EVENT_RECHECK) return failAt(Q_EVENT, E_REQUEST);
  if (asked(Q_UPTIME_MS) > 999) return failAt(Q_UPTIME_MS, E_REQUEST);
  if (asked(Q_FLAGS) > FLAG_ALL) return failAt(Q_FLAGS, E_REQUEST);
  if (asked(Q_LENIENCY) > LENIENT_ALL) return failAt(Q_LENIENCY, E_REQUEST);
  if (asked(Q_ON_FAILURE) > ON_FAILURE_DEFER) return failAt(Q_ON_FAILURE, E_REQUEST);
  if (!isPartInside(Q_DOMAIN) || !isCanonicalDomain(part(Q_DOMAIN), partLength(Q_DOMAIN)))
    return failAt(Q_DOMAIN, E_REQUEST);
  if (!isPartInside(Q_STATE)) return failAt(Q_STATE, E_REQUEST);
  if (!isOutcomeKnown()) return failAt(Q_OUTCOME, E_REQUEST);
  if (!isTokenSound()) return failAt(Q_TOKEN, E_REQUEST);
  if (!isPartInside(Q_DATA)) return failAt(Q_DATA, E_REQUEST);
  if (!isPartInside(Q_TYPE)) return failAt(Q_TYPE, E_REQUEST);
  return 0;
}
