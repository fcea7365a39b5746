import { isIPv4, isIPv6 } from "node:net";
import { bytes, type DnsName, labelsOf, nameText } from "./dns-name.ts";

/**
 * DNS messages (RFC 1035 §4) written by hand, so that a label may hold any byte: a dot, a colon, a space, NUL.
 * Libraries that keep names as dotted strings cannot say that.
 */

export const TYPE_NUMBERS = { A: 1, NS: 2, CNAME: 5, SOA: 6, MX: 15, TXT: 16, AAAA: 28, TLSA: 52 } as const;
export type RecordType = keyof typeof TYPE_NUMBERS;
export const TYPE_OPT = 41;

export interface MxData {
  readonly preference: number;
  /** "" makes a Null MX (RFC 7505). */
  readonly exchange: DnsName;
}

/** TTLs and times in seconds. */
export interface SoaData {
  readonly mname: DnsName;
  readonly rname: DnsName;
  readonly serial?: number;
  readonly refresh?: number;
  readonly retry?: number;
  readonly expire?: number;
  /** RFC 2308 §4: the negative TTL. */
  readonly minimum: number;
}

/** RDATA as it is to stand on the wire, right or wrong. */
export interface RawData {
  readonly raw: Uint8Array;
}

/** One TXT RR: a string is cut into character-strings of 255 octets, an array holds the character-strings themselves. */
export type TxtData = string | readonly (string | Uint8Array)[];

export interface RecordDataByType {
  A: string;
  AAAA: string;
  NS: DnsName;
  CNAME: DnsName;
  MX: MxData;
  SOA: SoaData;
  TXT: TxtData;
  TLSA: RawData;
}
export type RecordData<T extends RecordType = RecordType> = RecordDataByType[T] | RawData;

export interface DnsRecord {
  readonly name: readonly Buffer[];
  readonly type: RecordType;
  readonly ttl: number;
  readonly data: RecordData;
}

export interface DnsQuery {
  readonly id: number;
  readonly rd: boolean;
  readonly cd: boolean;
  readonly ad: boolean;
  readonly labels: readonly Buffer[];
  readonly type: number;
  readonly class: number;
  /** The client's OPT record (RFC 6891), null when it sent none. */
  readonly edns: { readonly udpSize: number; readonly dnssecOk: boolean } | null;
}

export interface DnsMessage {
  readonly id: number;
  readonly rcode: number;
  readonly aa: boolean;
  readonly tc: boolean;
  readonly rd: boolean;
  readonly ra: boolean;
  readonly ad: boolean;
  readonly cd: boolean;
  readonly question: { readonly labels: readonly Buffer[]; readonly type: number; readonly class: number } | null;
  readonly answers: readonly DnsRecord[];
  readonly authority: readonly DnsRecord[];
  /** Written as an OPT record; null for none. */
  readonly edns: { readonly dnssecOk: boolean } | null;
}

/** A query out of a datagram, null when it is not one. */
export function decodeQuery(packet: Buffer): DnsQuery | null {
  if (packet.length < 17 || (packet.readUInt16BE(2) & 0x8000) !== 0 || packet.readUInt16BE(4) !== 1) return null;
  const flags = packet.readUInt16BE(2);
  const labels: Buffer[] = [];
  let at = 12;
  for (;;) {
    const length = packet[at];
    if (length === undefined || length > 63 || at + length >= packet.length) return null;
    at += 1;
    if (length === 0) break;
    labels.push(Buffer.from(packet.subarray(at, at + length)));
    at += length;
  }
  if (at + 4 > packet.length) return null;
  const type = packet.readUInt16BE(at);
  const recordClass = packet.readUInt16BE(at + 2);
  const bit = (mask: number) => (flags & mask) !== 0;
  const question = { labels, type, class: recordClass };
  return {
    id: packet.readUInt16BE(0),
    rd: bit(0x100),
    ad: bit(0x20),
    cd: bit(0x10),
    ...question,
    edns: decodeOpt(packet, at + 4),
  };
}

/** The OPT record when it is the first thing after the question, which is where stub resolvers put it. */
function decodeOpt(packet: Buffer, at: number): DnsQuery["edns"] {
  if (packet.readUInt16BE(10) === 0 || at + 11 > packet.length) return null;
  if (packet[at] !== 0 || packet.readUInt16BE(at + 1) !== TYPE_OPT) return null;
  return { udpSize: packet.readUInt16BE(at + 3), dnssecOk: (packet.readUInt16BE(at + 7) & 0x8000) !== 0 };
}

