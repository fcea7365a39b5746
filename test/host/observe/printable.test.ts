import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { printable } from "../../../host/observe/printable.ts";

describe("printable text", () => {
  it.each([
    ["mx1.example.com", "mx1.example.com"],
    ["", ""],
    ["a\nb", "a\\x0ab"],
    ["\u001b[31mred", "\\x1b[31mred"],
    ["\u0000\u007f\u0085", "\\x00\\x7f\\x85"],
    ["back\\slash", "back\\\\slash"],
    ["\\x0a", "\\\\x0a"],
    ["bücher", "b\\xfccher"],
    ["\u202egnp.exe", "\\u{202e}gnp.exe"],
    ["\u2028", "\\u{2028}"],
    ["😀", "\\u{1f600}"],
    ["\ud800", "\\u{d800}"],
  ])("of %j is %s", (text, shown) => expect(printable(text)).toBe(shown));

  it.each([
    ["abcdef", 6, "abcdef"],
    ["abcdefg", 6, "abc..."],
    ["abcde\n", 6, "abc..."],
    ["ab\n\n", 8, "ab..."],
    ["\n\n", 8, "\\x0a\\x0a"],
    ["abc", 2, ".."],
    ["abc", 0, ""],
  ])("of %j in %d characters is %s", (text, max, shown) => expect(printable(text, max)).toBe(shown));

  it("is always printable ASCII, never longer than asked for, and cuts no escape in two", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 60 }), fc.nat(80), (text, max) => {
        const shown = printable(text, max);
        expect(shown).toMatch(/^[\x20-\x7e]*$/);
        expect(shown.length).toBeLessThanOrEqual(max);
        expect(shown.replace(/\.{0,3}$/, "")).toMatch(/^(?:[^\\]|\\\\|\\x[0-9a-f]{2}|\\u\{[0-9a-f]+\})*$/);
      }),
      { numRuns: 2_000 },
    );
  });

  it("tells different texts apart as long as nothing is cut", () => {
    fc.assert(
      fc.property(
        fc.string({ unit: "binary", maxLength: 20 }),
        fc.string({ unit: "binary", maxLength: 20 }),
        (a, b) => {
          expect(printable(a, 1_000) === printable(b, 1_000)).toBe(a === b);
        },
      ),
    );
  });
});
