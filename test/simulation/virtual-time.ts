import type { StepClock } from "../../host/core/step.ts";
import type { Clock, Timers } from "../../host/engine/clock.ts";

interface Alarm {
  readonly at: number;
  readonly order: number;
  task: (() => void) | null;
}

const EPOCH_MS = 1_790_000_000_000;
const BOOT_UPTIME_MS = 20_000;
const CALLED_OFF_KEPT = 1024;

const isBefore = (a: Alarm, b: Alarm): boolean => a.at < b.at || (a.at === b.at && a.order < b.order);

/**
 * The time of one machine: true time moves only from alarm to alarm; the wall clock is true time and an error that the
 * world may change; uptime begins anew with each boot. Milliseconds, all whole.
 */
export class VirtualTime implements Clock, Timers {
  /** Since the world began; nothing sets it back. */
  trueMs = 0;
  boot = 1;
  /** How far the wall clock is off, now and at the worst, so far. */
  wallErrorMs = 0;
  #least = 0;
  #most = 0;
  #bootedMs = 0;
  readonly #heap: Alarm[] = [];
  #order = 0;
  #calledOff = 0;

  read(): StepClock {
    return { now: this.wallSeconds, uptimeMs: this.trueMs - this.#bootedMs + BOOT_UPTIME_MS, boot: this.boot };
  }

  /** What the wall clock says, Unix seconds. */
  get wallSeconds(): number {
    return Math.floor((EPOCH_MS + this.trueMs + this.wallErrorMs) / 1000);
  }

  get seconds(): number {
    return Math.floor(this.trueMs / 1000);
  }

  /** Seconds by which an age that was reckoned over a reboot may be wrong. */
  get doubt(): number {
    return Math.ceil((this.#most - this.#least) / 1000) + 2 * this.boot;
  }

  stepWall(errorMs: number): void {
    this.wallErrorMs = errorMs;
    this.#least = Math.min(this.#least, errorMs);
    this.#most = Math.max(this.#most, errorMs);
  }

  /** Whole seconds, so that the seconds of uptime and of true time change together. */
  reboot(): void {
    this.boot++;
    this.#bootedMs = Math.floor(this.trueMs / 1000) * 1000;
  }

  after(milliseconds: number, task: () => void): () => void {
    const alarm: Alarm = { at: this.trueMs + Math.ceil(milliseconds), order: this.#order++, task };
    this.#push(alarm);
    return () => this.#callOff(alarm);
  }

  sleep(milliseconds: number): Promise<void> {
    return new Promise((resolve) => void this.after(milliseconds, resolve));
  }

  /** Alarms that will ring. */
  get pending(): number {
    return this.#heap.length - this.#calledOff;
  }

  /** Goes to the next alarm and lets it ring; false when there is none. */
  ring(): boolean {
    for (let alarm = this.#pop(); alarm; alarm = this.#pop()) {
      const { task } = alarm;
      if (!task) {
        this.#calledOff--;
        continue;
      }
      alarm.task = null;
      this.trueMs = alarm.at;
      task();
      return true;
    }
    return false;
  }

  #callOff(alarm: Alarm): void {
    if (!alarm.task) return;
    alarm.task = null;
    this.#calledOff++;
    if (this.#calledOff < CALLED_OFF_KEPT || this.#calledOff * 2 < this.#heap.length) return;
    const live = this.#heap.filter(({ task }) => task !== null);
    this.#heap.length = 0;
    this.#calledOff = 0;
    for (const one of live) this.#push(one);
  }

  #push(alarm: Alarm): void {
    const heap = this.#heap;
    let i = heap.push(alarm) - 1;
    while (i > 0) {
      const parent = (i - 1) >> 1;
      if (isBefore(heap[parent] as Alarm, alarm)) break;
      heap[i] = heap[parent] as Alarm;
      i = parent;
    }
    heap[i] = alarm;
  }

  #pop(): Alarm | undefined {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (!last || heap.length === 0) return first;
    let i = 0;
    for (;;) {
      let child = 2 * i + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1] as Alarm, heap[child] as Alarm)) child++;
      if (!isBefore(heap[child] as Alarm, last)) break;
      heap[i] = heap[child] as Alarm;
      i = child;
    }
    heap[i] = last;
    return first;
  }
}

const TURNS_AT_ONCE = 256;

/**
 * Rings alarm after alarm; between two of them everything that needs no time comes to rest, then `rest` is called.
 * Ends when `rest` says so, or when nothing is left to happen. Immediates of one batch run without a turn of the event
 * loop between them, but with all promises settled: that is what makes a world of millions of alarms fast.
 */
export function run(time: VirtualTime, rest: () => "go on" | "over"): Promise<void> {
  return new Promise((resolve, reject) => {
    let over = false;
    const turn = (): void => {
      if (over) return;
      try {
        over = rest() === "over" || !time.ring();
        if (over) resolve();
      } catch (error) {
        over = true;
        reject(error);
      }
    };
    const batch = (): void => {
      if (over) return;
      for (let i = 0; i < TURNS_AT_ONCE; i++) setImmediate(turn);
      setImmediate(batch);
    };
    batch();
  });
}
