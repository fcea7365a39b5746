// The policy resource (RFC 8461 §3.2): one function per rule of its grammar.
import {
  E_POLICY_EMPTY,
  E_POLICY_LINE,
  E_POLICY_MAX_AGE,
  E_POLICY_MODE,
  E_POLICY_MX,
  E_POLICY_NAME,
  E_POLICY_NO_MAX_AGE,
  E_POLICY_NO_MODE,
  E_POLICY_NO_MX,
  E_POLICY_NO_VERSION,
  E_POLICY_TOO_LARGE,
  E_POLICY_VALUE,
  E_POLICY_VERSION,
  LENIENT_BLANK_LINES,
  LENIENT_BYTE_ORDER_MARK,
  MAX_AGE_LIMIT,
  MODE_ABSENT,
  MODE_ENFORCE,
  MODE_NONE,
  MODE_TESTING,
  POLICY_LIMIT,
} from "./abi.ts";
import { COLON, CR, isAlphanumeric, isBlank, isDigit, isNameCharacter, LF, SPACE } from "./ascii.ts";
import { load8, store32 } from "./memory.ts";
import { isPattern } from "./mx-pattern.ts";
import { beginVerdict, excused, failAt } from "./verdict.ts";
import {
  isWord,
  KEY_MAX_AGE,
  KEY_MAX_AGE_LENGTH,
  KEY_MODE,
  KEY_MODE_LENGTH,
  KEY_MX,
  KEY_MX_LENGTH,
  KEY_VERSION,
  KEY_VERSION_LENGTH,
  MODE_WORD_ENFORCE,
  MODE_WORD_ENFORCE_LENGTH,
  MODE_WORD_NONE,
  MODE_WORD_NONE_LENGTH,
  MODE_WORD_TESTING,
  MODE_WORD_TESTING_LENGTH,
  VERSION_VALUE,
  VERSION_VALUE_LENGTH,
} from "./words.ts";

const NAME_LIMIT: u32 = 32;
const MAX_AGE_UNSET: u32 = 0xffffffff;

// Literals: an initialiser that names a constant would need a start function. readPolicy sets them all.
let body: usize = 0;
let versionSeen: bool = false;
let mode: u32 = 0;
let maxAge: u32 = 0;
let patterns: u32 = 0;
let table: usize = 0; // where (offset, length) of each mx value go; 0: nowhere

export function policyMode(): u32 {
  return mode;
}

export function policyMaxAge(): u32 {
  return maxAge;
}

export function policyPatterns(): u32 {
  return patterns;
}

/** Octets of the well-formed UTF-8 sequence at p (2 to 4), or 0 (RFC 3629 §4). */
function utf8Sequence(p: usize, left: u32): u32 {
  const first = load8(p);
  if (first < 0xc2 || first > 0xf4) return 0;
  const length: u32 = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
  if (left < length) return 0;
  const second = load8(p + 1);
  if (second < (first === 0xe0 ? 0xa0 : first === 0xf0 ? 0x90 : 0x80)) return 0;
  if (second > (first === 0xed ? 0x9f : first === 0xf4 ? 0x8f : 0xbf)) return 0;
  for (let i: u32 = 2; i < length; i++) if ((load8(p + i) & 0xc0) !== 0x80) return 0;
  return length;
}

/** sts-policy-ext-value: vchar or UTF-8, inner spaces, no control character (R-8461-3.2-23). */
function readExtensionValue(at: u32, end: u32): i32 {
  if (at === end) return failAt(at, E_POLICY_VALUE);
  while (at < end) {
    const c = load8(body + at);
    const width: u32 = c >= SPACE && c < 0x7f ? 1 : utf8Sequence(body + at, end - at);
    if (width === 0) return failAt(at, E_POLICY_VALUE);
    at += width;
  }
  return 0;
}

function readVersion(at: u32, end: u32): i32 {
  if (!isWord(body + at, end - at, VERSION_VALUE, VERSION_VALUE_LENGTH)) return failAt(at, E_POLICY_VERSION);
  versionSeen = true;
  return 0;
}

function readMode(at: u32, end: u32): i32 {
  if (isWord(body + at, end - at, MODE_WORD_ENFORCE, MODE_WORD_ENFORCE_LENGTH)) mode = MODE_ENFORCE;
  else if (isWord(body + at, end - at, MODE_WORD_TESTING, MODE_WORD_TESTING_LENGTH)) mode = MODE_TESTING;
  else if (isWord(body + at, end - at, MODE_WORD_NONE, MODE_WORD_NONE_LENGTH)) mode = MODE_NONE;
  else return failAt(at, E_POLICY_MODE);
  return 0;
}

