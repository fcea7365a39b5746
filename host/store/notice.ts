import { printable } from "../observe/printable.ts";

/** Names are stable: logs and metrics use them. What to alert on: every one but `store-persisting`. */
export type StoreEvent =
  | "store-quarantined" // a damaged file was moved aside; policies were lost
  | "store-read-only" // opened, but nothing can be written
  | "store-row-damaged" // one row fails its checksum and is treated as unreadable (R-8461-CSM-12)
  | "store-not-persisting" // a write failed; new states are held in memory only
  | "store-persisting" // writes work again and everything held in memory is on disk
  | "store-unwritten"; // states held in memory could not be written before the store was closed

/** Something an operator must hear of. `reason` is printable ASCII: what happened, what was done, what to do next. */
export interface StoreNotice {
  readonly event: StoreEvent;
  readonly path: string;
  readonly reason: string;
  /** Set for `store-row-damaged`; printable ASCII. */
  readonly domain?: string;
}

export type StoreListener = (notice: StoreNotice) => void;

/** For health and metrics. */
export interface StoreStatus {
  /** False while an acknowledged write may be in memory only. */
  readonly persisting: boolean;
  /** Why not, "" while persisting. Printable ASCII. */
  readonly reason: string;
  /** States held in memory that are not on disk. */
  readonly unwritten: number;
}

/** Characters of a reason. */
const LONGEST = 500;

/** Text from the file system or from a damaged file, made safe for a log line. */
export const reasonText = (text: string): string => printable(text, LONGEST);

/** The message of anything thrown, made safe for a log line. */
export const reasonOf = (error: unknown): string => reasonText(error instanceof Error ? error.message : String(error));
