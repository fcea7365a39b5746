import { type Answer, decode, encode } from "dns-packet";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { toWireName } from "../../../host/dns/names.ts";
import { decodeMessage, encodeQuery, matchReply } from "../../../host/dns/wire.ts";
import { dnsPacketSummary, show, summary } from "./dns-packet-summary.ts";
import {
  FLAGS,
  message,
  mx,
  pointer,
  question,
  record,
  TYPES,
  txt,
  txtData,
  u16,
  wireName,
} from "./message-builder.ts";

const name = toWireName("_mta-sts.example.com");

describe("encodeQuery", () => {
  it("asks one recursive question with AD and EDNS0 of 1232 octets, as an independent decoder reads it", () => {
    const query = encodeQuery({ name, type: TYPES.TXT }, false);
    const read = decode(Buffer.from(query.bytes));
    expect(read).toMatchObject({ type: "query", id: query.id, flag_rd: true, flag_ad: true, flag_cd: false });
    expect(read.questions).toEqual([{ name: "_mta-sts.example.com", type: "TXT", class: "IN" }]);
    expect(read.additionals).toMatchObject([{ type: "OPT", name: ".", udpPayloadSize: 1232, flag_do: false }]);
  });

  it("sets DO only when told to", () => {
    const read = decode(Buffer.from(encodeQuery({ name, type: TYPES.MX }, true).bytes));
    expect(read.additionals).toMatchObject([{ type: "OPT", flag_do: true }]);
  });

  it("draws ids evenly from all 65536, so a forger has to guess", () => {
    const draws = 262_144;
    const buckets = new Uint32Array(256);
    const high = new Uint32Array(256);
    for (let i = 0; i < draws; i++) {
      const { id } = encodeQuery({ name, type: TYPES.TXT }, false);
      buckets[id & 0xff] = (buckets[id & 0xff] ?? 0) + 1;
      high[id >> 8] = (high[id >> 8] ?? 0) + 1;
    }
    const expected = draws / 256;
    const chiSquare = (counts: Uint32Array) => counts.reduce((sum, n) => sum + (n - expected) ** 2 / expected, 0);
    // 255 degrees of freedom: a fair source exceeds 450 less than once in 10^12 runs.
    expect(chiSquare(buckets)).toBeLessThan(450);
    expect(chiSquare(high)).toBeLessThan(450);
  });
});

describe("matchReply", () => {
  const query = encodeQuery({ name, type: TYPES.TXT }, false);
  const asked = question("_mta-sts.example.com", TYPES.TXT);

  it.each([
    ["the answer", message({ id: query.id, question: asked }), "answer"],
    [
      "another case of the name",
      message({ id: query.id, question: question("_MTA-sts.Example.com", TYPES.TXT) }),
      "answer",
    ],
    ["the truncated answer", message({ id: query.id, question: asked, flags: FLAGS.truncated }), "truncated"],
    ["another id", message({ id: query.id ^ 1, question: asked }), "other"],
    ["a query", message({ id: query.id, question: asked, flags: 0x0100 }), "other"],
    ["another opcode", message({ id: query.id, question: asked, flags: 0xa180 }), "other"],
    ["another name", message({ id: query.id, question: question("_mta-sts.example.net", TYPES.TXT) }), "other"],
    ["a parent", message({ id: query.id, question: question("example.com", TYPES.TXT) }), "other"],
    [
      "the dot in a label",
      message({ id: query.id, question: Buffer.concat([wireName("_mta-sts.example", "com"), u16(16, 1)]) }),
      "other",
    ],
    ["another type", message({ id: query.id, question: question("_mta-sts.example.com", TYPES.MX) }), "other"],
    ["another class", message({ id: query.id, question: Buffer.concat([name, u16(16, 3)]) }), "other"],
    ["no question", Buffer.concat([u16(query.id, 0x8182, 0, 0, 0, 0)]), "other"],
    ["a cut header", u16(query.id, 0x8180), "other"],
    ["nothing", Buffer.alloc(0), "other"],
  ])("takes %s for what it is", (_what, bytes, verdict) => {
    expect(matchReply(bytes, query)).toBe(verdict);
  });
});

