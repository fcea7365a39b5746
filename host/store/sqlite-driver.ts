import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

/** `node:sqlite` opens `file:` URIs (which we need for mode= and immutable=) from this release on. */
const NODE_SQLITE_SINCE = [22, 15] as const;

export type SqliteDriver = "node:sqlite" | "libsql";
export type SqliteValue = string | number | null | Uint8Array;
export type SqliteRow = Readonly<Record<string, unknown>>;

/**
 * How to open an existing file; neither creates one, creation is ours, with our mode bits. There is no plain read-only:
 * it needs shared memory beside the file, and while libsql keeps a closed connection alive (until its statements are
 * collected) that memory stays read-only for every later connection of the process.
 */
export type SqliteAccess = "read-write" | "immutable";

interface Statement {
  get(...values: SqliteValue[]): unknown;
  all(...values: SqliteValue[]): unknown[];
  run(...values: SqliteValue[]): unknown;
}

interface Database {
  exec(sql: string): void;
  prepare(sql: string): Statement;
  close(): void;
}

/** A failure with SQLite's extended result code, the same for both drivers. */
export class SqliteFailure extends Error {
  override readonly name = "SqliteFailure";
  constructor(
    readonly extendedCode: number,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
  /** Primary result code (https://sqlite.org/rescode.html): 5 BUSY, 13 FULL, ... */
  get code(): number {
    return this.extendedCode & 0xff;
  }
}

/** The driver this process uses unless told otherwise: Node's own where it is complete, else libsql. */
export function availableDriver(): SqliteDriver {
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  const complete = major > NODE_SQLITE_SINCE[0] || (major === NODE_SQLITE_SINCE[0] && minor >= NODE_SQLITE_SINCE[1]);
  return complete && process.getBuiltinModule("node:sqlite") !== undefined ? "node:sqlite" : "libsql";
}

/** Where another process finds the driver's module (the start-up check runs in a child process). */
export const driverModule = (driver: SqliteDriver): string =>
  driver === "libsql" ? createRequire(import.meta.url).resolve("libsql") : driver;

/** A `file:` URI for SQLite; `?`, `#` and `%` in the path are escaped. */
export const sqliteUri = (path: string, access: SqliteAccess): string =>
  `${pathToFileURL(path).href}?${access === "immutable" ? "immutable=1" : "mode=rw"}`;

/** One synchronous connection. Every method throws SqliteFailure. */
export class SqliteConnection {
  readonly #database: Database;
  readonly #statements = new Map<string, Statement>();

  constructor(path: string, access: SqliteAccess, driver: SqliteDriver = availableDriver()) {
    this.#database = guarded(() => openDatabase(sqliteUri(path, access), driver));
  }

  exec(sql: string): void {
    guarded(() => this.#database.exec(sql));
  }

  get(sql: string, ...values: SqliteValue[]): SqliteRow | undefined {
    return guarded(() => this.#statement(sql).get(...values)) as SqliteRow | undefined;
  }

  all(sql: string, ...values: SqliteValue[]): readonly SqliteRow[] {
    return guarded(() => this.#statement(sql).all(...values)) as readonly SqliteRow[];
  }

  run(sql: string, ...values: SqliteValue[]): void {
    guarded(() => this.#statement(sql).run(...values));
  }

  close(): void {
    this.#statements.clear();
    guarded(() => this.#database.close());
  }

  #statement(sql: string): Statement {
    let statement = this.#statements.get(sql);
    if (statement === undefined) {
      statement = this.#database.prepare(sql);
      this.#statements.set(sql, statement);
    }
    return statement;
  }
}

/** A blob column as bytes of our own: the drivers give Buffer, Uint8Array or ArrayBuffer, or another type if damaged. */
export function blobOf(value: unknown): Uint8Array | null {
  if (value instanceof ArrayBuffer) return new Uint8Array(value);
  return value instanceof Uint8Array ? Uint8Array.from(value) : null;
}

function openDatabase(uri: string, driver: SqliteDriver): Database {
  const load = createRequire(import.meta.url);
  if (driver === "libsql") {
    const Libsql = load("libsql") as new (path: string) => Database;
    return new Libsql(uri);
  }
  const { DatabaseSync } = load("node:sqlite") as { DatabaseSync: new (path: string) => Database };
  return new DatabaseSync(uri);
}

function guarded<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw asFailure(error);
  }
}

function asFailure(error: unknown): SqliteFailure {
  const { message, rawCode, errcode } = error as { message: string; rawCode?: number; errcode?: number };
  // libsql reports a failed open as text alone: `ConnectionFailed("Unable to open ... : 14")`.
  const spoken = /: (\d{1,4})"?\)?$/.exec(message)?.[1];
  const code = rawCode ?? errcode ?? (spoken === undefined ? 1 : Number(spoken));
  return new SqliteFailure(code, message, { cause: error });
}
