// The path of a DNS message from the wire to an outcome, under messages that are built well and then changed.
import { decode } from "dns-packet";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Answer, readAnswer, startChain } from "../../../host/dns/answer.ts";
import { createDnsClient } from "../../../host/dns/client.ts";
import { toWireName } from "../../../host/dns/names.ts";
import { decodeMessage, type Message, type ResourceRecord } from "../../../host/dns/wire.ts";
import { WireError, type WireName } from "../../../host/dns/wire-name.ts";
import { mutated } from "../../oracle/inputs/mutation.ts";
import { fromBytes, toBytes } from "../../oracle/octets.ts";
import { dnsPacketSummary, summary } from "../dns/dns-packet-summary.ts";
import {
  dottedName,
  message,
  mxData,
  pointer,
  question,
  record,
  soaData,
  TYPES,
  txtData,
  wireName,
} from "../dns/message-builder.ts";
import { ScriptedServer } from "../dns/scripted-server.ts";
import { patience, runs } from "./runs.ts";

const NAME = "_mta-sts.example.com";
const ASKED = 12;

const names = fc.oneof(
  { weight: 4, arbitrary: fc.constant(pointer(ASKED)) },
  {
    weight: 2,
    arbitrary: fc
      .constantFrom("a.example.net", NAME, "example.com", "b.example.com", "_MTA-STS.example.COM", "")
      .map(dottedName),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      wireName("a.b", "example"),
      wireName("\x00"),
      wireName("x".repeat(63), "y".repeat(63), "z".repeat(63)),
    ),
  },
);
const strings = fc.array(fc.constantFrom("v=STSv1; id=1", "v=STSv1; i", "d=1;", "", "x".repeat(255), "v=spf1 -all"), {
  maxLength: 4,
});
const data: fc.Arbitrary<readonly [number, Buffer]> = fc.oneof(
  { weight: 4, arbitrary: strings.map((texts) => [TYPES.TXT, txtData(...texts)] as const) },
  { weight: 2, arbitrary: names.map((target) => [TYPES.CNAME, target] as const) },
  {
    weight: 2,
    arbitrary: fc
      .tuple(fc.nat(65535), names)
      .map(([preference, host]) => [TYPES.MX, mxData(preference, host)] as const),
  },
  { weight: 1, arbitrary: fc.constantFrom(4, 4, 3, 5).map((length) => [TYPES.A, Buffer.alloc(length, 7)] as const) },
  { weight: 1, arbitrary: fc.constantFrom(16, 16, 15).map((length) => [TYPES.AAAA, Buffer.alloc(length, 7)] as const) },
  { weight: 1, arbitrary: fc.constantFrom(0, 60, 0xffffffff).map((minimum) => [TYPES.SOA, soaData(minimum)] as const) },
  {
    weight: 1,
    arbitrary: fc
      .tuple(fc.nat(300), fc.uint8Array({ maxLength: 20 }))
      .map(([type, octets]) => [type, Buffer.from(octets)] as const),
  },
);
const ttl = fc.constantFrom(0, 1, 60, 300, 86_400, 0x7fffffff, 0x80000000, 0xffffffff);
const records = fc
  .tuple(names, data, ttl, fc.constantFrom(1, 1, 1, 1, 3))
  .map(([owner, [type, rdata], seconds, recordClass]) => record(owner, type, seconds, rdata, recordClass));
const options = fc.constantFrom<Buffer[]>(
  [],
  [record("", TYPES.OPT, 0, Buffer.alloc(0), 1232)],
  [record("", TYPES.OPT, 0x01000000, Buffer.alloc(0), 4096)],
);
const built = fc
  .record({
    flags: fc.constantFrom(0x8180, 0x8180, 0x8580, 0x81a0, 0x8000, 0x8380, 0x0180),
    rcode: fc.constantFrom(0, 0, 0, 0, 2, 3, 5),
    answers: fc.array(records, { maxLength: 5 }),
    authority: fc.array(records, { maxLength: 2 }),
    additional: options,
  })
  .map((parts) => fromBytes(message({ ...parts, question: question(NAME, TYPES.TXT) })));
const messages = mutated(built, "\x00\x01\x0c\x0f\x10\x1c\x29\x3f\x40\xc0\xff_maex").map((octets) =>
  Buffer.from(toBytes(octets)),
);

function read(bytes: Uint8Array): Message | null {
  try {
    return decodeMessage(bytes);
  } catch (error) {
    expect(error).toBeInstanceOf(WireError);
    return null;
  }
}

/** Octets of names and RDATA that a message keeps: pointers can make much of little, but not without end. */
const kept = ({ answers, authority }: Message): number =>
  [...answers, ...authority].reduce((sum, { owner, data: rdata }) => {
    const more =
      rdata.kind === "txt"
        ? rdata.rdata
        : rdata.kind === "cname"
          ? rdata.target
          : rdata.kind === "mx"
            ? rdata.exchange
            : [];
    return sum + owner.length + more.length;
  }, 0);

const namesOf = ({ owner, data: rdata }: ResourceRecord): WireName[] => [
  owner,
  ...(rdata.kind === "cname" ? [rdata.target] : rdata.kind === "mx" ? [rdata.exchange] : []),
];

/** A time with the top bit set is zero to us (RFC 2181 §8). */
const hasTime = ({ ttl: seconds, data: rdata }: ResourceRecord): boolean =>
  seconds > 0 && (rdata.kind !== "soa" || rdata.minimum > 0);

