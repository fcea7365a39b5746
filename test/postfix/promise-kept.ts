import { domainToASCII } from "node:url";
import type { CertificateKind, CertificateSpec } from "../lab/ca.ts";
import type { DomainSpec } from "../lab/domain-spec.ts";
import type { Delivery as Accepted } from "../lab/mx-server.ts";

/**
 * The promise of an enforce policy, judged from the receiving side and without any code of ours: an MX host may take
 * a message only if a pattern permits its name and it showed a good certificate for that name in TLS 1.2 or later.
 */

const GOOD: ReadonlySet<CertificateKind> = new Set(["good", "wildcard", "via-intermediate"]);

/**
 * In words, every message that was taken although its domain's policy forbids it. `aliases`: the name in the MX
 * record, where it is an alias of the host's own.
 */
export function brokenPromises(
  accepted: readonly Accepted[],
  domains: Readonly<Record<string, DomainSpec>>,
  aliases: Readonly<Record<string, string>> = {},
): readonly string[] {
  return accepted.flatMap((delivery) =>
    delivery.to.flatMap((recipient) => {
      const patterns = enforced(domains[policyDomain(recipient)]);
      const host = (aliases[delivery.mx] ?? delivery.mx).toLowerCase();
      const fault = patterns === null ? null : faultOf(delivery, host, patterns);
      return fault === null ? [] : [`${recipient} was taken by ${delivery.mx}: ${fault}`];
    }),
  );
}

function faultOf({ tls, tlsVersion, certificate }: Accepted, host: string, patterns: readonly string[]): string | null {
  if (!tls || certificate === null) return "in clear";
  if (tlsVersion !== "TLSv1.2" && tlsVersion !== "TLSv1.3") return `over ${tlsVersion}`;
  if (!patterns.some((pattern) => covers(pattern.toLowerCase(), host))) return `not one of ${patterns.join(", ")}`;
  return isGood(certificate, host) ? null : `with the certificate ${JSON.stringify(certificate)}`;
}

function isGood(certificate: CertificateSpec, host: string): boolean {
  if (typeof certificate === "string") return GOOD.has(certificate);
  const { names = [], issuer = "ca", notBefore, notAfter } = certificate;
  return issuer === "ca" && !notBefore && !notAfter && names.some((name) => covers(name, host));
}

/** RFC 8461 §4.1 and RFC 9525 §6.3: "*" stands for the whole first label. */
function covers(pattern: string, host: string): boolean {
  return pattern === host || (pattern.startsWith("*.") && pattern.slice(1) === host.slice(host.indexOf(".")));
}

function enforced(spec: DomainSpec | undefined): readonly string[] | null {
  const policy = spec?.policy;
  return policy && "mode" in policy && policy.mode === "enforce" ? (policy.mx ?? []) : null;
}

// The lab shows octets as Latin-1 characters; with SMTPUTF8 they are UTF-8.
function policyDomain(recipient: string): string {
  return domainToASCII(Buffer.from(recipient.slice(recipient.lastIndexOf("@") + 1), "latin1").toString());
}
