/** FAULTS_MINUTES ends a long run earlier, whole as far as it went; what it then records is what it did. */
const MINUTES = Number(process.env.FAULTS_MINUTES ?? Number.POSITIVE_INFINITY);

/** Counts from `first` to `last`, as long as there is time. */
export function* withinBudget(first: number, last: number): Generator<number> {
  const end = performance.now() + MINUTES * 60_000;
  for (let n = first; n <= last && performance.now() < end; n++) yield n;
}
