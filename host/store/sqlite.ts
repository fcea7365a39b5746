import { constants, existsSync } from "node:fs";
import { access } from "node:fs/promises";
import { dirname } from "node:path";
import { type BusyRetry, retryWhileBusy } from "./busy.ts";
import { assertDomainKey } from "./domain-key.ts";
import { reasonText, type StoreListener, type StoreStatus } from "./notice.ts";
import { rowChecksum } from "./row-checksum.ts";
import { type SqliteConnection, SqliteFailure } from "./sqlite-driver.ts";
import { asStoreError, failureOf, storeError } from "./sqlite-result.ts";
import { decodeRow, readNumbers, type StoreNumbers, writeNumbers } from "./sqlite-schema.ts";
import type { PolicyStore, StoredState } from "./types.ts";

export interface SqliteStoreParts {
  readonly path: string;
  readonly connection: SqliteConnection;
  /** Names the file now under the path; a change means that it is no longer the one that was opened. */
  readonly identify: () => string | null;
  /** Why nothing can be written, null when it can. */
  readonly readOnly: string | null;
  /** Unix seconds. */
  readonly now: () => number;
  readonly busy: BusyRetry;
  readonly onEvent: StoreListener;
  readonly onClose: () => void;
}

const PAGE = 200;
/**
 * Bytes of log after which it is folded into the database. Small: on a disk that is nearly full the log must not take
 * the space that folding it needs.
 */
const LOG_LIMIT = 512 * 1024;
/** Bytes one commit adds to the log besides the state: the pages of a row, its key, the counters, and their parents. */
const LOG_PER_COMMIT = 5 * 4096;

/** The policy cache in one SQLite file shared by any number of processes. Opened by openSqliteStore (open.ts). */
export class SqliteStore implements PolicyStore {
  readonly kind = "sqlite";
  readonly #parts: SqliteStoreParts;
  readonly #identity: string | null;
  #closed = false;
  #logged = 0;

  constructor(parts: SqliteStoreParts) {
    this.#parts = parts;
    this.#identity = parts.identify();
  }

  async get(domain: string): Promise<StoredState | null> {
    assertDomainKey(domain);
    const columns = await this.#read((sql) =>
      sql.get("SELECT version, state, checksum FROM policy WHERE domain = ?", domain),
    );
    if (columns === undefined) return null;
    const row = decodeRow(columns, (version, state) => rowChecksum(domain, version, state));
    if (row === "damaged") {
      this.#reportDamage(domain);
      throw storeError("damaged-row", this.#parts.path, `the row of ${domain} fails its checksum`);
    }
    return { domain, ...row };
  }

  async version(domain: string): Promise<number> {
    assertDomainKey(domain);
    return this.#read((sql) => versionIn(sql, domain));
  }

