import { setTimeout as sleep } from "node:timers/promises";
import { StoreError } from "./types.ts";

export interface BusyRetry {
  /** Milliseconds after which "busy" is given to the caller. */
  readonly limit: number;
  /** In [0, 1); spreads the retries of several processes. */
  readonly random: () => number;
}

const LONGEST_PAUSE = 40;

/**
 * Repeats a short synchronous piece of work while it ends in StoreError "busy". The waiting is done here and not in
 * SQLite's busy handler, which would stop the event loop, and with it every answer, for as long.
 */
export async function retryWhileBusy<T>(work: () => T, { limit, random }: BusyRetry): Promise<T> {
  const giveUp = performance.now() + limit;
  for (let ceiling = 1; ; ceiling = Math.min(ceiling * 2, LONGEST_PAUSE)) {
    try {
      return work();
    } catch (error) {
      if (!(error instanceof StoreError && error.failure === "busy") || performance.now() >= giveUp) throw error;
    }
    await sleep(1 + ceiling * random());
  }
}
