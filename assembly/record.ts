// The TXT RRset of _mta-sts.<Policy Domain> and the one record in it (RFC 8461 §3.1).
import {
  E_RECORD_CHARACTER,
  E_RECORD_DELIMITER,
  E_RECORD_FIELD,
  E_RECORD_ID,
  E_RECORD_NO_ID,
  E_RECORD_SEVERAL,
  E_RECORD_VALUE,
  E_REQUEST,
  ID_LIMIT,
  LENIENT_OUTER_BLANKS,
} from "./abi.ts";
import { EQUALS, isAlphanumeric, isBlank, isNameCharacter, SEMICOLON } from "./ascii.ts";
import { copy, load8, load16, sameBytes } from "./memory.ts";
import { beginVerdict, excused, failAt } from "./verdict.ts";
import { isWord, KEY_ID, KEY_ID_LENGTH, RECORD_PREFIX, RECORD_PREFIX_LENGTH } from "./words.ts";

/** The joined text of the record being read, and the id found in it. */
const TEXT: usize = memory.data(65536, 16);
const NAME_LIMIT: u32 = 32;
let idAt: u32 = 0;
let idLength: u32 = 0;

export function recordId(): usize {
  return TEXT + idAt;
}

export function recordIdLength(): u32 {
  return idLength;
}

/** Joins the character-strings of one RDATA in wire order, nothing between them (R-8461-3.1-02). */
function joinStrings(rdata: usize, n: u32): i32 {
  let at: u32 = 0;
  let length: u32 = 0;
  while (at < n) {
    const part = load8(rdata + at);
    if (part > n - at - 1) return E_REQUEST;
    copy(TEXT + length, rdata + at + 1, part);
    length += part;
    at += part + 1;
  }
  return i32(length);
}

/** The version token alone; "v=STSv10" is caught later, as a missing delimiter. */
function hasVersion(length: u32): bool {
  return length >= RECORD_PREFIX_LENGTH - 1 && sameBytes(TEXT, 7, RECORD_PREFIX, 7);
}

/** RFC 8461 §3.1: with several records, those that do not begin with "v=STSv1;" are discarded (AMB-01). */
function hasPrefix(length: u32): bool {
  return length >= RECORD_PREFIX_LENGTH && sameBytes(TEXT, RECORD_PREFIX_LENGTH, RECORD_PREFIX, RECORD_PREFIX_LENGTH);
}

function isValueCharacter(c: u32): bool {
  return c >= 0x21 && c <= 0x7e && c !== SEMICOLON && c !== EQUALS;
}

function skipBlanks(at: u32, end: u32): u32 {
  while (at < end && isBlank(load8(TEXT + at))) at++;
  return at;
}

/** sts-id: 1*32(ALPHA / DIGIT) (R-8461-3.1-10). */
function isId(at: u32, end: u32): bool {
  if (end === at || end - at > ID_LIMIT) return false;
  for (let i = at; i < end; i++) if (!isAlphanumeric(load8(TEXT + i))) return false;
  return true;
}

/** An error at `at`: a foreign octet there is the better answer than what was expected in its place (R-8461-3.1-04). */
function failOn(at: u32, end: u32, code: i32): i32 {
  const c = at < end ? load8(TEXT + at) : SEMICOLON;
  return failAt(at, c < 0x20 || c > 0x7e ? E_RECORD_CHARACTER : code);
}

/** One field at `at`; returns where it ends. The first `id` counts, a later one is an extension (AMB-05). */
function readField(at: u32, end: u32): i32 {
  let nameEnd = at;
  while (nameEnd < end && isNameCharacter(load8(TEXT + nameEnd))) nameEnd++;
  const nameLength = nameEnd - at;
  if (nameLength === 0 || nameLength > NAME_LIMIT || !isAlphanumeric(load8(TEXT + at)))
    return failOn(at, end, E_RECORD_FIELD);
  if (nameEnd === end || load8(TEXT + nameEnd) !== EQUALS) return failOn(nameEnd, end, E_RECORD_FIELD);
  const value = nameEnd + 1;
  let valueEnd = value;
  while (valueEnd < end && isValueCharacter(load8(TEXT + valueEnd))) valueEnd++;
  if (idLength === 0 && isWord(TEXT + at, nameLength, KEY_ID, KEY_ID_LENGTH)) {
    if (!isId(value, valueEnd)) return failAt(value, E_RECORD_ID);
    idAt = value;
    idLength = valueEnd - value;
  } else if (valueEnd === value) return failOn(value, end, E_RECORD_VALUE);
  return i32(valueEnd);
}

/** record := "v=STSv1" ( delim field )+ delim?   Returns 1 or an error code. */
function readRecord(start: u32, end: u32, leniency: u32): i32 {
  let at = start + 7;
  while (at < end) {
    const delimiter = skipBlanks(at, end);
    if (delimiter === end && excused(leniency, LENIENT_OUTER_BLANKS)) break;
    if (delimiter === end || load8(TEXT + delimiter) !== SEMICOLON) return failOn(delimiter, end, E_RECORD_DELIMITER);
    at = skipBlanks(delimiter + 1, end);
    if (at === end) break;
    const fieldEnd = readField(at, end);
    if (fieldEnd < 0) return fieldEnd;
    at = u32(fieldEnd);
  }
  return idLength !== 0 ? 1 : failAt(end, E_RECORD_NO_ID);
}

/** Leniency outer-blanks: the text starts after leading blanks (AMB-02). */
function dropLeadingBlanks(length: u32, leniency: u32): u32 {
  const start = skipBlanks(0, length);
  if (start === 0 || start === length || !excused(leniency, LENIENT_OUTER_BLANKS)) return length;
  for (let i = start; i < length; i++) copy(TEXT + i - start, TEXT + i, 1);
  return length - start;
}

/**
 * rrset: TXT RRs, each u16 length + RDATA. 1 with an id, 0 when there is no MTA-STS record, or an error code; the
 * offset of an error counts in the joined text of the one candidate (R-8461-3.1-20 to -22).
 */
export function selectRecord(rrset: usize, n: u32, leniency: u32): i32 {
  beginVerdict();
  idLength = 0;
  let records: u32 = 0;
  for (let at: u32 = 0; at < n; records++) {
    if (n - at < 2 || load16(rrset + at) > n - at - 2) return failAt(at, E_REQUEST);
    at += 2 + load16(rrset + at);
  }
  let candidates: u32 = 0;
  let candidate: u32 = 0;
  for (let at: u32 = 0; at < n; at += 2 + load16(rrset + at)) {
    const joined = joinStrings(rrset + at + 2, load16(rrset + at));
    if (joined < 0) return failAt(at, joined);
    const length = dropLeadingBlanks(u32(joined), leniency);
    if (records === 1 ? hasVersion(length) : hasPrefix(length)) {
      candidates++;
      candidate = at;
    }
  }
  if (candidates === 0) return 0;
  if (candidates > 1) return failAt(candidate, E_RECORD_SEVERAL);
  const joined = joinStrings(rrset + candidate + 2, load16(rrset + candidate));
  beginVerdict(); // what the other records would have needed does not count
  return readRecord(0, dropLeadingBlanks(u32(joined), leniency), leniency);
}
