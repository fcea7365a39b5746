// What one step asks of the host. The transition only says what it wants; flushEffects writes all of it in the one
// order that is right (docs/abi.md "Effects"): state, store or forget, notices, I/O, wake-at, answer.
import {
  EFFECT_ANSWER,
  EFFECT_FORGET,
  EFFECT_GET_POLICY,
  EFFECT_HEADER,
  EFFECT_NOTICE,
  EFFECT_QUERY_RECORD,
  EFFECT_STATE,
  EFFECT_STORE,
  EFFECT_WAKE_AT,
  OUT_HEADER,
  Q_BOOT,
  Q_UPTIME,
  Q_UPTIME_MS,
  TOKEN_BOOT,
  TOKEN_ID,
  TOKEN_ID_LENGTH,
  TOKEN_SIZE,
  TOKEN_UPTIME,
  TOKEN_UPTIME_MS,
} from "./abi.ts";
import { copy, OUT, store32 } from "./memory.ts";
import { asked } from "./request.ts";
import { stateChanged, stateLength, writeState } from "./state.ts";

const NOTICE_SIZE: u32 = 16;
const NOTICE_SLOTS: u32 = 8;
const ANSWER_SIZE: u32 = 96;

const NOT_WANTED: u32 = 0;
const IN_BACKGROUND: u32 = 1;
const AWAITED: u32 = 2;

const NOTICES: usize = memory.data(128, 16);
const ANSWER: usize = memory.data(96, 16);
let notices: u32 = 0;
let query: u32 = 0; // NOT_WANTED: a name here would need a start function
let get: u32 = 0;
let getId: usize = 0;
let getIdLength: u32 = 0;
let storing: u32 = 0; // 0, EFFECT_STORE or EFFECT_FORGET
let wake: u32 = 0; // seconds, 0: leave the timer alone
let answered: bool = false;

export function beginEffects(): void {
  notices = 0;
  query = NOT_WANTED;
  get = NOT_WANTED;
  storing = 0;
  wake = 0;
  answered = false;
}

export function wantNotice(notice: u32, resultType: u32, detail: i32, number: u32): void {
  if (notices === NOTICE_SLOTS) return;
  const at = NOTICES + notices * NOTICE_SIZE;
  store32(at, notice);
  store32(at + 4, resultType);
  store32(at + 8, u32(detail));
  store32(at + 12, number);
  notices++;
}

export function wantQuery(wait: bool): void {
  query = wait ? AWAITED : IN_BACKGROUND;
}

/** The id must stay where it is until the effects are flushed. */
export function wantGet(wait: bool, id: usize, idLength: u32): void {
  get = wait ? AWAITED : IN_BACKGROUND;
  getId = id;
  getIdLength = idLength;
}

export function getWanted(): bool {
  return get !== NOT_WANTED;
}

/** Persist the state; it must be durable before the answer leaves. */
export function wantStore(): void {
  storing = EFFECT_STORE;
}

export function wantForget(): void {
  storing = EFFECT_FORGET;
}

export function wantWake(seconds: u32): void {
  wake = seconds;
}

/** The answer's fields, all zero, to be filled in by the caller. */
export function wantAnswer(): usize {
  for (let i: u32 = 0; i < ANSWER_SIZE; i += 4) store32(ANSWER + i, 0);
  answered = true;
  return ANSWER;
}

let at: usize = 0;
let count: i32 = 0;

function open(kind: u32, size: u32): usize {
  const fields = at + EFFECT_HEADER;
  store32(at, kind);
  store32(at + 4, EFFECT_HEADER + size);
  at = fields + size;
  count++;
  return fields;
}

function flushState(): void {
  if (stateChanged()) writeState(open(EFFECT_STATE, stateLength()));
}

function flushStoring(): void {
  if (storing !== 0) open(storing, 0);
}

function flushNotices(): void {
  for (let i: u32 = 0; i < notices; i++) copy(open(EFFECT_NOTICE, NOTICE_SIZE), NOTICES + i * NOTICE_SIZE, NOTICE_SIZE);
}

function flushQuery(): void {
  if (query !== NOT_WANTED) store32(open(EFFECT_QUERY_RECORD, 4), query === AWAITED ? 1 : 0);
}

/** The flight token names the id read before the GET and the moment the GET begins (R-8461-CSM-01). */
function flushGet(): void {
  if (get === NOT_WANTED) return;
  const fields = open(EFFECT_GET_POLICY, 4 + TOKEN_SIZE);
  for (let i: u32 = 0; i < 4 + TOKEN_SIZE; i += 4) store32(fields + i, 0);
  store32(fields, get === AWAITED ? 1 : 0);
  const token = fields + 4;
  store32(token + TOKEN_UPTIME, asked(Q_UPTIME));
  store32(token + TOKEN_UPTIME_MS, asked(Q_UPTIME_MS));
  store32(token + TOKEN_BOOT, asked(Q_BOOT));
  store32(token + TOKEN_ID_LENGTH, getIdLength);
  copy(token + TOKEN_ID, getId, getIdLength);
}

function flushWake(): void {
  if (wake !== 0) store32(open(EFFECT_WAKE_AT, 4), wake);
}

function flushAnswer(): void {
  if (answered) copy(open(EFFECT_ANSWER, ANSWER_SIZE), ANSWER, ANSWER_SIZE);
}

/** Writes the effects after the OUT header and returns how many there are. */
export function flushEffects(): i32 {
  at = OUT + OUT_HEADER;
  count = 0;
  flushState();
  flushStoring();
  flushNotices();
  flushQuery();
  flushGet();
  flushWake();
  flushAnswer();
  return count;
}

export function effectsLength(): u32 {
  return u32(at - OUT) - OUT_HEADER;
}
