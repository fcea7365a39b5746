// Does a certificate name the host? DNS-IDs only, never the subject CN (RFC 9525 §6.3, RFC 8461 §4.2).
import { E_REQUEST } from "./abi.ts";
import { DOT, STAR } from "./ascii.ts";
import { coveredByWildcard, firstLabel, isDomain, sameDomain, withoutTrailingDot } from "./domain.ts";
import { load8, load16 } from "./memory.ts";
import { isHostName } from "./mx-pattern.ts";

/** One presented DNS-ID. `*` must be the whole left-most label and leave two labels at least (AMB-31). */
function presents(name: usize, n: u32, host: usize, hostLength: u32): bool {
  if (n > 2 && load8(name) === STAR && load8(name + 1) === DOT) {
    const base = name + 2;
    if (!isDomain(base, n - 2) || firstLabel(base, n - 2) === n - 2) return false;
    return coveredByWildcard(base, n - 2, host, hostLength);
  }
  return isDomain(name, n) && sameDomain(name, n, host, hostLength);
}

/**
 * names: DNS-IDs, each u16 length + octets. 1 when one of them presents the reference identity, 0 when none does,
 * E_REQUEST when the list is cut. A name that is no valid DNS-ID is passed over, the others still count.
 */
export function matchIdentity(names: usize, namesLength: u32, host: usize, hostLength: u32): i32 {
  const n = withoutTrailingDot(host, hostLength);
  const valid = isHostName(host, n);
  let found = false;
  let at: u32 = 0;
  while (at < namesLength) {
    if (namesLength - at < 2) return E_REQUEST;
    const length = load16(names + at);
    at += 2;
    if (length > namesLength - at) return E_REQUEST;
    if (valid && presents(names + at, length, host, n)) found = true;
    at += length;
  }
  return found ? 1 : 0;
}

/** What matchAnyIdentity() gives when it is the list of hosts that is cut. */
export const HOSTS_CUT: i32 = -1000;

/** The same for several reference identities, a list too (RFC 7672 §3.2.2): one of them is enough. */
export function matchAnyIdentity(names: usize, namesLength: u32, hosts: usize, hostsLength: u32): i32 {
  let found = matchIdentity(names, namesLength, hosts, 0); // nobody's name: is the list whole?
  for (let at: u32 = 0; at < hostsLength; ) {
    if (hostsLength - at < 2) return HOSTS_CUT;
    const length = load16(hosts + at);
    at += 2;
    if (length > hostsLength - at) return HOSTS_CUT;
    if (found === 0) found = matchIdentity(names, namesLength, hosts + at, length);
    at += length;
  }
  return found;
}
