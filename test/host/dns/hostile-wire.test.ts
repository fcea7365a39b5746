import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodeMessage } from "../../../host/dns/wire.ts";
import { WireError } from "../../../host/dns/wire-name.ts";
import {
  a,
  aaaa,
  cname,
  FLAGS,
  message,
  mx,
  mxData,
  ns,
  pointer,
  record,
  soa,
  TYPES,
  txt,
  txtData,
  u16,
  u32,
  wireName,
} from "./message-builder.ts";

/** Where the first answer's owner begins: header, "example.com", type, class. */
const FIRST_OWNER = 12 + 13 + 4;

const rich = message({
  answers: [
    cname("example.com", 60, "b.example.com"),
    txt("b.example.com", 60, "v=STSv1; i", "d=1;"),
    mx("b.example.com", 60, 10, "mx.example.com"),
    record(pointer(12), TYPES.MX, 60, Buffer.concat([u16(5), Buffer.from([2]), Buffer.from("mx"), pointer(12)])),
    a("mx.example.com", 60, "192.0.2.1"),
    aaaa("mx.example.com", 60, "20010db8 00000000 00000000 00000001"),
  ],
  authority: [soa("example.com", 60, 60), ns("example.com", "ns.example.com")],
  additional: [record("", TYPES.OPT, 0, Buffer.concat([u16(10, 8), Buffer.alloc(8)]), 1232)],
});

/** Decodes, and fails the test for any error but the declared one. */
function outcome(bytes: Uint8Array): "read" | "refused" {
  try {
    decodeMessage(bytes);
    return "read";
  } catch (error) {
    expect(error).toBeInstanceOf(WireError);
    expect((error as Error).message).toMatch(/^[\x20-\x7e]{1,80}$/);
    return "refused";
  }
}

/** Milliseconds of the fastest run: a busy machine slows some runs, a slow decoder slows all. */
function bestOf(runs: number, work: () => unknown): number {
  const times = Array.from({ length: runs }, () => {
    const started = performance.now();
    work();
    return performance.now() - started;
  });
  return Math.min(...times);
}

function withAnswer(...octets: Buffer[]): Buffer {
  const whole = message({ answers: [Buffer.concat(octets)] });
  expect(whole.subarray(FIRST_OWNER)).toEqual(Buffer.concat(octets));
  return whole;
}

const tail = (rdata: Buffer) => Buffer.concat([u16(TYPES.TXT, 1), u32(60), u16(rdata.length), rdata]);
const goodTail = tail(txtData("x"));

