/** What a DNS question came to. A failure is never "no such name": R-8461-3.1-26 keeps the three apart. */
export type DnsOutcome<T> = DnsRecords<T> | DnsNone | DnsFailed;

export interface DnsRecords<T> {
  readonly kind: "records";
  readonly records: readonly T[];
  /** Seconds: the smallest TTL on the CNAME chain and of the RRset. */
  readonly ttl: number;
  /** Where the CNAME chain ended, in presentation form; absent when the name asked for is no alias. */
  readonly canonical?: string;
  /** True when every link of the answer was authenticated by a resolver we trust (AD bit). */
  readonly secure: boolean;
}

export interface DnsNone {
  readonly kind: "none";
  readonly reason: "nxdomain" | "nodata";
  /** Seconds: negative TTL of RFC 2308 §5 (min of SOA TTL and SOA minimum), 0 when the answer carried no SOA. */
  readonly ttl: number;
  readonly secure: boolean;
}

export type DnsFailure =
  | "servfail"
  | "refused"
  | "timeout"
  | "network"
  | "overloaded" // too many questions of ours at once; never sent, so it says nothing about the domain
  | "malformed"
  | "cname-loop"
  | "rcode"
  | "aborted";

export interface DnsFailed {
  readonly kind: "failed";
  readonly reason: DnsFailure;
  /** One sentence for the log: which server, which name, what happened. Printable ASCII. */
  readonly detail: string;
}

export interface MxRecord {
  readonly preference: number;
  /**
   * The exchange in presentation form without trailing dot, "" for the root (Null MX, RFC 7505). Bytes outside
   * letters, digits, hyphen and underscore are escaped as \DDD, so a dot inside a label never looks like two labels.
   */
  readonly exchange: string;
}

/** A stub resolver client. Names are A-label host names without trailing dot; anything else is a TypeError. */
export interface DnsClient {
  /** TXT RRset; each record is the raw RDATA (length-prefixed character-strings), duplicates collapsed (R-8461-3.1-27). */
  txt(name: string, signal?: AbortSignal): Promise<DnsOutcome<Uint8Array>>;
  mx(name: string, signal?: AbortSignal): Promise<DnsOutcome<MxRecord>>;
  /** A and AAAA together, as text; "records" when at least one family has addresses, "failed" when none has and one failed. */
  addresses(name: string, signal?: AbortSignal): Promise<DnsOutcome<string>>;
  /** TLSA RRset, raw RDATA. `name` is the whole owner, `_25._tcp.mx1.example.com` (R-7672-2.2.3-01). */
  tlsa(name: string, signal?: AbortSignal): Promise<DnsOutcome<Uint8Array>>;
  /** The name itself as an alias, not followed: is that link authenticated (RFC 7672 §2.1.3)? */
  cname(name: string, signal?: AbortSignal): Promise<DnsOutcome<string>>;
  /** Is there a zone apex? Gives its negative TTL, in seconds; "." is the root. */
  soa(name: string, signal?: AbortSignal): Promise<DnsOutcome<number>>;
  close(): void;
}
