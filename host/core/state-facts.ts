// A stored state in words and relative times, for people: what the core will do with it stays the core's business.
// Offsets are those of docs/abi.md "Stored state".
import { detailName, MODES, type Mode, STATUSES, type Status } from "./names.ts";
import type { StepClock } from "./step.ts";

const ANCHOR_TIME = 20;
const ANCHOR_UPTIME = 24;
const ANCHOR_BOOT = 28;
const MODE = 32;
const FETCHED_AT = 44;
const CHECKED_AT = 52;
const CHECK_DUE = 56;
const REFRESH_DUE = 64;
const FAILURES = 68;
const BACKOFF_UNTIL = 76;
const DNS_FAILED_AT = 80;
const NEGATIVE_UNTIL = 84;
const NEGATIVE_STATUS = 88;
const NEGATIVE_DETAIL = 92;
const LAST_USED = 96;
const BACKOFF_STATUS = 200;
const BACKOFF_DETAIL = 204;
const HEAD = 208;
const BACKOFF = 300; // seconds, assembly/freshness.ts

/** All times in seconds: "ago" before now, "in" from now (0: due), null where there is none. */
export interface StateFacts {
  /** Null: no policy is held. */
  readonly mode: Mode | null;
  readonly fetchedAgo: number | null;
  /** When DNS last showed the id under which the policy is held. */
  readonly idSeenAgo: number | null;
  readonly idCheckIn: number | null;
  readonly refreshIn: number | null;
  /** GETs that failed since the last good one. */
  readonly failures: number;
  /** The last failed GET, while it is being backed off from. */
  readonly lastFailure: {
    readonly status: Status;
    /** Kind of the failed fetch, or name of the error in the body; null when it is not known. */
    readonly cause: string | null;
    readonly ago: number;
    readonly nextTryIn: number;
  } | null;
  /** TXT lookups fail since then, while no policy is held. */
  readonly discoveryFailingFor: number | null;
  /** "No policy" that is given again without asking. */
  readonly negative: { readonly status: Status; readonly cause: string | null; readonly goodFor: number } | null;
  readonly lastUsedAgo: number | null;
}

/** Null for bytes that are too short to be a state. */
export function stateFacts(state: Uint8Array, clock: StepClock): StateFacts | null {
  if (state.length < HEAD) return null;
  const view = new DataView(state.buffer, state.byteOffset, state.byteLength);
  const get = (offset: number): number => view.getUint32(offset, true);
  const now = timeOf(get, clock);
  const ago = (offset: number): number | null => (get(offset) === 0 ? null : Math.max(now - get(offset), 0));
  const left = (offset: number): number => Math.max(get(offset) - now, 0);
  const mode = (MODES as Readonly<Record<number, Mode>>)[get(MODE)] ?? null;
  const held = mode !== null;
  return {
    mode,
    fetchedAgo: held ? ago(FETCHED_AT) : null,
    idSeenAgo: held ? ago(CHECKED_AT) : null,
    idCheckIn: get(CHECK_DUE) === 0 ? null : left(CHECK_DUE),
    refreshIn: held ? left(REFRESH_DUE) : null,
    failures: get(FAILURES),
    lastFailure: left(BACKOFF_UNTIL) === 0 ? null : failure(view, left(BACKOFF_UNTIL)),
    discoveryFailingFor: held ? null : ago(DNS_FAILED_AT),
    negative: held || left(NEGATIVE_UNTIL) === 0 ? null : negative(view, left(NEGATIVE_UNTIL)),
    lastUsedAgo: ago(LAST_USED),
  };
}

/** The state's own time (assembly/clock.ts). */
function timeOf(get: (offset: number) => number, { now, uptimeMs, boot }: StepClock): number {
  if (get(ANCHOR_BOOT) !== boot) return Math.max(now, get(ANCHOR_TIME));
  return get(ANCHOR_TIME) + Math.max(Math.floor(uptimeMs / 1000) - get(ANCHOR_UPTIME), 0);
}

function failure(view: DataView, nextTryIn: number): StateFacts["lastFailure"] {
  const said = statusAt(view, BACKOFF_STATUS, BACKOFF_DETAIL);
  return { ...said, ago: Math.max(BACKOFF - nextTryIn, 0), nextTryIn };
}

function negative(view: DataView, goodFor: number): StateFacts["negative"] {
  return { ...statusAt(view, NEGATIVE_STATUS, NEGATIVE_DETAIL), goodFor };
}

function statusAt(view: DataView, status: number, detail: number): { status: Status; cause: string | null } {
  const name = (STATUSES as Readonly<Record<number, Status>>)[view.getUint32(status, true)] ?? "pending";
  return { status: name, cause: detailName(view.getInt32(detail, true)) };
}
