import type { X509Certificate } from "node:crypto";
import type { Chain } from "../core/names.ts";

/** Certificates between a leaf and its anchor; more than any real chain has. */
const MAX_LENGTH = 10;

/**
 * A second opinion on the chain a peer sent, for a session that is only observed and was verified against other trust
 * anchors: does it end at one of these? Signatures, names, validity and the CA bit are checked; constraints of path
 * length, names and key usage are not, so this decides what a report says and never where mail goes.
 * @param leaf as TLSSocket.getPeerX509Certificate gives it, with the issuers the peer sent
 */
export function chainTo(
  anchors: readonly X509Certificate[],
  leaf: X509Certificate | undefined,
  now: number = Date.now(),
): Chain {
  let certificate = leaf;
  for (let length = 0; certificate !== undefined && length < MAX_LENGTH; length++) {
    const late = validity(certificate, now);
    if (late !== "valid") return late;
    const subject = certificate;
    const anchor = anchors.find((one) => one.raw.equals(subject.raw) || hasIssued(one, subject));
    if (anchor !== undefined) return validity(anchor, now);
    const issuer: X509Certificate | undefined = certificate.issuerCertificate;
    if (issuer === undefined || !issuer.ca || !hasIssued(issuer, certificate)) return "untrusted";
    certificate = issuer;
  }
  return leaf === undefined ? "no-certificate" : "untrusted";
}

const hasIssued = (issuer: X509Certificate, subject: X509Certificate): boolean =>
  subject.checkIssued(issuer) && subject.verify(issuer.publicKey);

function validity({ validFrom, validTo }: X509Certificate, now: number): "valid" | "expired" | "not-yet-valid" {
  if (now > Date.parse(validTo)) return "expired";
  return now < Date.parse(validFrom) ? "not-yet-valid" : "valid";
}
