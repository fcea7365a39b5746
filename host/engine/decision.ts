import type { Leniency } from "../core/names.ts";

/** What this lookup learned (the first axis of an answer); what to honour is the verdict (the second). */
export type LookupStatus =
  | "cached" // an unexpired policy was held; nothing had to be asked
  | "fetched" // a policy was just fetched and is valid
  | "no-record" // NXDOMAIN or NODATA for the TXT record
  | "record-invalid" // several, or malformed
  | "record-failed" // the TXT lookup failed
  | "fetch-failed" // the GET failed
  | "policy-invalid" // the body does not follow the grammar
  | "pending" // discovery still runs
  | "store-failed"; // the store could not be read

/** RFC 8460 §4.3 result types that concern policy discovery. */
export type PolicyResultType = "sts-policy-fetch-error" | "sts-policy-invalid" | "sts-webpki-invalid";

export type PolicyMode = "enforce" | "testing" | "none";

export interface HonouredPolicy {
  readonly mode: PolicyMode;
  readonly id: string;
  /** Lower-case patterns as published: host names, or "*." and a host name. */
  readonly mx: readonly string[];
  /** Seconds, clamped to 31557600. */
  readonly maxAge: number;
  /** Seconds since the start of the GET that gave this policy. */
  readonly age: number;
  /** Seconds until it expires. */
  readonly expiresIn: number;
  readonly source: "cache" | "fetch";
  /** Leniencies it needed to be accepted; empty for a policy that follows the grammar. */
  readonly leniencies: readonly Leniency[];
  /** The policy as served, line by line, for TLSRPT policy-string (R-8461-3.2-30). */
  readonly lines: readonly string[];
}

/** Stable reason codes of a TEMP or of an absent policy; they go into mail.log and metrics. */
export type DecisionReason =
  | "discovery-pending"
  | "discovery-failed"
  | "store-unavailable"
  | "overloaded"
  | "internal-error"
  | "shutting-down";

export interface Decision {
  /** Policy Domain: A-labels, lower case, no trailing dot. */
  readonly domain: string;
  /** "none": no policy, deliver as without MTA-STS. "policy": honour `policy`. "temp": try again later. */
  readonly verdict: "none" | "policy" | "temp";
  readonly status: LookupStatus;
  readonly resultType: PolicyResultType | null;
  /** Set when verdict is "temp". */
  readonly reason: DecisionReason | null;
  /** One printable-ASCII clause on what failed ("TXT _mta-sts.example.com: SERVFAIL from 127.0.0.1"), "" if nothing did. */
  readonly detail: string;
  readonly policy: HonouredPolicy | null;
  /** Seconds this answer may be given again without asking. */
  readonly reuse: number;
  /** True while RFC 8461 §5.1 still asks for a fresh look at the id before mail is bounced (R-8461-5.1-08). */
  readonly recheck: boolean;
}

/** What a binding needs from the engine: nothing here knows an MTA. */
export interface Resolver {
  /** `deadline`: milliseconds this caller can wait; the discovery itself goes on after it (AMB-09). */
  resolve(domain: string, options?: { readonly deadline?: number }): Promise<Decision>;
}
