import { accessSync, constants } from "node:fs";
import { resolve } from "node:path";
import { retryWhileBusy } from "./busy.ts";
import { reasonText, type StoreListener } from "./notice.ts";
import { withOpenLock } from "./open-lock.ts";
import { namingDenied } from "./permission.ts";
import { type ProbeVerdict, probeDatabase } from "./probe.ts";
import { prepareFresh, present, putInPlace, setAside, wreckageOf } from "./quarantine.ts";
import { BUSY_TIMEOUT, SqliteStore, type SqliteStoreParts } from "./sqlite.ts";
import { availableDriver, type SqliteAccess, SqliteConnection, type SqliteDriver } from "./sqlite-driver.ts";
import { asStoreError, storeError } from "./sqlite-result.ts";
import { SCHEMA_VERSION } from "./sqlite-schema.ts";
import {
  copyWithLog,
  fileIdentity,
  frozenIdentity,
  logIsEmpty,
  occupantOf,
  permits,
  prepareDirectory,
} from "./store-place.ts";
import { StoreError } from "./types.ts";

export interface SqliteStoreOptions {
  readonly path: string;
  /** Wall clock, Unix seconds. */
  readonly now: () => number;
  readonly onEvent?: StoreListener;
  /** In [0, 1): spreads retries while another process holds a lock. */
  readonly random?: () => number;
  readonly driver?: SqliteDriver;
  /** Milliseconds a call waits for another process's write before StoreError "busy". */
  readonly busyLimit?: number;
  /** Set when this process had the store open before: a missing file is then a lost one. */
  readonly reopened?: boolean;
}

type Settings = Required<SqliteStoreOptions>;

const OPEN_LOCK_LIMIT_MS = 20_000;

/**
 * Opens the store, creating or setting aside what must be. Rejects with StoreError: "unsupported" asks for an operator
 * (newer schema, directory, no permission) and repeating it is useless; every other failure may pass.
 */
export async function openSqliteStore(options: SqliteStoreOptions): Promise<SqliteStore> {
  const settings: Settings = {
    onEvent: () => {},
    random: Math.random,
    driver: availableDriver(),
    busyLimit: 2000,
    reopened: false,
    ...options,
    path: resolve(options.path),
    now: () => Math.max(0, Math.floor(options.now())),
  };
  try {
    prepareDirectory(settings.path);
    occupantOf(settings.path); // what must not be touched gets no lock file beside it either
    const lock = { driver: settings.driver, random: settings.random, limit: OPEN_LOCK_LIMIT_MS };
    return await withOpenLock(settings.path, lock, (obstacle) =>
      obstacle === null ? openLocked(settings) : openUnlocked(settings, obstacle),
    );
  } catch (error) {
    throw namingDenied(asStoreError(error, settings.path), settings.path);
  }
}

async function openLocked(settings: Settings): Promise<SqliteStore> {
  const { path } = settings;
  try {
    if (occupantOf(path) === "nothing") {
      if (settings.reopened || wreckageOf(path)) startAfresh(settings, "the file is gone");
      else putInPlace(prepareFresh(path, settings.now(), null, settings.driver), path);
    } else {
      if (!permits(path, "write")) return await openReadOnly(settings, "the file is not writable");
      await replaceIfDamaged(settings);
    }
  } catch (error) {
    throw asStoreError(error, path);
  }
  return openWritable(settings);
}

async function replaceIfDamaged(settings: Settings): Promise<void> {
  const { path, driver } = settings;
  const verdict = await probeDatabase(path, "read-write", driver);
  if (verdict.verdict === "damaged") startAfresh(settings, verdict.detail);
  else refuseNewer(verdict, path);
}

function refuseNewer(verdict: ProbeVerdict, path: string): void {
  if (verdict.verdict === "newer")
    throw storeError(
      "unsupported",
      path,
      `the file has schema version ${verdict.schema}, this program knows ${SCHEMA_VERSION}; run the newer program, or move the file away`,
    );
}