describe("decodeMessage", () => {
  it("keeps the character-strings of a TXT record apart, each record on its own (R-8461-3.1-02, R-8461-3.1-03)", () => {
    const read = decodeMessage(
      message({
        answers: [
          txt("example.com", 60, "v=STSv1; i", "d=1;"),
          txt("example.com", 60, "v=STSv1;"),
          txt("example.com", 60, ""),
        ],
      }),
    );
    expect(read.answers.map(({ data }) => data)).toEqual([
      { kind: "txt", rdata: new Uint8Array(txtData("v=STSv1; i", "d=1;")) },
      { kind: "txt", rdata: new Uint8Array(txtData("v=STSv1;")) },
      { kind: "txt", rdata: new Uint8Array([0]) },
    ]);
  });

  it("copies what it keeps, so that a reused receive buffer cannot change a record", () => {
    const bytes = message({ answers: [txt("example.com", 60, "v=STSv1;")] });
    const { data } = decodeMessage(bytes).answers[0] ?? {};
    bytes.fill(0xff);
    expect(data).toEqual({ kind: "txt", rdata: new Uint8Array(txtData("v=STSv1;")) });
  });

  it("keeps a dot inside a label of an MX host inside its label", () => {
    const read = decodeMessage(message({ answers: [mx("example.com", 60, 10, wireName("a.b", "com"))] }));
    expect(read.answers.map(({ data }) => data)).toMatchObject([{ exchange: new Uint8Array(wireName("a.b", "com")) }]);
  });

  it("follows compression pointers in owners and in RDATA", () => {
    const exchange = Buffer.concat([Buffer.from([3]), Buffer.from("mx1"), pointer(12)]);
    const read = decodeMessage(
      message({ answers: [record(pointer(12), TYPES.MX, 60, Buffer.concat([u16(5), exchange]))] }),
    );
    expect(read.answers.map(show)).toEqual(["example.com 60 MX 5 mx1.example.com"]);
  });

  it("reads a TTL with the top bit as zero (RFC 2181 §8)", () => {
    const read = decodeMessage(
      message({ answers: [txt("example.com", 0x8000_0000, "x"), txt("example.com", 0x7fff_ffff, "x")] }),
    );
    expect(read.answers.map((answer) => answer.ttl)).toEqual([0, 0x7fff_ffff]);
  });

  it("joins the upper bits of the response code from OPT (RFC 6891 §6.1.3)", () => {
    const opt = record("", TYPES.OPT, 0x0100_0000, Buffer.alloc(0), 4096);
    expect(decodeMessage(message({ additional: [opt] })).rcode).toBe(16);
  });

  it("does not look into records of other classes and types", () => {
    const read = decodeMessage(
      message({
        answers: [
          record("example.com", TYPES.A, 1, Buffer.from("chaos"), 3),
          record("example.com", 65_000, 1, Buffer.from("??")),
        ],
      }),
    );
    expect(read.answers.map(({ data }) => data.kind)).toEqual(["other", "other"]);
  });

  it.each([
    ["00000000000000000000000000000000", "::"],
    ["00000000000000000000000000000001", "::1"],
    ["20010db8000000000000000000000001", "2001:db8::1"],
    ["20010db8000000010000000000000001", "2001:db8:0:1::1"],
    ["20010db8000100010001000000010001", "2001:db8:1:1:1:0:1:1"],
    ["20010db8000000000001000000000001", "2001:db8::1:0:0:1"],
    ["20010db8000000000000000000000000", "2001:db8::"],
    ["00000000000000000000ffff7f000001", "::ffff:127.0.0.1"],
    ["0064ff9b0000000000000000c0000201", "64:ff9b::c000:201"],
  ])("writes the AAAA octets %s as %s (RFC 5952)", (hex, address) => {
    const read = decodeMessage(message({ answers: [record("a.example", TYPES.AAAA, 1, Buffer.from(hex, "hex"))] }));
    expect(read.answers[0]?.data).toEqual({ kind: "address", address });
  });

  it("agrees with dns-packet on 3000 well-formed messages of every record type it reads", () => {
    fc.assert(
      fc.property(wellFormed, ({ answers, authorities, id, flags }) => {
        const bytes = encode({
          type: "response",
          id,
          flags,
          questions: [{ type: "TXT", name: "example.com", class: "IN" }],
          answers,
          authorities,
          additionals: [
            {
              type: "OPT",
              name: ".",
              udpPayloadSize: 1232,
              extendedRcode: 0,
              ednsVersion: 0,
              flags: 0,
              flag_do: false,
              options: [],
            },
          ],
        });
        expect(summary(decodeMessage(bytes))).toEqual(dnsPacketSummary(bytes));
      }),
      { numRuns: 3000, seed: 1035 },
    );
  });
});

const label = fc.stringMatching(/^[a-z0-9_-]{1,12}$/);
const hostName = fc.array(label, { minLength: 1, maxLength: 4 }).map((labels) => labels.join("."));
const ttl = fc.integer({ min: 0, max: 0x7fff_ffff });
const shape = { name: hostName, ttl, class: fc.constant("IN" as const) };
const wellFormedRecord: fc.Arbitrary<Answer> = fc.oneof(
  fc.record({ ...shape, type: fc.constant("A" as const), data: fc.ipV4() }),
  fc.record({ ...shape, type: fc.constant("AAAA" as const), data: fc.ipV6() }),
  fc.record({ ...shape, type: fc.constant("CNAME" as const), data: hostName }),
  fc.record({
    ...shape,
    type: fc.constant("MX" as const),
    data: fc.record({ preference: fc.nat(65535), exchange: hostName }),
  }),
  fc.record({
    ...shape,
    type: fc.constant("TXT" as const),
    data: fc.array(
      fc.uint8Array({ maxLength: 255 }).map((bytes) => Buffer.from(bytes)),
      { minLength: 1, maxLength: 4 },
    ),
  }),
  fc.record({
    ...shape,
    type: fc.constant("SOA" as const),
    data: fc.record({
      mname: hostName,
      rname: hostName,
      serial: fc.nat(),
      refresh: fc.nat(),
      retry: fc.nat(),
      expire: fc.nat(),
      minimum: ttl,
    }),
  }),
);
const wellFormed = fc.record({
  id: fc.nat(65535),
  flags: fc.constantFrom(0x0180, 0x0183, 0x0420, 0x01a0, 0x0182),
  answers: fc.array(wellFormedRecord, { maxLength: 8 }),
  authorities: fc.array(wellFormedRecord, { maxLength: 3 }),
});
