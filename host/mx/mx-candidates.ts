import type { DnsOutcome, MxRecord } from "../dns/types.ts";
import { isHostName, isWildcard } from "./host-name.ts";
import { within } from "./within.ts";

/** The hosts a sending MTA would try for a next hop. */
export type MxCandidates =
  | {
      readonly kind: "known";
      /** Names as the MX records hold them, lower case, best preference first; not yet checked. */
      readonly hosts: readonly string[];
      /** The best preference of each of them. */
      readonly preferences: ReadonlyMap<string, number>;
      /** Seconds this set may be believed. */
      readonly ttl: number;
    }
  | { readonly kind: "failed"; readonly detail: string };

/** Does an `mx` pattern permit this host name (RFC 8461 §4.1)? The decision core answers. */
export type MatchesMx = (pattern: string, host: string) => boolean;

/** MX lookups; the outcome may be "failed", it does not reject for that. */
export type LookupMx = (domain: string, signal: AbortSignal) => Promise<DnsOutcome<MxRecord>>;

/** The candidates of a next hop that is a domain, as far as they are known before `limit`. */
export async function findCandidates(domain: string, lookupMx: LookupMx, limit: AbortSignal): Promise<MxCandidates> {
  const outcome = await within(limit, lookupMx(domain, limit));
  return outcome === null
    ? { kind: "failed", detail: `MX ${domain}: no answer in time` }
    : mxCandidates(domain, outcome);
}

/**
 * The candidates that an MX answer gives. NODATA means implicit MX: the domain itself (RFC 5321 §5.1, AMB-15).
 * NXDOMAIN gives none. Names are those of the MX records, before any CNAME (R-8461-4.1-04).
 */
export function mxCandidates(domain: string, outcome: DnsOutcome<MxRecord>): MxCandidates {
  switch (outcome.kind) {
    case "failed":
      return { kind: "failed", detail: outcome.detail };
    case "none":
      return known(outcome.reason === "nodata" ? [{ exchange: domain, preference: 0 }] : [], outcome.ttl);
    case "records":
      return known(outcome.records, outcome.ttl);
  }
}

/** The only candidate of a next hop in brackets: itself, for as long as the caller likes (R-BIND-PF-02). */
export function onlyItself(domain: string): MxCandidates {
  return known([{ exchange: domain, preference: 0 }], Number.POSITIVE_INFINITY);
}

/**
 * The hosts that some pattern permits and that are host names at all: an odd label, an address or the root of a
 * Null MX (RFC 7505) never pass. The patterns are indexed first, so that thousands of patterns against thousands of
 * MX records cost one question to the core for each host, not millions.
 */
export function permittedHosts(patterns: readonly string[], hosts: readonly string[], matchesMx: MatchesMx): string[] {
  const index = new Set(patterns);
  return hosts.filter((host) => {
    if (!isHostName(host)) return false;
    if (index.has(host) && matchesMx(host, host)) return true;
    const wildcard = `*${host.slice(host.indexOf("."))}`;
    return index.has(wildcard) && isWildcard(wildcard) && matchesMx(wildcard, host);
  });
}

/** The hosts that no pattern permits: what a testing policy would have refused. */
export function refusedHosts(patterns: readonly string[], hosts: readonly string[], matchesMx: MatchesMx): string[] {
  const permitted = new Set(permittedHosts(patterns, hosts, matchesMx));
  return hosts.filter((host) => !permitted.has(host));
}

function known(records: readonly MxRecord[], ttl: number): MxCandidates {
  // A second key makes equal preferences come out the same way each time: the same world gives the same answer.
  const sorted = [...records].sort((a, b) => a.preference - b.preference || (a.exchange < b.exchange ? -1 : 1));
  const preferences = new Map<string, number>();
  for (const { exchange, preference } of sorted)
    if (!preferences.has(exchange.toLowerCase())) preferences.set(exchange.toLowerCase(), preference);
  return { kind: "known", hosts: [...preferences.keys()], preferences, ttl };
}
