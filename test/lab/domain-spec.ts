import type { DnsName } from "./dns-name.ts";
import type { TxtData } from "./dns-wire.ts";
import type { DnsReply } from "./dns-zone.ts";
import type { MxBehaviour } from "./mx-server.ts";
import type { PolicyHostSpec } from "./policy-host.ts";

/** Where the world listens. Ports default to 0: free ones. Inside a namespace use 53, 443 and 25. */
export interface WorldOptions {
  readonly dnsAddress?: string;
  readonly dnsPort?: number;
  readonly httpsAddress?: string;
  readonly httpsPort?: number;
  readonly smtpPort?: number;
  /** Seconds; TTL of every record that a domain description makes. Default 300. */
  readonly ttl?: number;
}

export type PolicySpec =
  | { readonly mode: "enforce" | "testing" | "none"; readonly mx?: readonly string[]; readonly maxAge: number }
  | { readonly raw: string | Uint8Array };

export interface MxEntry extends MxBehaviour {
  readonly exchange: DnsName;
  /** Default: 10 for the first entry, 20 for the second, and so on. */
  readonly preference?: number;
  /** False: the record only, without address and server. */
  readonly server?: false;
}

export interface DomainSpec {
  /** What the policy host serves; left out or null: the domain has no policy host. */
  readonly policy?: PolicySpec | null;
  /** How that host misbehaves. A `behaviour` here stands in for the policy. */
  readonly policyHost?: PolicyHostSpec & {
    /** An address of its own. */
    readonly address?: string;
    /** What DNS says its addresses are, where that is not the truth. */
    readonly dnsAddresses?: readonly string[];
  };
  /** Default "1" where there is a policy; null: no record. */
  readonly id?: string | null;
  /** The TXT RRset at _mta-sts, in place of the one made from `id`. */
  readonly txt?: readonly (TxtData | { readonly raw: Uint8Array })[] | DnsReply<"TXT">;
  /** Default: one good MX host, mx.<domain>. A string is a good MX host, or one that another domain has already. */
  readonly mx?: readonly (string | MxEntry)[];
  /** Answer all of the domain's names with AD. */
  readonly secure?: boolean;
}

/** A policy body in the form of RFC 8461 §3.2, lines ending in CRLF. */
export function policyBody(policy: PolicySpec): string | Uint8Array {
  if ("raw" in policy) return policy.raw;
  const mx = (policy.mx ?? []).map((pattern) => `mx: ${pattern}\r\n`).join("");
  return `version: STSv1\r\nmode: ${policy.mode}\r\n${mx}max_age: ${policy.maxAge}\r\n`;
}
