/** One row of the store: the core's bytes for one Policy Domain and the version they were written under. */
export interface StoredState {
  readonly domain: string;
  /** Opaque to the store; the core puts a checksum inside (docs/abi.md, "stored state"). */
  readonly state: Uint8Array;
  /** Grows with every write of this domain; 0 is "no row". */
  readonly version: number;
}

/**
 * The long-lived policy cache. Writes are compare-and-swap: they take effect only when the row still has the version
 * that was read, and are durable (fsync) when the promise resolves. Several processes may share one store.
 * Every method rejects with StoreError when the store cannot do it (I/O error, disk full, read-only, corrupt).
 */
export interface PolicyStore {
  readonly kind: string;
  get(domain: string): Promise<StoredState | null>;
  /** The version of the row alone, 0 when there is none: cheap enough to ask before each record check. */
  version(domain: string): Promise<number>;
  /** Writes under expectedVersion (0: there must be no row). Returns the new version, or null on conflict. */
  put(domain: string, state: Uint8Array, expectedVersion: number): Promise<number | null>;
  /** Deletes under expectedVersion. False on conflict. Deleting a row that is gone under version 0 is true. */
  forget(domain: string, expectedVersion: number): Promise<boolean>;
  /** Every row, in domain order; rows the store itself cannot read are told as `store-row-damaged` (notice.ts) and left out. */
  list(): AsyncIterable<StoredState>;
  /** Highest wall-clock second ever written with a row (Unix seconds), 0 for a new store (attack A-23). */
  highWaterTime(): Promise<number>;
  /**
   * Unix second at which stored policies were lost (a corrupt file was quarantined), null if never. Until a domain
   * has had one definite discovery after that, a failure means TEMP (failure table of docs/architecture.md).
   */
  lostAt(): Promise<number | null>;
  close(): Promise<void>;
}

/**
 * What went wrong, and what the caller must do. None of them means "no row": a read that failed is answered by a live
 * lookup, and what that does not find may still be stored (R-8461-CSM-13).
 *
 * - io: the disk or the file fails; close the store and open it again, until that succeeds. SQLite may refuse all calls
 *   after one such failure.
 * - full, read-only: nothing was written, reads go on; keep what was to be written and repeat the write later. Opened
 *   for reading only, a store must be opened again once it may be written.
 * - busy: another process holds the lock longer than the limit; repeat the call later, under the version read anew.
 * - corrupt: the file is damaged; open it again, which checks it and sets it aside.
 * - closed: the call came after close(); a fault of the caller.
 * - damaged-row: this row alone is unreadable; version() still tells what put or forget must be given to replace it.
 * - replaced: the file under the path is no longer the one that was opened (another process set it aside, or it was
 *   deleted); nothing was written under the path; open again.
 * - unsupported: what is under the path must not be touched (a newer schema, a directory, symbolic link or device, a
 *   network file system) or may not be used by this user; do not start, tell the operator. Met while running, go on as
 *   after io.
 */
export type StoreFailure =
  | "io"
  | "full"
  | "read-only"
  | "busy"
  | "corrupt"
  | "closed"
  | "damaged-row"
  | "replaced"
  | "unsupported";

export class StoreError extends Error {
  override readonly name = "StoreError";
  constructor(
    readonly failure: StoreFailure,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}
