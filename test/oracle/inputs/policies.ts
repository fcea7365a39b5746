// Policy bodies, from the grammar of requirements section B outwards.
import fc from "fast-check";
import { utf8 } from "../octets.ts";
import { edgy, mostly, mutated } from "./mutation.ts";
import { patterns } from "./names.ts";

const TEXT = " \t:;=.-_*\r\nvmaxode0129STS\x00\x1f\x7f\x80\xc2\xe2\xf0\xef\xbb\xbf#";

const blanks = mostly(fc.constantFrom(" ", "", "\t", "  "), fc.constantFrom(" \t ", "\r", "\x0b", "\xa0"), 19);
const eol = mostly(
  fc.constantFrom("\n", "\r\n"),
  fc.constantFrom("\r", "\n\r", "\r\r\n", "\n\n", "\x0b", "\u0085", ""),
  79,
);

const versions = mostly(
  fc.constant("STSv1"),
  fc.constantFrom("STSv2", "stsv1", "STSv1;", "STSv10", "", "STSv1 STSv1"),
  24,
);
const modes = mostly(
  fc.constantFrom("enforce", "testing", "none"),
  fc.constantFrom("Enforce", "report", "enforced", "", "non"),
  19,
);
const maxAges = mostly(
  fc.oneof(
    fc.constantFrom(
      "0",
      "604800",
      "86400",
      "31557600",
      "31557601",
      "4294967295",
      "4294967296",
      "4294967297",
      "9999999999",
      "0000086400",
      "0000000000",
    ),
    edgy("0123456789", [9, 10], 10),
  ),
  fc.constantFrom(
    "",
    "-1",
    "+1",
    "1e6",
    "0x10",
    "86400s",
    "1.0",
    "12345678901",
    "00000000000",
    "6 0",
    utf8("٣"),
    "1_0",
  ),
  15,
);

const PIECES = [
  "a",
  "b c",
  "größe",
  "✓",
  "😀",
  "\u0085",
  "\u2028",
  ":",
  "=",
  "https://example.com/a?b=c",
  "\u00a0",
].map(utf8);
const BROKEN = [
  "\x80",
  "\xbf",
  "\xc0\x80",
  "\xc1\xbf",
  "\xc2",
  "\xc2A",
  "\xe0\x9f\xbf",
  "\xe2\x82",
  "\xed\xa0\x80",
  "\xed\xbf\xbf",
  "\xf0\x8f\xbf\xbf",
  "\xf0\x9f\x98",
  "\xf4\x90\x80\x80",
  "\xf5\x80\x80\x80",
  "\xff",
  "a\tb",
  "a\x00b",
  "\x07",
  "\x7f",
  "a\rb",
];
const EDGES = [
  "\x7e",
  "\xc2\x80",
  "\xdf\xbf",
  "\xe0\xa0\x80",
  "\xed\x9f\xbf",
  "\xee\x80\x80",
  "\xef\xbf\xbf",
  "\xf0\x90\x80\x80",
  "\xf4\x8f\xbf\xbf",
];
const texts = mostly(
  fc.array(fc.constantFrom(...PIECES, ...EDGES), { minLength: 1, maxLength: 4 }).map((pieces) => pieces.join("")),
  fc.array(fc.constantFrom(...PIECES, ...BROKEN, ""), { maxLength: 3 }).map((pieces) => pieces.join("")),
);

const names = mostly(
  edgy("aZ0_.-", [1, 31, 32]).map((text) => `x${text.slice(1)}`),
  fc.oneof(
    edgy("aZ0_.-", [33, 34]),
    fc.constantFrom(
      "Version",
      "MODE",
      "MX",
      "max-age",
      "mx2",
      "",
      "_x",
      "-x",
      ".x",
      "x y",
      "version ",
      " mx",
      "#x",
      "é",
    ),
  ),
);

const field = (name: fc.Arbitrary<string>, value: fc.Arbitrary<string>): fc.Arbitrary<string> =>
  fc
    .tuple(name, blanks, value, mostly(fc.constant(""), fc.constantFrom(" ", "\t", " \t"), 9))
    .map(([a, b, c, d]) => `${a}:${b}${c}${d}`);
const reserved = (name: string, value: fc.Arbitrary<string>): fc.Arbitrary<string> => field(fc.constant(name), value);

const version = reserved("version", versions);
const mode = reserved("mode", modes);
const maxAge = reserved("max_age", maxAges);
const mx = reserved("mx", patterns);
const other = fc.oneof(
  { weight: 5, arbitrary: field(names, texts) },
  { weight: 2, arbitrary: fc.oneof(version, mode, maxAge) },
  { weight: 1, arbitrary: field(fc.constantFrom("version", "mode", "max_age"), texts) },
  { weight: 1, arbitrary: fc.constantFrom("", " ", "\t ", "# policy", "garbage", "no colon here", ":", ": 1", "mode") },
);

/** The lines a policy needs, one sometimes missing, with others among them, in any order. */
const lines = fc
  .tuple(
    fc.tuple(version, mode, maxAge),
    fc.array(mx, { maxLength: 3 }),
    fc.array(other, { maxLength: 3 }),
    mostly(fc.constant(3), fc.nat(2), 14),
    fc.array(fc.nat(), { minLength: 9, maxLength: 9 }),
  )
  .map(([needed, patternLines, others, missing, order]) => {
    const all = [...needed.filter((_, i) => i !== missing), ...patternLines, ...others];
    return all
      .map((text, i) => ({ text, key: order[i] ?? 0 }))
      .sort((a, b) => a.key - b.key)
      .map(({ text }) => text);
  });

const mark = mostly(
  fc.constant(""),
  fc.constantFrom("\xef\xbb\xbf", "\xef\xbb", "\xef\xbb\xbf\xef\xbb\xbf", "\xff\xfe"),
  7,
);

const joined = fc
  .tuple(mark, lines, fc.array(eol, { minLength: 10, maxLength: 10 }), mostly(fc.constant(true), fc.constant(false), 3))
  .map(
    ([start, all, ends, terminated]) =>
      start + all.map((line, i) => (i < all.length - 1 || terminated ? line + (ends[i] ?? "\n") : line)).join(""),
  );

export const bodies: fc.Arbitrary<string> = mutated(joined, TEXT);

/** Around the limits of size: long values, many lines, one octet more or less than 64 KiB. */
export const largeBodies: fc.Arbitrary<string> = fc
  .tuple(
    joined,
    fc.constantFrom("x: ", "mx:", ":", "\n", "a", " ", "x:y\n", "mx:a\n", "\xc3"),
    fc.integer({ min: 65530, max: 65540 }),
  )
  .map(([start, filler, size]) => {
    const body = start + filler + filler.slice(-2).repeat(size);
    return body.slice(0, size);
  });
