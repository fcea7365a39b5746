// TLSA records and the certificates that the server sent: which record matches which certificate (RFC 6698 §2.1). The
// host hashes and parses; here the octets are compared.
import {
  E_REQUEST,
  FRAME_VERSION,
  M_CERTIFICATES,
  M_RECORDS,
  M_SIZE,
  M_VERSION,
  MATCH_ENTRY,
  MATCHING_FULL,
  MATCHING_SHA256,
  OUT_HEADER,
  PEER_CERTIFICATE,
  PEER_CERTIFICATE_SHA256,
  PEER_CERTIFICATE_SHA512,
  PEER_KEY_SHA256,
  PEER_KEY_SHA512,
  SELECTOR_CERTIFICATE,
  USAGE_DANE_EE,
} from "./abi.ts";
import { load16, load32, OUT, outLeft, sameBytes, store32 } from "./memory.ts";
import { readTlsa, remains, tlsaData, tlsaDataLength, tlsaMatching, tlsaSelector, tlsaUsage } from "./tlsa.ts";
import { failAt } from "./verdict.ts";

let matches: u32 = 0;

/** Octets of one certificate's entry, or 0 when it is cut: four digests, then certificate and key with their lengths. */
function entryLength(p: usize, n: u32): u32 {
  if (n < PEER_CERTIFICATE + 8) return 0;
  const certificate = load32(p + PEER_CERTIFICATE);
  if (certificate > n - PEER_CERTIFICATE - 8) return 0;
  const key = load32(p + PEER_CERTIFICATE + 4 + certificate);
  if (key > n - PEER_CERTIFICATE - 8 - certificate) return 0;
  return PEER_CERTIFICATE + 8 + certificate + key;
}

function areCertificatesWhole(p: usize, n: u32): bool {
  let at: u32 = 0;
  while (at < n) {
    const length = entryLength(p + at, n - at);
    if (length === 0) return false;
    at += length;
  }
  return true;
}

/** Does the record name this certificate: the selected octets themselves, or their digest (R-6698-2.1-01)? */
function names(record: usize, n: u32, entry: usize): bool {
  const data = tlsaData(record);
  const length = tlsaDataLength(n);
  const whole = tlsaSelector(record) === SELECTOR_CERTIFICATE;
  const matching = tlsaMatching(record);
  if (matching === MATCHING_FULL) {
    const certificate = entry + PEER_CERTIFICATE;
    const selected = whole ? certificate : certificate + 4 + load32(certificate);
    return sameBytes(data, length, selected + 4, load32(selected));
  }
  if (matching === MATCHING_SHA256)
    return sameBytes(data, length, entry + (whole ? PEER_CERTIFICATE_SHA256 : PEER_KEY_SHA256), 32);
  return sameBytes(data, length, entry + (whole ? PEER_CERTIFICATE_SHA512 : PEER_KEY_SHA512), 64);
}

/** Compares one record with the certificates it is about; false when OUT is full. */
function matchRecord(record: usize, n: u32, from: u32, certificates: usize, end: u32): bool {
  // DANE-EE is about the server's own certificate, which comes first; DANE-TA is about those that may have issued it
  // (R-7672-3.1.1-01, R-7672-3.1.2-01).
  const leafOnly = tlsaUsage(record) === USAGE_DANE_EE;
  let index: u32 = 0;
  for (let at: u32 = 0; at < end; index++) {
    if ((index === 0) === leafOnly && names(record, n, certificates + at)) {
      const out = OUT + OUT_HEADER + matches * MATCH_ENTRY;
      if (outLeft(out) < MATCH_ENTRY) return false;
      store32(out, from);
      store32(out + 4, n);
      store32(out + 8, index);
      matches++;
    }
    if (leafOnly) return true;
    at += entryLength(certificates + at, end - at);
  }
  return true;
}

export function matchPayload(): u32 {
  return matches * MATCH_ENTRY;
}

/** Number of matches, or an error. OUT: for each the offset and length of the RDATA, and the certificate's index. */
export function tlsaMatch(p: usize, n: u32): i32 {
  matches = 0;
  if (n < M_SIZE) return failAt(n, E_REQUEST);
  const recordsAt = load32(p + M_RECORDS);
  const recordsLength = load32(p + M_RECORDS + 4);
  const certificatesAt = load32(p + M_CERTIFICATES);
  const certificatesLength = load32(p + M_CERTIFICATES + 4);
  if (load32(p + M_VERSION) !== FRAME_VERSION) return failAt(M_VERSION, E_REQUEST);
  if (recordsAt > n || recordsLength > n - recordsAt) return failAt(M_RECORDS, E_REQUEST);
  if (certificatesAt > n || certificatesLength > n - certificatesAt) return failAt(M_CERTIFICATES, E_REQUEST);
  if (readTlsa(p + recordsAt, recordsLength) < 0) return failAt(M_RECORDS, E_REQUEST);
  if (!areCertificatesWhole(p + certificatesAt, certificatesLength)) return failAt(M_CERTIFICATES, E_REQUEST);
  for (let at: u32 = recordsAt; at < recordsAt + recordsLength; ) {
    const length = load16(p + at);
    const record = at + 2;
    if (remains(p + record, length) && !matchRecord(p + record, length, record, p + certificatesAt, certificatesLength))
      return failAt(M_RECORDS, E_REQUEST);
    at += 2 + length;
  }
  return i32(matches);
}
