// Event `record`: what the TXT query came to (RFC 8461 §3.1, §5.1; the table of REQUIREMENTS section H).
import {
  E_REQUEST,
  FLAG_GET_IN_FLIGHT,
  FLAG_RECHECK_WAITING,
  NOTICE_ID_CHURN,
  NOTICE_RECORD_FAILED,
  NOTICE_RECORD_INVALID,
  NOTICE_RECORD_MISSING,
  Q_DATA,
  Q_LENIENCY,
  Q_OUTCOME,
  Q_TTL,
  RECORD_FAILED,
  RECORD_NONE,
  RESULT_NONE,
  STATUS_CACHED,
  STATUS_NO_RECORD,
  STATUS_RECORD_FAILED,
  STATUS_RECORD_INVALID,
} from "./abi.ts";
import { answerNegative, answerPolicy, isOpen, isWindowOver } from "./answer.ts";
import { atLeast, atMost, now, plus, since } from "./clock.ts";
import { getWanted, wantGet, wantNotice } from "./effects.ts";
import {
  isBackingOff,
  isChurning,
  isDue,
  isLive,
  isSilent,
  isUnused,
  negativeFor,
  noteIdFetch,
  scheduleCheck,
} from "./freshness.ts";
import { recordId, recordIdLength, selectRecord } from "./record.ts";
import { asked, askedFlag, part, partLength } from "./request.ts";
import {
  get,
  idAt,
  isId,
  KNOWN,
  OPEN_TOLD,
  S_BACKOFF_DETAIL,
  S_BACKOFF_IDS_LENGTH,
  S_BACKOFF_STATUS,
  S_BACKOFF_UNTIL,
  S_CHECK_DUE,
  S_CHECKED_AT,
  S_DNS_FAILED_AT,
  S_ID,
  S_ID_LENGTH,
  S_NEGATIVE_DETAIL,
  S_NEGATIVE_STATUS,
  S_NEGATIVE_UNTIL,
  S_REFRESH_DUE,
  set,
  setFlag,
} from "./state.ts";

const RETRY_DEFERRED: u32 = 10; // seconds between queries while mail is deferred for want of an answer
const RETRY_FAILED: u32 = 60;

/** The refresh needs a GET whatever the record says; id may be empty (R-8461-CSM-04, -08). */
function refreshIfDue(id: usize, idLength: u32): void {
  if (!isDue(S_REFRESH_DUE) || askedFlag(FLAG_GET_IN_FLIGHT) || isUnused()) return;
  const failedAs = idLength === 0 ? idAt(S_ID) : id;
  if (isBackingOff(failedAs, idLength === 0 ? get(S_ID_LENGTH) : idLength)) set(S_REFRESH_DUE, get(S_BACKOFF_UNTIL));
  else wantGet(askedFlag(FLAG_RECHECK_WAITING), id, idLength);
}

/** The held policy answers now, unless somebody waits for the fetch that is under way. */
function answerHeld(status: u32, detail: i32): void {
  const underWay = getWanted() || askedFlag(FLAG_GET_IN_FLIGHT);
  if (!underWay || !askedFlag(FLAG_RECHECK_WAITING)) answerPolicy(status, detail);
}

function setNegative(status: u32, detail: i32): void {
  set(S_NEGATIVE_STATUS, status);
  set(S_NEGATIVE_DETAIL, u32(detail));
}

/** DNS told us something about the domain: the deferral window of AMB-10 is over and forgotten. */
function closeWindow(): void {
  set(S_DNS_FAILED_AT, 0);
  setFlag(OPEN_TOLD, false);
}

/** The lookup failed and nothing is held: defer, deliver, or first the one and then the other (AMB-10). */
function failOpenOrDefer(): void {
  if (isWindowOver()) {
    set(S_DNS_FAILED_AT, now());
    setFlag(OPEN_TOLD, false);
  }
  setNegative(STATUS_RECORD_FAILED, 0);
  negativeFor(isOpen() ? RETRY_FAILED : RETRY_DEFERRED);
  answerNegative();
}

