import { assertDomainKey } from "./domain-key.ts";
import { reasonOf, reasonText, type StoreEvent, type StoreListener, type StoreStatus } from "./notice.ts";
import { OneAtATime } from "./one-at-a-time.ts";
import { type PolicyStore, type StoredState, StoreError, type StoreFailure } from "./types.ts";
import { type Later, mergeHeld, stateOf, storedVersion, UnwrittenStates, versionOf, writeHeld } from "./unwritten.ts";

/** A store that can say whether it persists, and whether opening it again could help. */
export interface ReopenableStore extends PolicyStore {
  status?(): StoreStatus;
  writableAgain?(): Promise<boolean>;
}

export interface ResilientStoreOptions {
  /** Opens the store; `reopened` once it has been open in this process. */
  readonly open: (reopened: boolean) => Promise<ReopenableStore>;
  /** Names the store in notices. */
  readonly path: string;
  /** Unix seconds. */
  readonly now: () => number;
  /** Decides between a state held in memory and one another process has written meanwhile. */
  readonly later: Later;
  readonly onEvent?: StoreListener;
  /** In [0, 1): spreads the retries of several processes. */
  readonly random?: () => number;
  /** Bytes of unwritten states held at most. */
  readonly maxBytes?: number;
}

type Settings = Required<ResilientStoreOptions>;

const MAX_BYTES = 32 * 1024 * 1024;
const FIRST_PAUSE_MS = 100;
/** With the time an attempt takes, writes resume within 5 s of the repair. */
const LONGEST_PAUSE_MS = 4000;

/**
 * Opens a store that goes on when its disk does not. Rejects only with StoreError "unsupported", which asks for an
 * operator; after any other failure the store starts in memory and keeps trying.
 */
export async function openResilientStore(options: ResilientStoreOptions): Promise<ResilientStore> {
  const settings = { onEvent: () => {}, random: Math.random, maxBytes: MAX_BYTES, ...options };
  const store = new ResilientStore(settings);
  await store.start();
  return store;
}

/**
 * Wraps a store: a write it cannot do is acknowledged from memory, served to every reader of this process, and written
 * when the store heals; a read it cannot do rejects with StoreError (the engine then looks up live, R-8461-CSM-13).
 * While `status().persisting` is false an acknowledged write does not survive this process. Versions differ from those
 * of the wrapped store.
 */
export class ResilientStore implements PolicyStore {
  readonly #settings: Settings;
  readonly #writes = new OneAtATime();
  readonly #unwritten: UnwrittenStates;
  #store: ReopenableStore | null = null;
  /** Why writes go to memory, null while they go to the store. */
  #latched: StoreError | null = null;
  #everOpen = false;
  #highWater = 0;
  #pause = FIRST_PAUSE_MS;
  #timer: NodeJS.Timeout | undefined;
  #healing: Promise<void> = Promise.resolve();
  #closed = false;

  /** Use openResilientStore. */
  constructor(settings: Settings) {
    this.#settings = settings;
    this.#unwritten = new UnwrittenStates(settings.maxBytes);
  }

  get kind(): string {
    return this.#store?.kind ?? "unopened";
  }

  async start(): Promise<void> {
    try {
      await this.#reopen();
    } catch (error) {
      const failure = this.#failure(error);
      if (failure.failure === "unsupported") throw failure;
      this.#latch(failure);
    }
  }

  async get(domain: string): Promise<StoredState | null> {
    assertDomainKey(domain);
    const held = this.#unwritten.get(domain);
    if (held !== undefined) return stateOf(held);
    const row = await this.#read((store) => store.get(domain));
    return row === null ? null : { ...row, version: versionOf(row.version) };
  }

