import { createPublicKey, X509Certificate } from "node:crypto";
import { isIP } from "node:net";
import type { Core } from "../core/core.ts";
import type { Addresses, Base, DaneState } from "../core/names.ts";
import { toWireName } from "../dns/names.ts";
import type { DnsClient, DnsOutcome } from "../dns/types.ts";

/** What DNS says of one MX host as far as DANE is concerned (RFC 7672 §2.2). */
export interface DaneHost {
  /** As the MX record names it. */
  readonly host: string;
  readonly state: Exclude<DaneState, "unknown">;
  /** TLSA base domain: SNI, and the first reference identity (R-7672-8.1-01); null where there are no secure records. */
  readonly base: string | null;
  /** RDATA of the TLSA records that remain after digest agility; empty unless the state is "usable". */
  readonly records: readonly Uint8Array[];
  /** Seconds this may be believed: the smallest TTL on the way. */
  readonly ttl: number;
  /** What failed, for the log; empty when nothing did. */
  readonly detail: string;
}

/** The part of a DNS client that DANE needs. */
export type DaneDns = Pick<DnsClient, "mx" | "addresses" | "cname" | "tlsa">;
export type DaneCore = Pick<Core, "tlsaUsable" | "tlsaBase">;

type Outcome = "usable" | "unusable" | "absent" | "insecure" | "failed";

/** One host's lookups, one after the other: what each says decides whether there is a next one. */
export class HostLookup {
  readonly #dns: DaneDns;
  readonly #core: DaneCore;
  readonly #host: string;
  readonly #port: number;
  readonly #signal: AbortSignal;
  #ttl = Number.POSITIVE_INFINITY;
  #detail = "";
  #records: readonly Uint8Array[] = [];

  constructor(dns: DaneDns, core: DaneCore, host: string, port: number, signal: AbortSignal) {
    this.#dns = dns;
    this.#core = core;
    this.#host = host;
    this.#port = port;
    this.#signal = signal;
  }

  /** Never rejects: what cannot be found out is a failure of that host. */
  async run(): Promise<DaneHost> {
    // A bare address in an MX record is outside DANE (R-7672-2.2-05); a name that DNS cannot be asked for has none.
    if (isIP(this.#host) !== 0) return this.#found("insecure", null);
    if (!isQueryable(this.#host)) return this.#found("no-address", null);
    try {
      return await this.#lookUp();
    } catch (error) {
      this.#detail = `${this.#host}: ${error instanceof Error ? error.message : String(error)}`;
      return this.#found("failed", null);
    }
  }

  async #lookUp(): Promise<DaneHost> {
    // Addresses first (R-7672-2.2.2-01): where they are not authenticated no TLSA query is made, which many load
    // balancers would not answer (R-7672-2.2.2-02).
    const addresses = await this.#dns.addresses(this.#host, this.#signal);
    this.#note(addresses);
    const canonical = addresses.kind === "records" ? addresses.canonical : undefined;
    const found = await this.#addressesWord(addresses);
    const outcomes: { expanded: DaneState; original: DaneState } = { expanded: "unknown", original: "unknown" };
    for (;;) {
      const { state, base } = this.#core.tlsaBase(found, outcomes.expanded, outcomes.original);
      const name = nameOf(base, this.#host, canonical);
      if (state !== "unknown") return this.#found(state, state === "failed" ? null : name);
      outcomes[base === "expanded" ? "expanded" : "original"] = await this.#tlsa(name ?? this.#host);
    }
  }

  async #addressesWord(outcome: DnsOutcome<string>): Promise<Addresses> {
    if (outcome.kind === "failed") return "failed";
    if (outcome.kind === "none") return "none";
    if (outcome.canonical === undefined) return outcome.secure ? "secure" : "insecure";
    if (outcome.secure) return "alias-secure";
    // The status of the whole chain says nothing of its first link: that one is asked for by itself (R-7672-2.1.3-02).
    const first = await this.#dns.cname(this.#host, this.#signal);
    this.#note(first);
    if (first.kind === "failed") return "failed";
    return first.kind === "records" && first.secure ? "alias-first-secure" : "alias-insecure";
  }

  async #tlsa(base: string): Promise<Outcome> {
    const owner = `_${this.#port}._tcp.${base}`;
    if (!isQueryable(owner)) return "absent"; // too long to exist
    const outcome = await this.#dns.tlsa(owner, this.#signal);
    this.#note(outcome);
    if (outcome.kind === "failed") return "failed";
    if (!outcome.secure) return "insecure";
    if (outcome.kind === "none") return "absent";
    const { state, records } = this.#core.tlsaUsable(outcome.records.map(withoutUndecodable));
    this.#records = records;
    return state;
  }

  #note(outcome: DnsOutcome<unknown>): void {
    if (outcome.kind === "failed") this.#detail = outcome.detail;
    else this.#ttl = Math.min(this.#ttl, outcome.ttl);
  }

  #found(state: DaneHost["state"], base: string | null): DaneHost {
    const ttl = Number.isFinite(this.#ttl) ? this.#ttl : 0;
    const records = state === "usable" ? this.#records : [];
    return { host: this.#host, state, base, records, ttl, detail: this.#detail };
  }
}

function isQueryable(name: string): boolean {
  try {
    return toWireName(name).length > 1;
  } catch {
    return false;
  }
}

function nameOf(base: Base, host: string, canonical: string | undefined): string | null {
  return base === null ? null : base === "expanded" ? (canonical ?? host) : host;
}

/**
 * A full record (matching type 0) whose certificate or key cannot be read is unusable (R-6698-4.1-01): without its data
 * the core sees it so.
 */
export function withoutUndecodable(rdata: Uint8Array): Uint8Array {
  if (rdata[2] !== 0 || rdata.length <= 3) return rdata;
  const data = Buffer.from(rdata.subarray(3));
  try {
    if (rdata[1] === 0) new X509Certificate(data);
    else createPublicKey({ key: data, format: "der", type: "spki" });
    return rdata;
  } catch {
    return rdata.subarray(0, 3);
  }
}
