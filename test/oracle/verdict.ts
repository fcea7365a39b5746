// What an oracle says of an input, in the words of test/vectors.

export interface Refusal {
  /** Word of docs/abi.md. */
  readonly error: string;
  /**
   * The requirements do not say at which octet reading stops, only what is wrong: the offset the core reports must lie
   * in this range, both ends included. It is one number where docs/abi.md gives that number.
   */
  readonly within: readonly [number, number];
}

export const refuse = (error: string, from: number, to = from): Refusal => ({ error, within: [from, to] });

export const isRefusal = (verdict: unknown): verdict is Refusal =>
  typeof verdict === "object" && verdict !== null && "error" in verdict;