/** Sets aside what is there and puts an empty store in place that knows when policies were lost. */
function startAfresh({ path, now, driver, onEvent }: Settings, why: string): void {
  const lostAt = now();
  const wreckage = present(path) || wreckageOf(path);
  const fresh = prepareFresh(path, lostAt, lostAt, driver);
  const aside = wreckage ? setAside(path, lostAt) : null;
  putInPlace(fresh, path);
  const kept = aside === null ? "nothing was left to keep" : `what was there is now ${aside}`;
  const reason = reasonText(
    `policy store ${path} cannot be used: ${why}; ${kept}, and the store starts empty. Stored policies were lost: until ` +
      "a domain has had one definite discovery, a failed one defers its mail. Check the disk, then delete the old file",
  );
  onEvent({ event: "store-quarantined", path, reason });
}

async function openWritable(settings: Settings): Promise<SqliteStore> {
  const { path, random, busyLimit } = settings;
  const connection = connect(settings, "read-write");
  try {
    await retryWhileBusy(
      () => {
        try {
          connection.exec("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA wal_autocheckpoint=0");
          connection.exec("BEGIN IMMEDIATE; ROLLBACK");
        } catch (error) {
          throw asStoreError(error, path);
        }
      },
      { limit: busyLimit, random },
    );
  } catch (error) {
    connection.close();
    if (error instanceof StoreError && error.failure === "read-only")
      return openReadOnly(settings, "SQLite cannot write it");
    throw error;
  }
  return assemble(settings, connection, { readOnly: null, identify: () => fileIdentity(path), onClose: () => {} });
}

/** A place where no lock can be had: nothing can be repaired there, only read. */
async function openUnlocked(settings: Settings, obstacle: unknown): Promise<SqliteStore> {
  const why = "its directory or its lock file is not writable";
  if (occupantOf(settings.path) === "file") return openReadOnly(settings, why);
  throw storeError("read-only", settings.path, `there is no file, and ${why}`, obstacle);
}

async function openReadOnly(settings: Settings, why: string): Promise<SqliteStore> {
  const { path, onEvent } = settings;
  accessSync(path, constants.R_OK);
  const reason = reasonText(
    `policy store ${path} is open for reading only: ${why}; new policies are kept in memory until it can be written. ` +
      "Make the file and its directory writable for this user",
  );
  const store = logIsEmpty(path)
    ? await readUnlocked(settings, path, reason, () => {})
    : await readFromCopy(settings, reason);
  onEvent({ event: "store-read-only", path, reason });
  return store;
}

/** With a log there is more to read than SQLite reads without writing beside it: it gets a copy to do so. */
async function readFromCopy(settings: Settings, reason: string): Promise<SqliteStore> {
  const { copy, remove } = copyWithLog(settings.path);
  try {
    return await readUnlocked(settings, copy, reason, remove);
  } catch (error) {
    remove();
    throw error;
  }
}

/** `source`: the file itself or its copy. Any change to the original makes the store ask to be opened again. */
async function readUnlocked(
  settings: Settings,
  source: string,
  reason: string,
  onClose: () => void,
): Promise<SqliteStore> {
  const { path, driver } = settings;
  const access: SqliteAccess = source === path ? "immutable" : "read-write";
  const verdict = await probeDatabase(source, access, driver);
  if (verdict.verdict === "damaged") throw storeError("corrupt", path, `${reason}. It is damaged: ${verdict.detail}`);
  refuseNewer(verdict, path);
  return assemble(settings, connect({ ...settings, path: source }, access), {
    readOnly: reason,
    identify: () => frozenIdentity(path),
    onClose,
  });
}

function connect({ path, driver }: Settings, access: SqliteAccess): SqliteConnection {
  try {
    const connection = new SqliteConnection(path, access, driver);
    connection.exec(`PRAGMA busy_timeout=${BUSY_TIMEOUT}; PRAGMA trusted_schema=OFF; PRAGMA cell_size_check=ON`);
    return connection;
  } catch (error) {
    throw asStoreError(error, path);
  }
}

function assemble(
  { path, now, random, busyLimit, onEvent }: Settings,
  connection: SqliteConnection,
  more: Pick<SqliteStoreParts, "readOnly" | "identify" | "onClose">,
): SqliteStore {
  return new SqliteStore({ path, connection, now, onEvent, busy: { limit: busyLimit, random }, ...more });
}
