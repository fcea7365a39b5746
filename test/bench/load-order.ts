/** What the load generator is to do. */
export interface LoadOrder {
  readonly host: string;
  readonly port: number;
  /** Socketmap name, for example "postfix". */
  readonly map: string;
  /** Asked for in turn, again and again. */
  readonly keys: readonly string[];
  readonly connections: number;
  /** Requests under way on each connection. */
  readonly depth: number;
  readonly milliseconds: number;
}

/** Latencies in microseconds. */
export interface LoadResult {
  readonly perSecond: number;
  readonly p50: number;
  readonly p99: number;
  /** Replies by first letter: O(K), N(OTFOUND), T(EMP), P(ERM). */
  readonly replies: Readonly<Record<string, number>>;
  /** Share of one processor the generator itself used; near 1 it is the generator that limits. */
  readonly clientCpu: number;
}
