import "reflect-metadata";
import { createHash, X509Certificate as NodeCertificate, type webcrypto } from "node:crypto";
import {
  BasicConstraintsExtension,
  ExtendedKeyUsageExtension,
  Extension,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectAlternativeNameExtension,
  type X509Certificate,
  X509CertificateGenerator,
} from "@peculiar/x509";

export { KeyUsageFlags };

/** Certificates of every shape, for path validation. */

export interface CertificateOptions {
  /** Subject as RDNs, for example `CN=leaf`. Default: "CN=" and a number. */
  readonly subject?: string;
  /** Default: itself. */
  readonly issuer?: Issued;
  /** Default: that of `issuer`. */
  readonly issuerName?: string;
  /** null leaves basicConstraints out. */
  readonly ca?: boolean | null;
  readonly pathLength?: number;
  readonly keyUsage?: KeyUsageFlags;
  readonly names?: readonly string[];
  readonly emails?: readonly string[];
  readonly extendedKeyUsage?: readonly string[];
  readonly extensions?: readonly Extension[];
  /** Milliseconds. */
  readonly from?: number;
  readonly to?: number;
  /** Default: new ones. */
  readonly keys?: webcrypto.CryptoKeyPair;
  readonly algorithm?: "P-256" | "RSA-1024" | "RSA-2048" | "RSA-PSS" | "Ed25519";
  readonly hash?: "SHA-256" | "SHA-1";
}

export interface Issued {
  readonly certificate: X509Certificate;
  readonly keys: webcrypto.CryptoKeyPair;
  readonly der: Uint8Array;
  readonly subject: string;
}

export const NOW = Date.parse("2026-06-01T00:00:00Z");
const DAY = 86_400_000;
export const days = (count: number): number => NOW + count * DAY;

const rsa = (modulusLength: number, hash: string) => ({
  name: "RSASSA-PKCS1-v1_5",
  modulusLength,
  publicExponent: Uint8Array.of(1, 0, 1),
  hash,
});
const parameters = (algorithm: string, hash: string): EcKeyGenParams & { hash: string } => {
  if (algorithm === "Ed25519") return { name: "Ed25519" } as never;
  if (algorithm === "RSA-PSS") return { ...rsa(2048, hash), name: algorithm } as never;
  if (algorithm.startsWith("RSA")) return rsa(Number(algorithm.slice(4)), hash) as never;
  return { name: "ECDSA", namedCurve: algorithm, hash };
};

let serial = 0;

export async function issue(options: CertificateOptions = {}): Promise<Issued> {
  const { algorithm = "P-256", hash = "SHA-256", ca = false, issuer } = options;
  const keys =
    options.keys ??
    ((await crypto.subtle.generateKey(parameters(algorithm, hash), true, [
      "sign",
      "verify",
    ])) as webcrypto.CryptoKeyPair);
  const subject = options.subject ?? `CN=${++serial}`;
  const signer = issuer?.keys ?? keys;
  const certificate = await X509CertificateGenerator.create({
    serialNumber: (++serial).toString(16).padStart(4, "1"),
    subject,
    issuer: options.issuerName ?? issuer?.subject ?? subject,
    publicKey: keys.publicKey,
    signingKey: await withHash(signer.privateKey, hash),
    signingAlgorithm: { ...signer.privateKey.algorithm, hash, saltLength: 20 } as never,
    notBefore: new Date(options.from ?? days(-10)),
    notAfter: new Date(options.to ?? days(10)),
    extensions: [
      ...(ca === null ? [] : [new BasicConstraintsExtension(ca, options.pathLength, true)]),
      ...(ca === true || options.keyUsage !== undefined
        ? [new KeyUsagesExtension(options.keyUsage ?? KeyUsageFlags.keyCertSign, true)]
        : []),
      ...altNames(options),
      ...(options.extendedKeyUsage === undefined ? [] : [new ExtendedKeyUsageExtension([...options.extendedKeyUsage])]),
      ...(options.extensions ?? []),
    ],
  });
  return { certificate, keys, der: new Uint8Array(certificate.rawData), subject };
}

/** WebCrypto binds an RSA key to one hash. */
async function withHash(key: webcrypto.CryptoKey, hash: string): Promise<webcrypto.CryptoKey> {
  if (!key.algorithm.name.startsWith("RSA")) return key;
  const pkcs8 = await crypto.subtle.exportKey("pkcs8", key);
  return crypto.subtle.importKey("pkcs8", pkcs8, { name: key.algorithm.name, hash }, false, ["sign"]);
}

function altNames({ names = [], emails = [] }: CertificateOptions): Extension[] {
  const all = [
    ...names.map((value) => ({ type: "dns" as const, value })),
    ...emails.map((value) => ({ type: "email" as const, value })),
  ];
  return all.length === 0 ? [] : [new SubjectAlternativeNameExtension(all)];
}

export const ca = (options: CertificateOptions = {}): Promise<Issued> => issue({ ca: true, ...options });

/** DER of one element. */
export function der(tag: number, ...parts: readonly (Uint8Array | string)[]): Buffer {
  const content = Buffer.concat(parts.map((part) => (typeof part === "string" ? Buffer.from(part) : part)));
  const length = content.length < 0x80 ? [content.length] : [0x82, content.length >> 8, content.length & 0xff];
  return Buffer.concat([Buffer.of(tag, ...length), content]);
}

/** A critical extension. */
export const extension = (oid: string, value: Uint8Array): Extension => new Extension(oid, true, new Uint8Array(value));

/** nameConstraints (RFC 5280 §4.2.1.10); bases as GeneralName elements. */
export function nameConstraints(permitted: readonly Buffer[], excluded: readonly Buffer[] = []): Extension {
  const subtrees = (tag: number, bases: readonly Buffer[]) =>
    bases.length === 0 ? Buffer.alloc(0) : der(tag, ...bases.map((base) => der(0x30, base)));
  return extension("2.5.29.30", der(0x30, subtrees(0xa0, permitted), subtrees(0xa1, excluded)));
}

export const dns = (name: string): Buffer => der(0x82, name);
export const email = (name: string): Buffer => der(0x81, name);
/** A directoryName from the subject of a certificate. */
export const directory = ({ certificate }: Issued): Buffer =>
  der(0xa4, new Uint8Array(certificate.subjectName.toArrayBuffer()));

/** RDATA of a TLSA record that matches this certificate. */
export function tlsa(usage: number, selector: number, matching: number, { der }: Pick<Issued, "der">): Uint8Array {
  const selected = selector === 0 ? der : new NodeCertificate(der).publicKey.export({ type: "spki", format: "der" });
  const data =
    matching === 0
      ? selected
      : createHash(matching === 1 ? "sha256" : "sha512")
          .update(selected)
          .digest();
  return Buffer.concat([Buffer.of(usage, selector, matching), data]);
}
