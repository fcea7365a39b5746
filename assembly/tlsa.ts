// TLSA records: which of an RRset SMTP can use (RFC 6698 §4.1, RFC 7672 §3.1), and which remain after digest agility
// (RFC 7671 §9). The same reading serves the RRset from DNS and the match with a peer's certificates.
import {
  DANE_ABSENT,
  DANE_UNUSABLE,
  DANE_USABLE,
  E_REQUEST,
  MATCHING_FULL,
  MATCHING_SHA256,
  MATCHING_SHA512,
  OUT_HEADER,
  SELECTOR_KEY,
  TLSA_LIMIT,
  USAGE_DANE_EE,
  USAGE_DANE_TA,
} from "./abi.ts";
import { load8, load16, OUT, store32 } from "./memory.ts";
import { failAt } from "./verdict.ts";

const FIXED: u32 = 3; // usage, selector, matching type; then the certificate association data
const SHA256: u32 = 32;
const SHA512: u32 = 64;
const DER_SEQUENCE: u32 = 0x30;

/** One bit for each usage and selector that has a usable SHA-512 record in the RRset read last. */
let strong: u32 = 0;
let kept: u32 = 0;

export function tlsaUsage(record: usize): u32 {
  return load8(record);
}

export function tlsaSelector(record: usize): u32 {
  return load8(record + 1);
}

export function tlsaMatching(record: usize): u32 {
  return load8(record + 2);
}

export function tlsaData(record: usize): usize {
  return record + FIXED;
}

export function tlsaDataLength(n: u32): u32 {
  return n - FIXED;
}

/** One DER SEQUENCE, nothing before it and nothing behind: what a certificate or a key is from outside. */
function isSequence(p: usize, n: u32): bool {
  if (n < 2 || load8(p) !== DER_SEQUENCE) return false;
  const first = load8(p + 1);
  if (first < 0x80) return first === n - 2;
  if (first === 0x81) return n >= 3 && load8(p + 2) >= 0x80 && load8(p + 2) === n - 3;
  if (first !== 0x82 || n < 4) return false;
  const length = u32(load8(p + 2) << 8) | load8(p + 3);
  return length >= 0x100 && length === n - 4;
}

/** Usages 0 and 1 are unusable for SMTP (RFC 7672 §3.1.3); a digest of the wrong length is malformed (R-6698-4.1-01). */
function isUsable(record: usize, n: u32): bool {
  if (n <= FIXED) return false;
  const usage = tlsaUsage(record);
  if (usage !== USAGE_DANE_TA && usage !== USAGE_DANE_EE) return false;
  if (tlsaSelector(record) > SELECTOR_KEY) return false;
  const matching = tlsaMatching(record);
  if (matching === MATCHING_FULL) return isSequence(tlsaData(record), tlsaDataLength(n));
  if (matching === MATCHING_SHA256) return tlsaDataLength(n) === SHA256;
  return matching === MATCHING_SHA512 && tlsaDataLength(n) === SHA512;
}

function group(record: usize): u32 {
  return 1 << (tlsaUsage(record) * 2 + tlsaSelector(record));
}

/** Reads an RRset, for each record u16 length + RDATA. Number of records, or E_REQUEST at the one that is cut. */
export function readTlsa(records: usize, n: u32): i32 {
  strong = 0;
  if (n > TLSA_LIMIT) return failAt(TLSA_LIMIT, E_REQUEST);
  let count: i32 = 0;
  for (let at: u32 = 0; at < n; count++) {
    if (n - at < 2) return failAt(at, E_REQUEST);
    const length = load16(records + at);
    if (length > n - at - 2) return failAt(at, E_REQUEST);
    const record = records + at + 2;
    if (isUsable(record, length) && tlsaMatching(record) === MATCHING_SHA512) strong = strong | group(record);
    at += 2 + length;
  }
  return count;
}

/** Does this record of the RRset read last count? A SHA-256 one does not beside a SHA-512 one (R-7671-9-01). */
export function remains(record: usize, n: u32): bool {
  if (!isUsable(record, n)) return false;
  return tlsaMatching(record) !== MATCHING_SHA256 || (strong & group(record)) === 0;
}

/** Octets of the payload that tlsaUsable() left in OUT. */
export function tlsaPayload(): u32 {
  return 8 + kept * 8;
}

/** Number of records that remain, or an error. OUT: the outcome, that number, then (offset, length) of each RDATA. */
export function tlsaUsable(records: usize, n: u32): i32 {
  kept = 0;
  const count = readTlsa(records, n);
  if (count < 0) return count;
  const out = OUT + OUT_HEADER;
  for (let at: u32 = 0; at < n; ) {
    const length = load16(records + at);
    if (remains(records + at + 2, length)) {
      store32(out + 8 + kept * 8, at + 2);
      store32(out + 12 + kept * 8, length);
      kept++;
    }
    at += 2 + length;
  }
  store32(out, count === 0 ? DANE_ABSENT : kept === 0 ? DANE_UNUSABLE : DANE_USABLE);
  store32(out + 4, kept);
  return i32(kept);
}
