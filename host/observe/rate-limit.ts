/** Lets the first of each kind pass, then at most one in `seconds`; counts what it held back. */
export class RateLimit {
  readonly #milliseconds: number;
  readonly #now: () => number;
  readonly #last = new Map<string, { at: number; heldBack: number }>();

  /** `now`: monotonic milliseconds. Kinds must be few: one entry is kept for each. */
  constructor(seconds: number, now: () => number = () => performance.now()) {
    this.#milliseconds = seconds * 1000;
    this.#now = now;
  }

  /** Null: hold this one back. Otherwise how many were held back since the last that passed. */
  pass(kind: string): number | null {
    const now = this.#now();
    const last = this.#last.get(kind);
    if (last && now - last.at < this.#milliseconds) {
      last.heldBack++;
      return null;
    }
    this.#last.set(kind, { at: now, heldBack: 0 });
    return last?.heldBack ?? 0;
  }
}
