// The cache behaviour of RFC 8461 §3.3, §5.1, §8 and §10 as one pure transition: state, event, now -> state, effects.
import {
  E_REQUEST,
  EVENT_DEADLINE,
  EVENT_LOOKUP,
  EVENT_POLICY,
  EVENT_RECORD,
  EVENT_REFRESH,
  FLAG_FORCE,
  FLAG_GET_IN_FLIGHT,
  FLAG_QUERY_IN_FLIGHT,
  FLAG_STORE_UNREADABLE,
  MODE_ABSENT,
  NOTICE_CLOCK_AHEAD,
  NOTICE_CLOCK_BEHIND,
  NOTICE_POLICY_EXPIRED,
  Q_DATA,
  Q_DOMAIN,
  Q_EVENT,
  Q_STATE,
  RESULT_NONE,
  STATUS_CACHED,
  STATUS_PENDING,
} from "./abi.ts";
import { answerNegative, answerPending, answerPolicy, isOpen } from "./answer.ts";
import { clockAhead, clockBehind, clockMoved, isAhead, now, since, startClock } from "./clock.ts";
import { beginEffects, flushEffects, wantForget, wantNotice, wantQuery, wantStore, wantWake } from "./effects.ts";
import { isDue, isExpired, isLive, isSilent, isUnused, policyAge, touch, wakeIn } from "./freshness.ts";
import { onPolicy } from "./on-policy.ts";
import { onRecord } from "./on-record.ts";
import { asked, askedFlag, part, partLength, readRequest } from "./request.ts";
import {
  emptyState,
  get,
  hasFlag,
  REANCHORED,
  readState,
  S_BACKOFF_UNTIL,
  S_CHECK_DUE,
  S_FETCHED_AT,
  S_ID_LENGTH,
  S_MODE,
  S_NEGATIVE_UNTIL,
  S_POLICY_LENGTH,
  S_REFRESH_DUE,
  set,
  stateChanged,
} from "./state.ts";
import { beginVerdict, failAt } from "./verdict.ts";

function isFlying(): bool {
  return askedFlag(FLAG_QUERY_IN_FLIGHT) || askedFlag(FLAG_GET_IN_FLIGHT);
}

/** A look at the record that nobody waits for, when one is due. */
function checkInBackground(): void {
  if (isFlying()) return;
  if (isDue(S_CHECK_DUE) || (isLive() && !isUnused() && isDue(S_REFRESH_DUE))) wantQuery(false);
}

/** A negative that may be given again without asking. */
function isNegativeKnown(): bool {
  return since(get(S_NEGATIVE_UNTIL), now()) !== 0 && !askedFlag(FLAG_STORE_UNREADABLE);
}

/** What is known answers at once; only a domain of which nothing is known makes the caller wait. */
function onLookup(): void {
  if (touch() && isLive()) wantStore();
  if (isLive()) {
    checkInBackground();
    answerPolicy(STATUS_CACHED, 0);
  } else if (isOpen()) {
    checkInBackground();
    answerNegative();
  } else if (isNegativeKnown()) answerNegative();
  else if (!isFlying()) wantQuery(true);
}

/** Delivery failed under enforce: look for a newer id before giving up (RFC 8461 §5.1). */
function onRecheck(): void {
  if (!isLive()) onLookup();
  else if (!isFlying()) wantQuery(true);
}

/** The caller cannot wait longer; the flight goes on and its result stands. */
function onDeadline(): void {
  if (isLive()) answerPolicy(STATUS_CACHED, 0);
  else if (isOpen() || isNegativeKnown()) answerNegative();
  else answerPending(STATUS_PENDING);
}

/** An operator wants the policy fetched now, whatever its age and whatever failed before. */
function force(): void {
  touch();
  set(S_BACKOFF_UNTIL, 0);
  set(S_NEGATIVE_UNTIL, 0);
  set(S_REFRESH_DUE, 0);
}

/** The wake-up time has come: the refresh begins with a look at the id, so that the new policy gets the right one. */
function onRefresh(): void {
  const forced = askedFlag(FLAG_FORCE);
  if (forced) force();
  if (isFlying()) return;
  if (forced || (isLive() && !isUnused() && isDue(S_REFRESH_DUE))) wantQuery(forced);
}

/** There is no grace after expiry: the policy goes, and says so. */
function expire(): void {
  if (!isSilent()) wantNotice(NOTICE_POLICY_EXPIRED, RESULT_NONE, 0, policyAge());
  set(S_MODE, MODE_ABSENT);
  set(S_POLICY_LENGTH, 0);
  set(S_ID_LENGTH, 0);
  wantForget();
}

/**
 * A clock that jumped is believed, one that fell behind is not; both are said, and the latter forces a refresh, as does
 * a policy that was fetched under a clock which ran ahead: its true age cannot be told (R-8461-CSM-14).
 */
function noticeClock(): void {
  if (clockMoved() && isLive() && isAhead(get(S_FETCHED_AT))) set(S_REFRESH_DUE, now());
  if (clockAhead() !== 0) wantNotice(NOTICE_CLOCK_AHEAD, RESULT_NONE, 0, clockAhead());
  if (clockBehind() === 0) return;
  wantNotice(NOTICE_CLOCK_BEHIND, RESULT_NONE, 0, clockBehind());
  if (isLive() && hasFlag(REANCHORED) && !isDue(S_REFRESH_DUE)) set(S_REFRESH_DUE, now());
}

function readHeldState(): i32 {
  if (partLength(Q_STATE) !== 0)
    return readState(part(Q_STATE), partLength(Q_STATE), part(Q_DOMAIN), partLength(Q_DOMAIN));
  emptyState(part(Q_DOMAIN), partLength(Q_DOMAIN));
  return 0;
}

function handle(event: u32): i32 {
  if (event === EVENT_LOOKUP) onLookup();
  else if (event === EVENT_RECORD) return onRecord();
  else if (event === EVENT_POLICY) onPolicy();
  else if (event === EVENT_DEADLINE) onDeadline();
  else if (event === EVENT_REFRESH) onRefresh();
  else onRecheck();
  return 0;
}

/** The number of effects written to OUT, or an error code. The request bytes are only read. */
export function step(p: usize, n: u32): i32 {
  beginVerdict();
  beginEffects();
  const badRequest = readRequest(p, n);
  if (badRequest !== 0) return badRequest;
  const badState = readHeldState();
  if (badState !== 0) return failAt(asked(Q_STATE), badState);
  startClock(partLength(Q_STATE) === 0);
  // A lookup that moved the clock is the only one that can say so; all others leave it to the rarer events.
  if (asked(Q_EVENT) !== EVENT_LOOKUP || clockMoved()) noticeClock();
  if (isExpired()) expire();
  if (handle(asked(Q_EVENT)) !== 0) return failAt(Q_DATA, E_REQUEST);
  if (isLive() && (stateChanged() || asked(Q_EVENT) === EVENT_REFRESH)) wantWake(wakeIn());
  return flushEffects();
}
