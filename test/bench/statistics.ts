/** The middle of a sample and how far it spreads. Medians, because this may run on a machine that others use too. */
export interface Spread {
  readonly median: number;
  readonly low: number;
  readonly high: number;
}

/** The value below which `share` (0 to 1) of the sample lies, between two values of it where need be. */
export function quantile(sample: readonly number[], share: number): number {
  const sorted = [...sample].sort((a, b) => a - b);
  const place = share * (sorted.length - 1);
  const [below, above] = [sorted[Math.floor(place)], sorted[Math.ceil(place)]];
  if (below === undefined || above === undefined) return Number.NaN;
  return below + (above - below) * (place - Math.floor(place));
}

/** Median with the tenth and the ninetieth percentile. */
export function spread(sample: readonly number[]): Spread {
  return { median: quantile(sample, 0.5), low: quantile(sample, 0.1), high: quantile(sample, 0.9) };
}
