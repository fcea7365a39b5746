import { createHash, createPublicKey, type KeyObject } from "node:crypto";
import type { Core } from "../core/core.ts";
import type { Chain } from "../core/names.ts";
import type { PeerCertificate } from "../core/tlsa.ts";
import { dnsIdsOf } from "../tls/certificate.ts";
import { commonNameOf } from "./name-constraints.ts";
import { type PathCertificate, readCertificate } from "./path-certificate.ts";
import { isStrongKey } from "./strength.ts";
import { type TrustAnchor, validatePath } from "./trust-path.ts";

export interface PeerToVerify {
  /** DER, the server's own first, then those it sent with it: `peerChain(socket).map(({ raw }) => raw)`. */
  readonly certificates: readonly Uint8Array[];
  /** RDATA of the secure TLSA RRset at the base domain, all of it. */
  readonly records: readonly Uint8Array[];
  /** What the server may be called, for DANE-TA (R-7672-3.2.2-01): `referenceNames` makes it. */
  readonly references: readonly string[];
  /** Milliseconds; default: the clock. */
  readonly now?: number;
  /** Let the CN stand in where a certificate has no DNS name at all, for DANE-TA alone. Default false (AMB-20). */
  readonly allowCommonName?: boolean;
}

export interface PeerVerdict {
  /** Is this the server that the TLSA records speak of (R-7672-3.2-01)? */
  readonly authenticated: boolean;
  /** For `core.judge`, with a plan entry "dane". Never "valid": no certificate authority was asked. */
  readonly chain: Exclude<Chain, "valid">;
  /** For `core.judge`: what the certificate names, lower case. */
  readonly names: readonly string[];
  /** What is wrong, for a log line; "" when nothing is. */
  readonly detail: string;
}

// Enough for every chain that is meant to be one, and for what the core takes in one request.
const MOST_CERTIFICATES = 32;
const MOST_OCTETS = 100_000;

const DANE_TA = 2;
const DANE_EE = 3;
const SELECTOR_CERTIFICATE = 0;
const MATCHING_FULL = 0;

const DNS_NAME = 0x82;
const HOST_NAME = /^(?=.{1,253}$)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)+$/;

/**
 * Holds a server's certificates against TLSA records (RFC 7672 §3). With DANE-EE the match is everything: neither names
 * nor dates count (R-7672-3.1.1-01). With DANE-TA a path to the matching issuer is validated, and the name
 * (R-7672-3.1.2-01). No other trust anchor takes part. Throws only what `core` throws: RangeError when the records
 * exceed what it can read; the host must then be passed over.
 */
export function verifyPeer(core: Core, peer: PeerToVerify): PeerVerdict {
  const certificates = withinLimits(peer.certificates);
  const [leaf, ...others] = certificates.map(readCertificate);
  if (leaf === undefined) return refusal("no-certificate", "the server sent no certificate");
  if (leaf === null) return refusal("invalid", "the server's certificate cannot be read");
  const sent = [leaf, ...others.filter((one) => one !== null).filter(({ der }) => !isSame(der, leaf.der))];
  const names = namesOf(leaf, peer.allowCommonName === true);

  const matches = core.tlsaMatch(peer.records, sent.map(digested));
  if (matches.some(({ record }) => record[0] === DANE_EE))
    return { authenticated: true, chain: "dane-ee", names, detail: "" };

  const anchors = trustAnchors(core, peer.records, matches, sent);
  if (anchors.length === 0) return refusal("dane-no-match", "no TLSA record matches what the server sent", names);
  const { chain, detail } = validatePath({
    leaf,
    pool: sent.slice(1),
    anchors,
    now: peer.now ?? Date.now(),
    countsCommonName: peer.allowCommonName === true,
  });
  if (chain !== "valid") return refusal(chain, detail, names);
  const authenticated = peer.references.some((reference) => core.matchesDnsId(names, reference));
  return { authenticated, chain: "dane-ta", names, detail: authenticated ? "" : "the certificate is of another name" };
}

const refusal = (chain: PeerVerdict["chain"], detail: string, names: readonly string[] = []): PeerVerdict => ({
  authenticated: false,
  chain,
  names,
  detail,
});

function withinLimits(certificates: readonly Uint8Array[]): Uint8Array[] {
  let octets = 0;
  return certificates.slice(0, MOST_CERTIFICATES).filter((der) => {
    octets += der.length;
    return octets <= MOST_OCTETS;
  });
}

function digested({ der, publicKey }: PathCertificate): PeerCertificate {
  const digest = (algorithm: string, octets: Uint8Array) => createHash(algorithm).update(octets).digest();
  return {
    certificate: der,
    publicKey,
    certificateSha256: digest("sha256", der),
    certificateSha512: digest("sha512", der),
    publicKeySha256: digest("sha256", publicKey),
    publicKeySha512: digest("sha512", publicKey),
  };
}

/** The issuers that DANE-TA records match, and those that records hold in full though they were not sent. */
function trustAnchors(
  core: Core,
  records: readonly Uint8Array[],
  matches: ReturnType<Core["tlsaMatch"]>,
  sent: readonly PathCertificate[],
): TrustAnchor[] {
  const anchors: TrustAnchor[] = [];
  for (const [place, certificate] of sent.entries()) {
    const selectors = matches.filter((match) => match.certificate === place).map(({ record }) => record[1]);
    if (place === 0 || selectors.length === 0) continue;
    // A record of the key alone vouches for no constraints; one such record is enough to be free of them.
    const isConstraining = selectors.every((selector) => selector === SELECTOR_CERTIFICATE);
    anchors.push({ certificate, key: certificate.x509.publicKey, isConstraining });
  }
  for (const record of core.tlsaUsable(records).records) {
    if (record[0] !== DANE_TA || record[2] !== MATCHING_FULL) continue;
    if (matches.some((match) => isSame(match.record, record))) continue;
    const anchor = anchorIn(record);
    if (anchor !== null) anchors.push(anchor);
  }
  return anchors;
}

/** The certificate or key that a Full(0) record holds. */
function anchorIn(record: Uint8Array): TrustAnchor | null {
  const data = record.slice(3);
  if (record[1] !== SELECTOR_CERTIFICATE) {
    const key = keyOf(data);
    return key && { certificate: null, key, isConstraining: false };
  }
  const certificate = readCertificate(data);
  return certificate && { certificate, key: certificate.x509.publicKey, isConstraining: true };
}

function keyOf(spki: Uint8Array): KeyObject | null {
  try {
    const key = createPublicKey({ key: Buffer.from(spki), format: "der", type: "spki" });
    return isStrongKey(key) ? key : null;
  } catch {
    return null;
  }
}

/** DNS-IDs; the CN only where it may stand in and the certificate has no DNS name, good or bad (R-7672-3.2.3-01). */
function namesOf({ der, altNames, subjectRdns }: PathCertificate, allowCommonName: boolean): string[] {
  if (!allowCommonName || altNames.some(({ tag }) => tag === DNS_NAME)) return dnsIdsOf(der);
  const name = commonNameOf(subjectRdns);
  return name !== null && HOST_NAME.test(name) ? [name] : [];
}

const isSame = (one: Uint8Array, other: Uint8Array): boolean => Buffer.compare(one, other) === 0;
