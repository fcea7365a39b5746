// The socketmap reader under any octets in any chunks, beside a second reading of the same stream by regular expressions.
import { once } from "node:events";
import { connect } from "node:net";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Answerer } from "../../../bindings/postfix/answer.ts";
import { MAX_REQUEST_BYTES, NetstringDecoder } from "../../../bindings/postfix/netstring.ts";
import { PostfixServer } from "../../../bindings/postfix/server.ts";
import { mutated } from "../../oracle/inputs/mutation.ts";
import { honour, matchesMx, mxRecords, policy, ScriptedWorld, temp } from "../postfix/scripted-world.ts";
import { SocketmapClient } from "../postfix/socketmap-client.ts";
import { chunksOf, patience, runs } from "./runs.ts";

const key = fc.oneof(
  fc.constantFrom(
    "a.example",
    "b.example",
    "A.EXAMPLE.",
    "[a.example]:25",
    ".example",
    "b\u00fccher.example",
    "temp.example",
    "",
    " ",
  ),
  fc.string({ unit: fc.nat(255).map((octet) => String.fromCharCode(octet)), maxLength: 60 }),
);
const map = fc.constantFrom("postfix", "postfix310", "sts", "sendmail", "PURGE", "DUMP", "", "postfix34");
const payload = fc.oneof(
  { weight: 8, arbitrary: fc.tuple(map, key).map((parts) => parts.join(" ")) },
  { weight: 1, arbitrary: fc.constantFrom(9_999, 10_000, 10_001).map((length) => "k".repeat(length)) },
);
const frame = (text: string): string => `${text.length}:${text},`;
const streams = mutated(
  fc.array(payload, { maxLength: 6 }).map((payloads) => payloads.map(frame).join("")),
  "0123456789:,- \r\n\x00",
);
const cuts = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 8 });

/** The place in the head of a frame at which it can be none, and why. */
function headFault(head: string): string | null {
  const tooLong = Array.from(head, (_, i) => Number(head.slice(0, i + 1))).findIndex((n) => n > MAX_REQUEST_BYTES);
  const faults = [
    { at: head.search(/[^0-9]/), why: "bad-length" },
    { at: /^0[0-9]/.test(head) ? 1 : -1, why: "leading-zero" },
    { at: tooLong, why: "too-long" },
  ].filter(({ at }) => at >= 0);
  return faults.sort((a, b) => a.at - b.at)[0]?.why ?? null;
}

/** What stands in a stream: payloads, and the fault that ends it. */
function model(stream: string): string[] {
  const seen: string[] = [];
  for (let rest = stream; rest !== ""; ) {
    const [head = ""] = /^[^:]*/.exec(rest) ?? [];
    const colon = rest[head.length] === ":";
    const fault = headFault(head) ?? (colon && head === "" ? "bad-length" : null);
    if (fault !== null) return [...seen, `! ${fault}`];
    const end = head.length + 1 + Number(head);
    if (!colon || rest.length <= end) return seen;
    if (rest[end] !== ",") return [...seen, "! no-comma"];
    seen.push(rest.slice(head.length + 1, end));
    rest = rest.slice(end + 1);
  }
  return seen;
}

describe("the socketmap reader, fuzzed", () => {
  it("finds in any stream, however cut, what a second reading finds, and holds no more than a request and a chunk", {
    timeout: patience(4),
  }, () => {
    const faults = new Map<string, number>();
    fc.assert(
      fc.property(streams, cuts, (stream, fractions) => {
        const decoder = new NetstringDecoder();
        const seen: string[] = [];
        read: for (const chunk of chunksOf(stream, fractions)) {
          decoder.feed(chunk);
          for (let next = decoder.next(); next !== null; next = decoder.next()) {
            seen.push(typeof next === "string" ? `! ${next}` : next.toString("latin1"));
            if (typeof next === "string") break read;
          }
          expect(decoder.held).toBeLessThanOrEqual(MAX_REQUEST_BYTES + "10000:,".length);
        }
        expect(seen).toEqual(model(stream));
        const last = seen.at(-1)?.startsWith("! ") ? (seen.at(-1) as string) : "whole";
        faults.set(last, (faults.get(last) ?? 0) + 1);
      }),
      runs(20_000, 0x736d),
    );
    for (const kind of ["whole", "! bad-length", "! leading-zero", "! too-long", "! no-comma"])
      expect(faults.get(kind) ?? 0, kind).toBeGreaterThan(4);
  });

  describe("as a server", () => {
    let server: PostfixServer;
    let port = 0;

    beforeAll(async () => {
      const world = new ScriptedWorld();
      world.decisions.set("a.example", honour("a.example", policy("enforce", ["mx.a.example"])));
      world.decisions.set("b.example", honour("b.example", policy("enforce", ["*.b.example"])));
      world.decisions.set("temp.example", temp("temp.example", "SERVFAIL"));
      world.mx.set("b.example", mxRecords(["mx.b.example", "mx.evil.example"]));
      const answerer = new Answerer({ resolver: world, lookupMx: world.lookupMx, matchesMx });
      server = await PostfixServer.start({
        listen: [{ kind: "tcp", host: "127.0.0.1", port: 0 }],
        answer: (request) => answerer.answer(request),
      });
      port = server.ports[0] as number;
    });
    afterAll(() => server.close(0));

    /** Sends the chunks, ends, and reads to the end of the connection. */
    async function converse(chunks: readonly Buffer[]): Promise<string> {
      const socket = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
      socket.on("error", () => undefined).setNoDelay(true);
      let received = "";
      socket.on("data", (bytes: Buffer) => {
        received += bytes.toString("latin1");
      });
      const over = once(socket, "close");
      for (const chunk of chunks) socket.write(chunk);
      socket.end();
      await over;
      return received;
    }

    it("answers each request with one line of its grammar, ends every connection, and serves the next", {
      timeout: patience(5),
    }, async () => {
      await fc.assert(
        fc.asyncProperty(streams, cuts, async (stream, fractions) => {
          const wanted = model(stream);
          const asked = wanted.findIndex((text) => text.startsWith("! ") || text.indexOf(" ") <= 0);
          const replies = model(await converse(chunksOf(stream, fractions)));
          // A request without a key ends the connection as a fault of the framing does: one reply says so, none follows.
          expect(replies).toHaveLength(asked < 0 ? wanted.length : asked + 1);
          for (const reply of replies)
            expect(reply).toMatch(/^(OK secure [\x21-\x7e][\x20-\x7e]*|NOTFOUND |(TEMP|PERM) [\x20-\x7e]+)$/);
          expect(replies.join()).not.toContain("evil");
        }),
        runs(1_500, 0x7373),
      );
      const client = await SocketmapClient.open(port);
      expect(await client.ask("sts a.example")).toBe("OK secure match=mx.a.example servername=hostname");
      client.socket.destroy();
    });
  });
});
