import { reasonText } from "./notice.ts";
import { SqliteFailure } from "./sqlite-driver.ts";
import { StoreError, type StoreFailure } from "./types.ts";

/** Result codes that speak of the machine, not of the file; everything else that fails means the file is damaged. */
const BY_CODE: Readonly<Record<number, StoreFailure>> = {
  3: "io", // PERM
  4: "io", // ABORT
  5: "busy", // BUSY
  6: "busy", // LOCKED
  7: "io", // NOMEM
  8: "read-only", // READONLY
  9: "io", // INTERRUPT
  10: "io", // IOERR
  13: "full", // FULL
  14: "io", // CANTOPEN
  15: "busy", // PROTOCOL: the WAL's locks did not settle
  22: "io", // NOLFS
  21: "io", // MISUSE
  23: "io", // AUTH
};
const SHORT_READ = 522; // IOERR_SHORT_READ: the file ends before a page it promises

/** What a SQLite result code means to the store (https://sqlite.org/rescode.html). */
export function failureOf(extendedCode: number): StoreFailure {
  return extendedCode === SHORT_READ ? "corrupt" : (BY_CODE[extendedCode & 0xff] ?? "corrupt");
}

const MEANING: Readonly<Record<StoreFailure, string>> = {
  io: "the file cannot be read or written; check the disk and the permissions",
  full: "the disk is full; free some space",
  "read-only": "the file cannot be written; check its permissions and how its file system is mounted",
  busy: "another process holds the file locked",
  corrupt: "the file is damaged; it is checked and set aside when it is opened again",
  closed: "the store is closed",
  "damaged-row": "the row is treated as unreadable; a live lookup replaces it",
  replaced: "the file was moved or deleted while it was open; it will be opened again",
  unsupported: "nothing was changed there",
};

export function storeError(failure: StoreFailure, path: string, detail: string, cause?: unknown): StoreError {
  return new StoreError(failure, reasonText(`policy store ${path}: ${detail}: ${MEANING[failure]}`), { cause });
}

/** Anything a driver threw, as the StoreError the callers of a store expect. */
export function asStoreError(error: unknown, path: string): StoreError {
  if (error instanceof StoreError) return error;
  if (error instanceof SqliteFailure)
    return storeError(
      failureOf(error.extendedCode),
      path,
      `SQLite error ${error.extendedCode}, ${wordsOf(error)}`,
      error,
    );
  const code = (error as NodeJS.ErrnoException).code;
  const failure = code === "ENOSPC" || code === "EDQUOT" ? "full" : code === "EROFS" ? "read-only" : "io";
  return storeError(failure, path, error instanceof Error ? withoutPath(error.message, path) : String(error), error);
}

/** libsql has only the code to say of a file that cannot be opened, and repeats the path before it. */
export const wordsOf = ({ message }: SqliteFailure): string =>
  message.startsWith("ConnectionFailed(") ? "unable to open database file" : message;

/** Node's errors end in the path, which stands in front already. */
const withoutPath = (message: string, path: string): string => message.replace(` '${path}'`, "");
