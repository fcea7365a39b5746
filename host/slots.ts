/** A bound on exchanges under way: each holds a socket, and a burst of mail must not use them all up (R-8461-3.3-22). */
export class Slots {
  readonly #limit: number;
  readonly #queueLimit: number;
  #taken = 0;
  /** In order of arrival; whoever somebody waits for goes before background work. */
  readonly #urgent = new Set<() => void>();
  readonly #patient = new Set<() => void>();

  /** How many run at once, and how many may wait for their turn. */
  constructor(limit: number, queueLimit = Number.POSITIVE_INFINITY) {
    if (!Number.isInteger(limit) || limit < 1) throw new RangeError("the number of slots must be 1 or more");
    this.#limit = limit;
    this.#queueLimit = queueLimit;
  }

  /** Waits its turn. "full" at once when the queue is full; "aborted" when `signal` ends the wait. */
  acquire(signal: AbortSignal, urgent = false): Promise<"acquired" | "full" | "aborted"> {
    if (signal.aborted) return Promise.resolve("aborted");
    if (this.#taken < this.#limit) {
      this.#taken++;
      return Promise.resolve("acquired");
    }
    if (this.#urgent.size + this.#patient.size >= this.#queueLimit) return Promise.resolve("full");
    const queue = urgent ? this.#urgent : this.#patient;
    return new Promise((resolve) => {
      const onAbort = () => {
        queue.delete(onTurn);
        resolve("aborted");
      };
      const onTurn = () => {
        signal.removeEventListener("abort", onAbort);
        resolve("acquired");
      };
      queue.add(onTurn);
      signal.addEventListener("abort", onAbort, { once: true });
    });
  }

  /** Hands the slot to the longest waiting, or frees it. */
  release(): void {
    const queue = this.#urgent.size > 0 ? this.#urgent : this.#patient;
    const next = queue.values().next();
    if (next.done) {
      this.#taken--;
      return;
    }
    queue.delete(next.value);
    next.value();
  }
}