/** 1*10DIGIT, held at the limit while it is read so that no step overflows (R-8461-3.2-14, -15; AMB-04). */
function readMaxAge(at: u32, end: u32): i32 {
  if (end === at || end - at > 10) return failAt(at, E_POLICY_MAX_AGE);
  let value: u32 = 0;
  for (let i = at; i < end; i++) {
    const c = load8(body + i);
    if (!isDigit(c)) return failAt(i, E_POLICY_MAX_AGE);
    value = value * 10 + (c - 0x30);
    if (value > MAX_AGE_LIMIT) value = MAX_AGE_LIMIT;
  }
  maxAge = value;
  return 0;
}

function readMx(at: u32, end: u32): i32 {
  if (!isPattern(body + at, end - at)) return failAt(at, E_POLICY_MX);
  if (table !== 0) {
    store32(table + patterns * 8, at);
    store32(table + patterns * 8 + 4, end - at);
  }
  patterns++;
  return 0;
}

/** The first occurrence of a key counts, mx lines add up, all else must only be well formed (R-8461-3.2-24 to -26). */
function readValue(name: u32, nameLength: u32, at: u32, end: u32): i32 {
  const key = body + name;
  if (isWord(key, nameLength, KEY_MX, KEY_MX_LENGTH)) return readMx(at, end);
  if (!versionSeen && isWord(key, nameLength, KEY_VERSION, KEY_VERSION_LENGTH)) return readVersion(at, end);
  if (mode === MODE_ABSENT && isWord(key, nameLength, KEY_MODE, KEY_MODE_LENGTH)) return readMode(at, end);
  if (maxAge === MAX_AGE_UNSET && isWord(key, nameLength, KEY_MAX_AGE, KEY_MAX_AGE_LENGTH)) return readMaxAge(at, end);
  return readExtensionValue(at, end);
}

/** field := name ":" W* value, with the blanks after the value already cut off. */
function readField(start: u32, end: u32): i32 {
  let nameEnd = start;
  while (nameEnd < end && isNameCharacter(load8(body + nameEnd))) nameEnd++;
  if (nameEnd === end || load8(body + nameEnd) !== COLON) return failAt(nameEnd, E_POLICY_LINE);
  const nameLength = nameEnd - start;
  if (nameLength === 0 || nameLength > NAME_LIMIT || !isAlphanumeric(load8(body + start)))
    return failAt(start, E_POLICY_NAME);
  let value = nameEnd + 1;
  while (value < end && isBlank(load8(body + value))) value++;
  return readValue(start, nameLength, value, end);
}

/** One line without its terminator. */
function readLine(start: u32, end: u32, leniency: u32): i32 {
  while (end > start && isBlank(load8(body + end - 1))) end--;
  if (end === start) return excused(leniency, LENIENT_BLANK_LINES) ? 0 : failAt(start, E_POLICY_LINE);
  return readField(start, end);
}

/** policy := line ( EOL line )* EOL?   EOL is LF or CRLF, mixed as it likes (R-8461-3.2-06). */
function readLines(start: u32, n: u32, leniency: u32): i32 {
  let line = start;
  while (line < n) {
    let feed = line;
    while (feed < n && load8(body + feed) !== LF) feed++;
    const end = feed < n && feed > line && load8(body + feed - 1) === CR ? feed - 1 : feed;
    const error = readLine(line, end, leniency);
    if (error !== 0) return error;
    line = feed + 1;
  }
  return 0;
}

function isByteOrderMark(p: usize, n: u32): bool {
  return n >= 3 && load8(p) === 0xef && load8(p + 1) === 0xbb && load8(p + 2) === 0xbf;
}

/** What a policy must hold (R-8461-3.2-12, -13, -14, -16). */
function requireFields(end: u32): i32 {
  if (!versionSeen) return failAt(end, E_POLICY_NO_VERSION);
  if (mode === MODE_ABSENT) return failAt(end, E_POLICY_NO_MODE);
  if (maxAge === MAX_AGE_UNSET) return failAt(end, E_POLICY_NO_MAX_AGE);
  if (patterns === 0 && mode !== MODE_NONE) return failAt(end, E_POLICY_NO_MX);
  return 1;
}

/**
 * 1 for a valid policy, or an error code with the offset where reading stopped. With `tableAt` not 0 the position of
 * every mx value is written there, eight bytes each.
 */
export function readPolicy(at: usize, n: u32, leniency: u32, tableAt: usize): i32 {
  beginVerdict();
  body = at;
  versionSeen = false;
  mode = MODE_ABSENT;
  maxAge = MAX_AGE_UNSET;
  patterns = 0;
  table = tableAt;
  if (n > POLICY_LIMIT) return failAt(POLICY_LIMIT, E_POLICY_TOO_LARGE);
  if (n === 0) return failAt(0, E_POLICY_EMPTY);
  const start: u32 = isByteOrderMark(at, n) && excused(leniency, LENIENT_BYTE_ORDER_MARK) ? 3 : 0;
  const error = readLines(start, n, leniency);
  return error !== 0 ? error : requireFields(n);
}
