import { metaChecksum } from "./row-checksum.ts";
import { blobOf, type SqliteConnection } from "./sqlite-driver.ts";
import { StoreError } from "./types.ts";

/**
 * The file format, a long-lived one. A later schema must keep `meta.schema` equal to user_version: that pair is how an
 * older program tells a newer file, which it refuses, from a damaged one, which it sets aside.
 */
export const SCHEMA_VERSION = 1;
/** "MSTS": tells our file from any other SQLite database under the same path. */
export const APPLICATION_ID = 0x4d535453;

/**
 * Numbers kept once per file. `counter` gives every write its version, also across forget and insert, so that a version
 * never names two different rows (no ABA in the compare-and-swap).
 */
export interface StoreNumbers {
  readonly schema: number;
  readonly counter: number;
  /** Unix seconds, see PolicyStore.highWaterTime. */
  readonly highWater: number;
  /** Unix seconds, see PolicyStore.lostAt. */
  readonly lostAt: number | null;
}

export interface PolicyRow {
  readonly version: number;
  readonly state: Uint8Array;
}

/** Writes a damaged row apart from an absent one: null is "no row". */
export type ReadRow = PolicyRow | "damaged" | null;

// The key stands in the table and in its index, so the integrity check at start finds a changed key in either.
const CREATE = `
CREATE TABLE policy (
  domain TEXT NOT NULL PRIMARY KEY,
  version INTEGER NOT NULL,
  state BLOB NOT NULL,
  checksum INTEGER NOT NULL
) STRICT;
CREATE TABLE meta (
  one INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
  schema INTEGER NOT NULL,
  counter INTEGER NOT NULL,
  high_water INTEGER NOT NULL,
  lost_at INTEGER,
  checksum INTEGER NOT NULL
) STRICT;`;

const checksumOf = (n: StoreNumbers): number => metaChecksum([n.schema, n.counter, n.highWater, n.lostAt]);

/**
 * Fills an empty database. `now`: Unix seconds. The counter starts from the clock, so that the versions of a file that
 * replaces a lost one still grow (64 writes a second, for ever, would be needed to overtake it).
 */
export function createSchema(connection: SqliteConnection, now: number, lostAt: number | null): void {
  const numbers: StoreNumbers = { schema: SCHEMA_VERSION, counter: now * 64, highWater: 0, lostAt };
  const { counter, highWater } = numbers;
  connection.exec(`PRAGMA synchronous=FULL; BEGIN IMMEDIATE; ${CREATE}
INSERT INTO meta VALUES (1, ${SCHEMA_VERSION}, ${counter}, ${highWater}, ${lostAt ?? "NULL"}, ${checksumOf(numbers)});
PRAGMA application_id=${APPLICATION_ID}; PRAGMA user_version=${SCHEMA_VERSION}; COMMIT;`);
}

export function readNumbers(connection: SqliteConnection): StoreNumbers {
  const row = connection.get("SELECT schema, counter, high_water, lost_at, checksum FROM meta WHERE one = 1");
  const numbers = {
    schema: row?.schema,
    counter: row?.counter,
    highWater: row?.high_water,
    lostAt: row?.lost_at,
  } as StoreNumbers;
  if (row === undefined || row.checksum !== checksumOf(numbers))
    throw new StoreError("corrupt", "policy store: the row of counters fails its checksum");
  return numbers;
}

export function writeNumbers(connection: SqliteConnection, numbers: StoreNumbers): void {
  const { counter, highWater } = numbers;
  connection.run("UPDATE meta SET counter = ?, high_water = ?, checksum = ?", counter, highWater, checksumOf(numbers));
}

/** Makes sense of the columns version, state and checksum without trusting their types: the file may be damaged. */
export function decodeRow(
  row: Readonly<Record<string, unknown>>,
  checksum: (version: number, state: Uint8Array) => number,
): PolicyRow | "damaged" {
  const state = blobOf(row.state);
  const version = row.version;
  if (state === null || typeof version !== "number") return "damaged";
  return row.checksum === checksum(version, state) ? { version, state } : "damaged";
}
