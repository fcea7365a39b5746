import type { StepClock } from "../../../host/core/step.ts";
import type { Clock, Timers } from "../../../host/engine/clock.ts";

interface Alarm {
  readonly at: number;
  readonly order: number;
  readonly task: () => void;
}

/** Everything that can go on without the outside has gone on when this resolves: only promises are involved. */
export const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** A wall clock, a monotonic clock and timers that move only when a test says so. */
export class SimulatedTime implements Clock, Timers {
  /** Unix milliseconds; a test may set it, as an operator or NTP would. */
  wallMs = 1_790_000_000_000;
  uptimeMs = 5_000_000;
  boot = 1;
  readonly #alarms = new Set<Alarm>();
  #order = 0;

  read(): StepClock {
    return { now: Math.floor(this.wallMs / 1000), uptimeMs: this.uptimeMs, boot: this.boot };
  }

  get now(): number {
    return Math.floor(this.wallMs / 1000);
  }

  after(milliseconds: number, task: () => void): () => void {
    const alarm = { at: this.uptimeMs + milliseconds, order: this.#order++, task };
    this.#alarms.add(alarm);
    return () => void this.#alarms.delete(alarm);
  }

  /** Timers that are set and neither rang nor were called off. */
  get pending(): number {
    return this.#alarms.size;
  }

  /** Lets time go by; what is due on the way happens at its moment and comes to rest before the next. */
  async pass(seconds: number): Promise<void> {
    const end = this.uptimeMs + seconds * 1000;
    await settled();
    for (let next = this.#next(end); next; next = this.#next(end)) {
      this.#moveTo(next.at);
      this.#alarms.delete(next);
      next.task();
      await settled();
    }
    this.#moveTo(end);
    await settled();
  }

  /** The machine was off for so long; it comes back with its own idea of the time of day. */
  reboot(secondsOff: number): void {
    this.wallMs += secondsOff * 1000;
    this.uptimeMs = 20_000;
    this.boot++;
  }

  #next(end: number): Alarm | undefined {
    let first: Alarm | undefined;
    for (const alarm of this.#alarms)
      if (alarm.at <= end && (!first || alarm.at < first.at || (alarm.at === first.at && alarm.order < first.order)))
        first = alarm;
    return first;
  }

  #moveTo(uptimeMs: number): void {
    const passed = Math.max(uptimeMs - this.uptimeMs, 0);
    this.uptimeMs += passed;
    this.wallMs += passed;
  }
}

export const MINUTE = 60;
export const HOUR = 3600;
export const DAY = 86_400;
