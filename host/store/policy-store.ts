import { laterFetch } from "../core/stored-state.ts";
import type { StoreListener } from "./notice.ts";
import { openSqliteStore } from "./open.ts";
import { openResilientStore, type ResilientStore } from "./resilient.ts";

export interface PolicyStoreOptions {
  /** The SQLite file; it and its directory are created when missing. */
  readonly path: string;
  readonly onEvent?: StoreListener;
  /** Unix seconds. Default: the wall clock. */
  readonly now?: () => number;
}

/**
 * The store of a daemon: one SQLite file that several processes may share, behind the wrapper that goes on in memory
 * while the disk does not. Rejects only with StoreError "unsupported", which asks for an operator.
 */
export function openPolicyStore(options: PolicyStoreOptions): Promise<ResilientStore> {
  const { path, onEvent = () => {}, now = () => Math.floor(Date.now() / 1000) } = options;
  return openResilientStore({
    open: (reopened) => openSqliteStore({ path, now, onEvent, reopened }),
    path,
    now,
    later: laterFetch,
    onEvent,
  });
}
