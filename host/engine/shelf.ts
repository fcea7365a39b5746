import type { Effect } from "../core/step.ts";
import { storedPolicy } from "../core/stored-state.ts";
import { type PolicyStore, StoreError } from "../store/types.ts";
import { type Clock, steadyTime } from "./clock.ts";
import type { DomainEntry } from "./domain-entry.ts";
import type { EngineObserver } from "./observer.ts";

/** A row is looked at again at least this often, and before each record check: other processes write too. */
const VERSION_CHECK_MS = 60_000;
/** A policy lost longer ago than the longest max_age would have expired by now. */
const LOST_FOR_SECONDS = 31_557_600;
/** 2023: a loss dated earlier was dated by a clock that had not been set yet, and counts as of today. */
const SANE_TIME = 1_700_000_000;

/** Only a policy goes back into a store: what else memory knows of a domain never was in it. */
const holdsPolicy = (state: Uint8Array | null): boolean => state !== null && storedPolicy(state) !== null;

/** Between the entries in memory and the store: reads rows, carries out `store` and `forget`, notices other writers. */
export class Shelf {
  readonly #store: PolicyStore;
  readonly #clock: Clock;
  readonly #steadyNow: () => number;
  readonly #observer: EngineObserver;
  #lostAt: number | null = null;
  /** Losses of the whole store seen so far. */
  #losses = 0;
  /** Highest Unix second the store has seen. */
  highWater = 0;

  constructor(store: PolicyStore, clock: Clock, observer: EngineObserver) {
    this.#store = store;
    this.#clock = clock;
    this.#steadyNow = steadyTime(clock);
    this.#observer = observer;
  }

