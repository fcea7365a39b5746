import { randomInt } from "node:crypto";
import { CLASS_IN, type RecordData, readRecordData, seconds, TYPE } from "./rdata.ts";
import { nameKey, WireError, type WireName, WireReader } from "./wire-name.ts";

/** Response codes that mean something to a stub (RFC 1035 §4.1.1). */
export const RCODE = { NOERROR: 0, FORMERR: 1, SERVFAIL: 2, NXDOMAIN: 3, NOTIMP: 4, REFUSED: 5 } as const;

/** What fits through every path without fragments (RFC 9715); larger answers come over TCP. */
const EDNS_SIZE = 1232;
/** Far more than any RRset mail needs, and little enough to keep one message below a mebibyte of memory. */
const MAX_RECORDS = 1024;

const FLAG = { QR: 0x8000, OPCODE: 0x7800, AA: 0x0400, TC: 0x0200, RD: 0x0100, RA: 0x0080, AD: 0x0020 } as const;

export interface Question {
  readonly name: WireName;
  readonly type: number;
}

export interface Query extends Question {
  readonly id: number;
  readonly bytes: Uint8Array;
}

export interface ResourceRecord {
  readonly owner: WireName;
  readonly type: number;
  readonly class: number;
  /** Seconds. */
  readonly ttl: number;
  readonly data: RecordData;
}

export interface Message {
  /** With the upper bits of the OPT record, when there is one (RFC 6891 §6.1.3). */
  readonly rcode: number;
  readonly authoritative: boolean;
  readonly recursionAvailable: boolean;
  /** The AD bit as received. Whether it counts depends on who sent it (R-7672-2.1.1-02). */
  readonly authenticData: boolean;
  readonly answers: readonly ResourceRecord[];
  readonly authority: readonly ResourceRecord[];
}

/**
 * A query with a fresh unpredictable id (RFC 5452 §9.2), RD, AD (RFC 6840 §5.7: tell me whether you validated) and
 * EDNS0. `dnssecOk` sets DO, which also asks for the signatures themselves.
 */
export function encodeQuery(question: Question, dnssecOk: boolean): Query {
  const id = randomInt(0x1_0000);
  const { name, type } = question;
  const bytes = new Uint8Array(12 + name.length + 4 + 11);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, id);
  view.setUint16(2, FLAG.RD | FLAG.AD);
  view.setUint16(4, 1);
  view.setUint16(10, 1);
  bytes.set(name, 12);
  const afterName = 12 + name.length;
  view.setUint16(afterName, type);
  view.setUint16(afterName + 2, CLASS_IN);
  const opt = afterName + 4;
  view.setUint16(opt + 1, TYPE.OPT);
  view.setUint16(opt + 3, EDNS_SIZE);
  view.setUint32(opt + 5, dnssecOk ? 0x8000 : 0);
  return { id, name, type, bytes };
}

/**
 * Does this datagram or message answer that query? Looks at id, QR, opcode and the question only (RFC 5452 §9.1), so
 * it can be asked of anything that arrives; "truncated" means the rest must not be read (R-8461-3.1-26).
 */
export function matchReply(bytes: Uint8Array, query: Query): "answer" | "truncated" | "other" {
  try {
    const reader = new WireReader(bytes);
    const id = reader.u16();
    const flags = reader.u16();
    const questions = reader.u16();
    reader.take(6);
    if (id !== query.id || (flags & FLAG.QR) === 0 || (flags & FLAG.OPCODE) !== 0 || questions !== 1) return "other";
    const name = reader.name();
    const asked = reader.u16() === query.type && reader.u16() === CLASS_IN && nameKey(name) === nameKey(query.name);
    if (!asked) return "other";
    return (flags & FLAG.TC) !== 0 ? "truncated" : "answer";
  } catch (error) {
    if (error instanceof WireError) return "other";
    throw error;
  }
}

/**
 * A whole response. Strict: every count, length, name and known RDATA must be exact and nothing may follow.
 * @throws WireError and nothing else; there is no partial result.
 */
export function decodeMessage(bytes: Uint8Array): Message {
  const reader = new WireReader(bytes);
  reader.u16();
  const flags = reader.u16();
  if ((flags & FLAG.QR) === 0) throw new WireError("not a response", 2);
  if ((flags & FLAG.OPCODE) !== 0) throw new WireError("opcode is not QUERY", 2);
  if ((flags & FLAG.TC) !== 0) throw new WireError("truncated message", 2);
  const counts = { question: reader.u16(), answer: reader.u16(), authority: reader.u16(), additional: reader.u16() };
  if (counts.question !== 1) throw new WireError("not exactly one question", 4);
  if (counts.answer + counts.authority + counts.additional > MAX_RECORDS) throw new WireError("too many records", 6);
  reader.name();
  reader.take(4);
  const answers = readRecords(reader, counts.answer);
  const authority = readRecords(reader, counts.authority);
  const additional = readRecords(reader, counts.additional);
  if (reader.offset !== bytes.length) throw new WireError("octets after the last record", reader.offset);
  return {
    rcode: (flags & 0x000f) | extendedRcode(answers, authority, additional),
    authoritative: (flags & FLAG.AA) !== 0,
    recursionAvailable: (flags & FLAG.RA) !== 0,
    authenticData: (flags & FLAG.AD) !== 0,
    answers,
    authority,
  };
}

function readRecords(reader: WireReader, count: number): ResourceRecord[] {
  const records: ResourceRecord[] = [];
  for (let i = 0; i < count; i++) records.push(readRecord(reader));
  return records;
}

function readRecord(reader: WireReader): ResourceRecord {
  const start = reader.offset;
  const owner = reader.name();
  const type = reader.u16();
  const recordClass = reader.u16();
  const ttl = reader.u32();
  const length = reader.u16();
  const known = recordClass === CLASS_IN || type === TYPE.OPT;
  const data = readRecordData(reader, known ? type : 0, length);
  if (type !== TYPE.OPT) return { owner, type, class: recordClass, ttl: seconds(ttl), data };
  // In an OPT record the TTL field is no time: extended RCODE, version and flags (RFC 6891 §6.1.3).
  if (owner.length !== 1) throw new WireError("OPT owner is not the root", start);
  return { owner, type, class: recordClass, ttl, data };
}

/** RFC 6891 §6.1.1: at most one OPT record, in the additional section. */
function extendedRcode(answers: ResourceRecord[], authority: ResourceRecord[], additional: ResourceRecord[]): number {
  const isOpt = (record: ResourceRecord) => record.type === TYPE.OPT;
  const options = additional.filter(isOpt);
  if (options.length > 1 || answers.some(isOpt) || authority.some(isOpt)) throw new WireError("misplaced OPT", 6);
  return ((options[0]?.ttl ?? 0) >>> 24) << 4;
}
