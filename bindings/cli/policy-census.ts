import { setImmediate as nextTurn } from "node:timers/promises";
import type { Mode } from "../../host/core/names.ts";
import { storedPolicy } from "../../host/core/stored-state.ts";
import type { PolicyStore } from "../../host/store/types.ts";

export interface Census {
  readonly policies: Readonly<Record<Mode, number>>;
  /** Policies, mode none left out, whose last refresh failed. */
  readonly refreshFailing: number;
}

/** Milliseconds a count is good for: a scrape must not read the whole store each time. */
const GOOD_FOR = 60_000;
const ROWS_PER_TURN = 200;

/** Counts the unexpired policies of a store, at most once a minute. A store that cannot be read keeps the last count. */
export class PolicyCensus {
  readonly #store: PolicyStore;
  readonly #now: () => number;
  #last: Census = { policies: { enforce: 0, testing: 0, none: 0 }, refreshFailing: 0 };
  #countedAt = Number.NEGATIVE_INFINITY;
  #counting: Promise<void> | null = null;

  /** `now`: Unix seconds. */
  constructor(store: PolicyStore, now: () => number) {
    this.#store = store;
    this.#now = now;
  }

  async read(): Promise<Census> {
    if (performance.now() - this.#countedAt >= GOOD_FOR) {
      this.#counting ??= this.#count().finally(() => {
        this.#counting = null;
        this.#countedAt = performance.now();
      });
      await this.#counting;
    }
    return this.#last;
  }

  async #count(): Promise<void> {
    const policies: Record<Mode, number> = { enforce: 0, testing: 0, none: 0 };
    let refreshFailing = 0;
    let rows = 0;
    try {
      for await (const { state } of this.#store.list()) {
        if (++rows % ROWS_PER_TURN === 0) await nextTurn();
        const policy = storedPolicy(state);
        if (policy === null || policy.fetchedAt + policy.maxAge <= this.#now()) continue;
        policies[policy.mode]++;
        if (policy.mode !== "none" && policy.failures > 0) refreshFailing++;
      }
    } catch {
      return; // the store itself says and counts what is wrong with it
    }
    this.#last = { policies, refreshFailing };
  }
}
