import type { DomainSpec } from "../lab/domain-spec.ts";
import { certificateCases, type DeliveryCase, type Expected, starttlsCases } from "../postfix/delivery-cases.ts";
import { failureCases, mxCases, opportunisticCases, otherDomains } from "../postfix/routing-cases.ts";

/** What becomes of one message, whichever MTA sends it: the host that took it, or that none did. */
export type MtaOutcome =
  | { readonly sentTo: string; readonly tls: boolean; readonly sni?: string }
  | "deferred"
  | "returned";

export interface MtaCase {
  readonly title: string;
  readonly domain: string;
  readonly to: string;
  readonly outcome: MtaOutcome;
}

/** Where an MTA does otherwise than most: what it does, and why, as the title of its test. */
export type Deviations = Readonly<Record<string, { readonly title: string; readonly outcome: MtaOutcome }>>;

const all = [...certificateCases, ...starttlsCases, ...mxCases, ...failureCases, ...opportunisticCases];

/** Titles that speak of Postfix, in words that fit any MTA that compares MX names. */
const titles: Readonly<Record<string, string>> = {
  "cnonly.test": "defers when the host is named in the CN only (R-8461-4.2-04, R-BIND-EX-02)",
  "crossed.test": "does not take the certificate of one permitted host from another (R-8461-4.2-05)",
  "servfail.test": "defers while discovery fails (R-8461-3.1-26)",
  "nullmx.test": "returns mail for a domain that wants none (R-7505-3-01)",
  "testing.test": "delivers in clear to a host that a testing policy does not permit (R-8461-5-03)",
  "none.test": "delivers in clear under mode none (R-8461-5-05)",
  "parent.test": "does not apply a parent's policy to a subdomain (R-8461-3.4-04, R-8461-3.4-05)",
};

export const caseDomains: Readonly<Record<string, DomainSpec>> = {
  ...otherDomains,
  ...Object.fromEntries(all.map(({ domain, spec }) => [domain, spec])),
};

/** The cases that Postfix is tested with, as far as outcomes go. */
export function casesFor(deviations: Deviations): readonly MtaCase[] {
  return all.map((one) => ({ ...asMtaCase(one), ...deviations[one.domain] }));
}

function asMtaCase({ title, domain, to = `b@${domain}`, outcome }: DeliveryCase): MtaCase {
  const expected = domain === "cnonly.test" ? "deferred" : outcomeOf(outcome);
  return { title: titles[domain] ?? title, domain, to, outcome: expected };
}

/** Of the two forms that Postfix has, the one that is exact (RFC 8461 §4.1). */
function outcomeOf(expected: Expected): MtaOutcome {
  const outcome = "postfix310" in expected ? expected.postfix310 : expected;
  if ("kept" in outcome) return outcome.kept.startsWith("4") ? "deferred" : "returned";
  const { sentTo, tls, aliasOf } = outcome;
  const sni = tls === "verified" ? { sni: sentTo } : {};
  return { sentTo: aliasOf ?? sentTo, tls: tls !== "none", ...sni };
}