/** dns-packet reads labels as UTF-8 and joins them with dots: only where that loses nothing can both be compared. */
const isComparable = (read: Message): boolean => {
  const all = [...read.answers, ...read.authority];
  const readable = all.flatMap(namesOf).every((name) => {
    for (let at = 0; at < name.length; at += 1 + (name[at] ?? 0))
      if (!/^[A-Za-z0-9_-]*$/.test(fromBytes(name.subarray(at + 1, at + 1 + (name[at] ?? 0))))) return false;
    return true;
  });
  return (
    readable && read.rcode <= 5 && all.every((one) => one.class === 1 && one.data.kind !== "other" && hasTime(one))
  );
};

/** We write names in lower case and the root as nothing, dns-packet as they came and as a dot. */
const plain = (line: string): string => line.toLowerCase().replace(/^\. /, " ").replace(/ \.$/, " ");
const withoutCase = <T extends { answers: string[]; authority: string[] }>(read: T): T => ({
  ...read,
  answers: read.answers.map(plain),
  authority: read.authority.map(plain),
});

describe("the DNS decoder, fuzzed", () => {
  it("reads or refuses any message, keeps bounded memory of it, and answers any question of it", {
    timeout: patience(6),
  }, () => {
    const told = new Map<string, number>();
    const types = [TYPES.TXT, TYPES.MX, TYPES.A, TYPES.AAAA, TYPES.CNAME];
    fc.assert(
      fc.property(
        messages,
        fc.constantFrom(...types),
        fc.constantFrom(NAME, "example.com", "a.example.net"),
        (bytes, type, asked) => {
          const found = read(bytes);
          if (found === null) return;
          expect(kept(found)).toBeLessThanOrEqual(1024 * 2 * 255 + bytes.length);
          let answer: Answer = readAnswer(found, type, startChain(toWireName(asked)));
          told.set(answer.kind, (told.get(answer.kind) ?? 0) + 1);
          // The client asks for the name at the end of the chain; a server may send the same message again.
          for (let follows = 0; answer.kind === "follow" && follows < 3; follows++) {
            expect(answer.chain.seen.length).toBeLessThanOrEqual(9);
            answer = readAnswer(found, type, answer.chain);
          }
          if (answer.kind === "records") {
            expect(answer.records.length).toBeGreaterThan(0);
            for (const one of answer.records) expect([one.type, one.class]).toEqual([type, 1]);
          }
          if (answer.kind === "records" || answer.kind === "none")
            expect(answer.ttl >= 0 && answer.ttl <= 0x7fffffff).toBe(true);
          if (answer.kind === "failed") expect(answer.detail).toMatch(/^[\x20-\x7e]+$/);
          told.set(answer.kind, (told.get(answer.kind) ?? 0) + 1);
        },
      ),
      runs(15_000, 1035),
    );
    for (const kind of ["records", "none", "failed", "follow"]) expect(told.get(kind) ?? 0, kind).toBeGreaterThan(30);
  });

  it("reads in a message what dns-packet reads in it, wherever both read it and dns-packet keeps names apart", {
    timeout: patience(6),
  }, () => {
    const told = { compared: 0, apart: 0, oursOnly: 0, theirsOnly: 0, neither: 0 };
    fc.assert(
      fc.property(messages, (bytes) => {
        const ours = read(bytes);
        let theirs: ReturnType<typeof dnsPacketSummary> | null = null;
        try {
          decode(bytes);
          theirs = dnsPacketSummary(bytes);
        } catch {
          theirs = null;
        }
        if (ours === null || theirs === null)
          told[ours !== null ? "oursOnly" : theirs !== null ? "theirsOnly" : "neither"]++;
        else if (!isComparable(ours)) told.apart++;
        else {
          told.compared++;
          expect(withoutCase(summary(ours))).toEqual(withoutCase(theirs));
        }
      }),
      runs(15_000, 1034),
    );
    console.log(`DNS messages beside dns-packet: ${JSON.stringify(told)}`);
    expect(told.compared).toBeGreaterThan(500);
  });

  it("as a client: whatever a server sends over UDP or TCP comes to one of the three outcomes in time (R-8461-3.1-26)", {
    timeout: patience(8),
  }, async () => {
    const replies = fc.array(messages, { minLength: 1, maxLength: 3 });
    const told = new Map<string, number>();
    await fc.assert(
      fc.asyncProperty(replies, fc.boolean(), fc.boolean(), async (list, honest, truncates) => {
        const server = await ScriptedServer.start(({ transport, id }) => {
          if (truncates && transport === "udp") return { flags: 0x8380 };
          return list.map((bytes) => {
            const reply = Buffer.from(bytes);
            if (honest && reply.length >= 2) reply.writeUInt16BE(id, 0);
            return reply;
          });
        });
        const client = createDnsClient({ servers: [server.text], timeoutMs: 25, attempts: 1, deadlineMs: 120 });
        try {
          const started = performance.now();
          const outcome = await client.txt(NAME);
          expect(performance.now() - started).toBeLessThan(5000);
          if (outcome.kind === "failed") expect(outcome.detail).toMatch(/^[\x20-\x7e]{1,400}$/);
          else expect(outcome.ttl >= 0 && outcome.ttl <= 0x7fffffff).toBe(true);
          if (outcome.kind === "records") for (const rdata of outcome.records) expect(rdata.length).toBeGreaterThan(0);
          told.set(outcome.kind, (told.get(outcome.kind) ?? 0) + 1);
        } finally {
          await client.close();
          await server.stop();
        }
      }),
      runs(250, 1033),
    );
    for (const kind of ["records", "none", "failed"]) expect(told.get(kind) ?? 0, kind).toBeGreaterThan(3);
  });
});
