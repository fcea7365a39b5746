import { WireError, type WireName, type WireReader } from "./wire-name.ts";

/** IANA numbers of the record types this client reads. */
export const TYPE = { A: 1, NS: 2, CNAME: 5, SOA: 6, MX: 15, TXT: 16, AAAA: 28, OPT: 41, TLSA: 52 } as const;

export const CLASS_IN = 1;

/** The RDATA of one record; types this client has no use for are carried as "other" and not looked into. */
export type RecordData =
  | { readonly kind: "address"; readonly address: string }
  | { readonly kind: "cname"; readonly target: WireName }
  | { readonly kind: "mx"; readonly preference: number; readonly exchange: WireName }
  /** Raw RDATA: one or more length-prefixed character-strings, whose framing has been checked. */
  | { readonly kind: "txt"; readonly rdata: Uint8Array }
  /** Raw RDATA: usage, selector, matching type, data, none of them judged here. */
  | { readonly kind: "tlsa"; readonly rdata: Uint8Array }
  /** Seconds: the MINIMUM field, which bounds negative answers (RFC 2308 §4). */
  | { readonly kind: "soa"; readonly minimum: number }
  | { readonly kind: "other" };

const OTHER: RecordData = { kind: "other" };

/** Reads exactly `length` octets of RDATA. @throws WireError when the content does not fill them exactly. */
export function readRecordData(reader: WireReader, type: number, length: number): RecordData {
  const end = reader.offset + length;
  if (end > reader.bytes.length) throw new WireError("message ends early", reader.bytes.length);
  const data = readByType(reader, type, length);
  if (reader.offset !== end) throw new WireError("RDLENGTH does not fit the RDATA", reader.offset);
  return data;
}

function readByType(reader: WireReader, type: number, length: number): RecordData {
  switch (type) {
    case TYPE.A:
      return { kind: "address", address: ipv4Text(reader.take(4)) };
    case TYPE.AAAA:
      return { kind: "address", address: ipv6Text(reader.take(16)) };
    case TYPE.CNAME:
      return { kind: "cname", target: reader.name() };
    case TYPE.MX:
      return { kind: "mx", preference: reader.u16(), exchange: reader.name() };
    case TYPE.TXT:
      return { kind: "txt", rdata: readCharacterStrings(reader, length) };
    case TYPE.TLSA:
      return { kind: "tlsa", rdata: reader.take(length) };
    case TYPE.SOA:
      return readSoa(reader);
    case TYPE.OPT:
      checkOptions(reader, length);
      return OTHER;
    default:
      reader.take(length);
      return OTHER;
  }
}

/** RFC 1035 §3.3.14: one or more character-strings, which fill the RDATA to the last octet. */
function readCharacterStrings(reader: WireReader, length: number): Uint8Array {
  const start = reader.offset;
  if (length === 0) throw new WireError("TXT without a character-string", start);
  const rdata = reader.take(length);
  let at = 0;
  while (at < length) at += 1 + (rdata[at] ?? 0);
  if (at !== length) throw new WireError("character-string runs over the RDATA", start + length);
  return rdata;
}

function readSoa(reader: WireReader): RecordData {
  reader.name();
  reader.name();
  // SERIAL, REFRESH, RETRY, EXPIRE
  reader.take(16);
  return { kind: "soa", minimum: seconds(reader.u32()) };
}

/** RFC 6891 §6.1.2: options are code, length, data. None is used here; a frame that breaks is an error. */
function checkOptions(reader: WireReader, length: number): void {
  const end = reader.offset + length;
  while (reader.offset < end) {
    reader.u16();
    reader.take(reader.u16());
  }
}

/** RFC 2181 §8: a TTL with the top bit set counts as zero. */
export function seconds(ttl: number): number {
  return ttl > 0x7fff_ffff ? 0 : ttl;
}

function ipv4Text(bytes: Uint8Array): string {
  return bytes.join(".");
}

/** RFC 5952: lower case, the longest run of zero groups (two or more, the first such) as "::", ::ffff:0:0/96 mixed. */
function ipv6Text(bytes: Uint8Array): string {
  const groups = Array.from({ length: 8 }, (_, i) => (bytes[2 * i] ?? 0) * 0x100 + (bytes[2 * i + 1] ?? 0));
  if (groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff) {
    return `::ffff:${ipv4Text(bytes.subarray(12))}`;
  }
  const { start, length } = longestZeroRun(groups);
  const text = (part: number[]) => part.map((group) => group.toString(16)).join(":");
  return length < 2 ? text(groups) : `${text(groups.slice(0, start))}::${text(groups.slice(start + length))}`;
}

function longestZeroRun(groups: readonly number[]): { start: number; length: number } {
  let best = { start: 0, length: 0 };
  let length = 0;
  for (const [i, group] of groups.entries()) {
    length = group === 0 ? length + 1 : 0;
    if (length > best.length) best = { start: i + 1 - length, length };
  }
  return best;
}
