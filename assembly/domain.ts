// Host names: RFC 5321 Domain in A-label form, nothing else. What is not one never matches anything.
import { DOMAIN_LIMIT, LABEL_LIMIT } from "./abi.ts";
import { DOT, HYPHEN, isAlphanumeric, isDigit, lower } from "./ascii.ts";
import { load8 } from "./memory.ts";

/** Letter-digit-hyphen labels of 1 to 63 octets, at most 253 in all, no trailing dot (R-5890-2.3-02). */
export function isDomain(p: usize, n: u32): bool {
  if (n === 0 || n > DOMAIN_LIMIT) return false;
  let label: u32 = 0; // octets of the label so far
  let previous: u32 = DOT;
  for (let i: u32 = 0; i < n; i++) {
    const c = load8(p + i);
    if (c === DOT) {
      if (label === 0 || previous === HYPHEN) return false;
      label = 0;
    } else {
      if (!isAlphanumeric(c) && (c !== HYPHEN || label === 0)) return false;
      label++;
      if (label > LABEL_LIMIT) return false;
    }
    previous = c;
  }
  return label !== 0 && previous !== HYPHEN;
}

/** A Domain whose last label is all digits is an address in disguise (R-8461-4.1-06). */
export function looksLikeAddress(p: usize, n: u32): bool {
  let i = n;
  while (i > 0 && isDigit(load8(p + i - 1))) i--;
  return i < n && (i === 0 || load8(p + i - 1) === DOT);
}

/** Length without one trailing dot: DNS presentation form and host name are the same name (R-8461-4.1-03). */
export function withoutTrailingDot(p: usize, n: u32): u32 {
  return n > 0 && load8(p + n - 1) === DOT ? n - 1 : n;
}

/** Octets up to the first dot; n when there is none. */
export function firstLabel(p: usize, n: u32): u32 {
  let i: u32 = 0;
  while (i < n && load8(p + i) !== DOT) i++;
  return i;
}

/** ASCII case-insensitive equality. */
export function sameDomain(a: usize, aLength: u32, b: usize, bLength: u32): bool {
  if (aLength !== bLength) return false;
  for (let i: u32 = 0; i < aLength; i++) if (lower(load8(a + i)) !== lower(load8(b + i))) return false;
  return true;
}

/** Does `*.` + base cover host: exactly one label more, and the same base (R-8461-4.1-02)? */
export function coveredByWildcard(base: usize, baseLength: u32, host: usize, hostLength: u32): bool {
  const label = firstLabel(host, hostLength);
  if (label === 0 || label === hostLength) return false;
  return sameDomain(base, baseLength, host + label + 1, hostLength - label - 1);
}
