// TLSA records and certificates for tests, by name: "3 1 1 leaf" is the record that says of the certificate "leaf" what is
// true. The core never parses a certificate, so one is a DER SEQUENCE around its name here; host tests have real ones.
import { createHash } from "node:crypto";
import type { PeerCertificate } from "../../host/core/tlsa.ts";
import { type Bytes, toOctets } from "./vectors.ts";

/** "USAGE SELECTOR MATCHING NAME", or the three numbers and the data, or the whole RDATA. */
export type TlsaText = string | readonly [number, number, number, Bytes] | { readonly rdata: Bytes };

const sequence = (text: string): Uint8Array => Uint8Array.of(0x30, text.length, ...Buffer.from(text));
const hash = (name: string, octets: Uint8Array): Uint8Array => createHash(name).update(octets).digest();

/** A certificate by its name; "renewed/leaf" is another certificate with the key of "leaf". */
export function peer(name: string): PeerCertificate {
  const certificate = sequence(name);
  const publicKey = sequence(`key of ${name.split("/").at(-1)}`);
  return {
    certificate,
    publicKey,
    certificateSha256: hash("sha256", certificate),
    certificateSha512: hash("sha512", certificate),
    publicKeySha256: hash("sha256", publicKey),
    publicKeySha512: hash("sha512", publicKey),
  };
}

function association(selector: number, matching: number, name: string): Uint8Array {
  const { certificate, publicKey } = peer(name);
  const selected = selector === 0 ? certificate : publicKey;
  if (matching === 0) return selected;
  return hash(matching === 1 ? "sha256" : "sha512", selected);
}

export function tlsaRdata(record: TlsaText): Uint8Array {
  if (typeof record === "object" && "rdata" in record) return toOctets(record.rdata);
  if (typeof record !== "string") return Uint8Array.of(record[0], record[1], record[2], ...toOctets(record[3]));
  const [usage = 0, selector = 0, matching = 0] = record.split(" ").slice(0, 3).map(Number);
  return Uint8Array.of(usage, selector, matching, ...association(selector, matching, record.split(" ")[3] ?? ""));
}

const withLength = (octets: Uint8Array): Uint8Array => {
  const length = new Uint8Array(4);
  new DataView(length.buffer).setUint32(0, octets.length, true);
  return Buffer.concat([length, octets]);
};

/** A certificate as a tlsa_match request has it (docs/abi.md). */
export function peerEntry(name: string): Uint8Array {
  const { certificate, publicKey, ...digests } = peer(name);
  return Buffer.concat([
    digests.certificateSha256,
    digests.certificateSha512,
    digests.publicKeySha256,
    digests.publicKeySha512,
    withLength(certificate),
    withLength(publicKey),
  ]);
}
