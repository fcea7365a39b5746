// The stored form of what is known about one Policy Domain: a fixed head, then the domain, then the policy text.
// docs/abi.md "Stored state" is the same table in words. The head of the state at hand lives in a working copy; the
// domain and the policy stay where the request put them.
import {
  DOMAIN_LIMIT,
  E_STATE,
  ID_LIMIT,
  LENIENT_ALL,
  MAX_AGE_LIMIT,
  MODE_ABSENT,
  MODE_NONE,
  POLICY_LIMIT,
  STATUS_STORE_FAILED,
} from "./abi.ts";
import { copy, load32, sameBytes, store32 } from "./memory.ts";

export const S_MAGIC: u32 = 0;
export const S_VERSION: u32 = 4;
export const S_LENGTH: u32 = 8;
export const S_CHECKSUM: u32 = 12;
export const S_FLAGS: u32 = 16;
/** The state clock: seconds `ANCHOR_TIME` at uptime `ANCHOR_UPTIME` of boot `ANCHOR_BOOT` (clock.ts). */
export const S_ANCHOR_TIME: u32 = 20;
export const S_ANCHOR_UPTIME: u32 = 24;
export const S_ANCHOR_BOOT: u32 = 28;
export const S_MODE: u32 = 32;
export const S_MAX_AGE: u32 = 36;
export const S_LENIENCY: u32 = 40;
export const S_FETCHED_AT: u32 = 44;
export const S_FETCHED_MS: u32 = 48;
export const S_CHECKED_AT: u32 = 52;
export const S_CHECK_DUE: u32 = 56;
export const S_RECORD_TTL: u32 = 60;
export const S_REFRESH_DUE: u32 = 64;
export const S_FAILURES: u32 = 68;
export const S_ALARM: u32 = 72;
export const S_BACKOFF_UNTIL: u32 = 76;
export const S_DNS_FAILED_AT: u32 = 80;
export const S_NEGATIVE_UNTIL: u32 = 84;
export const S_NEGATIVE_STATUS: u32 = 88;
export const S_NEGATIVE_DETAIL: u32 = 92;
export const S_LAST_USED: u32 = 96;
export const S_ID_FETCHES: u32 = 100; // five times, newest first
export const S_ID_LENGTH: u32 = 120;
export const S_BACKOFF_IDS_LENGTH: u32 = 124;
export const S_DOMAIN_LENGTH: u32 = 128;
export const S_POLICY_LENGTH: u32 = 132;
export const S_ID: u32 = 136;
export const S_BACKOFF_IDS: u32 = 168; // fingerprints, four octets each, newest first
export const S_BACKOFF_STATUS: u32 = 200;
export const S_BACKOFF_DETAIL: u32 = 204;
export const S_HEAD: u32 = 208;

/** One definite discovery was made: losing the store no longer counts against this domain. */
export const KNOWN: u32 = 1;
/** The clock was anchored anew after a reboot, so the wall clock may still overtake it. */
export const REANCHORED: u32 = 2;
/** The operator was already told that this domain is delivered to without discovery. */
export const OPEN_TOLD: u32 = 4;

export const ID_FETCH_SLOTS: u32 = 5;

const MAGIC: u32 = 0x5354534d; // "MSTS"
const FORMAT: u32 = 1;

const HEAD: usize = memory.data(208, 16);
let domainAt: usize = 0;
let policyAt: usize = 0;
let changed: bool = false;

export function get(field: u32): u32 {
  return load32(HEAD + field);
}

export function set(field: u32, value: u32): void {
  if (load32(HEAD + field) === value) return;
  store32(HEAD + field, value);
  changed = true;
}

export function hasFlag(flag: u32): bool {
  return (get(S_FLAGS) & flag) !== 0;
}

export function setFlag(flag: u32, on: bool): void {
  set(S_FLAGS, on ? u32(get(S_FLAGS) | flag) : u32(get(S_FLAGS) & ~flag));
}

export function stateChanged(): bool {
  return changed;
}

/** An id slot with its length field. */
export function setId(slot: u32, lengthField: u32, id: usize, n: u32): void {
  if (isId(slot, lengthField, id, n)) return;
  for (let i: u32 = 0; i < ID_LIMIT; i += 4) store32(HEAD + slot + i, 0);
  copy(HEAD + slot, id, n);
  set(lengthField, n);
  changed = true;
}

/** Ids are compared octet by octet, never in order (R-8461-3.1-19). */
export function isId(slot: u32, lengthField: u32, id: usize, n: u32): bool {
  return sameBytes(HEAD + slot, get(lengthField), id, n);
}

