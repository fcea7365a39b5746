import type { OnDiscoveryFailure } from "../../host/core/names.ts";
import type { Random } from "./random.ts";

/** What one episode's world is like. Each is drawn anew, so that faults meet in every combination (swarm testing). */
export interface WorldOptions {
  readonly senders: number;
  readonly domains: number;
  readonly deliveries: number;
  /** Mean milliseconds between deliveries. */
  readonly gapMs: number;
  readonly onDiscoveryFailure: OnDiscoveryFailure;
  /** Domains held in memory. */
  readonly maxDomains: number;
  readonly maxWaiting: number;
  /** Probabilities per answer or call that it is not the honest one. */
  readonly dnsTrouble: number;
  readonly hostTrouble: number;
  readonly storeTrouble: number;
  /** Do store calls take time? */
  readonly slowStore: boolean;
  /** Probability per delivery that a process is stopped, killed or the machine boots. */
  readonly restarts: number;
  readonly reboots: boolean;
  /** Probability per delivery that the wall clock is set to something else. */
  readonly clockSteps: number;
  /** Probability per delivery that rows are damaged or the store is lost. */
  readonly storeLosses: number;
  /** Probability per delivery that it goes to a domain never heard of before or since. */
  readonly strangers: number;
  /** Probability per delivery that the domain's owner changes something. */
  readonly changes: number;
}

const MANY = 50_000;

export function drawOptions(random: Random, deliveries: number, processes: number | null): WorldOptions {
  const domains = random.between(4, 40);
  // What is not stored, or was lost from the store, is remembered only as long as memory is not short.
  const isMemoryShort = random.chance(0.2);
  const isCalm = random.chance(0.1);
  const some = (most: number): number => (isCalm || random.chance(0.3) ? 0 : (most * random.between(1, 100)) / 100);
  return {
    senders: processes ?? random.between(1, 2),
    domains,
    deliveries,
    gapMs: random.pick([200, 2_000, 20_000, 200_000, 1_000_000]),
    onDiscoveryFailure: random.pick(["defer-briefly", "defer-briefly", "defer-briefly", "deliver", "defer"]),
    maxDomains: isMemoryShort ? Math.ceil(domains / 3) : MANY,
    maxWaiting: random.chance(0.1) ? 3 : MANY,
    dnsTrouble: some(0.6),
    hostTrouble: some(0.6),
    storeTrouble: isMemoryShort ? 0 : some(0.05),
    slowStore: !isMemoryShort && !isCalm && random.chance(0.3),
    restarts: some(0.04),
    reboots: random.chance(0.5),
    clockSteps: some(0.05),
    storeLosses: isMemoryShort ? 0 : some(0.02),
    strangers: isMemoryShort ? some(0.5) : some(0.02),
    changes: some(0.2),
  };
}

export const describeOptions = (options: WorldOptions): string =>
  Object.entries(options)
    .map(([name, value]) => `${name} ${typeof value === "number" ? Number(value.toPrecision(3)) : value}`)
    .join(", ");
