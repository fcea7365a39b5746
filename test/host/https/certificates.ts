// The X.509 library finds its algorithms through reflection metadata, which must be there first.
import "reflect-metadata";
import type { webcrypto } from "node:crypto";
import * as x509 from "@peculiar/x509";

/** A certificate with the chain and key a TLS server needs, as PEM. */
export interface Credentials {
  readonly cert: string;
  readonly key: string;
}

export interface LeafOptions {
  /** The subject's common name; none by default. */
  readonly commonName?: string;
  readonly names?: x509.JsonGeneralNames;
  readonly notBefore?: Date;
  readonly notAfter?: Date;
  readonly usage?: x509.ExtendedKeyUsage;
  readonly more?: readonly x509.Extension[];
  /** Leaves the intermediate out of what the server sends. */
  readonly withoutIntermediate?: boolean;
  readonly keys?: webcrypto.RsaHashedKeyGenParams | webcrypto.EcKeyGenParams;
}

const P256: webcrypto.EcKeyGenParams & webcrypto.EcdsaParams = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
const DAY = 86_400_000;

interface Issuer {
  readonly certificate: x509.X509Certificate;
  readonly keys: webcrypto.CryptoKeyPair;
}

export const dnsNames = (...names: string[]): x509.JsonGeneralNames =>
  names.map((value) => ({ type: "dns" as const, value }));

/** A root, an intermediate below it, and leaves signed by the intermediate. */
export class TestAuthority {
  readonly #root: Issuer;
  readonly #intermediate: Issuer;

  private constructor(root: Issuer, intermediate: Issuer) {
    this.#root = root;
    this.#intermediate = intermediate;
  }

  static async create(name = "Test Root"): Promise<TestAuthority> {
    const root = await selfSigned(name, [new x509.BasicConstraintsExtension(true, undefined, true)]);
    const keys = await generateKeys();
    const certificate = await issue(root, keys.publicKey, `CN=${name} Intermediate`, [
      new x509.BasicConstraintsExtension(true, 0, true),
    ]);
    return new TestAuthority(root, { certificate, keys });
  }

  /** The root alone: what a client is configured to trust. */
  get rootPem(): string {
    return this.#root.certificate.toString("pem");
  }

  async leaf(options: LeafOptions): Promise<Credentials> {
    const keys = await generateKeys(options.keys);
    const subject = options.commonName === undefined ? "O=Test" : `CN=${options.commonName}`;
    const extensions: x509.Extension[] = [
      new x509.BasicConstraintsExtension(false),
      new x509.ExtendedKeyUsageExtension([options.usage ?? x509.ExtendedKeyUsage.serverAuth]),
    ];
    extensions.push(...(options.more ?? []));
    if (options.names !== undefined) extensions.push(new x509.SubjectAlternativeNameExtension(options.names));
    const leaf = await issue(this.#intermediate, keys.publicKey, subject, extensions, options);
    const chain = options.withoutIntermediate ? [leaf] : [leaf, this.#intermediate.certificate];
    return { cert: chain.map((one) => one.toString("pem")).join("\n"), key: await keyPem(keys) };
  }
}

/** A server certificate that signs itself. */
export async function selfSignedLeaf(names: x509.JsonGeneralNames): Promise<Credentials> {
  const { certificate, keys } = await selfSigned("Self", [new x509.SubjectAlternativeNameExtension(names)]);
  return { cert: certificate.toString("pem"), key: await keyPem(keys) };
}

/** DER of a certificate with exactly these extensions, for the reader of DNS-IDs. */
export async function certificateWith(extensions: x509.Extension[]): Promise<Uint8Array> {
  const { certificate } = await selfSigned("Any", extensions);
  return new Uint8Array(certificate.rawData);
}

async function selfSigned(name: string, extensions: x509.Extension[]): Promise<Issuer> {
  const keys = await generateKeys();
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: `CN=${name}`,
    keys,
    signingAlgorithm: P256,
    notBefore: new Date(Date.now() - DAY),
    notAfter: new Date(Date.now() + DAY),
    extensions,
  });
  return { certificate, keys };
}

function issue(
  issuer: Issuer,
  publicKey: webcrypto.CryptoKey,
  subject: string,
  extensions: x509.Extension[],
  dates: Pick<LeafOptions, "notBefore" | "notAfter"> = {},
): Promise<x509.X509Certificate> {
  return x509.X509CertificateGenerator.create({
    subject,
    issuer: issuer.certificate.subject,
    publicKey,
    signingKey: issuer.keys.privateKey,
    signingAlgorithm: P256,
    notBefore: dates.notBefore ?? new Date(Date.now() - DAY),
    notAfter: dates.notAfter ?? new Date(Date.now() + DAY),
    extensions,
  });
}

async function generateKeys(
  algorithm: webcrypto.RsaHashedKeyGenParams | webcrypto.EcKeyGenParams = P256,
): Promise<webcrypto.CryptoKeyPair> {
  return (await crypto.subtle.generateKey(algorithm, true, ["sign", "verify"])) as webcrypto.CryptoKeyPair;
}

async function keyPem(keys: webcrypto.CryptoKeyPair): Promise<string> {
  const pkcs8 = await crypto.subtle.exportKey("pkcs8", keys.privateKey);
  return x509.PemConverter.encode(pkcs8, "PRIVATE KEY");
}
