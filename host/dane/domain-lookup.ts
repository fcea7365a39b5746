import type { DnsOutcome, MxRecord } from "../dns/types.ts";
import { mxCandidates } from "../mx/mx-candidates.ts";
import { type DaneCore, type DaneDns, type DaneHost, HostLookup } from "./host-lookup.ts";

/** Where mail is to go. */
export interface DaneDestination {
  /** Next-hop domain, or the host itself when it stood in brackets. */
  readonly domain: string;
  /** TCP port; TLSA records are published for each (R-7672-2.2.3-01). */
  readonly port: number;
  /** The next hop was named by the operator, and no MX lookup is made. */
  readonly bracketed: boolean;
}

export type DaneFindings =
  | {
      readonly kind: "found";
      /** "implicit": there is no MX record, securely so, and the domain is its own host. */
      readonly mx: "secure" | "insecure" | "implicit";
      /** Every MX host, best preference first; none for a Null MX (RFC 7505) and for a name that does not exist. */
      readonly hosts: readonly DaneHost[];
      /** Where the next-hop domain leads when it is an alias, else null (R-7672-3.2.2-01). */
      readonly expanded: string | null;
      /** Seconds. */
      readonly ttl: number;
    }
  /** The hosts are not known, so delivery waits (R-7672-2.1.2-01). */
  | { readonly kind: "failed"; readonly detail: string };

/** Hosts of one domain that are looked up at once. */
const AT_ONCE = 4;
/** An MTA tries a handful; what lies behind these is not looked up and so never counts as anything but failed. */
const MAX_HOSTS = 64;

/** MX, addresses and TLSA records of a destination with their DNSSEC status. Rejects never, ends with `signal` at the latest. */
export async function lookUpDane(
  dns: DaneDns,
  core: DaneCore,
  destination: DaneDestination,
  signal: AbortSignal,
): Promise<DaneFindings> {
  const { domain, bracketed } = destination;
  if (bracketed) {
    const hosts = await lookUpHosts(dns, core, [domain], destination.port, signal);
    return { kind: "found", mx: "secure", hosts, expanded: null, ttl: ttlOf(hosts) };
  }
  const outcome = await dns.mx(domain, signal);
  if (outcome.kind === "failed") return { kind: "failed", detail: outcome.detail };
  const names = hostsOf(domain, outcome);
  // An unsigned MX RRset names whom an attacker likes: DANE is not applied, and nobody is asked (R-7672-2.2.1-03).
  const hosts = outcome.secure
    ? await lookUpHosts(dns, core, names, destination.port, signal)
    : names.map(
        (host): DaneHost => ({ host, state: "insecure", base: null, records: [], ttl: outcome.ttl, detail: "" }),
      );
  return {
    kind: "found",
    mx: !outcome.secure ? "insecure" : outcome.kind === "none" ? "implicit" : "secure",
    hosts,
    expanded: outcome.kind === "records" ? (outcome.canonical ?? null) : null,
    ttl: Math.min(outcome.ttl, ttlOf(hosts)),
  };
}

function hostsOf(domain: string, outcome: DnsOutcome<MxRecord>): readonly string[] {
  // RFC 7505 §3: exactly one MX with the root as its target accepts no mail (R-7505-3-01).
  if (outcome.kind === "records" && outcome.records.length === 1 && outcome.records[0]?.exchange === "") return [];
  const candidates = mxCandidates(domain, outcome);
  return candidates.kind === "known" ? candidates.hosts : [];
}

async function lookUpHosts(
  dns: DaneDns,
  core: DaneCore,
  names: readonly string[],
  port: number,
  signal: AbortSignal,
): Promise<DaneHost[]> {
  const found: DaneHost[] = names.map((host) => notLookedUp(host));
  const waiting = names.slice(0, MAX_HOSTS).entries();
  const work = async (): Promise<void> => {
    for (const [i, host] of waiting) found[i] = await new HostLookup(dns, core, host, port, signal).run();
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return found;
}

function notLookedUp(host: string): DaneHost {
  const detail = `${host}: not looked up, the domain has more than ${MAX_HOSTS} MX hosts`;
  return { host, state: "failed", base: null, records: [], ttl: 0, detail };
}

const ttlOf = (hosts: readonly DaneHost[]): number =>
  Math.min(Number.POSITIVE_INFINITY, ...hosts.map(({ ttl }) => ttl));
