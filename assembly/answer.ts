// The answer: what this lookup learned (status) and, apart from it, what to honour now (verdict).
import {
  FETCH_CERTIFICATE,
  FLAG_PAST_LOST,
  FLAG_STORE_UNREADABLE,
  MODE_ENFORCE,
  NOTICE_DISCOVERY_OPEN,
  ON_FAILURE_DEFER,
  ON_FAILURE_DELIVER,
  Q_ON_FAILURE,
  REASON_DISCOVERY_FAILED,
  REASON_DISCOVERY_PENDING,
  REASON_STORE_UNAVAILABLE,
  RESULT_NONE,
  RESULT_STS_POLICY_FETCH_ERROR,
  RESULT_STS_POLICY_INVALID,
  RESULT_STS_WEBPKI_INVALID,
  STATUS_FETCH_FAILED,
  STATUS_POLICY_INVALID,
  STATUS_RECORD_FAILED,
  VERDICT_NONE,
  VERDICT_POLICY,
  VERDICT_TEMP,
} from "./abi.ts";
import { now, since } from "./clock.ts";
import { wantAnswer, wantNotice } from "./effects.ts";
import { expiresIn, negativeReuse, policyAge, policyReuse } from "./freshness.ts";
import { copy, store32 } from "./memory.ts";
import { asked, askedFlag } from "./request.ts";
import {
  get,
  hasFlag,
  idAt,
  KNOWN,
  OPEN_TOLD,
  policyOffset,
  S_CHECKED_AT,
  S_DNS_FAILED_AT,
  S_ID,
  S_ID_LENGTH,
  S_LENIENCY,
  S_MAX_AGE,
  S_MODE,
  S_NEGATIVE_DETAIL,
  S_NEGATIVE_STATUS,
  S_POLICY_LENGTH,
  setFlag,
} from "./state.ts";

const DEFER_LIMIT: u32 = 600; // AMB-10: defer for ten minutes
const OPEN_LIMIT: u32 = 86400; // and not again for a day
const FRESH_ID: u32 = 60; // an id looked at this recently needs no re-check before a bounce

/** RFC 8460 result type of a discovery that gave no policy; detail is a FETCH_ number or an error code. */
export function discoveryResult(status: u32, detail: i32): u32 {
  if (status === STATUS_POLICY_INVALID) return RESULT_STS_POLICY_INVALID;
  if (status !== STATUS_FETCH_FAILED) return RESULT_NONE;
  return detail === i32(FETCH_CERTIFICATE) ? RESULT_STS_WEBPKI_INVALID : RESULT_STS_POLICY_FETCH_ERROR;
}

/** After a lost store, a failure says nothing until the domain has had one definite discovery. */
export function isPastLost(): bool {
  return askedFlag(FLAG_PAST_LOST) && !hasFlag(KNOWN);
}

/** defer-briefly has deferred for its ten minutes; for a day after that only the deferral is suppressed (AMB-10). */
export function isOpen(): bool {
  if (asked(Q_ON_FAILURE) === ON_FAILURE_DEFER || isPastLost() || askedFlag(FLAG_STORE_UNREADABLE)) return false;
  if (get(S_DNS_FAILED_AT) === 0) return false;
  if (asked(Q_ON_FAILURE) === ON_FAILURE_DELIVER) return true;
  const elapsed = since(now(), get(S_DNS_FAILED_AT));
  return elapsed >= DEFER_LIMIT && elapsed < DEFER_LIMIT + OPEN_LIMIT;
}

/** Is a new deferral window to begin with this failure? */
export function isWindowOver(): bool {
  return get(S_DNS_FAILED_AT) === 0 || since(now(), get(S_DNS_FAILED_AT)) >= DEFER_LIMIT + OPEN_LIMIT;
}

function begin(status: u32, verdict: u32, detail: i32): usize {
  const answer = wantAnswer();
  store32(answer, status);
  store32(answer + 4, verdict);
  store32(answer + 8, discoveryResult(status, detail));
  store32(answer + 16, u32(detail));
  return answer;
}

/** The policy held, whatever the lookup learned. */
export function answerPolicy(status: u32, detail: i32): void {
  const answer = begin(status, VERDICT_POLICY, detail);
  const idAge = since(now(), get(S_CHECKED_AT));
  store32(answer + 20, get(S_MODE));
  store32(answer + 24, get(S_MAX_AGE));
  store32(answer + 28, policyAge());
  store32(answer + 32, expiresIn());
  store32(answer + 36, policyReuse());
  store32(answer + 40, get(S_MODE) === MODE_ENFORCE && idAge > FRESH_ID ? 1 : 0);
  store32(answer + 44, get(S_LENIENCY));
  store32(answer + 48, policyOffset());
  store32(answer + 52, get(S_POLICY_LENGTH));
  store32(answer + 56, idAge);
  store32(answer + 60, get(S_ID_LENGTH));
  copy(answer + 64, idAt(S_ID), get(S_ID_LENGTH));
}

function answerTemporary(status: u32, reason: u32, detail: i32): void {
  store32(begin(status, VERDICT_TEMP, detail) + 12, reason);
}

/** The caller cannot wait and nothing is known yet. */
export function answerPending(status: u32): void {
  const reason = askedFlag(FLAG_STORE_UNREADABLE) ? REASON_STORE_UNAVAILABLE : REASON_DISCOVERY_PENDING;
  answerTemporary(status, reason, 0);
}

/** Mail goes out without discovery from here on: that is said with the first answer that does it, once per window. */
function tellOpen(): void {
  if (hasFlag(OPEN_TOLD)) return;
  wantNotice(NOTICE_DISCOVERY_OPEN, RESULT_NONE, 0, since(now(), get(S_DNS_FAILED_AT)));
  setFlag(OPEN_TOLD, true);
}

/** No policy was found: is that an answer, or only a failure to find out? */
export function answerNegative(): void {
  const status = get(S_NEGATIVE_STATUS);
  const detail = i32(get(S_NEGATIVE_DETAIL));
  if (askedFlag(FLAG_STORE_UNREADABLE)) answerTemporary(status, REASON_STORE_UNAVAILABLE, detail);
  else if (isPastLost() || (status === STATUS_RECORD_FAILED && !isOpen()))
    answerTemporary(status, REASON_DISCOVERY_FAILED, detail);
  else {
    if (status === STATUS_RECORD_FAILED) tellOpen();
    store32(begin(status, VERDICT_NONE, detail) + 36, negativeReuse());
  }
}
