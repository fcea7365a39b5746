import type { DomainSpec } from "../lab/domain-spec.ts";
import type { RemoteWorld } from "../lab/lab-client.ts";
import { delegationToLab, ISLAND, type SignedZone } from "./signed-world.ts";

/** The domains of the DANE proofs: each a zone of its own below the island, with one thing that is special about it. */
export interface DaneDomain {
  readonly domain: string;
  readonly spec: DomainSpec;
  readonly zone: SignedZone;
  /** Publishes its TLSA records in the lab, before the zone is signed. */
  readonly tlsa?: (world: RemoteWorld) => Promise<void>;
}

export const under = (label: string): string => `${label}.${ISLAND}`;

/** A domain in which nothing validates, for a resolver to prove itself by: it must be SERVFAIL. */
export const BOGUS = under("bogus");

/** Makes the domains' TLSA records, which need the keys their MX hosts have got by now. */
export async function publishTlsa(world: RemoteWorld, domains: readonly DaneDomain[]): Promise<void> {
  for (const { tlsa } of domains) await tlsa?.(world);
}

export const specsOf = (domains: readonly DaneDomain[]): Record<string, DomainSpec> =>
  Object.fromEntries(domains.map(({ domain, spec }) => [domain, spec]));

export const zonesOf = (domains: readonly DaneDomain[]): Record<string, SignedZone> =>
  Object.fromEntries(domains.map(({ domain, zone }) => [domain, zone]));

/** A domain with one MX host, mx.<domain>, whose TLSA record matches its key unless told otherwise. */
export function daneDomain(label: string, { zone = {}, spec = {}, tlsa = "own" }: DaneDomainOptions = {}): DaneDomain {
  const domain = under(label);
  return {
    domain,
    spec,
    zone,
    ...(tlsa === null ? {} : { tlsa: (world: RemoteWorld) => world.setTlsa(`mx.${domain}`, tlsa) }),
  };
}

export interface DaneDomainOptions {
  readonly zone?: SignedZone;
  readonly spec?: DomainSpec;
  /** null: no record, so that its absence is proven. */
  readonly tlsa?: Parameters<RemoteWorld["setTlsa"]>[1] | null;
}

/** One MX host whose certificate no PKIX client accepts, so that nothing but DANE can have authenticated it. */
const selfSigned = (label: string): DomainSpec => ({
  mx: [{ exchange: `mx.${under(label)}`, certificate: "self-signed" }],
});

/** What can be the matter with a domain's DNSSEC, one each. */
export const daneDomains: readonly DaneDomain[] = [
  daneDomain("secure", { spec: selfSigned("secure") }),
  daneDomain("nsec3", { spec: selfSigned("nsec3"), zone: { nsec3: true } }),
  daneDomain("insecure", { zone: { signing: "unsigned" } }),
  daneDomain("bogus", { zone: { signing: "wrong-ds" } }),
  daneDomain("expired", { zone: { signing: "expired" } }),
  daneDomain("tampered-tlsa", { zone: { tampered: "TLSA" } }),
  daneDomain("tampered-mx", { zone: { tampered: "MX" } }),
  daneDomain("mismatch", { tlsa: "other" }),
  daneDomain("unusable", { tlsa: [{ usage: 1, selector: 1, matching: 1, of: "leaf" }] }),
  daneDomain("absent", { tlsa: null }),
  daneDomain("absent-nsec3", { tlsa: null, zone: { nsec3: true } }),
  {
    ...daneDomain("servfail", { zone: { lines: delegationToLab("_tcp.mx") } }),
    tlsa: (world) => world.setDns(`_25._tcp.mx.${under("servfail")}`, "TLSA", { answer: "servfail" }),
  },
  daneDomain("ta", {
    tlsa: [{ usage: 2, selector: 0, matching: 0, of: "ca" }],
  }),
  // The MX host is an alias, within signed zones and out of them.
  {
    domain: under("alias"),
    spec: { mx: [{ exchange: `mx.${under("alias")}`, server: false }] },
    zone: { lines: [`mx IN CNAME mx.${under("secure")}.`] },
  },
  {
    domain: under("alias-out"),
    spec: { mx: [{ exchange: `mx.${under("alias-out")}`, server: false }] },
    zone: { lines: [`mx IN CNAME mx.${under("insecure")}.`] },
  },
  // RFC 1034 §4.3.3: one record for every port and host below.
  {
    domain: under("wildcard"),
    spec: selfSigned("wildcard"),
    zone: {},
    tlsa: (world) => world.setTlsa(`mx.${under("wildcard")}`, "own", `*.mx.${under("wildcard")}`),
  },
];
