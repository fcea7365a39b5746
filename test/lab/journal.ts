/** What a server of the lab saw, in order. Tests count entries and wait for them instead of sleeping. */
export class Journal<T> {
  readonly #what: string;
  readonly #waiting = new Set<() => void>();
  #entries: T[] = [];

  /** `what` names the entries in the error of a wait that ended in vain, for example "DNS query". */
  constructor(what: string) {
    this.#what = what;
  }

  add(entry: T): T {
    this.#entries.push(entry);
    this.changed();
    return entry;
  }

  /** To be called when an entry was changed in place, so that waits look at it again. */
  changed(): void {
    for (const look of [...this.#waiting]) look();
  }

  all(): readonly T[] {
    return this.#entries;
  }

  where(wanted: (entry: T) => boolean): T[] {
    return this.#entries.filter(wanted);
  }

  clear(): void {
    this.#entries = [];
  }

  /** Resolves with the matching entries as soon as there are `count` of them; rejects after `patience` milliseconds. */
  until(wanted: (entry: T) => boolean, count = 1, patience = 10_000): Promise<T[]> {
    return new Promise((resolve, reject) => {
      const end = () => {
        clearTimeout(timer);
        this.#waiting.delete(look);
      };
      const look = () => {
        const found = this.where(wanted);
        if (found.length < count) return;
        end();
        resolve(found);
      };
      const timer = setTimeout(() => {
        end();
        const seen = `${this.where(wanted).length} of ${count} wanted, ${this.#entries.length} in all`;
        reject(new Error(`lab: no ${this.#what} as awaited within ${patience} ms (${seen})`));
      }, patience);
      this.#waiting.add(look);
      look();
    });
  }
}
