// How long things are good for. Every number the cache behaviour keeps stands here, named.
import { ID_LIMIT, MODE_NONE, Q_SEED } from "./abi.ts";
import { atLeast, atMost, now, plus, since } from "./clock.ts";
import { load8 } from "./memory.ts";
import { asked } from "./request.ts";
import {
  get,
  holdsPolicy,
  ID_FETCH_SLOTS,
  S_BACKOFF_IDS,
  S_BACKOFF_IDS_LENGTH,
  S_BACKOFF_UNTIL,
  S_CHECK_DUE,
  S_FAILURES,
  S_FETCHED_AT,
  S_ID_FETCHES,
  S_LAST_USED,
  S_MAX_AGE,
  S_MODE,
  S_NEGATIVE_UNTIL,
  S_RECORD_TTL,
  S_REFRESH_DUE,
  set,
} from "./state.ts";

const REUSE_LIMIT: u32 = 60;
const CHECK_FLOOR: u32 = 60;
const CHECK_CEILING: u32 = 600; // a forged TTL must not hide a new id for longer
const NEGATIVE_CEILING: u32 = 1800; // R-8461-CSM-16
const BACKOFF: u32 = 300; // RFC 8461 §3.3: at least five minutes
const RETRY_CEILING: u32 = 3600;
const DAY: u32 = 86400;
const HOUR: u32 = 3600;
const UNUSED_LIMIT: u32 = 15552000; // 180 days
const CHURN_GAP: u32 = 60;
const WAKE_FLOOR: u32 = 60;

export function policyAge(): u32 {
  return since(now(), get(S_FETCHED_AT));
}

/** Age may equal max_age, not exceed it; max_age 0 serves the attempt it was fetched for and no later one (AMB-16). */
export function isLive(): bool {
  return holdsPolicy() && get(S_MAX_AGE) !== 0 && policyAge() <= get(S_MAX_AGE);
}

export function isExpired(): bool {
  return holdsPolicy() && get(S_MAX_AGE) !== 0 && policyAge() > get(S_MAX_AGE);
}

export function expiresIn(): u32 {
  return since(get(S_MAX_AGE), policyAge());
}

/** While the policy says none, failures concern nobody (R-8461-3.3-19, R-8461-5-05). */
export function isSilent(): bool {
  return get(S_MODE) === MODE_NONE;
}

export function policyReuse(): u32 {
  return atMost(atMost(REUSE_LIMIT, get(S_RECORD_TTL)), expiresIn());
}

export function negativeReuse(): u32 {
  return atMost(REUSE_LIMIT, since(get(S_NEGATIVE_UNTIL), now()));
}

export function isDue(field: u32): bool {
  return now() >= get(field);
}

/** The id is looked at again after the TTL, but neither at once nor late. */
export function scheduleCheck(ttl: u32): void {
  set(S_RECORD_TTL, ttl);
  set(S_CHECK_DUE, plus(now(), atMost(atLeast(ttl, CHECK_FLOOR), CHECK_CEILING)));
}

export function negativeFor(seconds: u32): void {
  set(S_NEGATIVE_UNTIL, plus(now(), atMost(seconds, NEGATIVE_CEILING)));
}

/** value less 0 to 10 %, by the request's seed, so that entries do not all refresh in the same second. */
function jittered(value: u32): u32 {
  return value - (asked(Q_SEED) % u32(value / 10 + 1));
}

/** From half of max_age, and at least daily (R-8461-CSM-05). */
export function scheduleRefresh(): void {
  const interval = atMost(DAY, u32(get(S_MAX_AGE) / 2));
  set(S_REFRESH_DUE, plus(get(S_FETCHED_AT), jittered(interval)));
}

/** 5, 10, 20, 40, 60 minutes, less jitter but never under the back-off. */
export function scheduleRetry(): void {
  const doublings = atMost(since(get(S_FAILURES), 1), 4);
  const delay = atMost(u32(BACKOFF << doublings), RETRY_CEILING);
  set(S_REFRESH_DUE, plus(now(), atLeast(jittered(delay), BACKOFF)));
}

/** Two ids that share a fingerprint wait for each other, which costs five minutes at most. */
function fingerprint(id: usize, n: u32): u32 {
  let h: u32 = 0x9e3779b9;
  for (let i: u32 = 0; i < n; i++) {
    h = u32(h ^ load8(id + i));
    h = u32(h ^ (h << 13));
    h = u32(h ^ (h >>> 17));
    h = u32(h ^ (h << 5));
  }
  return h;
}

function isBackedOff(mark: u32): bool {
  for (let i: u32 = 0; i < get(S_BACKOFF_IDS_LENGTH); i += 4) if (get(S_BACKOFF_IDS + i) === mark) return true;
  return false;
}

/** A GET for this id failed. Those that failed before it and are still backed off from wait on with it. */
export function backOff(id: usize, n: u32): void {
  if (since(get(S_BACKOFF_UNTIL), now()) === 0) set(S_BACKOFF_IDS_LENGTH, 0);
  set(S_BACKOFF_UNTIL, plus(now(), BACKOFF));
  const mark = fingerprint(id, n);
  if (isBackedOff(mark)) return;
  const kept = atMost(get(S_BACKOFF_IDS_LENGTH), ID_LIMIT - 4);
  for (let i: u32 = kept; i > 0; i -= 4) set(S_BACKOFF_IDS + i, get(S_BACKOFF_IDS + i - 4));
  set(S_BACKOFF_IDS, mark);
  set(S_BACKOFF_IDS_LENGTH, kept + 4);
}

/** R-8461-3.3-11, -12: five minutes per (domain, id). */
export function isBackingOff(id: usize, idLength: u32): bool {
  return since(get(S_BACKOFF_UNTIL), now()) !== 0 && isBackedOff(fingerprint(id, idLength));
}

export function isUnused(): bool {
  return since(now(), get(S_LAST_USED)) > UNUSED_LIMIT;
}

/** Notes a use, once a day at most; true when it did. */
export function touch(): bool {
  if (get(S_LAST_USED) !== 0 && since(now(), get(S_LAST_USED)) < DAY) return false;
  set(S_LAST_USED, now());
  return true;
}

/** Fetches for a changed id: one a minute, five an hour (AMB-17). */
export function isChurning(): bool {
  const newest = get(S_ID_FETCHES);
  const oldest = get(S_ID_FETCHES + (ID_FETCH_SLOTS - 1) * 4);
  return (newest !== 0 && since(now(), newest) < CHURN_GAP) || (oldest !== 0 && since(now(), oldest) < HOUR);
}

export function noteIdFetch(): void {
  for (let i = ID_FETCH_SLOTS - 1; i > 0; i--) set(S_ID_FETCHES + i * 4, get(S_ID_FETCHES + (i - 1) * 4));
  set(S_ID_FETCHES, now());
}

/** The state's clock was set anew: the fetches noted before lie as long ago as they did (AMB-17). */
export function moveIdFetches(before: u32): void {
  for (let i: u32 = 0; i < ID_FETCH_SLOTS; i++) {
    const at = get(S_ID_FETCHES + i * 4);
    if (at !== 0) set(S_ID_FETCHES + i * 4, atLeast(since(now(), since(before, at)), 1));
  }
}

/** Seconds to the next wake-up: the refresh, or the moment after expiry. Short-lived policies refresh on use. */
export function wakeIn(): u32 {
  const expiry = plus(expiresIn(), 1);
  if (get(S_MAX_AGE) < HOUR || isUnused()) return expiry;
  return atMost(expiry, atLeast(since(get(S_REFRESH_DUE), now()), WAKE_FLOOR));
}
