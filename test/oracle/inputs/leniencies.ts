import fc from "fast-check";

const ALL = ["outer-blanks", "blank-lines", "byte-order-mark", "missing-content-type"] as const;

/** None half of the time, else any of them. */
export const leniencies: fc.Arbitrary<string[]> = fc.oneof(
  fc.constant<string[]>([]),
  fc.subarray<string>([...ALL]),
  fc.constant<string[]>([...ALL]),
);
