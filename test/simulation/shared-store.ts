import { type PolicyStore, type StoredState, StoreError, type StoreFailure } from "../../host/store/types.ts";
import { type Account, type BackOff, type Fetched, isSurelyLive } from "./account.ts";
import { serialIn } from "./publication.ts";
import type { World } from "./world.ts";

export interface Row {
  state: Uint8Array;
  version: number;
  /** What the world knows of it: who wrote it, whether that process came to rest since, and what it rests on. */
  writer: Account | null;
  settled: boolean;
  durable: Fetched | null;
  backOffs: Map<string, BackOff>;
  /** Bytes that fail the core's checksum, or a row the store itself cannot read. */
  damaged: "no" | "bytes" | "row";
}

const FAILURES: readonly StoreFailure[] = ["io", "full", "read-only", "busy", "corrupt", "replaced"];

/** The rows all processes share. */
export class SharedStore {
  readonly rows = new Map<string, Row>();
  versions = 0;
  highWater = 0;
  /** Unix seconds, as the store keeps it, and true milliseconds. */
  lostAt: number | null = null;
  lostMs = Number.NEGATIVE_INFINITY;
  losses = 0;

  /** The file was found corrupt and set aside. */
  lose(world: World): void {
    this.rows.clear();
    this.losses++;
    this.lostAt = world.time.wallSeconds;
    this.lostMs = world.time.trueMs;
  }

  damage(row: Row, how: "bytes" | "row", at: number): void {
    row.damaged = how;
    row.durable = null;
    if (how === "row") return;
    row.state = Uint8Array.from(row.state);
    const i = at % row.state.length;
    row.state[i] = (row.state[i] as number) ^ (1 << (at % 8));
  }
}

const NEVER = new Promise<never>(() => {});

/** One process's way to the rows. Calls fail, take time, and end in the middle when the process dies. */
export class StoreHandle implements PolicyStore {
  readonly kind = "simulated";
  readonly #world: World;
  readonly #store: SharedStore;
  readonly #account: (domain: string) => Account;
  readonly #name: string;
  #isAlive = true;
  #inAHurry = false;

  constructor(world: World, name: string, account: (domain: string) => Account) {
    this.#world = world;
    this.#name = name;
    this.#store = world.store;
    this.#account = account;
  }

  kill(): void {
    this.#isAlive = false;
  }

  /** Stops taking time: the process is being closed. */
  hurry(): void {
    this.#inAHurry = true;
  }

  async get(domain: string): Promise<StoredState | null> {
    const account = this.#account(domain);
    const { floor } = account;
    account.readTriedMs = this.#world.time.trueMs;
    account.mustRead = false;
    account.floor = null;
    account.read = null;
    try {
      return await this.#call("get", account, () => this.#read(account, floor));
    } catch (error) {
      account.floor = floor;
      if (error instanceof StoreError && error.failure === "damaged-row") this.#onDamagedRow(account);
      throw error;
    }
  }

