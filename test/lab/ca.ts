import "reflect-metadata";
import type { webcrypto } from "node:crypto";
import { isIP } from "node:net";
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  type Extension,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  type X509Certificate,
  X509CertificateGenerator,
} from "@peculiar/x509";

/** A certificate for a host, named by what is right or wrong with it. Everything but the first three must be refused. */
export type CertificateKind =
  | "good"
  | "wildcard" // SAN *.<parent of the host>
  | "via-intermediate" // a chain of three, the intermediate is sent
  | "wrong-name"
  | "expired"
  | "not-yet-valid"
  | "self-signed"
  | "cn-only" // the host is in the subject CN, there is no SAN (RFC 9525 §6.3 does not look at CN)
  | "ip-san" // SAN holds only the IP address 127.0.0.1
  | "partial-wildcard" // SAN mta-*.<parent> for mta-sts.<parent>, which RFC 9525 §6.3 does not allow
  | "other-ca" // a CA that nobody trusts
  | "missing-intermediate";

/** A certificate described freely. Dates may be ISO strings, so that a description fits in JSON. */
export interface LeafOptions {
  /** DNS-IDs of the SAN, as they are to be written; together with `ips` empty: no SAN extension at all. */
  readonly names?: readonly string[];
  readonly ips?: readonly string[];
  /** Subject CN; default: a constant that is not a host name. */
  readonly cn?: string;
  readonly notBefore?: Date | string;
  readonly notAfter?: Date | string;
  readonly issuer?: "ca" | "other-ca" | "intermediate" | "self";
  /** Default true. Only looked at for issuer "intermediate". */
  readonly sendIntermediate?: boolean;
}

export type CertificateSpec = CertificateKind | LeafOptions;

export interface IssuedCertificate {
  /** Leaf first, then the intermediate where one is sent. */
  readonly certPem: string;
  /** PKCS #8. */
  readonly keyPem: string;
}

export interface TestCa {
  /** The root to trust. */
  readonly caPem: string;
  /** The root of "other-ca", for tests that trust both. */
  readonly otherCaPem: string;
  issue(options: LeafOptions): Promise<IssuedCertificate>;
  /** Like `issue`, by kind, for one host. */
  issueFor(host: string, certificate: CertificateSpec): Promise<IssuedCertificate>;
}

const P256 = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
const DAY = 86_400_000;
// Ten years: a test that moves its clock must not stumble over a certificate it does not test.
const LONG = 3650 * DAY;

interface Authority {
  readonly certificate: X509Certificate;
  readonly keys: webcrypto.CryptoKeyPair;
}

const newKeys = () => crypto.subtle.generateKey(P256, true, ["sign", "verify"]);
const pem = (label: string, der: ArrayBuffer) =>
  `-----BEGIN ${label}-----\n${(
    Buffer.from(der)
      .toString("base64")
      .match(/.{1,64}/g) ?? []
  ).join("\n")}\n-----END ${label}-----\n`;
const certificatePem = (certificate: X509Certificate) => `${certificate.toString("pem")}\n`;

async function authority(cn: string, parent: Authority | null): Promise<Authority> {
  const keys = await newKeys();
  const subject = [{ CN: [cn] }];
  const certificate = await X509CertificateGenerator.create({
    subject,
    issuer: parent === null ? subject : parent.certificate.subjectName,
    publicKey: keys.publicKey,
    signingKey: (parent?.keys ?? keys).privateKey,
    signingAlgorithm: P256,
    notBefore: new Date(Date.now() - DAY),
    notAfter: new Date(Date.now() + LONG),
    extensions: [
      new BasicConstraintsExtension(true, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
      await AuthorityKeyIdentifierExtension.create((parent?.keys ?? keys).publicKey),
    ],
  });
  return { certificate, keys };
}

async function leaf(options: LeafOptions, issuer: Authority | null): Promise<{ certPem: string; keyPem: string }> {
  const keys = await newKeys();
  const subject = [{ CN: [options.cn ?? "Lab leaf"] }];
  const names = [
    ...(options.names ?? []).map((value) => ({ type: "dns" as const, value })),
    ...(options.ips ?? []).map((value) => ({ type: "ip" as const, value })),
  ];
  const extensions: Extension[] = [
    new BasicConstraintsExtension(false, undefined, true),
    new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
    new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth]),
    await SubjectKeyIdentifierExtension.create(keys.publicKey),
    await AuthorityKeyIdentifierExtension.create((issuer?.keys ?? keys).publicKey),
  ];
  if (names.length > 0) extensions.push(new SubjectAlternativeNameExtension(names));
  const certificate = await X509CertificateGenerator.create({
    subject,
    issuer: issuer === null ? subject : issuer.certificate.subjectName,
    publicKey: keys.publicKey,
    signingKey: (issuer?.keys ?? keys).privateKey,
    signingAlgorithm: P256,
    notBefore: new Date(options.notBefore ?? Date.now() - DAY),
    notAfter: new Date(options.notAfter ?? Date.now() + LONG),
    extensions,
  });
  const key = await crypto.subtle.exportKey("pkcs8", keys.privateKey);
  return { certPem: certificatePem(certificate), keyPem: pem("PRIVATE KEY", key) };
}

/** What a kind means for one host. */
function optionsFor(host: string, kind: CertificateKind): LeafOptions {
  const label = host.slice(0, host.indexOf("."));
  const parent = host.slice(host.indexOf(".") + 1);
  switch (kind) {
    case "good":
      return { names: [host] };
    case "wildcard":
      return { names: [`*.${parent}`] };
    case "via-intermediate":
      return { names: [host], issuer: "intermediate" };
    case "wrong-name":
      return { names: ["another-host.invalid"] };
    case "expired":
      return { names: [host], notBefore: new Date(Date.now() - 60 * DAY), notAfter: new Date(Date.now() - DAY) };
    case "not-yet-valid":
      return { names: [host], notBefore: new Date(Date.now() + DAY) };
    case "self-signed":
      return { names: [host], issuer: "self" };
    case "cn-only":
      return { cn: host };
    case "ip-san":
      return { ips: ["127.0.0.1"] };
    case "partial-wildcard":
      return { names: [`${label.slice(0, Math.min(4, label.length - 1))}*.${parent}`] };
    case "other-ca":
      return { names: [host], issuer: "other-ca" };
    case "missing-intermediate":
      return { names: [host], issuer: "intermediate", sendIntermediate: false };
  }
}

/** Makes a CA of its own, with an intermediate and a second root that nobody trusts. EC P-256 throughout. */
export async function createCa(): Promise<TestCa> {
  const [root, other] = await Promise.all([authority("Lab root CA", null), authority("Lab other root CA", null)]);
  const intermediate = await authority("Lab intermediate CA", root);
  const issuers = { ca: root, "other-ca": other, intermediate, self: null };

  async function issue(options: LeafOptions): Promise<IssuedCertificate> {
    for (const ip of options.ips ?? []) if (isIP(ip) === 0) throw new TypeError(`lab: not an IP address: ${ip}`);
    const issuer = options.issuer ?? "ca";
    const { certPem, keyPem } = await leaf(options, issuers[issuer]);
    const chained = issuer === "intermediate" && options.sendIntermediate !== false;
    return { certPem: chained ? certPem + certificatePem(intermediate.certificate) : certPem, keyPem };
  }

  return {
    caPem: certificatePem(root.certificate),
    otherCaPem: certificatePem(other.certificate),
    issue,
    issueFor: (host, spec) => issue(typeof spec === "string" ? optionsFor(host, spec) : spec),
  };
}
