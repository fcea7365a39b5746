import { constants, X509Certificate } from "node:crypto";
import { createSecureContext, rootCertificates, type SecureContext } from "node:tls";

/**
 * The TLS settings of every connection whose peer must prove itself, to a policy host or to an MX host under an enforce
 * policy. All are stated, so that no command line flag or environment variable of Node supplies a weaker default:
 * trusted roots, TLS >= 1.2 (R-8461-3.3-23, R-8461-7.2-01), ciphers, none of them anonymous (R-8461-4.2-08). Costs tens
 * of milliseconds: make one and keep it.
 * @param caPem trusted roots as PEM text; default: the roots shipped with Node (NODE_EXTRA_CA_CERTS is not consulted)
 * @param extraPem roots trusted beside those
 * @throws Error when a PEM text holds no certificate, or one that cannot be read
 */
export function pkixTrust(caPem?: string, extraPem?: string): SecureContext {
  const roots = caPem === undefined ? rootCertificates : certificatesOf(caPem);
  return createSecureContext({
    ca: [...roots, ...(extraPem === undefined ? [] : certificatesOf(extraPem))],
    minVersion: "TLSv1.2",
    // The built-in list, which --tls-cipher-list cannot replace, at 112 bits: no SHA-1 signature, no RSA or DH key
    // under 2048 bits (RFC 9325 §4).
    ciphers: `${constants.defaultCoreCipherList}:@SECLEVEL=2`,
  });
}

const PEM_CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/**
 * The certificates of a PEM text, one PEM block each. createSecureContext quietly skips what it cannot read; an empty
 * trust store would then fail every peer.
 * @throws Error when there is none, or one that cannot be read
 */
export function certificatesOf(pem: string): string[] {
  const blocks = pem.match(PEM_CERTIFICATE) ?? [];
  if (blocks.length === 0) throw new Error("the CA file holds no PEM certificate (-----BEGIN CERTIFICATE-----)");
  for (const [index, block] of blocks.entries()) {
    try {
      new X509Certificate(block);
    } catch (cause) {
      throw new Error(`certificate ${index + 1} of ${blocks.length} in the CA file cannot be read`, { cause });
    }
  }
  return blocks;
}

/**
 * To be called when the daemon starts. The policy fetch itself verifies certificates whatever this variable says, but
 * a process in which somebody switched verification off is not one to be trusted with it.
 * @throws Error with what to do
 */
export function refuseUnsafeEnvironment(env: Readonly<NodeJS.ProcessEnv> = process.env): void {
  // Node acts on the value "0" alone.
  if (env.NODE_TLS_REJECT_UNAUTHORIZED !== "0") return;
  throw new Error(
    "NODE_TLS_REJECT_UNAUTHORIZED=0 is set in the environment and turns certificate checks off in Node; not starting. " +
      "Unset it. To trust a private CA, name its file as https.ca-file in the configuration.",
  );
}
