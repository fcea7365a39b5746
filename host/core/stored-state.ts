// Read-only views of the stored state for what is no decision: counting, and telling which of two states is newer.
// Everything else about a state is the core's business. Offsets are those of docs/abi.md "Stored state"; assembly/state.ts
// cannot be imported without the memory of the portable twin.
import { MODES, type Mode } from "./names.ts";

const MODE = 32;
const MAX_AGE = 36;
const FETCHED_AT = 44;
const FETCHED_MS = 48;
const FAILURES = 68;
const HEAD = 208;

export interface StoredPolicy {
  readonly mode: Mode;
  /** Unix second at which the GET began that gave the policy. */
  readonly fetchedAt: number;
  /** Seconds. */
  readonly maxAge: number;
  /** Refreshes that failed since. */
  readonly failures: number;
}

function field(state: Uint8Array, offset: number): number {
  return new DataView(state.buffer, state.byteOffset, state.byteLength).getUint32(offset, true);
}

/** The policy in a stored state; null when it holds none, or is too short to be a state. */
export function storedPolicy(state: Uint8Array): StoredPolicy | null {
  if (state.length < HEAD) return null;
  const mode = (MODES as Readonly<Record<number, Mode>>)[field(state, MODE)];
  if (mode === undefined) return null;
  return {
    mode,
    fetchedAt: field(state, FETCHED_AT),
    maxAge: field(state, MAX_AGE),
    failures: field(state, FAILURES),
  };
}

/**
 * Which of two states of a domain rests on the later fetch (R-8461-CSM-12). One without a policy gives way to one that
 * has one; on a tie the state that is stored already stays.
 */
export function laterFetch(_domain: string, ours: Uint8Array, theirs: Uint8Array): "ours" | "theirs" {
  const [a, b] = [storedPolicy(ours), storedPolicy(theirs)];
  if (a === null || b === null) return a !== null ? "ours" : "theirs";
  if (a.fetchedAt !== b.fetchedAt) return a.fetchedAt > b.fetchedAt ? "ours" : "theirs";
  return field(ours, FETCHED_MS) > field(theirs, FETCHED_MS) ? "ours" : "theirs";
}
