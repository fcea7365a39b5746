import { X509Certificate } from "node:crypto";
import type { DetailedPeerCertificate, TLSSocket } from "node:tls";
import type { Chain } from "../core/names.ts";
import { dnsIdsOf } from "./certificate.ts";

/** What `core.judge` is told of one TLS session. */
export interface SessionFacts {
  /** Wire version number: 0x0303 for TLS 1.2, 0x0304 for TLS 1.3; 0 for anything that is not TLS. */
  readonly tlsVersion: number;
  readonly chain: Chain;
  /** DNS-IDs of the certificate, lower case; never its CN (R-8461-4.2-04). */
  readonly names: readonly string[];
}

/** As Node gives it; its types leave out that there may be none. */
type Certificate = { readonly raw?: Buffer } | null;

const VERSIONS: Readonly<Record<string, number>> = {
  TLSv1: 0x0301,
  "TLSv1.1": 0x0302,
  "TLSv1.2": 0x0303,
  "TLSv1.3": 0x0304,
};

const CHAINS: Readonly<Record<string, Chain>> = {
  CERT_HAS_EXPIRED: "expired",
  CERT_NOT_YET_VALID: "not-yet-valid",
  DEPTH_ZERO_SELF_SIGNED_CERT: "untrusted",
  SELF_SIGNED_CERT_IN_CHAIN: "untrusted",
  UNABLE_TO_GET_ISSUER_CERT: "untrusted",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: "untrusted",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "untrusted",
  CERT_UNTRUSTED: "untrusted",
  // Node looks at the name only once the chain has passed; the name is for the core to compare.
  ERR_TLS_CERT_ALTNAME_INVALID: "valid",
};

/**
 * The facts of a session whose handshake is over, made with `rejectUnauthorized: false` and judged by what Node's chain
 * verification said. Anything not known to be good counts as bad.
 * @param certificate what `getPeerCertificate` gave, where somebody has asked already: it costs as much as all the rest
 */
export function sessionFacts(socket: TLSSocket, certificate: Certificate = socket.getPeerCertificate()): SessionFacts {
  // Not getPeerX509Certificate: in Node 20 each call takes the first certificate off the chain, so that the second call,
  // whoever makes it, gets the issuer for the peer.
  const raw = certificate?.raw;
  const tlsVersion = VERSIONS[socket.getProtocol() ?? ""] ?? 0;
  if (raw === undefined) return { tlsVersion, chain: "no-certificate", names: [] };
  return { tlsVersion, chain: chainOf(socket), names: dnsIdsOf(raw) };
}

/** The certificates the peer sent, its own first, each followed by its issuer; the last may be of the session's trust. */
export function peerChain(socket: TLSSocket): X509Certificate[] {
  const chain: X509Certificate[] = [];
  let certificate: DetailedPeerCertificate | undefined = socket.getPeerCertificate(true);
  // A self-signed certificate is its own issuer.
  for (; certificate?.raw && !chain.some(isSame(certificate.raw)); certificate = certificate.issuerCertificate)
    chain.push(new X509Certificate(certificate.raw));
  return chain;
}

const isSame = (raw: Buffer) => (certificate: X509Certificate) => certificate.raw.equals(raw);

/**
 * The facts of a session that Node itself ended because of the certificate (`rejectUnauthorized`): of such a session
 * nothing is left but the reason, `authorizationError`. TLS was fine, or it would not have come to that.
 */
export function refusedFacts(reason: unknown): SessionFacts {
  return { tlsVersion: 0x0303, chain: CHAINS[String(reason)] ?? "invalid", names: [] };
}

function chainOf({ authorized, authorizationError }: TLSSocket): Chain {
  if (authorized) return "valid";
  // The types say Error; it is the code of the failure.
  return CHAINS[String(authorizationError)] ?? "invalid";
}
