import { DomainEntry } from "./domain-entry.ts";

/**
 * The domains held in memory, least recently used first. Bounded: what is dropped is either in the store too, or a
 * negative answer (they live in memory only, against exhaustion by random domains).
 */
export class DomainTable {
  readonly #entries = new Map<string, DomainEntry>();
  readonly #limit: number;

  constructor(limit: number) {
    this.#limit = limit;
  }

  get size(): number {
    return this.#entries.size;
  }

  values(): IterableIterator<DomainEntry> {
    return this.#entries.values();
  }

  find(domain: string): DomainEntry | undefined {
    return this.#entries.get(domain);
  }

  /** The entry of a domain, made the most recently used. */
  use(domain: string): DomainEntry {
    const known = this.#entries.get(domain);
    if (known) this.#entries.delete(domain);
    const entry = known ?? new DomainEntry(domain);
    this.#entries.set(domain, entry);
    if (!known) this.#shrink(entry);
    return entry;
  }

  /** Drops idle entries from the old end. A busy one goes to the new end, so that it keeps no idle one in memory. */
  #shrink(newest: DomainEntry): void {
    let toLookAt = 16;
    for (const entry of this.#entries.values()) {
      if (this.#entries.size <= this.#limit || toLookAt-- === 0 || entry === newest) return;
      this.#entries.delete(entry.domain);
      if (!entry.isIdle) this.#entries.set(entry.domain, entry);
    }
  }
}
