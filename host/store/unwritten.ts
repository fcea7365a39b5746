import { type PolicyStore, type StoredState, StoreError } from "./types.ts";

/**
 * Versions handed to callers are the store's own times SLOTS; the numbers between two of them name the states that
 * are held in memory, so that versions keep growing when a held state is written at last.
 */
const SLOTS = 16_384;

/** The caller's version for a row of the store. */
export const versionOf = (stored: number): number => stored * SLOTS;

/** The store's version for a caller's one, null for a version that only memory ever had. */
export const storedVersion = (version: number): number | null => (version % SLOTS === 0 ? version / SLOTS : null);

/** The latest state of one domain, not on disk yet. */
export interface Held {
  readonly domain: string;
  /** Null: the row is to be deleted. */
  readonly state: Uint8Array | null;
  /** The store's version of the row this replaces, 0 for none. */
  readonly base: number;
  /** What callers see; 0 while state is null. */
  readonly version: number;
  /** The last version given out, also while state is null: no version names two states. */
  readonly last: number;
}

/** A held state as a reader sees it. */
export function stateOf({ domain, state, version }: Held): StoredState | null {
  return state === null ? null : { domain, state: Uint8Array.from(state), version };
}

const ROW_OVERHEAD = 200;
const sizeOf = (held: Held): number => held.domain.length + (held.state?.length ?? 0) + ROW_OVERHEAD;

/** The states a broken store could not take, within a bound on memory; oldest first. */
export class UnwrittenStates {
  readonly #held = new Map<string, Held>();
  readonly #maxBytes: number;
  #bytes = 0;
  /** For domains without a row: the range below every version the store gives out. */
  #fresh = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  get size(): number {
    return this.#held.size;
  }

  get(domain: string): Held | undefined {
    return this.#held.get(domain);
  }

  domains(): string[] {
    return [...this.#held.keys()];
  }

  /** Keeps a state over what is held, or over row version `base` of the store. Throws StoreError "full" at the bound. */
  keep(domain: string, state: Uint8Array | null, base: number): Held {
    const before = this.#held.get(domain);
    const from = before?.base ?? base;
    const last = this.#next(Math.max(before?.last ?? 0, from * SLOTS), from, domain);
    const held = { domain, state, base: from, version: state === null ? 0 : last, last };
    this.#replace(before, held);
    return held;
  }

  /** The same state, now to be written over another version of the row. */
  rebase(held: Held, base: number): Held {
    const moved = { ...held, base };
    this.#replace(held, moved);
    return moved;
  }

  drop(held: Held): void {
    this.#bytes -= sizeOf(held);
    this.#held.delete(held.domain);
  }

  #next(after: number, base: number, domain: string): number {
    if (base === 0 && after <= this.#fresh) {
      this.#fresh += (this.#fresh + 1) % SLOTS === 0 ? 2 : 1;
      return this.#fresh;
    }
    if (storedVersion(after + 1) !== null)
      throw new StoreError("full", `policy store: ${SLOTS} writes of ${domain} wait for the disk; repair the store`);
    return after + 1;
  }

  #replace(before: Held | undefined, held: Held): void {
    const bytes = this.#bytes - (before === undefined ? 0 : sizeOf(before)) + sizeOf(held);
    if (bytes > this.#maxBytes)
      throw new StoreError(
        "full",
        `policy store: nothing can be written and ${this.#maxBytes} bytes of unwritten policies are held already; repair the store`,
      );
    this.#bytes = bytes;
    this.#held.set(held.domain, held);
  }
}

/** The rows of a store (in domain order) with what is held put in their place; versions are the callers'. */
export async function* mergeHeld(
  rows: AsyncIterable<StoredState>,
  unwritten: UnwrittenStates,
): AsyncGenerator<StoredState> {
  const waiting = unwritten.domains().sort();
  const heldBefore = function* (limit: string | null): Generator<StoredState> {
    for (let next = waiting[0]; next !== undefined && (limit === null || next < limit); next = waiting[0]) {
      waiting.shift();
      const held = unwritten.get(next);
      const state = held === undefined ? null : stateOf(held);
      if (state !== null) yield state;
    }
  };
  for await (const row of rows) {
    yield* heldBefore(row.domain);
    if (waiting[0] === row.domain) waiting.shift();
    const held = unwritten.get(row.domain);
    const state = held === undefined ? { ...row, version: versionOf(row.version) } : stateOf(held);
    if (state !== null) yield state;
  }
  yield* heldBefore(null);
}

/** Which of two states of a domain rests on the later fetch (R-8461-CSM-12). Must not throw. */
export type Later = (domain: string, ours: Uint8Array, theirs: Uint8Array) => "ours" | "theirs";

const ATTEMPTS = 10;

/**
 * Writes one held state into the store. Where another process has written meanwhile, the later fetch wins; a deletion
 * gives way, since it was decided without knowing what is there now. Null when the row will not stand still.
 */
export async function writeHeld(
  store: PolicyStore,
  first: Held,
  later: Later,
  held: UnwrittenStates,
): Promise<boolean> {
  let ours = first;
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    if (await writeOver(store, ours)) return true;
    const theirs = await rowNow(store, ours.domain);
    if (ours.state === null || (theirs.state !== null && settled(ours.domain, ours.state, theirs.state, later)))
      return true;
    ours = held.rebase(ours, theirs.version);
  }
  return false;
}

async function writeOver(store: PolicyStore, { domain, state, base }: Held): Promise<boolean> {
  return state === null ? store.forget(domain, base) : (await store.put(domain, state, base)) !== null;
}

/** True when what the store has may stay: it is our own write, reported failed but done, or rests on a later fetch. */
function settled(domain: string, ours: Uint8Array, theirs: Uint8Array, later: Later): boolean {
  return Buffer.compare(ours, theirs) === 0 || later(domain, ours, theirs) === "theirs";
}

/** A damaged row counts as one without a state: whatever we hold is better. */
async function rowNow(store: PolicyStore, domain: string): Promise<{ state: Uint8Array | null; version: number }> {
  try {
    return (await store.get(domain)) ?? { state: null, version: 0 };
  } catch (error) {
    if (!(error instanceof StoreError && error.failure === "damaged-row")) throw error;
    return { state: null, version: await store.version(domain) };
  }
}
