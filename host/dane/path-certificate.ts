import { X509Certificate } from "node:crypto";
import {
  BOOLEAN,
  child,
  children,
  type Element,
  hex,
  INTEGER,
  OBJECT_IDENTIFIER,
  OCTET_STRING,
  SEQUENCE,
} from "../tls/der.ts";
import { isStrongKey, isStrongSignature } from "./strength.ts";

/** What path validation (RFC 5280 §6) needs of a certificate and `X509Certificate` does not tell. */
export interface PathCertificate {
  readonly x509: X509Certificate;
  readonly der: Uint8Array;
  /** SubjectPublicKeyInfo as it stands in the certificate: TLSA records are about these octets, not about a re-encoding. */
  readonly publicKey: Uint8Array;
  /** Names as hexadecimal DER. */
  readonly subject: string;
  readonly issuer: string;
  /** Milliseconds; NaN when unreadable, which is no time at all. */
  readonly notBefore: number;
  readonly notAfter: number;
  /** basicConstraints say CA, and keyUsage, where there is one, lets it sign certificates. */
  readonly ca: boolean;
  /** How many intermediates may stand below it; null for any number. */
  readonly pathLength: number | null;
  /** The value of nameConstraints; null when there is none. */
  readonly nameConstraints: Uint8Array | null;
  /** GeneralNames of subjectAltName, in their order. */
  readonly altNames: readonly Element[];
  /** The RDNs of the subject. */
  readonly subjectRdns: readonly Element[];
  /** Is its signature worth verifying (an anchor's is not looked at)? */
  readonly isSignedStrongly: boolean;
  /** Why it may stand in no path, whatever its place; null when nothing speaks against it. */
  readonly fault: string | null;
}

const EXTENSIONS = 0xa3;
const VERSION = 0xa0;

const SUBJECT_ALT_NAME = "551d11";
const BASIC_CONSTRAINTS = "551d13";
const NAME_CONSTRAINTS = "551d1e";
const EXTENDED_KEY_USAGE = "551d25";

// Understood here or of no consequence for a TLS server: key usage (Node looks at it), certificate policies, their
// mappings, constraints and inhibitAnyPolicy (no policy is asked for), CRL distribution points.
const HARMLESS = new Set(["551d0f", "551d20", "551d21", "551d24", "551d36", "551d1f"]);
const UNDERSTOOD = new Set([SUBJECT_ALT_NAME, BASIC_CONSTRAINTS, NAME_CONSTRAINTS, EXTENDED_KEY_USAGE, ...HARMLESS]);

// id-kp-serverAuth, anyExtendedKeyUsage.
const FOR_SERVERS = new Set(["2b06010505070301", "551d2500"]);

interface Extension {
  readonly critical: boolean;
  readonly value: Uint8Array;
}

/** Null for what is no certificate. */
export function readCertificate(der: Uint8Array): PathCertificate | null {
  const x509 = parsed(der);
  const [tbs, algorithm] = children(child(der, SEQUENCE) ?? new Uint8Array()) ?? [];
  const fields = (tbs?.tag === SEQUENCE && children(tbs.content)) || [];
  const at = fields[0]?.tag === VERSION ? 1 : 0;
  const [, , issuer, , subject, key] = fields.slice(at);
  if (x509 === null || algorithm === undefined || !issuer || !subject || !key) return null;
  const extensions = extensionsOf(fields.find(({ tag }) => tag === EXTENSIONS)?.content ?? null);
  const basic = sequenceIn(extensions?.get(BASIC_CONSTRAINTS));
  return {
    x509,
    der,
    publicKey: key.whole,
    subject: hex(subject.whole),
    issuer: hex(issuer.whole),
    notBefore: Date.parse(x509.validFrom),
    notAfter: Date.parse(x509.validTo),
    ca: x509.ca,
    pathLength: numberIn(basic?.find(({ tag }) => tag === INTEGER)),
    nameConstraints: extensions?.get(NAME_CONSTRAINTS)?.value ?? null,
    altNames: sequenceIn(extensions?.get(SUBJECT_ALT_NAME)) ?? [],
    subjectRdns: children(subject.content) ?? [],
    isSignedStrongly: isStrongSignature(algorithm.content),
    fault: faultOf(extensions, x509),
  };
}

export const isSelfIssued = ({ subject, issuer }: PathCertificate): boolean => subject === issuer;

function faultOf(extensions: Map<string, Extension> | null, x509: X509Certificate): string | null {
  if (extensions === null) return "its extensions cannot be read";
  for (const [oid, { critical }] of extensions)
    if (critical && !UNDERSTOOD.has(oid)) return "it has a critical extension that is not understood";
  const usages = extensions.has(EXTENDED_KEY_USAGE) ? (sequenceIn(extensions.get(EXTENDED_KEY_USAGE)) ?? []) : null;
  if (usages !== null && !usages.some(({ content }) => FOR_SERVERS.has(hex(content))))
    return "it is not for TLS servers";
  const names = extensions.get(SUBJECT_ALT_NAME);
  if (names !== undefined && sequenceIn(names) === null) return "its names cannot be read";
  return isStrongKey(x509.publicKey) ? null : "its key is too weak";
}

/** By OID in hexadecimal; null when they cannot be read, or one occurs twice (RFC 5280 §4.2). */
function extensionsOf(content: Uint8Array | null): Map<string, Extension> | null {
  const found = new Map<string, Extension>();
  if (content === null) return found;
  const list = children(child(content, SEQUENCE) ?? new Uint8Array());
  for (const { content } of list ?? []) {
    const fields = children(content) ?? [];
    const [oid] = fields;
    const value = fields.at(-1);
    if (oid?.tag !== OBJECT_IDENTIFIER || value?.tag !== OCTET_STRING || found.has(hex(oid.content))) return null;
    const critical = fields[1]?.tag === BOOLEAN && fields[1].content[0] !== 0;
    found.set(hex(oid.content), { critical, value: value.content });
  }
  return list && found;
}

/** The elements of an extension that is a SEQUENCE. */
function sequenceIn(extension: Extension | undefined): Element[] | null {
  const content = extension === undefined ? null : child(extension.value, SEQUENCE);
  return content && children(content);
}

/** A path length of more than one octet limits nothing that is ever looked at. */
function numberIn(integer: Element | undefined): number | null {
  if (integer === undefined || integer.content.length > 1) return null;
  return integer.content[0] ?? 0;
}

/** Reading the key is part of it: of some certificates OpenSSL can read all but that. */
function parsed(der: Uint8Array): X509Certificate | null {
  try {
    const x509 = new X509Certificate(der);
    return x509.publicKey.type === "public" ? x509 : null;
  } catch {
    return null;
  }
}
