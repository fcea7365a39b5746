import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { encodeNetstring, NetstringDecoder } from "../../../bindings/postfix/netstring.ts";

/** Everything the decoder gives for these chunks, up to the first fault. */
function decode(...chunks: (string | Buffer)[]): string[] {
  const decoder = new NetstringDecoder();
  const seen: string[] = [];
  for (const chunk of chunks) {
    decoder.feed(Buffer.from(chunk as string, "latin1"));
    for (let next = decoder.next(); next !== null; next = decoder.next()) {
      if (typeof next === "string") return [...seen, `! ${next}`];
      seen.push(next.toString("latin1"));
    }
  }
  return seen;
}

describe("netstring requests", () => {
  const table: [string, string, string[]][] = [
    ["one frame", "7:sts a.b,", ["sts a.b"]],
    ["two frames in one packet", "3:one,3:two,", ["one", "two"]],
    ["an empty frame", "0:,1:x,", ["", "x"]],
    ["a payload with comma, colon, NUL and digits", "6:,:\x003:,,", [",:\x003:,"]],
    ["a frame without its end", "5:abc", []],
    ["digits without a colon yet", "12", []],
    ["a leading zero", "03:abc,", ["! leading-zero"]],
    ["two zeros", "00:,", ["! leading-zero"]],
    ["no digits", ":abc,", ["! bad-length"]],
    ["a sign", "+3:abc,", ["! bad-length"]],
    ["a space in the length", "3 :abc,", ["! bad-length"]],
    ["a NUL for a length", "\x003:abc,", ["! bad-length"]],
    ["HTTP", "GET / HTTP/1.1\r\n", ["! bad-length"]],
    ["a wrong comma", "3:abc;", ["! no-comma"]],
    ["a length one too small", "2:abc,", ["! no-comma"]],
    ["a good frame, then a bad one", "1:x,3:abc;1:y,", ["x", "! no-comma"]],
    ["10,001 bytes, refused before they arrive", "10001:", ["! too-long"]],
    ["ten digits", "1234567890:", ["! too-long"]],
    ["digits without end", "9".repeat(500), ["! too-long"]],
  ];
  it.each(table)("reads %s as written down", (_, input, expected) => {
    expect(decode(input)).toEqual(expected);
  });

  it.each(table)("reads %s the same when it is split at each byte", (_, input, expected) => {
    expect(decode(...input)).toEqual(expected);
  });

  it("takes a request of 10,000 bytes, the most that Postfix sends", () => {
    const longest = "k".repeat(10_000);
    expect(decode(`10000:${longest},`)).toEqual([longest]);
  });

  it("gives back any payloads however the stream is cut", () => {
    const payload = fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes).toString("latin1"));
    fc.assert(
      fc.property(fc.array(payload, { maxLength: 8 }), fc.array(fc.nat(200), { maxLength: 8 }), (payloads, cuts) => {
        const stream = payloads.map((text) => encodeNetstring(text).toString("latin1")).join("");
        const edges = [0, ...cuts.filter((cut) => cut < stream.length).sort((a, b) => a - b), stream.length];
        const chunks = edges.slice(1).map((edge, i) => stream.slice(edges[i], edge));
        expect(decode(...chunks)).toEqual(payloads);
      }),
    );
  });

  it("holds no more than one unfinished request and the last chunk", () => {
    const decoder = new NetstringDecoder();
    decoder.feed(Buffer.from("9000:"));
    for (let i = 0; i < 8999; i++) {
      decoder.feed(Buffer.from("x"));
      expect(decoder.next()).toBeNull();
    }
    expect(decoder.held).toBe(9004);
    decoder.feed(Buffer.from("x,"));
    expect((decoder.next() as Buffer).length).toBe(9000);
    expect(decoder.held).toBe(0);
  });

  it("takes nothing more once it was stopped", () => {
    const decoder = new NetstringDecoder();
    decoder.feed(Buffer.from("1:x,1:y,"));
    decoder.stop();
    decoder.feed(Buffer.from("1:z,"));
    expect(decoder.next()).toBeNull();
  });
});