export function idAt(slot: u32): usize {
  return HEAD + slot;
}

export function setPolicy(at: usize, n: u32): void {
  policyAt = at;
  set(S_POLICY_LENGTH, n);
  changed = true;
}

export function policyText(): usize {
  return policyAt;
}

/** Offset of the policy text inside the encoded state. */
export function policyOffset(): u32 {
  return S_HEAD + get(S_DOMAIN_LENGTH);
}

export function holdsPolicy(): bool {
  return get(S_MODE) !== MODE_ABSENT;
}

/**
 * Damage, not malice: xorshift is a bijection, so any change within one word is always found, any other with
 * probability 1 - 2^-32. Words are folded from after the checksum to the padded end.
 */
function checksum(p: usize, n: u32): u32 {
  let h: u32 = 0x9e3779b9;
  for (let i: u32 = S_FLAGS; i < n; i += 4) {
    h = u32(h ^ load32(p + i));
    h = u32(h ^ (h << 13));
    h = u32(h ^ (h >>> 17));
    h = u32(h ^ (h << 5));
  }
  return h;
}

function padded(n: u32): u32 {
  return u32((n + 3) & ~3);
}

/** A domain of which nothing is known. */
export function emptyState(domain: usize, n: u32): void {
  for (let i: u32 = 0; i < S_HEAD; i += 4) store32(HEAD + i, 0);
  store32(HEAD + S_MAGIC, MAGIC);
  store32(HEAD + S_VERSION, FORMAT);
  store32(HEAD + S_DOMAIN_LENGTH, n);
  domainAt = domain;
  policyAt = 0;
  changed = true;
}

/** Are the lengths inside the head possible, and do they add up? */
function hasSoundLengths(p: usize, n: u32): bool {
  const domainLength = load32(p + S_DOMAIN_LENGTH);
  const policyLength = load32(p + S_POLICY_LENGTH);
  if (domainLength > DOMAIN_LIMIT || policyLength > POLICY_LIMIT) return false;
  if (load32(p + S_ID_LENGTH) > ID_LIMIT || load32(p + S_BACKOFF_IDS_LENGTH) > ID_LIMIT) return false;
  return padded(S_HEAD + domainLength + policyLength) === n;
}

/** Are the fields whose values are words or have a limit possible? A checksum says that nothing changed, not that it is right. */
function hasSoundFields(p: usize): bool {
  if (load32(p + S_MODE) > MODE_NONE || load32(p + S_MAX_AGE) > MAX_AGE_LIMIT) return false;
  if (load32(p + S_LENIENCY) > LENIENT_ALL) return false;
  return load32(p + S_NEGATIVE_STATUS) <= STATUS_STORE_FAILED && load32(p + S_BACKOFF_STATUS) <= STATUS_STORE_FAILED;
}

/** Reads a state that is to belong to this domain: 0, or E_STATE for anything damaged, foreign or newer. */
export function readState(p: usize, n: u32, domain: usize, domainLength: u32): i32 {
  if (n < S_HEAD || load32(p + S_MAGIC) !== MAGIC || load32(p + S_VERSION) !== FORMAT) return E_STATE;
  if (load32(p + S_LENGTH) !== n || !hasSoundLengths(p, n) || load32(p + S_CHECKSUM) !== checksum(p, n)) return E_STATE;
  if (!hasSoundFields(p)) return E_STATE;
  if (!sameBytes(p + S_HEAD, load32(p + S_DOMAIN_LENGTH), domain, domainLength)) return E_STATE;
  copy(HEAD, p, S_HEAD);
  domainAt = domain;
  policyAt = p + S_HEAD + domainLength;
  changed = false;
  return 0;
}

export function stateLength(): u32 {
  return padded(S_HEAD + get(S_DOMAIN_LENGTH) + get(S_POLICY_LENGTH));
}

/** Writes the state at `to`; the caller made sure that stateLength() octets fit. */
export function writeState(to: usize): void {
  const n = stateLength();
  const domainLength = get(S_DOMAIN_LENGTH);
  store32(to + n - 4, 0); // the padding
  copy(to, HEAD, S_HEAD);
  copy(to + S_HEAD, domainAt, domainLength);
  copy(to + S_HEAD + domainLength, policyAt, get(S_POLICY_LENGTH));
  store32(to + S_LENGTH, n);
  store32(to + S_CHECKSUM, checksum(to, n));
}
