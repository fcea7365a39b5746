// mx patterns and MX hosts (RFC 8461 §3.2 sts-policy-mx, §4.1).
import { DOMAIN_LIMIT, E_PATTERN } from "./abi.ts";
import { DOT, STAR } from "./ascii.ts";
import { coveredByWildcard, isDomain, looksLikeAddress, sameDomain, withoutTrailingDot } from "./domain.ts";
import { load8 } from "./memory.ts";

function hasWildcard(p: usize, n: u32): bool {
  return n >= 2 && load8(p) === STAR && load8(p + 1) === DOT;
}

/** sts-policy-mx-value: a Domain, or `*.` and a Domain, at most 253 octets in all (R-8461-3.2-18, -19). */
export function isPattern(p: usize, n: u32): bool {
  if (n > DOMAIN_LIMIT) return false;
  return hasWildcard(p, n) ? isDomain(p + 2, n - 2) : isDomain(p, n);
}

/** Is the MX host a name a certificate could be issued for? The bytes come from DNS: anything may stand there. */
export function isHostName(p: usize, n: u32): bool {
  return isDomain(p, n) && !looksLikeAddress(p, n);
}

/** Does the pattern cover the host? Both were found valid, the host stands without trailing dot. */
export function covers(pattern: usize, patternLength: u32, host: usize, hostLength: u32): bool {
  return hasWildcard(pattern, patternLength)
    ? coveredByWildcard(pattern + 2, patternLength - 2, host, hostLength)
    : sameDomain(pattern, patternLength, host, hostLength);
}

/** 1 when the pattern covers the host, 0 when not, E_PATTERN for what is no pattern (R-8461-4.1-01 to -06). */
export function matchPattern(pattern: usize, patternLength: u32, host: usize, hostLength: u32): i32 {
  if (!isPattern(pattern, patternLength)) return E_PATTERN;
  const n = withoutTrailingDot(host, hostLength);
  if (!isHostName(host, n)) return 0;
  return covers(pattern, patternLength, host, n) ? 1 : 0;
}
