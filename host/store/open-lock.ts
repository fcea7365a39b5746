import { accessSync, closeSync, constants, lstatSync, openSync } from "node:fs";
import { retryWhileBusy } from "./busy.ts";
import { SqliteConnection, type SqliteDriver } from "./sqlite-driver.ts";
import { asStoreError, storeError } from "./sqlite-result.ts";
import { StoreError } from "./types.ts";

export interface OpenLockOptions {
  readonly driver: SqliteDriver;
  readonly random: () => number;
  /** Milliseconds to wait for another process that is opening the same store. */
  readonly limit: number;
}

/**
 * Runs `work` under the lock, with null; or, where no lock (and no change) is allowed, with what stands in the way: a
 * read-only file system, or a directory or lock file that this user may not write.
 */
export async function withOpenLock<T>(
  path: string,
  { driver, random, limit }: OpenLockOptions,
  work: (obstacle: Error | null) => Promise<T>,
): Promise<T> {
  const lock = `${path}.lock`;
  const connection = takeFile(lock, driver);
  if (connection instanceof Error) return work(connection);
  try {
    try {
      await retryWhileBusy(() => lockExclusively(connection, lock), { limit, random });
    } catch (error) {
      if (error instanceof StoreError && error.failure === "read-only") return await work(error);
      throw error;
    }
    return await work(null);
  } finally {
    connection.close(); // releases the lock; so does the death of this process
  }
}

/**
 * Checking, setting aside and creating the file must be one step between processes: without the lock, two of them
 * starting on a damaged file could set aside each other's fresh one. Node has no flock(2), but SQLite locks any file:
 * an empty database held in an exclusive transaction is a lock that ends with its process.
 */
function takeFile(lock: string, driver: SqliteDriver): SqliteConnection | Error {
  try {
    // Only when it is missing: closing a second descriptor of a file drops this process's POSIX locks on it.
    closeSync(openSync(lock, constants.O_CREAT | constants.O_EXCL | constants.O_WRONLY, 0o600));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "EROFS" || code === "EACCES" || code === "EPERM") return error as Error;
    if (code !== "EEXIST") throw asStoreError(error, lock);
    if (!lstatSync(lock).isFile()) throw storeError("unsupported", lock, "is not a regular file; remove it");
    try {
      accessSync(lock, constants.R_OK | constants.W_OK);
    } catch (denied) {
      return denied as Error;
    }
  }
  try {
    return new SqliteConnection(lock, "read-write", driver);
  } catch (error) {
    throw asStoreError(error, lock);
  }
}

function lockExclusively(connection: SqliteConnection, lock: string): void {
  try {
    connection.exec("PRAGMA busy_timeout=0; BEGIN EXCLUSIVE");
  } catch (error) {
    const known = asStoreError(error, lock);
    throw known.failure === "corrupt"
      ? storeError("unsupported", lock, "holds something else than a lock; remove it")
      : known;
  }
}
