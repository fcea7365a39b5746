import { type PolicyStore, type StoredState, StoreError, type StoreFailure } from "../../../host/store/types.ts";

type Method = "get" | "version" | "put" | "forget" | "highWaterTime" | "lostAt";

/** A real store behind a door that can be shut: calls fail or wait, and each one is written down. */
export class UnwillingStore implements PolicyStore {
  readonly kind = "unwilling";
  /** Writes, in order, with the moment they were durable. */
  readonly calls: { readonly method: Method; readonly domain: string }[] = [];
  store: PolicyStore;
  readonly #failures = new Map<Method, StoreError>();
  readonly #held = new Map<Method, (() => void)[]>();
  /** Runs after a call took effect, before its caller hears of it. */
  onDone: ((method: Method, domain: string) => void | Promise<void>) | null = null;
  /** Runs before a call reaches the store: another process may come in here. */
  onCall: ((method: Method, domain: string) => Promise<void>) | null = null;

  constructor(store: PolicyStore) {
    this.store = store;
  }

  fail(methods: readonly Method[], failure: StoreFailure = "io"): void {
    for (const method of methods) this.#failures.set(method, new StoreError(failure, `policy store: ${failure}`));
  }

  heal(): void {
    this.#failures.clear();
  }

  hold(method: Method): void {
    this.#held.set(method, []);
  }

  release(method: Method): void {
    const waiting = this.#held.get(method) ?? [];
    this.#held.delete(method);
    for (const go of waiting) go();
  }

  get(domain: string): Promise<StoredState | null> {
    return this.#through("get", domain, () => this.store.get(domain));
  }
  version(domain: string): Promise<number> {
    return this.#through("version", domain, () => this.store.version(domain));
  }
  put(domain: string, state: Uint8Array, expectedVersion: number): Promise<number | null> {
    return this.#through("put", domain, () => this.store.put(domain, state, expectedVersion));
  }
  forget(domain: string, expectedVersion: number): Promise<boolean> {
    return this.#through("forget", domain, () => this.store.forget(domain, expectedVersion));
  }
  list(): AsyncIterable<StoredState> {
    return this.store.list();
  }
  highWaterTime(): Promise<number> {
    return this.#through("highWaterTime", "", () => this.store.highWaterTime());
  }
  lostAt(): Promise<number | null> {
    return this.#through("lostAt", "", () => this.store.lostAt());
  }
  close(): Promise<void> {
    return this.store.close();
  }

  async #through<T>(method: Method, domain: string, work: () => Promise<T>): Promise<T> {
    this.calls.push({ method, domain });
    await this.onCall?.(method, domain);
    const queue = this.#held.get(method);
    if (queue) await new Promise<void>((resolve) => queue.push(resolve));
    const failure = this.#failures.get(method);
    if (failure) throw failure;
    const result = await work();
    await this.onDone?.(method, domain);
    return result;
  }
}