  async version(domain: string): Promise<number> {
    assertDomainKey(domain);
    const held = this.#unwritten.get(domain);
    return held !== undefined ? held.version : versionOf(await this.#read((store) => store.version(domain)));
  }

  async put(domain: string, state: Uint8Array, expectedVersion: number): Promise<number | null> {
    assertDomainKey(domain);
    const bytes = Uint8Array.from(state);
    return this.#write(
      domain,
      expectedVersion,
      async (store, expected) => {
        const version = await store.put(domain, bytes, expected);
        return version === null ? null : versionOf(version);
      },
      (base) => this.#unwritten.keep(domain, bytes, base).version,
    );
  }

  async forget(domain: string, expectedVersion: number): Promise<boolean> {
    assertDomainKey(domain);
    const done = await this.#write(
      domain,
      expectedVersion,
      async (store, expected) => (await store.forget(domain, expected)) || null,
      (base) => {
        if (expectedVersion !== 0) this.#unwritten.keep(domain, null, base);
        return true;
      },
    );
    return done !== null;
  }

  async *list(): AsyncGenerator<StoredState> {
    try {
      yield* mergeHeld(this.#opened().list(), this.#unwritten);
    } catch (error) {
      throw this.#readFailed(error);
    }
  }

  async highWaterTime(): Promise<number> {
    return Math.max(this.#highWater, await this.#read((store) => store.highWaterTime()));
  }

  async lostAt(): Promise<number | null> {
    return this.#read((store) => store.lostAt());
  }

  status(): StoreStatus {
    const latched = this.#latched;
    const reason = latched === null ? "" : reasonText(latched.message);
    return { persisting: latched === null, reason, unwritten: this.#unwritten.size };
  }

  /** Tries once more to write what is held, and says so when that fails. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#timer);
    await this.#healing;
    try {
      if (this.#unwritten.size > 0) await this.#writeAllHeld();
    } catch (error) {
      this.#notify(
        "store-unwritten",
        `policy store ${this.#settings.path} closed with ${this.#unwritten.size} states that were never written ` +
          `(${reasonOf(error)}); their domains need a new discovery after the next start`,
      );
    }
    await this.#writes.run(async () => this.#store?.close());
  }

  async #read<T>(work: (store: ReopenableStore) => Promise<T>): Promise<T> {
    try {
      return await work(this.#opened());
    } catch (error) {
      throw this.#readFailed(error);
    }
  }

  #opened(): ReopenableStore {
    if (this.#closed) throw new StoreError("closed", "policy store: a call came after close()");
    if (this.#store === null) throw this.#latched ?? new StoreError("closed", "policy store: not open");
    return this.#store;
  }

  #readFailed(error: unknown): StoreError {
    const failure = this.#failure(error);
    if (!this.#closed && this.#store !== null && mustReopen(failure)) this.#latch(failure);
    return failure;
  }

  /** Through to the store, or into memory once it has failed; both under the version the caller expects. */
  #write<T>(
    domain: string,
    expectedVersion: number,
    through: (store: ReopenableStore, expected: number) => Promise<T | null>,
    keep: (base: number) => T,
  ): Promise<T | null> {
    return this.#writes.run(async () => {
      if (this.#closed) throw new StoreError("closed", "policy store: a call came after close()");
      const expected = storedVersion(expectedVersion);
      if (this.#unwritten.get(domain) === undefined && this.#latched === null && this.#store !== null) {
        if (expected === null) return null; // a version memory had, written to disk or overtaken since
        try {
          return await through(this.#store, expected);
        } catch (error) {
          this.#latch(this.#failure(error));
        }
      }
      return (await this.#expectationHolds(domain, expectedVersion, expected)) ? this.#hold(keep, expected ?? 0) : null;
    });
  }

  /** The compare of compare-and-swap without a working store: against memory, else against what can still be read. */
  async #expectationHolds(domain: string, expectedVersion: number, stored: number | null): Promise<boolean> {
    const held = this.#unwritten.get(domain);
    if (held !== undefined) return held.version === expectedVersion;
    if (stored === null) return false;
    try {
      return this.#store === null || (await this.#store.version(domain)) === stored;
    } catch {
      return true; // unreadable: the caller's word stands until the store heals and writeHeld compares
    }
  }

  #hold<T>(keep: (base: number) => T, base: number): T {
    const kept = keep(base);
    this.#highWater = Math.max(this.#highWater, Math.floor(this.#settings.now()));
    return kept;
  }

  #latch(failure: StoreError): void {
    if (this.#latched !== null) {
      this.#latched = failure;
      return;
    }
    this.#latched = failure;
    this.#pause = FIRST_PAUSE_MS;
    this.#notify(
      "store-not-persisting",
      `${reasonText(failure.message)}. Policies in memory are served and new ones are kept there, to be written when the store works again`,
    );
    this.#schedule();
  }

  #schedule(): void {
    if (this.#closed || this.#latched === null) return;
    const pause = this.#pause * (0.75 + this.#settings.random() / 4);
    this.#pause = Math.min(this.#pause * 2, LONGEST_PAUSE_MS);
    this.#timer = setTimeout(() => {
      this.#healing = this.#heal();
    }, pause);
    this.#timer.unref();
  }

  /** Never rejects: it runs from a timer. */
  async #heal(): Promise<void> {
    try {
      if (await this.#reopeningHelps()) await this.#reopen();
      await this.#writeAllHeld();
      await this.#writes.run(async () => {
        if (this.#unwritten.size === 0) this.#unlatch();
      });
    } catch (error) {
      this.#latched = this.#failure(error);
    }
    this.#schedule();
  }

  #unlatch(): void {
    this.#latched = null;
    this.#notify("store-persisting", `policy store ${this.#settings.path} works again; everything held is on disk`);
  }

  async #reopeningHelps(): Promise<boolean> {
    const store = this.#store;
    if (store === null || this.#latched === null || mustReopen(this.#latched)) return true;
    if (this.#latched.failure !== "read-only") return false;
    if (store.writableAgain !== undefined && !(await store.writableAgain())) throw this.#latched;
    return true;
  }

  async #reopen(): Promise<void> {
    const fresh = await this.#settings.open(this.#everOpen);
    await this.#writes.run(async () => {
      const before = this.#store;
      this.#store = fresh;
      this.#everOpen = true;
      await before?.close();
    });
    const status = fresh.status?.();
    if (status?.persisting === false) throw new StoreError("read-only", status.reason);
  }

  /** Throws at the first state that cannot be written. Other writes go on between two states. */
  async #writeAllHeld(): Promise<void> {
    for (const domain of this.#unwritten.domains())
      await this.#writes.run(async () => {
        const held = this.#unwritten.get(domain);
        if (held === undefined) return;
        if (this.#store === null) throw this.#latched ?? new StoreError("io", "policy store: not open");
        if (!(await writeHeld(this.#store, held, this.#settings.later, this.#unwritten)))
          throw new StoreError("busy", `policy store: the row of ${domain} changes faster than it can be written`);
        const written = this.#unwritten.get(domain);
        if (written !== undefined) this.#unwritten.drop(written);
      });
  }

  #failure(error: unknown): StoreError {
    if (error instanceof StoreError) return error;
    return new StoreError("io", `policy store ${this.#settings.path}: ${reasonOf(error)}`, { cause: error });
  }

  #notify(event: StoreEvent, reason: string): void {
    try {
      this.#settings.onEvent({ event, path: this.#settings.path, reason: reasonText(reason) });
    } catch {
      // A listener's fault must not become a lost write.
    }
  }
}

/**
 * Failures that this connection will not recover from; "io" is among them since SQLite may refuse all after one, and
 * "unsupported" since it says that opening anew failed.
 */
const HOPELESS: ReadonlySet<StoreFailure> = new Set(["corrupt", "closed", "replaced", "io", "unsupported"]);

const mustReopen = ({ failure }: StoreError): boolean => HOPELESS.has(failure);
