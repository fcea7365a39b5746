import type { KeyObject } from "node:crypto";
import type { Chain } from "../core/names.ts";
import { areNamesPermitted, commonNameOf } from "./name-constraints.ts";
import { isSelfIssued, type PathCertificate } from "./path-certificate.ts";

/**
 * Path validation (RFC 5280 §6) from a server's certificate to one that TLSA records vouch for, over certificates in any
 * order, some of which an attacker may have chosen to make it long.
 */

/** What DANE-TA records vouch for. */
export interface TrustAnchor {
  /** Null: the record holds a bare key, whose certificate was not sent. */
  readonly certificate: PathCertificate | null;
  readonly key: KeyObject;
  /** Do its own constraints apply? Only where the record vouches for the whole certificate (R-7672-3.1.2-02). */
  readonly isConstraining: boolean;
}

export interface PathRequest {
  readonly leaf: PathCertificate;
  /** Certificates that may stand in between. */
  readonly pool: readonly PathCertificate[];
  readonly anchors: readonly TrustAnchor[];
  /** Milliseconds. */
  readonly now: number;
  /** Does the CN of the leaf count as a name (AMB-20)? */
  readonly countsCommonName: boolean;
}

/** "valid", or the first thing that was wrong with a path to an anchor; "untrusted" when there is no path. */
export interface PathVerdict {
  readonly chain: Exclude<Chain, "no-certificate">;
  /** What is wrong, for a log line; "" when valid. */
  readonly detail: string;
}

/** Certificates from leaf to anchor, as many as a real path ever has. */
const LONGEST_PATH = 8;
/** Signatures verified for one server: each is some 50 µs to 1 ms of its sender's choice. */
const SIGNATURES = 40;
/** Steps of the search, signatures or not. */
const STEPS = 1_000;

const VALID: PathVerdict = { chain: "valid", detail: "" };
const NO_PATH: PathVerdict = { chain: "untrusted", detail: "nothing leads to a certificate that TLSA vouches for" };
const TOO_MUCH: PathVerdict = { chain: "invalid", detail: "the certificates form too many paths" };

export function validatePath(request: PathRequest): PathVerdict {
  return new PathSearch(request).run();
}

class PathSearch {
  readonly #request: PathRequest;
  readonly #bySubject = new Map<string, PathCertificate[]>();
  readonly #verified = new Map<PathCertificate, Map<object, boolean>>();
  #signatures = SIGNATURES;
  #steps = STEPS;
  #failure: PathVerdict | null = null;

  constructor(request: PathRequest) {
    this.#request = request;
    for (const certificate of request.pool) {
      const same = this.#bySubject.get(certificate.subject) ?? [];
      this.#bySubject.set(certificate.subject, [...same, certificate]);
    }
  }

  run(): PathVerdict {
    const own = faultAt(this.#request.leaf, this.#request.now);
    if (own !== null) return own;
    if (this.#extend([this.#request.leaf])) return VALID;
    if (this.#signatures <= 0 || this.#steps <= 0) return TOO_MUCH;
    return this.#failure ?? NO_PATH;
  }

  /** Depth first from the leaf: does this path, or one that goes on from it, end at an anchor? */
  #extend(path: readonly PathCertificate[]): boolean {
    const last = path[path.length - 1] as PathCertificate;
    for (const anchor of this.#request.anchors)
      if (this.#isAnchoredBy(last, anchor) && this.#isAcceptable(path, anchor)) return true;
    if (path.length + 1 >= LONGEST_PATH) return false;
    for (const issuer of this.#bySubject.get(last.issuer) ?? []) {
      if (--this.#steps <= 0) return false;
      if (path.includes(issuer) || !this.#hasIssued(issuer, last)) continue;
      if (this.#extend([...path, issuer])) return true;
    }
    return false;
  }

  #isAnchoredBy(subject: PathCertificate, { certificate, key }: TrustAnchor): boolean {
    if (--this.#steps <= 0) return false;
    return certificate === null ? this.#isSignedBy(subject, key) : this.#hasIssued(certificate, subject);
  }

  #hasIssued(issuer: PathCertificate, subject: PathCertificate): boolean {
    if (issuer.subject !== subject.issuer || !subject.x509.checkIssued(issuer.x509)) return false;
    return this.#isSignedBy(subject, issuer.x509.publicKey, issuer);
  }

  #isSignedBy(subject: PathCertificate, key: KeyObject, of: object = key): boolean {
    if (!subject.isSignedStrongly) return this.#fail({ chain: "invalid", detail: "a signature is too weak" });
    const known = this.#verified.get(subject) ?? new Map<object, boolean>();
    this.#verified.set(subject, known);
    let verified = known.get(of);
    if (verified === undefined) {
      if (--this.#signatures < 0) return false;
      verified = isVerifiedBy(subject, key);
      known.set(of, verified);
    }
    return verified;
  }

  /** A path whose names and signatures are right: do its certificates allow it, anchor and leaf included? */
  #isAcceptable(path: readonly PathCertificate[], { certificate, isConstraining }: TrustAnchor): boolean {
    const { now, countsCommonName } = this.#request;
    const issuers = [...path.slice(1), ...(certificate === null ? [] : [certificate])];
    for (const issuer of issuers) {
      const fault =
        faultAt(issuer, now) ?? (issuer.ca ? null : bad("a certificate that is no CA's has issued another"));
      if (fault !== null) return this.#fail(fault);
    }
    const constraining = certificate !== null && isConstraining ? issuers : path.slice(1);
    for (const [place, issuer] of constraining.entries()) {
      const below = path.slice(0, place + 1);
      if (issuer.pathLength !== null && intermediatesIn(below) > issuer.pathLength)
        return this.#fail(bad("a CA has issued a longer path than it may"));
      if (!areAllPermitted(issuer, below, countsCommonName))
        return this.#fail(bad("a CA has issued a certificate for a name that it may not"));
    }
    return true;
  }

  #fail(why: PathVerdict): false {
    this.#failure ??= why;
    return false;
  }
}

const bad = (detail: string): PathVerdict => ({ chain: "invalid", detail });

function faultAt({ fault, notBefore, notAfter }: PathCertificate, now: number): PathVerdict | null {
  if (fault !== null) return bad(`a certificate cannot be used: ${fault}`);
  if (notBefore <= now && now <= notAfter) return null;
  return now > notAfter
    ? { chain: "expired", detail: "a certificate has expired" }
    : { chain: "not-yet-valid", detail: "a certificate is not valid yet" };
}

/** Self-issued ones are not counted (RFC 5280 §4.2.1.9), nor is the leaf. */
const intermediatesIn = (below: readonly PathCertificate[]): number =>
  below.slice(1).filter((certificate) => !isSelfIssued(certificate)).length;

/** Self-issued certificates may bear any name, except at the end (RFC 5280 §4.2.1.10). */
function areAllPermitted(
  { nameConstraints }: PathCertificate,
  below: readonly PathCertificate[],
  countsCommonName: boolean,
): boolean {
  if (nameConstraints === null) return true;
  return below.every((certificate, place) => {
    if (place > 0 && isSelfIssued(certificate)) return true;
    const commonName = place === 0 && countsCommonName ? commonNameOf(certificate.subjectRdns) : null;
    return areNamesPermitted(nameConstraints, { ...certificate, commonName });
  });
}

function isVerifiedBy({ x509 }: PathCertificate, key: KeyObject): boolean {
  try {
    return x509.verify(key);
  } catch {
    return false; // a key of another kind than the signature's
  }
}
