// Octets changed, dropped, doubled and put in: what no grammar-based generator thinks of. An edit list shrinks to nothing.
import fc from "fast-check";

interface Edit {
  readonly kind: "set" | "insert" | "drop" | "double";
  /** Place in thousandths of the length, so that an edit keeps its place while the text shrinks. */
  readonly place: number;
  readonly octet: string;
  readonly length: number;
}

function apply(text: string, { kind, place, octet, length }: Edit): string {
  const at = Math.floor((place * (text.length + 1)) / 1000);
  const [before, behind] = [text.slice(0, at), text.slice(at)];
  if (kind === "set") return before + octet + behind.slice(1);
  if (kind === "insert") return before + octet + behind;
  if (kind === "drop") return before + behind.slice(length);
  return before + behind.slice(0, length) + behind;
}

/** `likely` are the octets that mean something to the grammar; any other octet comes too. */
const edits = (likely: string): fc.Arbitrary<Edit> =>
  fc.record({
    kind: fc.constantFrom("set", "insert", "drop", "double"),
    place: fc.nat(999),
    octet: fc.oneof(
      { weight: 3, arbitrary: fc.constantFrom(...likely) },
      { weight: 1, arbitrary: fc.nat(255).map((code) => String.fromCharCode(code)) },
    ),
    length: fc.integer({ min: 1, max: 4 }),
  });

/** As it is two times in three, else with one to three edits. */
export const mutated = (texts: fc.Arbitrary<string>, likely: string): fc.Arbitrary<string> =>
  fc
    .tuple(
      texts,
      fc.oneof(
        { weight: 2, arbitrary: fc.constant<Edit[]>([]) },
        { weight: 1, arbitrary: fc.array(edits(likely), { minLength: 1, maxLength: 3 }) },
      ),
    )
    .map(([text, list]) => list.reduce(apply, text));

/** Mostly `common`, now and then `rare`: rare ones must not pile up, or nothing valid is left. */
export const mostly = <T>(common: fc.Arbitrary<T>, rare: fc.Arbitrary<T>, weight = 9): fc.Arbitrary<T> =>
  fc.oneof({ weight, arbitrary: common }, { weight: 1, arbitrary: rare });

/** A text over `alphabet` whose length is often one of `edges`. */
export const edgy = (alphabet: string, edges: readonly number[], max = 12): fc.Arbitrary<string> =>
  mostly(
    fc.string({ unit: fc.constantFrom(...alphabet), minLength: 1, maxLength: max }),
    fc
      .constantFrom(...edges)
      .chain((length) => fc.string({ unit: fc.constantFrom(...alphabet), minLength: length, maxLength: length })),
  );