  async open(): Promise<void> {
    try {
      this.highWater = Math.max(this.highWater, await this.#store.highWaterTime());
      await this.#noticeLoss();
    } catch (error) {
      this.failed(error, "");
    }
  }

  /** Were stored policies lost so lately that this domain's may have been among them? */
  isPastLost(entry: DomainEntry): boolean {
    if (this.#lostAt === null || entry.forgotten) return false;
    return this.#lostAt < SANE_TIME || this.#clock.read().now - this.#lostAt < LOST_FOR_SECONDS;
  }

  /** Reads the row if it was never read, or looks whether it changed when that is due. False: it cannot be read. */
  async load(entry: DomainEntry, when: "due" | "now"): Promise<boolean> {
    const uptimeMs = this.#clock.read().uptimeMs;
    const checkedAt = entry.versionCheckedAt;
    if (checkedAt !== null && when === "due" && uptimeMs - checkedAt < VERSION_CHECK_MS) return true;
    try {
      if (checkedAt === null || (await this.#store.version(entry.domain)) !== entry.version) await this.#read(entry);
      entry.versionCheckedAt = uptimeMs;
      return true;
    } catch (error) {
      return this.#onUnreadable(entry, error, uptimeMs);
    }
  }

  async #read(entry: DomainEntry): Promise<void> {
    const row = await this.#store.get(entry.domain);
    if (!row) await this.#noticeLoss();
    if (row) entry.hold(row.state, row.version);
    // What was never stored (a negative, a back-off without a policy) is not undone by there being no row.
    else if (entry.version !== 0) await this.#onRowGone(entry);
    entry.lossesSeen = this.#losses;
  }

  /** Was the store set aside and begun anew, by whichever process, since this was last asked? */
  async #noticeLoss(): Promise<void> {
    const lostAt = await this.#store.lostAt();
    if (lostAt !== this.#lostAt) this.#losses++;
    this.#lostAt = lostAt;
  }

  /** Deleted by another process it is gone here too; lost with the whole store it is not (R-8461-CSM-10). */
  async #onRowGone(entry: DomainEntry): Promise<void> {
    const { state, lossesSeen } = entry;
    if (lossesSeen === this.#losses || !state) entry.hold(null, 0);
    else if (holdsPolicy(state)) await this.#putBack(entry, state, 0);
    else entry.hold(state, 0);
  }

  /** The store lost what memory still holds. Where another process was faster, its row counts. */
  async #putBack(entry: DomainEntry, state: Uint8Array, expected: number): Promise<void> {
    const version = await this.#put(entry, state, expected);
    if (version === null) await this.#read(entry);
    else entry.version = version;
  }

  /** Did another process write this row since it was read? */
  async isOutdated(entry: DomainEntry): Promise<boolean> {
    if (entry.versionCheckedAt === this.#clock.read().uptimeMs) return false;
    const before = entry.version;
    await this.load(entry, "now");
    return entry.version !== before;
  }

  /**
   * A row that fails its checksum is replaced by the policy that memory holds, if it does (R-8461-CSM-12). One whose life
   * is over replaces nothing: the row may have been another process's, and of a policy that lives.
   */
  async #repair(entry: DomainEntry): Promise<void> {
    const state = this.#holdsLivePolicy(entry.state) ? entry.state : null;
    this.dropDamaged(entry);
    entry.state = state;
    entry.version = await this.#store.version(entry.domain);
    if (state) await this.#putBack(entry, state, entry.version);
  }

  #holdsLivePolicy(state: Uint8Array | null): boolean {
    const policy = state && storedPolicy(state);
    return policy !== null && policy.maxAge > 0 && this.#steadyNow() - policy.fetchedAt <= policy.maxAge;
  }

  /**
   * A state that fails its checksum is no policy, and no proof that there was none (R-8461-CSM-12): until a policy takes
   * its place, or an operator says that there is none, the domain counts as one that cannot be read.
   */
  dropDamaged(entry: DomainEntry): void {
    this.#observer.storeFailed("damaged-row", entry.domain, "the stored state fails its checksum");
    entry.state = null;
    entry.damaged = true;
    entry.storeFault = `the stored policy is damaged; if the domain has none: mta-sts cache forget ${entry.domain}`;
  }

  /** What memory still holds is served on; without it, anything but a policy found live is TEMP (R-8461-CSM-13). */
  async #onUnreadable(entry: DomainEntry, error: unknown, uptimeMs: number): Promise<boolean> {
    try {
      if (!(error instanceof StoreError) || error.failure !== "damaged-row") throw error;
      await this.#repair(entry);
      entry.versionCheckedAt = uptimeMs;
    } catch (failure) {
      this.failed(failure, entry.domain);
      entry.storeFault = (failure as StoreError).message;
    }
    return entry.versionCheckedAt !== null;
  }

  failed(error: unknown, domain: string): void {
    if (!(error instanceof StoreError)) throw error;
    this.#observer.storeFailed(error.failure, domain, error.message);
  }

  /** Writes or deletes the row, durably. The version it has now, or null: another process was faster. */
  async persist(entry: DomainEntry, effects: readonly Effect[], state: Uint8Array | null): Promise<number | null> {
    try {
      if (state && effects.some((effect) => effect.kind === "store"))
        return await this.#put(entry, state, entry.version);
      if (effects.some((effect) => effect.kind === "forget"))
        return (await this.#store.forget(entry.domain, entry.version)) ? 0 : null;
    } catch (error) {
      this.failed(error, entry.domain); // counted and logged; the policy is honoured from memory
    }
    return entry.version;
  }

  async #put(entry: DomainEntry, state: Uint8Array, expected: number): Promise<number | null> {
    const version = await this.#store.put(entry.domain, state, expected);
    if (version === null) return null;
    this.highWater = Math.max(this.highWater, this.#steadyNow());
    entry.lossesSeen = this.#losses;
    entry.damaged = false;
    return version;
  }

  /** An operator's purge: whatever version the row has. */
  async purge(entry: DomainEntry): Promise<void> {
    do await this.load(entry, "now");
    while (!(await this.#store.forget(entry.domain, entry.version)));
    entry.hold(null, 0);
    entry.damaged = false;
    entry.forgotten = true;
  }

  async *domains(): AsyncIterable<string> {
    try {
      for await (const { domain } of this.#store.list()) yield domain;
    } catch (error) {
      this.failed(error, "");
    }
  }
}
