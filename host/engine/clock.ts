import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import type { StepClock } from "../core/step.ts";

/** What time it is, as the core wants it. Everything in the engine that asks for time asks here. */
export interface Clock {
  read(): StepClock;
}

/** Runs something later. Replaced, like the clock, where time is simulated. */
export interface Timers {
  /** Runs `task` after `milliseconds`; the returned function calls it off. */
  after(milliseconds: number, task: () => void): () => void;
}

/** FNV-1a: the boot id only has to differ between boots. */
function hash(text: string): number {
  let h = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
  return h >>> 0;
}

/** Linux names each boot; elsewhere every process counts as a boot of its own, which is only more careful. */
function bootId(): number {
  try {
    return hash(readFileSync("/proc/sys/kernel/random/boot_id", "utf8"));
  } catch {
    return randomBytes(4).readUInt32LE();
  }
}

/** Wall clock and CLOCK_MONOTONIC, which all processes of one boot share. */
export function systemClock(): Clock {
  const boot = bootId();
  return {
    read: () => ({
      now: Math.floor(Date.now() / 1000),
      uptimeMs: Number(process.hrtime.bigint() / 1_000_000n),
      boot,
    }),
  };
}

const DAY = 86_400;

/**
 * Unix time for what outlives this process: the wall clock, but never more than a day ahead of where it stood at the
 * start plus the time that has passed since. One moment of a clock set years ahead (a forged NTP answer) must not
 * become the store's high-water time, by which every policy would be expired after the next boot.
 */
export function steadyTime(clock: Clock): () => number {
  const start = clock.read();
  return () => {
    const { now, uptimeMs } = clock.read();
    return Math.min(now, start.now + Math.floor((uptimeMs - start.uptimeMs) / 1000) + DAY);
  };
}

const LONGEST_TIMER = 2 ** 31 - 1;

export function systemTimers(): Timers {
  return {
    after(milliseconds, task) {
      const timer = setTimeout(task, Math.min(milliseconds, LONGEST_TIMER));
      return () => clearTimeout(timer);
    },
  };
}