/** Writes one message, with name compression as common servers do it. Throws a RangeError over 65,535 octets. */
export function encodeMessage(message: DnsMessage): Buffer {
  const writer = new MessageWriter();
  const flag = (set: boolean, mask: number) => (set ? mask : 0);
  writer.u16(message.id);
  writer.u16(
    0x8000 |
      flag(message.aa, 0x400) |
      flag(message.tc, 0x200) |
      flag(message.rd, 0x100) |
      flag(message.ra, 0x80) |
      flag(message.ad, 0x20) |
      flag(message.cd, 0x10) |
      message.rcode,
  );
  writer.u16(message.question === null ? 0 : 1);
  writer.u16(message.answers.length);
  writer.u16(message.authority.length);
  writer.u16(message.edns === null ? 0 : 1);
  if (message.question !== null) {
    writer.name(message.question.labels);
    writer.u16(message.question.type);
    writer.u16(message.question.class);
  }
  for (const record of [...message.answers, ...message.authority]) writer.record(record);
  if (message.edns !== null) writer.opt(message.edns.dnssecOk);
  return writer.done();
}

class MessageWriter {
  #out = Buffer.alloc(4096);
  #length = 0;
  readonly #names = new Map<string, number>();

  u16(value: number): void {
    this.bytes(Buffer.of((value >>> 8) & 0xff, value & 0xff));
  }

  u32(value: number): void {
    this.u16(value >>> 16);
    this.u16(value);
  }

  bytes(data: Uint8Array): void {
    if (this.#length + data.length > 65_535) throw new RangeError("lab: a DNS message over 65,535 octets");
    while (this.#length + data.length > this.#out.length) this.#out = Buffer.concat([this.#out], this.#out.length * 2);
    this.#out.set(data, this.#length);
    this.#length += data.length;
  }

  name(labels: readonly Uint8Array[]): void {
    for (let i = 0; i < labels.length; i++) {
      const rest = nameText(labels.slice(i));
      const seen = this.#names.get(rest);
      if (seen !== undefined) {
        this.u16(0xc000 | seen);
        return;
      }
      if (this.#length < 0x4000) this.#names.set(rest, this.#length);
      const label = labels[i] as Uint8Array;
      this.bytes(Buffer.of(label.length));
      this.bytes(label);
    }
    this.bytes(Buffer.of(0));
  }

  record(record: DnsRecord): void {
    this.name(record.name);
    this.u16(TYPE_NUMBERS[record.type]);
    this.u16(1);
    this.u32(record.ttl);
    const lengthAt = this.#length;
    this.u16(0);
    this.#rdata(record);
    this.#out.writeUInt16BE(this.#length - lengthAt - 2, lengthAt);
  }

  opt(dnssecOk: boolean): void {
    this.bytes(Buffer.of(0));
    this.u16(TYPE_OPT);
    this.u16(1232);
    this.u32(dnssecOk ? 0x8000 : 0);
    this.u16(0);
  }

  done(): Buffer {
    return this.#out.subarray(0, this.#length);
  }

  #rdata({ type, data }: DnsRecord): void {
    if (typeof data === "object" && "raw" in data) this.bytes(data.raw);
    else if (type === "A" || type === "AAAA") this.bytes(addressBytes(data as string));
    else if (type === "NS" || type === "CNAME") this.name(labelsOf(data as DnsName));
    else if (type === "MX") {
      this.u16((data as MxData).preference);
      this.name(labelsOf((data as MxData).exchange));
    } else if (type === "SOA") this.#soa(data as SoaData);
    else if (type === "TXT") {
      for (const part of characterStrings(data as TxtData)) {
        this.bytes(Buffer.of(part.length));
        this.bytes(part);
      }
    } else throw new TypeError(`lab: ${type} data is given as { raw }`);
  }

  #soa(soa: SoaData): void {
    this.name(labelsOf(soa.mname));
    this.name(labelsOf(soa.rname));
    for (const value of [soa.serial ?? 1, soa.refresh ?? 3600, soa.retry ?? 600, soa.expire ?? 86_400, soa.minimum])
      this.u32(value);
  }
}

function characterStrings(data: TxtData): Buffer[] {
  if (typeof data !== "string") return data.map(bytes);
  const text = bytes(data);
  const parts: Buffer[] = [];
  for (let at = 0; at === 0 || at < text.length; at += 255) parts.push(text.subarray(at, at + 255));
  return parts;
}

function addressBytes(address: string): Buffer {
  if (isIPv4(address)) return Buffer.from(address.split(".").map(Number));
  if (!isIPv6(address)) throw new TypeError(`lab: not an IP address: ${address}`);
  const hex = (high: string, low: string) => (Number(high) * 256 + Number(low)).toString(16);
  const mapped = /(\d+)\.(\d+)\.(\d+)\.(\d+)$/;
  const plain = address.replace(mapped, (_, a, b, c, d) => `${hex(a, b)}:${hex(c, d)}`);
  const [head = "", tail] = plain.split("::");
  const groups = (text: string) => (text === "" ? [] : text.split(":"));
  const right = groups(tail ?? "");
  const left = groups(head);
  const zeros = tail === undefined ? 0 : 8 - left.length - right.length;
  const all = [...left, ...Array<string>(zeros).fill("0"), ...right];
  return Buffer.from(all.flatMap((group) => [Number.parseInt(group, 16) >>> 8, Number.parseInt(group, 16) & 0xff]));
}
