import type { X509Certificate } from "node:crypto";
import type { Chain } from "../core/names.ts";

/**
 * A second opinion on the chain a peer sent, for a session that is only observed and was verified against other trust
 * anchors: does it end at one of these? Signatures, names, validity and the CA bit are checked; constraints of path
 * length, names and key usage are not, so this decides what a report says and never where mail goes.
 * @param chain the peer's certificate first, each followed by its issuer, as `peerChain` gives them
 * @param now milliseconds
 */
export function chainTo(
  anchors: readonly X509Certificate[],
  chain: readonly X509Certificate[],
  now: number = Date.now(),
): Chain {
  for (const [place, certificate] of chain.entries()) {
    const late = validity(certificate, now);
    if (late !== "valid") return late;
    const anchor = anchors.find((one) => one.raw.equals(certificate.raw) || hasIssued(one, certificate));
    if (anchor !== undefined) return validity(anchor, now);
    const issuer = chain[place + 1];
    if (issuer === undefined || !issuer.ca || !hasIssued(issuer, certificate)) return "untrusted";
  }
  return "no-certificate";
}

const hasIssued = (issuer: X509Certificate, subject: X509Certificate): boolean =>
  subject.checkIssued(issuer) && subject.verify(issuer.publicKey);

function validity({ validFrom, validTo }: X509Certificate, now: number): "valid" | "expired" | "not-yet-valid" {
  if (now > Date.parse(validTo)) return "expired";
  return now < Date.parse(validFrom) ? "not-yet-valid" : "valid";
}