  async put(domain: string, state: Uint8Array, expectedVersion: number): Promise<number | null> {
    assertDomainKey(domain);
    const bytes = Uint8Array.from(state); // the caller may reuse its buffer while we wait for a lock
    return this.#write(domain, expectedVersion, bytes.length, (sql, version) => {
      sql.run(
        "INSERT INTO policy VALUES (?, ?, ?, ?) ON CONFLICT (domain) DO UPDATE SET " +
          "version = excluded.version, state = excluded.state, checksum = excluded.checksum",
        ...[domain, version, bytes, rowChecksum(domain, version, bytes)],
      );
      return version;
    });
  }

  async forget(domain: string, expectedVersion: number): Promise<boolean> {
    assertDomainKey(domain);
    const done = await this.#write(domain, expectedVersion, 0, (sql, version) => {
      if (expectedVersion !== 0) sql.run("DELETE FROM policy WHERE domain = ?", domain);
      return version;
    });
    return done !== null;
  }

  async *list(): AsyncGenerator<StoredState> {
    // In pages, so that no read transaction stays open between two rows and keeps the write-ahead log from shrinking.
    for (let last = ""; ; ) {
      const rows = await this.#read((sql) =>
        sql.all("SELECT * FROM policy WHERE domain > ? ORDER BY domain LIMIT ?", last, PAGE),
      );
      for (const columns of rows) {
        const domain = String(columns.domain);
        if (domain <= last) throw storeError("corrupt", this.#parts.path, "its keys are out of order");
        last = domain;
        const row = decodeRow(columns, (version, state) => rowChecksum(domain, version, state));
        if (row === "damaged") this.#reportDamage(domain);
        else yield { domain, ...row };
      }
      if (rows.length < PAGE) return;
    }
  }

  async highWaterTime(): Promise<number> {
    return (await this.#read(readNumbers)).highWater;
  }

  async lostAt(): Promise<number | null> {
    return (await this.#read(readNumbers)).lostAt;
  }

  status(): StoreStatus {
    return { persisting: this.#parts.readOnly === null, reason: this.#parts.readOnly ?? "", unwritten: 0 };
  }

  /** For a store that was opened read-only: would opening it again now make it writable? Costs no open. */
  async writableAgain(): Promise<boolean> {
    const { path } = this.#parts;
    const lock = `${path}.lock`;
    const places = [path, dirname(path), ...(existsSync(lock) ? [lock] : [])];
    const checks = places.map((name) => access(name, constants.W_OK));
    return (await Promise.allSettled(checks)).every(({ status }) => status === "fulfilled");
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    const { connection, readOnly, onClose } = this.#parts;
    if (readOnly === null && this.#inPlace()) checkpoint(connection);
    try {
      connection.close();
    } catch {
      // Nothing acknowledged depends on a clean close; the next open recovers the log.
    }
    onClose();
  }

  async #read<T>(work: (sql: SqliteConnection) => T): Promise<T> {
    return retryWhileBusy(() => {
      this.#assertUsable();
      return this.#attempt(() => work(this.#parts.connection));
    }, this.#parts.busy);
  }

  /**
   * Compare-and-swap in one immediate transaction: takes the next version and the clock into the counters, then `work`.
   * Null when the row does not have the expected version. Durable when it returns. `size`: bytes of the state.
   */
  async #write<T>(
    domain: string,
    expected: number,
    size: number,
    work: (sql: SqliteConnection, version: number) => T,
  ): Promise<T | null> {
    const { path, connection, readOnly, now, busy } = this.#parts;
    return retryWhileBusy(() => {
      this.#assertUsable();
      if (readOnly !== null) throw storeError("read-only", path, readOnly);
      const swap = () => {
        if (versionIn(connection, domain) !== expected) return null;
        const numbers = advance(readNumbers(connection), expected, now());
        const written = work(connection, numbers.counter);
        writeNumbers(connection, numbers);
        return written;
      };
      const result = this.#attempt(() => immediatelyWithRoom(connection, swap));
      // A commit into a file that another process has set aside meanwhile is no commit at all.
      this.#assertUsable();
      this.#logged += LOG_PER_COMMIT + size;
      if (this.#logged > LOG_LIMIT) {
        checkpoint(connection);
        this.#logged = 0;
      }
      return result;
    }, busy);
  }

  #attempt<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      throw asStoreError(error, this.#parts.path);
    }
  }

  #assertUsable(): void {
    if (this.#closed) throw storeError("closed", this.#parts.path, "a call came after close()");
    if (!this.#inPlace()) throw storeError("replaced", this.#parts.path, "another file stands under this path");
  }

  #inPlace(): boolean {
    return this.#parts.identify() === this.#identity;
  }

  #reportDamage(domain: string): void {
    const name = reasonText(domain);
    const reason =
      `policy store ${reasonText(this.#parts.path)}: the row of ${name} fails its checksum and is treated as unreadable; ` +
      `a live lookup replaces it, or run: mta-sts cache forget ${name}`;
    this.#parts.onEvent({ event: "store-row-damaged", path: this.#parts.path, domain: name, reason });
  }
}

function versionIn(sql: SqliteConnection, domain: string): number {
  const version = sql.get("SELECT version FROM policy WHERE domain = ?", domain)?.version;
  return typeof version === "number" ? version : 0;
}

/** `now`: Unix seconds. The high-water time only rises. */
function advance(numbers: StoreNumbers, expected: number, now: number): StoreNumbers {
  return {
    ...numbers,
    counter: Math.max(numbers.counter, expected) + 1,
    highWater: Math.max(numbers.highWater, Math.floor(now)),
  };
}

/** On a full disk the log itself may hold the space that is missing: fold it into the database and try once more. */
function immediatelyWithRoom<T>(connection: SqliteConnection, work: () => T): T {
  try {
    return immediately(connection, work);
  } catch (error) {
    if (!(error instanceof SqliteFailure) || failureOf(error.extendedCode) !== "full") throw error;
    checkpoint(connection);
    return immediately(connection, work);
  }
}

function immediately<T>(connection: SqliteConnection, work: () => T): T {
  connection.exec("BEGIN IMMEDIATE");
  try {
    const result = work();
    connection.exec("COMMIT");
    return result;
  } catch (error) {
    try {
      connection.exec("ROLLBACK");
    } catch {
      // SQLite has already rolled back by itself (disk full, I/O error).
    }
    throw error;
  }
}

/**
 * Copies the log into the database and empties it, under the writer lock. SQLite's automatic checkpoint is off: it runs
 * beside writers, and up to 3.51.2 (libsql carries 3.45.1) two of them racing a commit can lose committed data
 * (https://sqlite.org/wal.html#walresetbug). Failing is harmless: the log is durable and the next checkpoint retries.
 */
function checkpoint(connection: SqliteConnection): void {
  try {
    connection.exec("PRAGMA busy_timeout=50; PRAGMA wal_checkpoint(TRUNCATE)");
  } catch {
    // Disk full or an I/O error: the next write reports it to a caller who can act on it.
  }
  try {
    connection.exec(`PRAGMA busy_timeout=${BUSY_TIMEOUT}`);
  } catch {
    // Same.
  }
}

/** Milliseconds SQLite itself may wait for a lock, stopping the event loop; longer waits are retryWhileBusy's. */
export const BUSY_TIMEOUT = 5;
