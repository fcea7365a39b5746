// Runs the agreements over generated inputs: any number of them, from one seed, and the same seed gives the same inputs.
import fc from "fast-check";
import type { CoreExports } from "../../host/core/exports.ts";
import { type Agreement, agreements } from "./agreement.ts";

export interface Count {
  readonly name: string;
  readonly inputs: number;
  readonly seconds: number;
  /** How often core and oracle both said what. */
  readonly verdicts: ReadonlyMap<string, number>;
}

/** fast-check keeps what it needs to shrink; a new run for every so many inputs keeps memory flat. */
const PORTION = 50_000;

function runOne(core: CoreExports, { name, property }: Agreement, inputs: number, seed: number): Count {
  const verdicts = new Map<string, number>();
  const told = (verdict: string): void => {
    verdicts.set(verdict, (verdicts.get(verdict) ?? 0) + 1);
  };
  const started = performance.now();
  for (let done = 0, portion = 0; done < inputs; done += PORTION, portion++)
    fc.assert(property(core, told) as fc.IProperty<unknown>, {
      numRuns: Math.min(PORTION, inputs - done),
      seed: (seed + portion * 7919) | 0,
    });
  return { name, inputs, seconds: (performance.now() - started) / 1000, verdicts };
}

/**
 * Throws with the smallest input found on which core and oracle differ. `only` leaves out agreements whose name does not
 * begin so; the others get the inputs that they would get beside them.
 */
export function* runGenerated(core: CoreExports, inputs: number, seed: number, only = ""): Generator<Count> {
  const whole = agreements.reduce((sum, { share }) => sum + share, 0);
  for (const one of agreements.filter(({ name }) => name.startsWith(only)))
    yield runOne(core, one, Math.ceil((inputs * one.share) / whole), seed);
}

export const verdictList = ({ verdicts }: Count): string =>
  [...verdicts]
    .sort(([, a], [, b]) => b - a)
    .map(([verdict, n]) => `${verdict} ${n}`)
    .join(", ");
