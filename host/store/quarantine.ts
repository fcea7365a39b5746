import { closeSync, constants, fsyncSync, lstatSync, openSync, renameSync, rmSync } from "node:fs";
import { dirname } from "node:path";
import { SqliteConnection, type SqliteDriver } from "./sqlite-driver.ts";
import { createSchema } from "./sqlite-schema.ts";

const COMPANIONS = ["-wal", "-shm", "-journal"] as const;

/** A path that does not follow a symbolic link at its end. */
export const present = (path: string): boolean => lstatSync(path, { throwIfNoEntry: false }) !== undefined;

/**
 * True when the main file is missing but something tells that it was there: a log without its database, or the new
 * file of a quarantine that did not come to its end. Policies were lost then, as surely as in a damaged file.
 */
export const wreckageOf = (path: string): boolean => [...COMPANIONS, ".new"].some((suffix) => present(path + suffix));

/**
 * Moves whatever stands under the path, with its log, to `<path>.corrupt-<UTC time>`, and returns that name. The main
 * file goes first: a crash after that leaves wreckage, never an older database that looks sound without its log.
 */
export function setAside(path: string, now: number): string {
  const stamp = new Date(now * 1000).toISOString().replace(/[-:]|\.\d+/g, "");
  let target = `${path}.corrupt-${stamp}`;
  for (let n = 2; ["", ...COMPANIONS].some((suffix) => present(target + suffix)); n++)
    target = `${path}.corrupt-${stamp}-${n}`;
  for (const suffix of ["", ...COMPANIONS]) if (present(path + suffix)) renameSync(path + suffix, target + suffix);
  return target;
}

/**
 * Prepares an empty store as `<path>.new`, complete and on disk, to be renamed into place. `now`, `lostAt`: Unix
 * seconds. Mode 0600; SQLite gives its log the same.
 */
export function prepareFresh(path: string, now: number, lostAt: number | null, driver: SqliteDriver): string {
  const fresh = `${path}.new`;
  for (const suffix of ["", ...COMPANIONS]) rmSync(fresh + suffix, { force: true, recursive: true });
  closeSync(openSync(fresh, constants.O_CREAT | constants.O_EXCL | constants.O_WRONLY, 0o600));
  const connection = new SqliteConnection(fresh, "read-write", driver);
  try {
    createSchema(connection, now, lostAt);
  } finally {
    connection.close();
  }
  return fresh;
}

export function putInPlace(fresh: string, path: string): void {
  renameSync(fresh, path);
  const directory = openSync(dirname(path), constants.O_RDONLY);
  try {
    fsyncSync(directory);
  } finally {
    closeSync(directory);
  }
}
