import * as abi from "../../assembly/abi.ts";
import type { Areas } from "./areas.ts";
import {
  ADDRESSES,
  type Addresses,
  BASES,
  type Base,
  DANE_STATES,
  type DaneState,
  ERRORS,
  nameOf,
  numberOf,
} from "./names.ts";

/** What a TLSA RRset is worth, and the RDATA of the records that remain. */
export interface TlsaRrset {
  readonly state: "usable" | "unusable" | "absent";
  readonly records: readonly Uint8Array[];
}

/** One certificate that a server sent, with what TLSA records may say of it. */
export interface PeerCertificate {
  /** DER. */
  readonly certificate: Uint8Array;
  /** DER SubjectPublicKeyInfo. */
  readonly publicKey: Uint8Array;
  readonly certificateSha256: Uint8Array;
  readonly certificateSha512: Uint8Array;
  readonly publicKeySha256: Uint8Array;
  readonly publicKeySha512: Uint8Array;
}

export interface TlsaMatch {
  /** RDATA of the record. */
  readonly record: Uint8Array;
  /** Which certificate, 0 for the server's own. */
  readonly certificate: number;
}

export interface TlsaBase {
  /** "unknown": ask for the TLSA records of the candidate `base`. */
  readonly state: DaneState;
  readonly base: Base;
}

const tooLarge = (): RangeError => new RangeError("the TLSA request exceeds the IN area");

const failed = (areas: Areas, call: string, status: number): Error =>
  new RangeError(`${call}: ${nameOf(ERRORS, status)[1]} (at ${areas.errorOffset})`);

function write(areas: Areas, content: Uint8Array, at: number): number {
  if (!areas.write(content, at)) throw tooLarge();
  return at + content.length;
}

function writeRecords(areas: Areas, records: readonly Uint8Array[], start: number): number {
  let at = start;
  for (const record of records) {
    if (record.length > 65535) throw tooLarge();
    write(areas, record, at + 2);
    areas.put16(at, record.length);
    at += 2 + record.length;
  }
  return at;
}

function writeWithLength(areas: Areas, content: Uint8Array, at: number): number {
  const end = write(areas, content, at + 4);
  areas.put32(at, content.length);
  return end;
}

function writeCertificate(areas: Areas, peer: PeerCertificate, start: number): number {
  write(areas, peer.certificateSha256, start + abi.PEER_CERTIFICATE_SHA256);
  write(areas, peer.certificateSha512, start + abi.PEER_CERTIFICATE_SHA512);
  write(areas, peer.publicKeySha256, start + abi.PEER_KEY_SHA256);
  write(areas, peer.publicKeySha512, start + abi.PEER_KEY_SHA512);
  return writeWithLength(areas, peer.publicKey, writeWithLength(areas, peer.certificate, start + abi.PEER_CERTIFICATE));
}

export function tlsaUsable(areas: Areas, records: readonly Uint8Array[]): TlsaRrset {
  const status = areas.exports.mtasts_tlsa_usable(areas.in, writeRecords(areas, records, 0));
  if (status < 0) throw failed(areas, "tlsa_usable", status);
  const state = nameOf(DANE_STATES, areas.get32(0)) as TlsaRrset["state"];
  const remaining = Array.from({ length: areas.get32(4) }, (_, i) => {
    const at = areas.in + areas.get32(8 + i * 8);
    return areas.bytes.slice(at, at + areas.get32(12 + i * 8));
  });
  return { state, records: remaining };
}

export function tlsaMatch(
  areas: Areas,
  records: readonly Uint8Array[],
  certificates: readonly PeerCertificate[],
): TlsaMatch[] {
  const certificatesAt = writeRecords(areas, records, abi.M_SIZE);
  let end = certificatesAt;
  for (const certificate of certificates) end = writeCertificate(areas, certificate, end);
  areas.put32(abi.M_VERSION, abi.FRAME_VERSION);
  areas.put32(abi.M_RECORDS, abi.M_SIZE);
  areas.put32(abi.M_RECORDS + 4, certificatesAt - abi.M_SIZE);
  areas.put32(abi.M_CERTIFICATES, certificatesAt);
  areas.put32(abi.M_CERTIFICATES + 4, end - certificatesAt);
  const status = areas.exports.mtasts_tlsa_match(areas.in, end);
  if (status < 0) throw failed(areas, "tlsa_match", status);
  return Array.from({ length: status }, (_, i) => {
    const [offset, length, certificate] = [0, 4, 8].map((field) => areas.get32(i * abi.MATCH_ENTRY + field));
    const at = areas.in + (offset ?? 0);
    return { record: areas.bytes.slice(at, at + (length ?? 0)), certificate: certificate ?? 0 };
  });
}

export function tlsaBase(areas: Areas, addresses: Addresses, expanded: DaneState, original: DaneState): TlsaBase {
  const outcome = (state: DaneState) => numberOf(DANE_STATES, state);
  const status = areas.exports.mtasts_tlsa_base(ADDRESSES[addresses], outcome(expanded), outcome(original));
  if (status < 0) throw failed(areas, "tlsa_base", status);
  return { state: nameOf(DANE_STATES, areas.get32(0)), base: nameOf(BASES, areas.get32(4)) };
}