function onFailure(): void {
  set(S_CHECK_DUE, plus(now(), RETRY_FAILED));
  if (!isLive()) {
    failOpenOrDefer();
    return;
  }
  if (!isSilent()) wantNotice(NOTICE_RECORD_FAILED, RESULT_NONE, 0, 0);
  refreshIfDue(0, 0);
  answerHeld(STATUS_RECORD_FAILED, 0);
}

/** No record, or none that is valid: never a reason to drop or weaken what is held (R-8461-3.1-23). */
function onAbsence(status: u32, error: i32): void {
  closeWindow();
  scheduleCheck(asked(Q_TTL));
  if (isLive()) {
    const notice = status === STATUS_NO_RECORD ? NOTICE_RECORD_MISSING : NOTICE_RECORD_INVALID;
    if (!isSilent()) wantNotice(notice, RESULT_NONE, error, 0);
    refreshIfDue(0, 0);
    answerHeld(status, error);
    return;
  }
  setFlag(KNOWN, true);
  setNegative(status, error);
  negativeFor(asked(Q_TTL));
  if (status === STATUS_RECORD_INVALID) wantNotice(NOTICE_RECORD_INVALID, RESULT_NONE, error, 0);
  answerNegative();
}

/** A fetch caused by a changed id, unless there were too many of late. */
function getForChangedId(wait: bool): void {
  if (isChurning()) wantNotice(NOTICE_ID_CHURN, RESULT_NONE, 0, 0);
  else {
    noteIdFetch();
    wantGet(wait, recordId(), recordIdLength());
  }
}

/** A policy is held and stays in force meanwhile; only a re-check waits for the newer one (R-8461-5.1-05). */
function onIdWhileLive(): void {
  const same = isId(S_ID, S_ID_LENGTH, recordId(), recordIdLength());
  // A changed id confirms nothing: a re-check stays owed until its policy is here (R-8461-5.1-05).
  if (same) set(S_CHECKED_AT, now());
  refreshIfDue(recordId(), recordIdLength());
  const backingOff = isBackingOff(recordId(), recordIdLength());
  if (!same && !getWanted() && !askedFlag(FLAG_GET_IN_FLIGHT) && !backingOff)
    getForChangedId(askedFlag(FLAG_RECHECK_WAITING));
  answerHeld(STATUS_CACHED, 0);
}

/** Nothing is held: fetch, unless this very id has just failed. */
function onIdWhileEmpty(): void {
  if (askedFlag(FLAG_GET_IN_FLIGHT)) return;
  if (!isBackingOff(recordId(), recordIdLength())) {
    const isChange = get(S_BACKOFF_IDS_LENGTH) !== 0 && since(get(S_BACKOFF_UNTIL), now()) !== 0;
    if (isChange) getForChangedId(true);
    else wantGet(true, recordId(), recordIdLength());
  }
  if (getWanted()) return;
  // The failure that is being backed off from is what the caller hears, whatever DNS said in between (R-8461-3.3-16).
  setNegative(get(S_BACKOFF_STATUS), i32(get(S_BACKOFF_DETAIL)));
  set(S_NEGATIVE_UNTIL, atMost(get(S_CHECK_DUE), atLeast(get(S_BACKOFF_UNTIL), plus(now(), 1))));
  answerNegative();
}

function onId(): void {
  closeWindow();
  scheduleCheck(asked(Q_TTL));
  if (isLive()) onIdWhileLive();
  else onIdWhileEmpty();
}

/** 0, or E_REQUEST when the RRset is no RRset. */
export function onRecord(): i32 {
  const outcome = asked(Q_OUTCOME);
  if (outcome === RECORD_FAILED) onFailure();
  else if (outcome === RECORD_NONE) onAbsence(STATUS_NO_RECORD, 0);
  else {
    const selected = selectRecord(part(Q_DATA), partLength(Q_DATA), asked(Q_LENIENCY));
    if (selected === E_REQUEST) return E_REQUEST;
    if (selected === 1) onId();
    else onAbsence(selected === 0 ? STATUS_NO_RECORD : STATUS_RECORD_INVALID, selected);
  }
  return 0;
}
