// Time that a network attacker and a wrong wall clock cannot bend: within one boot only the monotonic clock counts,
// across boots the wall clock is believed, but never one earlier than what was already written (R-8461-CSM-14).
import { Q_BOOT, Q_HIGH_WATER, Q_NOW, Q_UPTIME } from "./abi.ts";
import { asked } from "./request.ts";
import { get, hasFlag, REANCHORED, S_ANCHOR_BOOT, S_ANCHOR_TIME, S_ANCHOR_UPTIME, set, setFlag } from "./state.ts";

/** The wall clock may run this far ahead of a re-anchored state clock before it is believed anew, in seconds. */
const ANCHOR_SLACK: u32 = 60;
const CLOCK_JUMP: u32 = 2592000; // 30 days
const CLOCK_SLIP: u32 = 300;

let time: u32 = 0;
let jumped: u32 = 0; // seconds
let moved: bool = false;

/** The state's time, seconds. Set by startClock, stands still during one step. */
export function now(): u32 {
  return time;
}

/** a + b, held at the last second there is (2106). */
export function plus(a: u32, b: u32): u32 {
  return b > 0xffffffff - a ? 0xffffffff : u32(a + b);
}

/** Seconds from `then` to `later`; 0 when `then` is not in the past. */
export function since(later: u32, then: u32): u32 {
  return later > then ? later - then : 0;
}

/** The value when it is over the limit, else 0. */
function over(value: u32, limit: u32): u32 {
  return value > limit ? value : 0;
}

export function atMost(a: u32, b: u32): u32 {
  return a < b ? a : b;
}

export function atLeast(a: u32, b: u32): u32 {
  return a > b ? a : b;
}

/** The wall clock, not believed below the high-water time of the store (attack A-23). */
export function wallClock(): u32 {
  return atLeast(asked(Q_NOW), asked(Q_HIGH_WATER));
}

function anchorClock(at: u32, uptime: u32): void {
  set(S_ANCHOR_TIME, at);
  set(S_ANCHOR_UPTIME, uptime);
  set(S_ANCHOR_BOOT, asked(Q_BOOT));
}

function isSameBoot(): bool {
  return get(S_ANCHOR_BOOT) === asked(Q_BOOT);
}

/** Settles what time it is for this state, anchoring it when this boot sees it for the first time. */
export function startClock(isNew: bool): void {
  jumped = 0;
  moved = false;
  if (isNew) {
    anchorClock(wallClock(), asked(Q_UPTIME));
    time = wallClock();
    return;
  }
  if (isSameBoot()) {
    time = plus(get(S_ANCHOR_TIME), since(asked(Q_UPTIME), get(S_ANCHOR_UPTIME)));
    jumped = over(since(asked(Q_NOW), time), CLOCK_JUMP);
    // After a reboot the clock may have started wrong (1970) and been set right since.
    if (!hasFlag(REANCHORED) || wallClock() <= plus(time, ANCHOR_SLACK)) return;
  } else {
    jumped = asked(Q_HIGH_WATER) === 0 ? 0 : over(since(asked(Q_NOW), asked(Q_HIGH_WATER)), CLOCK_JUMP);
    time = get(S_ANCHOR_TIME);
  }
  time = atLeast(time, wallClock());
  anchorClock(time, asked(Q_UPTIME));
  setFlag(REANCHORED, true);
  moved = true;
}

/**
 * A policy was fetched: its GET began `elapsed` seconds ago, at `uptime`. The clock is anchored to that moment and to
 * the wall clock of today, so that a state that began under a wrong clock heals with its first good fetch.
 */
export function restartClock(elapsed: u32, uptime: u32): void {
  const started = since(wallClock(), elapsed);
  anchorClock(started, uptime);
  setFlag(REANCHORED, false);
  time = plus(started, elapsed);
}

/** Did this step anchor a known state anew? */
export function clockMoved(): bool {
  return moved;
}

/** Seconds by which the wall clock stands ahead of what was to be expected, when over 30 days. It is believed, and said. */
export function clockAhead(): u32 {
  return jumped;
}

/** Does this moment lie more than five minutes ahead of the wall clock? */
export function isAhead(moment: u32): bool {
  return since(moment, wallClock()) > CLOCK_SLIP;
}

/** Seconds by which the wall clock stands behind what the store has already seen, when over five minutes. */
export function clockBehind(): u32 {
  return over(since(asked(Q_HIGH_WATER), asked(Q_NOW)), CLOCK_SLIP);
}
