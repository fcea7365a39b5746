// Event `policy`: what the GET came to (RFC 8461 §3.3). Only a complete, valid, authenticated answer changes a policy.
import {
  ABSENT,
  E_MEDIA_TYPE,
  E_MEDIA_TYPE_MISSING,
  E_POLICY_TOO_LARGE,
  FETCH_ABORTED,
  FETCH_ENCODING,
  FETCH_OK,
  FETCH_REDIRECT,
  FETCH_STATUS,
  FETCH_TOO_LARGE,
  LENIENT_MISSING_CONTENT_TYPE,
  MODE_ABSENT,
  NOTICE_FETCH_FAILED,
  NOTICE_LENIENCY_USED,
  NOTICE_POLICY_CHANGED,
  NOTICE_POLICY_INVALID,
  NOTICE_POLICY_NEW,
  NOTICE_POLICY_WEAKENED,
  NOTICE_REFRESH_FAILING,
  Q_DATA,
  Q_LENIENCY,
  Q_OUTCOME,
  Q_TYPE,
  Q_UPTIME,
  RESULT_NONE,
  STATUS_CACHED,
  STATUS_FETCH_FAILED,
  STATUS_FETCHED,
  STATUS_PENDING,
  STATUS_POLICY_INVALID,
  TOKEN_ID,
  TOKEN_ID_LENGTH,
  TOKEN_UPTIME,
  TOKEN_UPTIME_MS,
} from "./abi.ts";
import { answerNegative, answerPending, answerPolicy, discoveryResult } from "./answer.ts";
import { atLeast, atMost, now, plus, restartClock, since } from "./clock.ts";
import { wantForget, wantNotice, wantQuery, wantStore } from "./effects.ts";
import {
  backOff,
  isLive,
  isSilent,
  moveIdFetches,
  policyAge,
  scheduleCheck,
  scheduleRefresh,
  scheduleRetry,
} from "./freshness.ts";
import { isTextPlain } from "./media-type.ts";
import { sameBytes } from "./memory.ts";
import { policyMaxAge, policyMode, readPolicy } from "./policy.ts";
import { asked, part, partLength, token, tokenAt } from "./request.ts";
import {
  get,
  hasFlag,
  idAt,
  KNOWN,
  policyText,
  REANCHORED,
  S_ALARM,
  S_ANCHOR_UPTIME,
  S_BACKOFF_DETAIL,
  S_BACKOFF_IDS_LENGTH,
  S_BACKOFF_STATUS,
  S_BACKOFF_UNTIL,
  S_CHECK_DUE,
  S_CHECKED_AT,
  S_DNS_FAILED_AT,
  S_FAILURES,
  S_FETCHED_AT,
  S_FETCHED_MS,
  S_ID,
  S_ID_LENGTH,
  S_LAST_USED,
  S_LENIENCY,
  S_MAX_AGE,
  S_MODE,
  S_NEGATIVE_DETAIL,
  S_NEGATIVE_STATUS,
  S_NEGATIVE_UNTIL,
  S_POLICY_LENGTH,
  S_RECORD_TTL,
  set,
  setFlag,
  setId,
  setPolicy,
} from "./state.ts";
import { beginVerdict, errorOffset, excused, failAt, leniencyUsed } from "./verdict.ts";

const NEGATIVE_FLOOR: u32 = 60;
const FAILURES_ALARM: u32 = 3; // R-8461-CSM-15

/** An older fetch never replaces a newer one, however late it arrives. */
function isOlderThanHeld(): bool {
  // A policy fetched in an earlier boot is older than any GET of this one, whatever the wall clock says of the two.
  if (get(S_MODE) === MODE_ABSENT || hasFlag(REANCHORED)) return false;
  const started = token(TOKEN_UPTIME);
  const heldStarted = get(S_ANCHOR_UPTIME);
  return started < heldStarted || (started === heldStarted && token(TOKEN_UPTIME_MS) < get(S_FETCHED_MS));
}

/** Takes the new policy over whole; it counts from the start of its GET (R-8461-CSM-01, -02, -06, -08). */
function adopt(elapsed: u32): void {
  const before = now();
  const unusedFor = since(before, get(S_LAST_USED));
  const idAge = since(before, get(S_CHECKED_AT));
  restartClock(elapsed, token(TOKEN_UPTIME));
  moveIdFetches(before);
  set(S_LAST_USED, since(now(), unusedFor));
  set(S_CHECKED_AT, since(now(), idAge));
  set(S_FETCHED_AT, since(now(), elapsed));
  set(S_FETCHED_MS, token(TOKEN_UPTIME_MS));
  set(S_MODE, policyMode());
  set(S_MAX_AGE, policyMaxAge());
  set(S_LENIENCY, leniencyUsed());
  setPolicy(part(Q_DATA), partLength(Q_DATA));
  if (token(TOKEN_ID_LENGTH) !== 0) {
    setId(S_ID, S_ID_LENGTH, tokenAt() + TOKEN_ID, token(TOKEN_ID_LENGTH));
    set(S_CHECKED_AT, get(S_FETCHED_AT));
  }
  setFlag(KNOWN, true);
  set(S_FAILURES, 0);
  set(S_ALARM, 0);
  set(S_BACKOFF_UNTIL, 0);
  set(S_BACKOFF_IDS_LENGTH, 0);
  set(S_DNS_FAILED_AT, 0);
  set(S_NEGATIVE_UNTIL, 0);
  scheduleCheck(get(S_RECORD_TTL));
  scheduleRefresh();
}

