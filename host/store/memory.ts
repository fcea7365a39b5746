import { assertDomainKey } from "./domain-key.ts";
import type { StoreStatus } from "./notice.ts";
import { type PolicyStore, type StoredState, StoreError } from "./types.ts";

export interface MemoryStoreOptions {
  /** Unix seconds. */
  readonly now: () => number;
  /** Rows held at most. A row that does not fit is refused ("full"): none is ever evicted for another. */
  readonly maxRows?: number;
}

/** The policy cache without persistence: every restart is a downgrade window (RFC 8461 section 10.2). For tests. */
export class MemoryStore implements PolicyStore {
  readonly kind = "memory";
  readonly #rows = new Map<string, StoredState>();
  readonly #now: () => number;
  readonly #maxRows: number;
  #counter = 0;
  #highWater = 0;
  #closed = false;

  constructor({ now, maxRows = Number.POSITIVE_INFINITY }: MemoryStoreOptions) {
    this.#now = now;
    this.#maxRows = maxRows;
  }

  async get(domain: string): Promise<StoredState | null> {
    const row = this.#row(domain);
    return row === undefined ? null : copyOf(row);
  }

  async version(domain: string): Promise<number> {
    return this.#row(domain)?.version ?? 0;
  }

  async put(domain: string, state: Uint8Array, expectedVersion: number): Promise<number | null> {
    const row = this.#row(domain);
    if ((row?.version ?? 0) !== expectedVersion) return null;
    if (row === undefined && this.#rows.size >= this.#maxRows)
      throw new StoreError("full", `memory store: ${this.#maxRows} rows are held and none is given up for another`);
    this.#advance(expectedVersion);
    this.#rows.set(domain, { domain, state: Uint8Array.from(state), version: this.#counter });
    return this.#counter;
  }

  async forget(domain: string, expectedVersion: number): Promise<boolean> {
    if ((this.#row(domain)?.version ?? 0) !== expectedVersion) return false;
    this.#advance(expectedVersion);
    this.#rows.delete(domain);
    return true;
  }

  async *list(): AsyncGenerator<StoredState> {
    this.#assertOpen();
    for (const domain of [...this.#rows.keys()].sort()) {
      const row = this.#rows.get(domain);
      if (row !== undefined) yield copyOf(row);
    }
  }

  async highWaterTime(): Promise<number> {
    this.#assertOpen();
    return this.#highWater;
  }

  async lostAt(): Promise<number | null> {
    this.#assertOpen();
    return null;
  }

  status(): StoreStatus {
    return { persisting: false, reason: "store.type is memory: policies do not survive a restart", unwritten: 0 };
  }

  async close(): Promise<void> {
    this.#closed = true;
  }

  #row(domain: string): StoredState | undefined {
    assertDomainKey(domain);
    this.#assertOpen();
    return this.#rows.get(domain);
  }

  #advance(expected: number): void {
    this.#counter = Math.max(this.#counter, expected) + 1;
    this.#highWater = Math.max(this.#highWater, Math.floor(this.#now()));
  }

  #assertOpen(): void {
    if (this.#closed) throw new StoreError("closed", "memory store: a call came after close()");
  }
}

const copyOf = (row: StoredState): StoredState => ({ ...row, state: Uint8Array.from(row.state) });
