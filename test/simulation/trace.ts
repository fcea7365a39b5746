const KEPT = 60;

/** Everything that happened, as one hash and the last lines of it: the same seed must give the same trace. */
export class Trace {
  #hash = 0x811c9dc5;
  #second = 0x9747b28c;
  readonly #last: string[] = [];
  #lines = 0;
  readonly #onLine: ((line: string) => void) | undefined;

  constructor(onLine?: (line: string) => void) {
    this.#onLine = onLine;
  }

  note(line: string): void {
    this.#onLine?.(line);
    this.#last[this.#lines++ % KEPT] = line;
    let h = this.#hash;
    let g = this.#second;
    for (let i = 0; i < line.length; i++) {
      const c = line.charCodeAt(i);
      h = Math.imul(h ^ c, 0x01000193);
      g = (Math.imul(g, 31) + c) | 0;
    }
    this.#hash = h;
    this.#second = Math.imul(g ^ (g >>> 15), 0x2c1b3c6d);
  }

  get lines(): number {
    return this.#lines;
  }

  /** 64 bits, hexadecimal. */
  get hash(): string {
    return [this.#hash, this.#second].map((half) => (half >>> 0).toString(16).padStart(8, "0")).join("");
  }

  /** The last lines, oldest first. */
  tail(): string[] {
    const start = Math.max(0, this.#lines - KEPT);
    return Array.from({ length: this.#lines - start }, (_, i) => this.#last[(start + i) % KEPT] as string);
  }
}
