// How much the fuzz tests of the host try. npm test takes what stands in each; MTA_STS_FUZZ_FACTOR=100 a hundred times
// as many inputs, and MTA_STS_FUZZ_SEED another sequence of them.
const FACTOR = Number(process.env.MTA_STS_FUZZ_FACTOR ?? 1);
const SEED = process.env.MTA_STS_FUZZ_SEED;

export interface Runs {
  readonly numRuns: number;
  readonly seed: number;
}

export const runs = (numRuns: number, seed: number): Runs => ({
  numRuns: Math.ceil(numRuns * FACTOR),
  seed: SEED === undefined ? seed : Number(SEED) + seed,
});

/** For a test that runs `seconds` when nothing is multiplied: milliseconds, with much to spare for a busy machine. */
export const patience = (seconds: number): number => 20_000 + seconds * 10_000 * Math.max(1, FACTOR);

/** Where a stream of `length` octets is cut, as fractions give it: every octet is in one chunk. */
export function chunksOf(stream: string, fractions: readonly number[]): Buffer[] {
  const cuts = fractions.map((fraction) => Math.floor(fraction * (stream.length + 1))).sort((a, b) => a - b);
  const edges = [0, ...cuts, stream.length];
  return edges.slice(1).map((end, i) => Buffer.from(stream.slice(edges[i], end), "latin1"));
}
