// Host names, mx patterns and DNS-IDs, near each other often enough to match.
import fc from "fast-check";
import { utf8, writeList } from "../octets.ts";
import { edgy, mostly, mutated } from "./mutation.ts";

const TEXT = ".*-aA09_:\x00\x20\xff[\\";

const label = mostly(
  fc.constantFrom("mx", "mail", "example", "com", "net", "a", "b", "1", "25", "xn--bcher-kva", "a-b", "MX"),
  fc.oneof(
    edgy("aZ09", [61, 62, 63, 64, 65]),
    edgy("a0-", [2, 63]),
    fc.constantFrom("", "-a", "a-", "_a", "*", "a*", "*a", utf8("ü"), "a b", "0x7f"),
  ),
  12,
);
const short = fc.array(label, { minLength: 1, maxLength: 4 }).map((labels) => labels.join("."));

/** Names of 248 to 256 octets. */
const long = fc
  .tuple(fc.integer({ min: 248, max: 256 }), fc.constantFrom("a123456789.", "b.", `${"c".repeat(63)}.`))
  .map(([length, unit]) => {
    const name = `${unit.repeat(length).slice(0, length - 1)}z`;
    return name.replace(/\.z$/, "zz");
  });
export const hostNames: fc.Arbitrary<string> = mutated(mostly(short, long, 15), TEXT);

const star = mostly(fc.constantFrom("", "*."), fc.constantFrom("**.", "*", "*.*.", ".", "a*."), 12);
/** The value of an mx line. */
export const patterns: fc.Arbitrary<string> = mostly(
  fc.constantFrom("mx1.example.com", "*.example.net", "MX2.Example.COM", "localhost", "xn--bcher-kva.example", "*.com"),
  fc.tuple(star, hostNames).map(([start, name]) => start + name),
  2,
);

const cased = (texts: fc.Arbitrary<string>): fc.Arbitrary<string> =>
  fc.tuple(texts, fc.constantFrom("as it is", "upper", "lower")).map(([text, how]) => {
    if (how === "as it is") return text;
    return text.replace(/[A-Za-z]/g, (letter) => (how === "upper" ? letter.toUpperCase() : letter.toLowerCase()));
  });

/** A name that `pattern` covers, or that is one step away from that. */
function near(pattern: string): fc.Arbitrary<string> {
  const rest = pattern.startsWith("*.") ? pattern.slice(2) : pattern;
  const first = mostly(fc.constantFrom("mx", "a", "1", "xn--a"), edgy("a0", [62, 63, 64]), 5);
  const step = fc.oneof(
    { weight: 4, arbitrary: first.map((one) => (pattern.startsWith("*.") ? `${one}.${rest}` : rest)) },
    { weight: 1, arbitrary: fc.constant(rest) },
    { weight: 1, arbitrary: first.map((one) => `${one}.b.${rest}`) },
    { weight: 1, arbitrary: first.map((one) => `${one}${rest}`) },
    { weight: 1, arbitrary: first.map((one) => `${one}.${rest}.evil.test`) },
    { weight: 1, arbitrary: fc.constant(rest.replace(/^[^.]*\.?/, "")) },
  );
  const dots = mostly(fc.constantFrom("", "."), fc.constant(".."), 12);
  return mutated(cased(fc.tuple(step, dots).map((parts) => parts.join(""))), TEXT);
}

export const patternsAndHosts: fc.Arbitrary<readonly [string, string]> = patterns.chain((pattern) =>
  fc.tuple(cased(fc.constant(pattern)), mostly(near(pattern), hostNames, 4)),
);

const presented = fc.oneof(
  { weight: 3, arbitrary: patterns },
  { weight: 1, arbitrary: hostNames },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      "*.example.com",
      "*.com",
      "*",
      "*.*.example.com",
      "m*.example.com",
      "mx1.*.com",
      "192.0.2.1",
      "",
    ),
  },
);
export const namesAndHosts: fc.Arbitrary<readonly [string, string]> = fc
  .array(presented, { maxLength: 4 })
  .chain((names) => {
    const list = fc.constant(writeList(names));
    const host = names.length === 0 ? hostNames : fc.constantFrom(...names).chain(near);
    return fc.tuple(mostly(list, mutated(list, "\x00\x01\xff"), 19), mostly(host, hostNames, 6));
  });

/** Values of Content-Type, null for none. */
export const mediaTypes: fc.Arbitrary<string | null> = mostly(
  mutated(
    fc
      .tuple(
        fc.constantFrom(
          "text/plain",
          "Text/PLAIN",
          "text/html",
          "text/plain-old",
          "application/octet-stream",
          "text",
          "",
        ),
        fc.constantFrom("", ";", " ;", "\t;", "; charset=utf-8", ";charset=utf-16;x=y", " ", ", text/html", " \t ; a"),
      )
      .map((parts) => parts.join("")),
    "text/plain; \t,=\x00\xff",
  ) as fc.Arbitrary<string | null>,
  fc.constant(null),
);
