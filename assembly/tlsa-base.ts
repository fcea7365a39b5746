// Which name the TLSA records of an MX host stand under, the TLSA base domain (RFC 7672 §2.2.2, §2.2.3): the alias
// target first, then the name itself, as far as what leads there is signed. Asked once per lookup until it is settled.
import {
  ADDRESS_ALIAS_FIRST_SECURE,
  ADDRESS_ALIAS_INSECURE,
  ADDRESS_ALIAS_SECURE,
  ADDRESS_FAILED,
  ADDRESS_INSECURE,
  ADDRESS_NONE,
  ADDRESS_SECURE,
  BASE_EXPANDED,
  BASE_NONE,
  BASE_ORIGINAL,
  DANE_ABSENT,
  DANE_ADDRESS_FAILED,
  DANE_FAILED,
  DANE_INSECURE,
  DANE_NO_ADDRESS,
  DANE_UNKNOWN,
  DANE_UNUSABLE,
  DANE_USABLE,
  E_REQUEST,
  OUT_HEADER,
} from "./abi.ts";
import { OUT, store32 } from "./memory.ts";
import { failAt } from "./verdict.ts";

/** State DANE_UNKNOWN: ask for the TLSA records of this candidate. Another state: settled, and this is the base. */
function tell(state: u32, candidate: u32): i32 {
  store32(OUT + OUT_HEADER, state);
  store32(OUT + OUT_HEADER + 4, candidate);
  return i32(state);
}

/** Is there nothing to go on to? A secure RRset, usable or not, fixes the base; a failure ends it (R-7672-2.2.3-03). */
function isFinal(outcome: u32): bool {
  return outcome === DANE_USABLE || outcome === DANE_UNUSABLE || outcome === DANE_FAILED || outcome === DANE_UNKNOWN;
}

/**
 * addresses: what the address lookup said (ADDRESS_); expanded, original: outcome of the TLSA lookup at each candidate
 * (DANE_UNKNOWN: not yet asked). The host's DANE state, or 0 while a question is open. OUT: that state, the candidate.
 */
export function tlsaBase(addresses: u32, expanded: u32, original: u32): i32 {
  if (addresses < ADDRESS_FAILED || addresses > ADDRESS_ALIAS_INSECURE) return failAt(0, E_REQUEST);
  if (expanded > DANE_FAILED) return failAt(1, E_REQUEST);
  if (original > DANE_FAILED) return failAt(2, E_REQUEST);
  if (addresses === ADDRESS_FAILED) return tell(DANE_ADDRESS_FAILED, BASE_NONE);
  if (addresses === ADDRESS_NONE) return tell(DANE_NO_ADDRESS, BASE_NONE);
  if (addresses === ADDRESS_INSECURE || addresses === ADDRESS_ALIAS_INSECURE) return tell(DANE_INSECURE, BASE_NONE);
  if (addresses === ADDRESS_ALIAS_SECURE && isFinal(expanded)) return tell(expanded, BASE_EXPANDED);
  if (isFinal(original)) return tell(original, BASE_ORIGINAL);
  const denied = addresses === ADDRESS_SECURE || addresses === ADDRESS_ALIAS_FIRST_SECURE || expanded === DANE_ABSENT;
  return tell(denied && original === DANE_ABSENT ? DANE_ABSENT : DANE_INSECURE, BASE_NONE);
}
