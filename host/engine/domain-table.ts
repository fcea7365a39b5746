import { DomainEntry } from "./domain-entry.ts";

/** A policy may have 64 KiB, and whoever has many names can make many such policies. */
const MAX_BYTES = 64 << 20;

/**
 * The domains held in memory, least recently used first. Bounded: what is dropped is either in the store too, or a
 * negative answer (they live in memory only, against exhaustion by random domains).
 */
export class DomainTable {
  readonly #entries = new Map<string, DomainEntry>();
  readonly #limit: number;
  readonly #byteLimit: number;
  #bytes = 0;

  constructor(limit: number, byteLimit = MAX_BYTES) {
    this.#limit = limit;
    this.#byteLimit = byteLimit;
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

  /** Counts what an entry holds now, and makes room for it. */
  weigh(entry: DomainEntry): void {
    if (this.#entries.get(entry.domain) !== entry) return;
    this.#bytes -= entry.weight;
    entry.weight = entry.size;
    this.#bytes += entry.weight;
    if (this.#bytes > this.#byteLimit) this.#shrink(entry);
  }

  #drop(entry: DomainEntry): void {
    this.#entries.delete(entry.domain);
    this.#bytes -= entry.weight;
  }

  /** Drops idle entries from the old end. A busy one goes to the new end, so that it keeps no idle one in memory. */
  #shrink(newest: DomainEntry): void {
    let toLookAt = 16;
    for (const entry of this.#entries.values()) {
      const fits = this.#entries.size <= this.#limit && this.#bytes <= this.#byteLimit;
      if (fits || toLookAt-- === 0 || entry === newest) return;
      if (entry.isIdle) this.#drop(entry);
      else {
        this.#entries.delete(entry.domain);
        this.#entries.set(entry.domain, entry);
      }
    }
  }
}
