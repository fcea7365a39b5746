import type { Timers } from "./clock.ts";

interface Wake {
  readonly domain: string;
  readonly at: number;
}

/** Due this close together are woken together; the rest of a burst waits for the next turn of the timer. */
const PACE_MS = 100;
const BURST = 50;
const COMPACT_FROM = 64;

/** When to look at which domain again: a heap behind one timer, one wake-up for each domain. */
export class WakeQueue {
  readonly #heap: Wake[] = [];
  readonly #due = new Map<string, number>();
  readonly #timers: Timers;
  readonly #uptimeMs: () => number;
  readonly #wake: (domain: string) => void;
  #callOff: (() => void) | null = null;
  #timerAt = Number.POSITIVE_INFINITY;
  /** The next burst begins no earlier, whatever is set meanwhile. */
  #notBefore = Number.NEGATIVE_INFINITY;

  constructor(timers: Timers, uptimeMs: () => number, wake: (domain: string) => void) {
    this.#timers = timers;
    this.#uptimeMs = uptimeMs;
    this.#wake = wake;
  }

  get size(): number {
    return this.#due.size;
  }

  /** Replaces the domain's wake-up. */
  set(domain: string, seconds: number): void {
    const at = this.#uptimeMs() + seconds * 1000;
    this.#due.set(domain, at);
    this.#push({ domain, at });
    this.#compact();
    this.#arm(at);
  }

  /** Wake-ups that were replaced lie in the heap until their time; when they are most of it, it is made anew. */
  #compact(): void {
    if (this.#heap.length < 2 * this.#due.size + COMPACT_FROM) return;
    this.#heap.length = 0;
    for (const [domain, at] of this.#due) this.#push({ domain, at });
  }

  clear(domain: string): void {
    this.#due.delete(domain);
  }

  close(): void {
    this.#callOff?.();
    this.#due.clear();
    this.#heap.length = 0;
  }

  #arm(due: number): void {
    const at = Math.max(due, this.#notBefore);
    if (at >= this.#timerAt) return;
    this.#callOff?.();
    this.#timerAt = at;
    this.#callOff = this.#timers.after(Math.max(at - this.#uptimeMs(), 0), () => this.#run());
  }

  #run(): void {
    this.#callOff = null;
    this.#timerAt = Number.POSITIVE_INFINITY;
    const now = this.#uptimeMs();
    this.#notBefore = now + PACE_MS;
    let left = BURST;
    for (let first = this.#heap[0]; first && first.at <= now && left > 0; first = this.#heap[0]) {
      this.#pop();
      if (this.#due.get(first.domain) !== first.at) continue; // replaced or cleared since
      this.#due.delete(first.domain);
      left--;
      this.#wake(first.domain);
    }
    const next = this.#heap[0];
    if (next) this.#arm(next.at);
  }

  #push(wake: Wake): void {
    const heap = this.#heap;
    let i = heap.push(wake) - 1;
    while (i > 0) {
      const parent = (i - 1) >> 1;
      if ((heap[parent] as Wake).at <= wake.at) break;
      heap[i] = heap[parent] as Wake;
      i = parent;
    }
    heap[i] = wake;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop() as Wake;
    if (heap.length === 0) return;
    let i = 0;
    for (;;) {
      let child = 2 * i + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && (heap[child + 1] as Wake).at < (heap[child] as Wake).at) child++;
      if ((heap[child] as Wake).at >= last.at) break;
      heap[i] = heap[child] as Wake;
      i = child;
    }
    heap[i] = last;
  }
}
