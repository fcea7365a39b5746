// TXT RRsets, from the grammar of requirements section A outwards.
import fc from "fast-check";
import { utf8, writeList } from "../octets.ts";
import { edgy, mostly, mutated } from "./mutation.ts";

const WORD = "aZ09bm";
const TEXT = ' \t;=:.-_vidSTS1\x00\x1f\x7f\xa0\xc3\n\r",%<>';

const delimiter = mostly(
  fc.constantFrom("; ", ";", " ; ", "\t;\t", ";  "),
  fc.constantFrom(";;", " ", ",", "", "; ;", ";\n"),
  20,
);
const name = mostly(
  edgy("aZ0_.-", [1, 31, 32, 33]).map((text) => `a${text.slice(1)}`),
  fc.constantFrom("", "_x", "-x", ".x", "x%", "v", "ID", "Id", "id2", "i", "é", "x y"),
);
const value = mostly(
  edgy('a0:,"<>/?!~.@', [1, 255, 300]),
  fc.constantFrom("", "a b", "a=b", "=", utf8("é"), "\x07", "x\x7f", "\t"),
);
const id = mostly(
  edgy(WORD, [1, 31, 32]).map((text) => `id=${text}`),
  fc.oneof(
    edgy(WORD, [33, 34]).map((text) => `id=${text}`),
    fc.constantFrom(
      "id=",
      "id=bad-id",
      "id= 1",
      "id =1",
      "id==1",
      "id=1=2",
      "id=1.0",
      'id="1"',
      "ID=1",
      "id",
      "id=@",
      "id=[",
      "id=\x00",
    ),
  ),
  6,
);
const extension = fc.tuple(name, value).map(([left, right]) => `${left}=${right}`);
const field = fc.oneof({ weight: 3, arbitrary: id }, { weight: 2, arbitrary: extension });
const version = mostly(
  fc.constant("v=STSv1"),
  fc.constantFrom("v=STSv10", "V=STSv1", "v=stsv1", "v=STSv2", "v = STSv1", "", "v=STSv", "xv=STSv1", "v=STSv1v=STSv1"),
  15,
);
const tail = mostly(fc.constantFrom("", ";", "; ", " ;", " ; \t"), fc.constantFrom(" ", "\t", ";;", "\r", ",", "\x00"));
const blanks = mostly(fc.constant(""), fc.constantFrom(" ", "\t", " \t ", "\n"), 12);

const written = fc
  .tuple(blanks, version, fc.array(fc.tuple(delimiter, field), { minLength: 0, maxLength: 4 }), tail, blanks)
  .map(([before, start, fields, end, after]) => before + start + fields.flat().join("") + end + after);

const unrelated = fc.constantFrom(
  "v=spf1 -all",
  "google-site-verification=x",
  "",
  " ",
  "v=STSv1",
  "v=STSv1;",
  "id=1",
  "v=STSv1 ; id=2",
);

const text = fc.oneof({ weight: 12, arbitrary: mutated(written, TEXT) }, { weight: 1, arbitrary: unrelated });

/** Cut into character-strings of at most 255 octets at any places; sometimes with an empty one between. */
const rdata = fc.tuple(text, fc.array(fc.nat(999), { maxLength: 3 })).map(([whole, places]) => {
  const cuts = [0, ...places.map((place) => Math.floor((place * whole.length) / 1000)), whole.length];
  const sorted = cuts.sort((a, b) => a - b);
  const strings = sorted.slice(1).map((end, i) => whole.slice(sorted[i], end));
  const short = strings.flatMap((string) => (string.length <= 255 ? [string] : (string.match(/[\s\S]{1,255}/g) ?? [])));
  return short.map((string) => String.fromCharCode(string.length) + string).join("");
});

const wellFormed = fc
  .oneof(
    { weight: 6, arbitrary: fc.tuple(rdata) },
    { weight: 2, arbitrary: fc.tuple(rdata, rdata) },
    {
      weight: 2,
      arbitrary: fc.tuple(
        rdata,
        unrelated.map((other) => String.fromCharCode(other.length) + other),
      ),
    },
    { weight: 1, arbitrary: fc.array(rdata, { maxLength: 4 }) },
  )
  .map((records) => writeList(records));

/** RRsets as docs/abi.md lays them out; one in twenty with lengths that do not fit. */
export const rrsets: fc.Arbitrary<string> = mostly(wellFormed, mutated(wellFormed, "\x00\x01\x0d\xff"), 19);