/** Says what changed for the operator; a weaker mode is honoured at once (R-8461-5-08), but never quietly. */
function noticeChange(wasLive: bool, oldMode: u32, sameText: bool): void {
  const newMode = policyMode();
  if (!wasLive) wantNotice(NOTICE_POLICY_NEW, RESULT_NONE, 0, newMode);
  else if (newMode > oldMode) wantNotice(NOTICE_POLICY_WEAKENED, RESULT_NONE, i32(oldMode), newMode);
  else if (!sameText) wantNotice(NOTICE_POLICY_CHANGED, RESULT_NONE, i32(oldMode), newMode);
  if (leniencyUsed() !== 0) wantNotice(NOTICE_LENIENCY_USED, RESULT_NONE, 0, leniencyUsed());
}

function accept(elapsed: u32): void {
  const wasLive = isLive();
  const oldMode = get(S_MODE);
  const sameText = sameBytes(policyText(), get(S_POLICY_LENGTH), part(Q_DATA), partLength(Q_DATA));
  adopt(elapsed);
  noticeChange(wasLive, oldMode, sameText);
  if (isLive()) wantStore();
  else wantForget(); // it serves the waiting attempts and nothing later (R-8461-CSM-09)
  answerPolicy(STATUS_FETCHED, 0);
}

/** Half of max_age gone, three quarters, nine tenths, or three failures in a row (R-8461-CSM-15). */
function raiseAlarm(): void {
  const percent = u32((policyAge() * 100) / get(S_MAX_AGE));
  const level: u32 = percent >= 90 ? 90 : percent >= 75 ? 75 : percent >= 50 ? 50 : 0;
  if (level > get(S_ALARM)) set(S_ALARM, level);
  else if (get(S_FAILURES) !== FAILURES_ALARM) return;
  wantNotice(NOTICE_REFRESH_FAILING, RESULT_NONE, i32(get(S_FAILURES)), percent);
}

/** The policy host itself said that there is nothing for us: that is knowledge, a timeout is not. */
function isDefinite(status: u32, detail: i32): bool {
  if (status === STATUS_POLICY_INVALID || detail < 0) return true;
  const failure = u32(detail);
  if (failure === FETCH_STATUS || failure === FETCH_REDIRECT) return true;
  return failure === FETCH_TOO_LARGE || failure === FETCH_ENCODING;
}

function keepDespite(status: u32, detail: i32): void {
  scheduleRetry();
  if (!isSilent()) {
    const notice = status === STATUS_POLICY_INVALID ? NOTICE_POLICY_INVALID : NOTICE_FETCH_FAILED;
    wantNotice(notice, discoveryResult(status, detail), detail, errorOffset());
    raiseAlarm();
  }
  wantStore(); // the back-off outlives a restart where a policy is held (R-8461-3.3-11)
  answerPolicy(status, detail);
}

function continueWithout(status: u32, detail: i32): void {
  if (isDefinite(status, detail)) setFlag(KNOWN, true);
  set(S_NEGATIVE_STATUS, status);
  set(S_NEGATIVE_DETAIL, u32(detail));
  set(S_NEGATIVE_UNTIL, atMost(get(S_BACKOFF_UNTIL), atLeast(get(S_CHECK_DUE), plus(now(), NEGATIVE_FLOOR))));
  const notice = status === STATUS_POLICY_INVALID ? NOTICE_POLICY_INVALID : NOTICE_FETCH_FAILED;
  wantNotice(notice, discoveryResult(status, detail), detail, errorOffset());
  answerNegative();
}

/** A failed GET, or a body that is no policy: both count as "could not be fetched" (R-8461-3.2-28). */
function reject(status: u32, detail: i32): void {
  if (token(TOKEN_ID_LENGTH) !== 0) backOff(tokenAt() + TOKEN_ID, token(TOKEN_ID_LENGTH));
  else backOff(idAt(S_ID), get(S_ID_LENGTH));
  set(S_BACKOFF_STATUS, status);
  set(S_BACKOFF_DETAIL, u32(detail));
  set(S_FAILURES, plus(get(S_FAILURES), 1));
  if (isLive()) keepDespite(status, detail);
  else continueWithout(status, detail);
}

/** The media type is judged here, the same for every host (R-8461-3.2-03, AMB-08). 0 or an error code. */
function mediaTypeError(): i32 {
  if (asked(Q_TYPE + 4) === ABSENT)
    return excused(asked(Q_LENIENCY), LENIENT_MISSING_CONTENT_TYPE) ? 0 : failAt(0, E_MEDIA_TYPE_MISSING);
  return isTextPlain(part(Q_TYPE), partLength(Q_TYPE)) ? 0 : failAt(0, E_MEDIA_TYPE);
}

function judgeBody(elapsed: u32): void {
  const parsed = readPolicy(part(Q_DATA), partLength(Q_DATA), asked(Q_LENIENCY), 0);
  const typeError = mediaTypeError();
  if (typeError !== 0) reject(STATUS_FETCH_FAILED, typeError);
  else if (parsed === 1) accept(elapsed);
  else reject(parsed === E_POLICY_TOO_LARGE ? STATUS_FETCH_FAILED : STATUS_POLICY_INVALID, parsed);
}

/** The engine gave up before the host answered: nothing was learned. */
function onAborted(): void {
  if (isLive()) answerPolicy(STATUS_CACHED, 0);
  else answerPending(STATUS_PENDING);
}

export function onPolicy(): void {
  beginVerdict();
  const elapsed = since(asked(Q_UPTIME), token(TOKEN_UPTIME));
  const outcome = asked(Q_OUTCOME);
  if (outcome === FETCH_ABORTED) onAborted();
  else if (isOlderThanHeld()) {
    if (isLive()) answerPolicy(STATUS_CACHED, 0);
    else wantQuery(true);
  } else if (outcome === FETCH_OK) judgeBody(elapsed);
  else reject(STATUS_FETCH_FAILED, i32(outcome));
}
