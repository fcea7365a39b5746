import { createHash, X509Certificate } from "node:crypto";
import type { RawData } from "./dns-wire.ts";

/** One TLSA record (RFC 6698 §2.1), by what it is to match. */
export interface TlsaSpec {
  readonly usage: number;
  readonly selector: number;
  readonly matching: number;
  /** The certificate the host shows, the lab's root, or none there is. */
  readonly of: "leaf" | "ca" | "nobody";
}

export interface TlsaSubjects {
  /** DER. */
  readonly leaf: Uint8Array;
  /** PEM. */
  readonly ca: string;
}

/** The RDATA of a TLSA record. An unknown selector or matching type stands in the record over the octets of the others. */
export function tlsaRecord({ usage, selector, matching, of }: TlsaSpec, { leaf, ca }: TlsaSubjects): RawData {
  const certificate = new X509Certificate(of === "ca" ? ca : leaf);
  const spki = certificate.publicKey.export({ type: "spki", format: "der" });
  const selected = of === "nobody" ? Buffer.from("no certificate of anybody") : selector === 0 ? certificate.raw : spki;
  return { raw: Buffer.concat([Buffer.of(usage, selector, matching), associationOf(selected, matching)]) };
}

function associationOf(selected: Buffer, matching: number): Buffer {
  if (matching === 0) return selected;
  return createHash(matching === 2 ? "sha512" : "sha256")
    .update(selected)
    .digest();
}