  #onDamagedRow(account: Account): void {
    if (!account.floor) account.damaged = true;
  }

  #read(account: Account, floor: Fetched | null): StoredState | null {
    const { domain } = account.publisher;
    const row = this.#store.rows.get(domain);
    if (row?.damaged === "row") throw new StoreError("damaged-row", "simulated: this row is unreadable");
    const isFirst = !account.readable;
    account.readable = true;
    account.idFetches = [];
    account.failingEmptySinceMs = null;
    account.backOffs = row?.settled && row.damaged === "no" ? new Map(row.backOffs) : new Map();
    if (row) this.#onRow(account, row, isFirst);
    else {
      account.floor = this.#store.losses === account.lossesSeen ? null : floor;
      account.version = 0;
    }
    account.lossesSeen = this.#store.losses;
    return row ? { domain, state: row.state, version: row.version } : null;
  }

  /**
   * Answers that were on their way when the row came may still rest on what was held before. A process that reads
   * for the first time, and whose reads do not fail, has no such answers.
   */
  #onRow(account: Account, row: Row, isFirst: boolean): void {
    account.version = row.version;
    account.damaged = row.damaged === "bytes";
    if (!account.damaged) account.definite = true; // a row holds a policy, and remembers that there was one
    account.vague = !row.settled;
    account.read = row.settled && row.damaged === "no" ? row.durable : null;
    account.floor = isFirst && this.#world.options.storeTrouble === 0 ? account.read : null;
    this.#world.ledger.touched(account);
    account.failuresSinceFloor++; // unknown: the row says when its refresh is due
  }

  version(domain: string): Promise<number> {
    const account = this.#account(domain);
    account.readTriedMs = this.#world.time.trueMs;
    return this.#call("version", account, () => {
      const row = this.#store.rows.get(domain);
      const version = row?.version ?? 0;
      if (row?.damaged === "row") account.version = version;
      account.mustRead = version !== account.version;
      return version;
    });
  }

  put(domain: string, state: Uint8Array, expectedVersion: number): Promise<number | null> {
    const account = this.#account(domain);
    return this.#call("put", account, (isLost) => this.#write(account, state, expectedVersion, isLost));
  }

  /** `isLost`: the write takes effect, but nobody will hear of it. */
  #write(account: Account, state: Uint8Array, expectedVersion: number, isLost: boolean): number | null {
    const { domain, published } = account.publisher;
    const before = this.#store.rows.get(domain);
    if ((before?.version ?? 0) !== expectedVersion) return null;
    const serial = serialIn(state);
    if (serial === null || !published.has(serial))
      this.#world.violated("R-8461-CSM-02", `${domain}: a state without a policy that was ever published is stored`);
    const version = ++this.#store.versions;
    const row: Row = {
      state: Uint8Array.from(state),
      version,
      writer: isLost ? null : account,
      settled: isLost,
      durable: null,
      backOffs: new Map(),
      damaged: "no",
    };
    this.#store.rows.set(domain, row);
    this.#world.note(
      `${this.#name} stores ${domain} policy ${serial} as version ${version}${isLost ? ", unheard" : ""}`,
    );
    this.#store.highWater = Math.max(this.#store.highWater, this.#world.time.wallSeconds);
    if (isLost) return version;
    account.wrote = true;
    account.readable = true; // written under a version: what was there before is known
    account.version = version;
    account.damaged = false;
    account.mustRead = false;
    account.lossesSeen = this.#store.losses;
    this.#world.ledger.touched(account);
    return version;
  }

  forget(domain: string, expectedVersion: number): Promise<boolean> {
    const account = this.#account(domain);
    return this.#call("forget", account, () => {
      const row = this.#store.rows.get(domain);
      if ((row?.version ?? 0) !== expectedVersion) return false;
      if (row) this.#mayForget(account, row);
      this.#store.rows.delete(domain);
      this.#world.note(`${this.#name} deletes ${domain}`);
      account.version = 0;
      return true;
    });
  }

  #mayForget(account: Account, { settled, durable }: Row): void {
    const isAsked = this.#world.purging.has(account.publisher.domain);
    // One whose life was over when it landed serves those who waited, and replaces what was held.
    const isForOnce = account.landing.some((landed) => !isSurelyLive(landed, this.#world.time));
    if (!settled || !durable || isAsked || isForOnce) return;
    // What the process holds may be newer than the row, where the write of it failed.
    const isNewer = account.floor !== null && account.floor.startedMs > durable.startedMs;
    if (isSurelyLive(isNewer ? (account.floor as Fetched) : durable, this.#world.time))
      this.#world.violated(
        "R-8461-3.1-23",
        `${account.publisher.domain}: a stored policy is deleted before it expired`,
      );
  }

  async *list(): AsyncGenerator<StoredState> {
    for (const [domain, { state, version }] of [...this.#store.rows].sort(([a], [b]) => (a < b ? -1 : 1))) {
      const failure = this.#trouble("list");
      if (failure) throw failure;
      yield { domain, state, version };
    }
  }

  async highWaterTime(): Promise<number> {
    const failure = this.#trouble("highWaterTime", 10); // asked but once in a life
    if (failure) throw failure;
    return this.#store.highWater;
  }

  async lostAt(): Promise<number | null> {
    return this.#store.lostAt;
  }

  async close(): Promise<void> {}

  #trouble(method: string, times = 1): StoreError | null {
    const { random, options, tally } = this.#world;
    if (this.#world.isHealed || !random.chance(options.storeTrouble * times)) return null;
    const failure = random.pick(FAILURES);
    tally.hit(`fault: store ${method} fails`);
    tally.hit(`fault: store ${failure}`);
    return new StoreError(failure, `simulated: ${method} fails`);
  }

  async #call<T>(method: string, account: Account, work: (isLost: boolean) => T): Promise<T> {
    if (!this.#isAlive) return NEVER;
    account.pendingStore++;
    try {
      await this.#takeTime();
      if (!this.#isAlive) return await this.#dieDuring(method, work);
      const failure = this.#trouble(method);
      if (!failure) return work(false);
      if (method === "put") account.wrote = false; // what the row holds is older than what the process holds
      if (method === "put" && this.#world.random.chance(0.3)) {
        this.#world.tally.hit("fault: store put is done but reported as failed");
        work(true);
      }
      throw failure;
    } finally {
      account.pendingStore--;
      this.#world.ledger.touched(account);
    }
  }

  #takeTime(): Promise<void> | null {
    const { options, random, tally, time, isHealed } = this.#world;
    if (!options.slowStore || this.#inAHurry || isHealed || !random.chance(0.3)) return null;
    tally.hit("fault: store is slow");
    return time.sleep(random.chance(0.5) ? random.between(1, 500) : random.between(1, SLOWEST_STORE_MS));
  }

  #dieDuring<T>(method: string, work: (isLost: boolean) => T): Promise<never> {
    if (method === "put" && this.#world.random.chance(0.5)) {
      this.#world.tally.hit("fault: killed during a put that takes effect");
      work(true);
    }
    return NEVER;
  }
}

export const SLOWEST_STORE_MS = 8_000;