describe("a hostile message", () => {
  it.each([
    ["a pointer to itself", withAnswer(pointer(FIRST_OWNER), goodTail), "not backwards"],
    [
      "two pointers to each other",
      withAnswer(pointer(FIRST_OWNER + 2), pointer(FIRST_OWNER), goodTail),
      "not backwards",
    ],
    [
      "a label and a pointer back to it",
      withAnswer(Buffer.from([1, 0x61]), pointer(FIRST_OWNER), goodTail),
      "not backwards",
    ],
    ["a pointer forwards", withAnswer(pointer(FIRST_OWNER + 20), goodTail, wireName("a")), "not backwards"],
    ["a pointer past the end", withAnswer(pointer(0x3fff), goodTail), "not backwards"],
    ["a pointer into the header", withAnswer(pointer(4), goodTail), "not backwards"],
    ["half a pointer", withAnswer(Buffer.from([0xc0])), "ends early"],
    ["the label type 01", withAnswer(Buffer.from([0x41, 0x01]), goodTail), "label type"],
    ["the label type 10", withAnswer(Buffer.from([0x81, 0x01]), goodTail), "label type"],
    ["a name of 256 octets", withAnswer(wireName(...Array(4).fill("a".repeat(62)), "bb"), goodTail), "255 octets"],
    [
      "a pointer that makes a name too long",
      withAnswer(
        wireName(...Array(4).fill("a".repeat(58))).subarray(0, -1),
        Buffer.from([6]),
        Buffer.from("bbbbbb"),
        pointer(12),
        goodTail,
      ),
      "255 octets",
    ],
    ["a TXT record without strings", withAnswer(wireName("a"), tail(Buffer.alloc(0))), "without a character-string"],
    ["a string longer than its record", withAnswer(wireName("a"), tail(Buffer.from([5, 0x61]))), "over the RDATA"],
    [
      "an A record of three octets",
      message({ answers: [record("a", TYPES.A, 1, Buffer.alloc(3)), a("a", 1, "192.0.2.1")] }),
      "RDLENGTH",
    ],
    ["an A record of five octets", message({ answers: [record("a", TYPES.A, 1, Buffer.alloc(5))] }), "RDLENGTH"],
    [
      "an AAAA record of four octets",
      message({ answers: [record("a", TYPES.AAAA, 1, Buffer.alloc(4))] }),
      "ends early",
    ],
    [
      "an MX record with octets after the name",
      message({ answers: [record("a", TYPES.MX, 1, Buffer.concat([mxData(1, "a"), Buffer.alloc(1)]))] }),
      "RDLENGTH",
    ],
    [
      "an MX name that runs over its record",
      message({ answers: [record("a", TYPES.MX, 1, mxData(1, "abc").subarray(0, 4)), txt("b", 1, "x")] }),
      "RDLENGTH",
    ],
    [
      "a CNAME of no octets",
      message({ answers: [record("a", TYPES.CNAME, 1, Buffer.alloc(0)), txt("b", 1, "x")] }),
      "RDLENGTH",
    ],
    ["a short SOA", message({ authority: [record("a", TYPES.SOA, 1, Buffer.alloc(10))] }), "ends early"],
    ["octets after the last record", Buffer.concat([message({}), Buffer.from([0])]), "after the last record"],
    ["no question", Buffer.concat([u16(0, 0x8180, 0, 0, 0, 0)]), "one question"],
    [
      "two questions",
      Buffer.concat([u16(0, 0x8180, 2, 0, 0, 0), wireName("a"), u16(1, 1), wireName("a"), u16(1, 1)]),
      "one question",
    ],
    ["a query", message({ flags: 0x0100 }), "not a response"],
    ["an update", message({ flags: 0xa800 }), "opcode"],
    ["the TC bit", message({ flags: FLAGS.truncated }), "truncated"],
    [
      "two OPT records",
      message({ additional: [record("", TYPES.OPT, 0, Buffer.alloc(0)), record("", TYPES.OPT, 0, Buffer.alloc(0))] }),
      "OPT",
    ],
    ["an OPT record among the answers", message({ answers: [record("", TYPES.OPT, 0, Buffer.alloc(0))] }), "OPT"],
    ["an OPT record with an owner", message({ additional: [record("a", TYPES.OPT, 0, Buffer.alloc(0))] }), "OPT owner"],
    ["an EDNS option that runs over", message({ additional: [record("", TYPES.OPT, 0, u16(10, 99))] }), "ends early"],
  ])("with %s is refused whole", (_what, bytes, reason) => {
    expect(() => decodeMessage(bytes)).toThrow(WireError);
    expect(() => decodeMessage(bytes)).toThrow(reason);
  });

  it("is refused wherever it is cut, and gives no partial answer", () => {
    expect(outcome(rich)).toBe("read");
    for (let length = 0; length < rich.length; length++) expect(outcome(rich.subarray(0, length))).toBe("refused");
  });

  it("with 10,000 records is refused at once", () => {
    const one = txt("", 1, "");
    const bytes = Buffer.concat([u16(0, 0x8180, 1, 10_000, 0, 0), wireName("a"), u16(16, 1), ...Array(5000).fill(one)]);
    expect(() => decodeMessage(bytes)).toThrow("too many records");
    expect(bestOf(5, () => outcome(bytes))).toBeLessThan(50);
  });

  it("made of pointers to pointers costs bounded work", () => {
    // One opaque record full of pointers, each to the one before; then owners that start at the far end of that chain.
    const start = FIRST_OWNER + 1 + 10;
    const ladder = Array.from({ length: 8000 }, (_, i) => pointer(i === 0 ? 12 : start + 2 * (i - 1)));
    const chain = record("", 65_000, 1, Buffer.concat(ladder));
    const owner = pointer(start + 2 * 7999);
    const bytes = message({ answers: [chain, ...Array(1000).fill(record(owner, 65_000, 1, Buffer.alloc(0)))] });
    expect(() => decodeMessage(bytes)).toThrow("costs too much");
    expect(bestOf(5, () => outcome(bytes))).toBeLessThan(50);
  });

  it("with 64 KB of TXT, or 255 strings in one record, is read within 50 ms: large is not malformed", () => {
    const large = message({ answers: [txt("example.com", 60, ...Array(254).fill("x".repeat(255)))] });
    expect(large.length).toBeGreaterThan(65_000);
    expect(large.length).toBeLessThan(65_536);
    const many = message({ answers: [txt("example.com", 60, ...Array(255).fill(""))] });
    for (const bytes of [large, many]) {
      expect(outcome(bytes)).toBe("read");
      expect(bestOf(5, () => outcome(bytes))).toBeLessThan(50);
    }
  });

  it("changed at random 60,000 times is read or refused, never anything else, and never slowly", () => {
    const seeds = [
      rich,
      message({ answers: [mx("example.com", 60, 0, "")] }),
      message({ rcode: 3, authority: [soa("example.com", 60, 60)] }),
      message({ answers: [txt("example.com", 60, ...Array(9).fill("y".repeat(40)))] }),
    ];
    const tally = { read: 0, refused: 0 };
    let slowest = 0;
    const change = fc.tuple(
      fc.constantFrom("set", "flip", "insert", "remove", "pointer", "cut"),
      fc.nat(),
      fc.nat(255),
    );
    fc.assert(
      fc.property(fc.constantFrom(...seeds), fc.array(change, { minLength: 1, maxLength: 6 }), (seed, changes) => {
        const bytes = changes.reduce<Buffer>(
          (current, [how, at, octet]) => mutate(current, how, at, octet),
          Buffer.from(seed),
        );
        const started = performance.now();
        tally[outcome(bytes)]++;
        slowest = Math.max(slowest, performance.now() - started);
      }),
      { numRuns: 60_000, seed: 1035 },
    );
    console.log(`mutated DNS messages: ${tally.read} read, ${tally.refused} refused, slowest ${slowest.toFixed(2)} ms`);
    expect(tally.read + tally.refused).toBe(60_000);
    expect(tally.read).toBeGreaterThan(6000);
    expect(tally.refused).toBeGreaterThan(6000);
    expect(slowest).toBeLessThan(1000);
  });

  it("of pure noise is read or refused, never anything else", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 600 }), (bytes) => {
        outcome(bytes);
        outcome(Buffer.concat([u16(0, 0x8180, 1, 4, 2, 1), bytes]));
      }),
      { numRuns: 20_000, seed: 1034 },
    );
  });
});

function mutate(bytes: Buffer, how: string, position: number, octet: number): Buffer {
  const at = bytes.length === 0 ? 0 : position % bytes.length;
  const before = bytes.subarray(0, at);
  if (how === "cut") return Buffer.from(before);
  if (how === "remove") return Buffer.concat([before, bytes.subarray(at + 1)]);
  if (how === "insert") return Buffer.concat([before, Buffer.from([octet]), bytes.subarray(at)]);
  if (how === "pointer") return Buffer.concat([before, pointer(octet), bytes.subarray(at + 2)]);
  const changed = Buffer.from(bytes);
  if (changed.length > 0) changed[at] = how === "flip" ? (changed[at] ?? 0) ^ (1 << (octet & 7)) : octet;
  return changed;
}
