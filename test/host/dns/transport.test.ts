import { createSocket } from "node:dgram";
import { getEventListeners, once, setMaxListeners } from "node:events";
import type { Socket } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { createDnsClient, type DnsClientOptions } from "../../../host/dns/client.ts";
import type { DnsClient } from "../../../host/dns/types.ts";
import { cname, FLAGS, message, question, TYPES, txt, txtData, u16 } from "./message-builder.ts";
import { listenOnOnePort, type Reply, type Script, ScriptedServer, type SeenQuery } from "./scripted-server.ts";

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup();
});

async function server(script: Script): Promise<ScriptedServer> {
  const started = await ScriptedServer.start(script);
  cleanups.push(() => started.stop());
  return started;
}

function client(servers: (ScriptedServer | string)[], options: DnsClientOptions = {}): DnsClient {
  const names = servers.map((one) => (typeof one === "string" ? one : one.text));
  const made = createDnsClient({ servers: names, timeoutMs: 2000, attempts: 1, ...options });
  cleanups.push(() => made.close());
  return made;
}

const NAME = "_mta-sts.example.com";
const good = { answers: [txt(NAME, 60, "good")] };
const forged = [txt(NAME, 86_400, "forged")];
const goodOutcome = { kind: "records", records: [new Uint8Array(txtData("good"))] };

/** A forged reply that is right in everything but what `parts` changes. */
function forgery(query: SeenQuery, parts: { id?: number; question?: Buffer; flags?: number }): Buffer {
  return message({ id: query.id, question: query.question, answers: forged, ...parts });
}

describe("a reply that does not belong to the question", () => {
  it.each<[string, (query: SeenQuery) => Reply]>([
    ["id", (query) => forgery(query, { id: query.id ^ 0x8000 })],
    ["question name", (query) => forgery(query, { question: question("_mta-sts.example.net", TYPES.TXT) })],
    ["question type", (query) => forgery(query, { question: question(NAME, TYPES.MX) })],
    [
      "question class",
      (query) => forgery(query, { question: Buffer.concat([query.question.subarray(0, -2), u16(3)]) }),
    ],
    ["direction", (query) => forgery(query, { flags: 0x0100 })],
    ["length", (query) => forgery(query, {}).subarray(0, 11)],
    ["id, with the TC bit", (query) => forgery(query, { id: query.id ^ 1, flags: FLAGS.truncated })],
  ])("by its %s is dropped, and the wait goes on", async (_what, forge) => {
    const dns = await server((query) => [forge(query), good]);
    expect(await client([dns]).txt(NAME)).toMatchObject(goodOutcome);
    expect(dns.queries).toHaveLength(1);
  });

  it.each(["127.0.0.1", "127.0.0.2"])(
    "because it comes from another port or address (%s) is dropped, and the wait goes on",
    async (address) => {
      const forger = createSocket("udp4");
      cleanups.push(() => forger.close());
      forger.bind(0, address);
      await once(forger, "listening");
      const dns = await server(async (query) => {
        await new Promise((sent) => forger.send(forgery(query, {}), query.sourcePort, "127.0.0.1", sent));
        return good;
      });
      expect(await client([dns]).txt(NAME)).toMatchObject(goodOutcome);
    },
  );

  it("is not one of many: under a flood of guesses the question moves to TCP, with a new id", async () => {
    const dns = await server((query) =>
      query.transport === "tcp"
        ? good
        : Array.from({ length: 500 }, (_, i) => forgery(query, { id: (query.id + 1 + i) & 0xffff })),
    );
    expect(await client([dns]).txt(NAME)).toMatchObject(goodOutcome);
    expect(dns.queries.map((query) => query.transport)).toEqual(["udp", "tcp"]);
  });

  it("is counted in the failure when nothing better comes", async () => {
    const dns = await server((query) => [forgery(query, { id: query.id ^ 1 }), forgery(query, { id: query.id ^ 2 })]);
    const detail = `TXT ${NAME}: no reply within 100 ms (2 that did not answer the question dropped) from ${dns.text}`;
    expect(await client([dns], { timeoutMs: 100 }).txt(NAME)).toEqual({ kind: "failed", reason: "timeout", detail });
  });

  it("finds a fresh source port and a fresh id for every query to guess", async () => {
    const dns = await server(() => good);
    const stub = client([dns]);
    for (let i = 0; i < 64; i++) await stub.txt(NAME);
    expect(new Set(dns.queries.map((query) => query.sourcePort)).size).toBeGreaterThan(48);
    expect(new Set(dns.queries.map((query) => query.id)).size).toBeGreaterThan(56);
  });
});

describe("TCP", () => {
  it("takes over when the answer is truncated, of which nothing is read (R-8461-3.1-26)", async () => {
    const long = Array(200).fill("x".repeat(255));
    const dns = await server(({ transport }) =>
      transport === "udp" ? { flags: FLAGS.truncated, answers: forged } : { answers: [txt(NAME, 60, ...long)] },
    );
    expect(await client([dns]).txt(NAME)).toMatchObject({ records: [new Uint8Array(txtData(...long))], ttl: 60 });
    expect(dns.queries.map((query) => query.transport)).toEqual(["udp", "tcp"]);
  });

  it("takes over from a truncated datagram that breaks off in the middle of a record", async () => {
    const dns = await server((query) =>
      query.transport === "udp" ? forgery(query, { flags: FLAGS.truncated }).subarray(0, -3) : good,
    );
    expect(await client([dns]).txt(NAME)).toMatchObject(goodOutcome);
  });

  it("carries a TXT record of 64 KB", async () => {
    const large = txt(NAME, 60, ...Array(254).fill("y".repeat(255)));
    const dns = await server(({ transport }) =>
      transport === "udp" ? { flags: FLAGS.truncated } : { answers: [large] },
    );
    const outcome = await client([dns]).txt(NAME);
    expect(outcome.kind === "records" && outcome.records[0]?.length).toBe(254 * 256);
  });

  it.each<[string, (query: SeenQuery) => Reply]>([
    ["truncated again", () => ({ flags: FLAGS.truncated, answers: forged })],
    ["of another id", (query) => forgery(query, { id: query.id ^ 1 })],
    ["of another name", (query) => forgery(query, { question: question("example.net", TYPES.TXT) })],
    ["cut inside a record", (query) => forgery(query, {}).subarray(0, -1)],
    ["of no octets", () => Buffer.alloc(0)],
  ])("with an answer %s is a failure, never part of an answer (R-8461-3.1-26)", async (_what, reply) => {
    const dns = await server((query) => (query.transport === "udp" ? { flags: FLAGS.truncated } : reply(query)));
    expect(await client([dns]).txt(NAME)).toMatchObject({ kind: "failed", reason: "malformed" });
  });

  /** A server whose UDP side only says "truncated" and whose TCP side does what the test says with the socket. */
  async function rawTcp(onQuery: (socket: Socket, query: Buffer) => void): Promise<string> {
    const { udp, tcp, text } = await listenOnOnePort("127.0.0.2");
    cleanups.push(
      () => udp.close(),
      () => tcp.close(),
    );
    udp.on("message", (bytes, from) => {
      const reply = message({ id: bytes.readUInt16BE(0), flags: FLAGS.truncated, question: bytes.subarray(12, -11) });
      udp.send(reply, from.port, from.address);
    });
    tcp.on("connection", (socket) => {
      cleanups.push(() => socket.destroy());
      socket.on("error", () => {});
      socket.on("data", (frame) => onQuery(socket, frame.subarray(2)));
    });
    return text;
  }

  const framedGood = (query: Buffer) => {
    const reply = message({ id: query.readUInt16BE(0), question: query.subarray(12, -11), ...good });
    return Buffer.concat([u16(reply.length), reply]);
  };

  it("puts an answer together that comes octet by octet", async () => {
    const dns = await rawTcp((socket, query) => {
      socket.setNoDelay(true);
      for (const octet of framedGood(query)) socket.write(Buffer.from([octet]));
    });
    expect(await client([dns]).txt(NAME)).toMatchObject(goodOutcome);
  });

  it("ignores what follows the answer", async () => {
    const dns = await rawTcp((socket, query) =>
      socket.write(Buffer.concat([framedGood(query), Buffer.alloc(5000, 0xff)])),
    );
    expect(await client([dns]).txt(NAME)).toMatchObject(goodOutcome);
  });

  it.each<[string, (socket: Socket, query: Buffer) => void, string]>([
    ["closed in the middle of the answer", (socket, query) => socket.end(framedGood(query).subarray(0, 40)), "network"],
    ["closed without a word", (socket) => socket.end(), "network"],
    ["reset", (socket) => socket.resetAndDestroy(), "network"],
    ["that never ends its answer", (socket, query) => socket.write(framedGood(query).subarray(0, 40)), "timeout"],
  ])("%s is a failure (R-8461-3.1-26)", async (_what, onQuery, reason) => {
    const dns = await rawTcp(onQuery);
    expect(await client([dns], { timeoutMs: 200 }).txt(NAME)).toMatchObject({ kind: "failed", reason });
  });
});

describe("several servers", () => {
  it.each<[string, Reply, string]>([
    ["says SERVFAIL", { rcode: 2 }, "SERVFAIL"],
    ["says REFUSED", { rcode: 5 }, "REFUSED"],
    ["says nothing", null, "no reply"],
    ["breaks the protocol", { answers: [Buffer.from([0xff])] }, "malformed"],
    ["does not recurse", { flags: FLAGS.stub }, "referral"],
    ["does not understand the query", { rcode: 1 }, "FORMERR"],
  ])("are asked in turn when one %s", async (_what, reply, clause) => {
    const [bad, well] = [await server(() => reply), await server(() => good)];
    const options = { timeoutMs: 300 };
    expect(await client([bad, well], options).txt(NAME)).toMatchObject(goodOutcome);
    expect(await client([well, bad], options).txt(NAME)).toMatchObject(goodOutcome);
    expect(bad.queries).toHaveLength(1);
    const outcome = await client([bad], options).txt(NAME);
    expect(outcome).toMatchObject({ kind: "failed", detail: expect.stringContaining(clause) });
  });

  it("are not asked again when one says that there is no such name", async () => {
    const [first, second] = [await server(() => ({ rcode: 3 })), await server(() => good)];
    expect(await client([first, second]).txt(NAME)).toMatchObject({ kind: "none", reason: "nxdomain" });
    expect(second.queries).toEqual([]);
  });

  it("are asked `attempts` times round, and all that failed is said", async () => {
    const [first, second] = [await server(() => ({ rcode: 2 })), await server(() => ({ rcode: 5 }))];
    const outcome = await client([first, second], { attempts: 3 }).txt(NAME);
    const detail = `TXT ${NAME}: SERVFAIL from ${first.text}; REFUSED from ${second.text}`;
    expect(outcome).toEqual({ kind: "failed", reason: "refused", detail });
    expect([first.queries.length, second.queries.length]).toEqual([3, 3]);
  });

  it("find an answer in the second round that the first did not", async () => {
    const dns = await server(() => (dns.queries.length === 1 ? { rcode: 2 } : good));
    expect(await client([dns], { attempts: 2 }).txt(NAME)).toMatchObject(goodOutcome);
  });
});

describe("a question", () => {
  it("ends at its deadline, however many servers, rounds and aliases are left", async () => {
    const silent = await server(({ name }) => (name === NAME ? { answers: [cname(NAME, 1, "b.example")] } : null));
    const started = performance.now();
    const outcome = await client([silent, silent], { attempts: 50, timeoutMs: 100, deadlineMs: 350 }).txt(NAME);
    expect(outcome).toMatchObject({
      kind: "failed",
      reason: "timeout",
      detail: expect.stringContaining("no answer within 350 ms"),
    });
    expect(performance.now() - started).toBeLessThan(2000);
  });

  it("ends at once when its caller gives up", async () => {
    const controller = new AbortController();
    const dns = await server(() => {
      controller.abort();
      return null;
    });
    const outcome = await client([dns], { timeoutMs: 60_000, deadlineMs: 60_000 }).txt(NAME, controller.signal);
    expect(outcome).toEqual({ kind: "failed", reason: "aborted", detail: `TXT ${NAME}: given up` });
    expect(await client([dns]).txt(NAME, controller.signal)).toMatchObject({ reason: "aborted" });
    expect(dns.queries).toHaveLength(1);
  });

  it("ends at once when the client closes, and none is asked after that", async () => {
    const dns = await server(() => {
      stub.close();
      return null;
    });
    const stub = client([dns], { timeoutMs: 60_000, deadlineMs: 60_000 });
    const outcomes = await Promise.all([stub.txt(NAME), stub.mx(NAME), stub.addresses(NAME)]);
    for (const outcome of outcomes) expect(outcome).toMatchObject({ kind: "failed", reason: "aborted" });
    expect(await stub.txt(NAME)).toMatchObject({ kind: "failed", reason: "aborted" });
  });

  it("waits its turn when as many are under way as are allowed, and fails at once when too many wait", async () => {
    const held: (() => void)[] = [];
    let full = () => {};
    const busy = new Promise<void>((resolve) => {
      full = resolve;
    });
    const dns = await server(
      () =>
        new Promise<Reply>((resolve) => {
          held.push(() => resolve(good));
          if (held.length === 4) full();
          if (held.length > 4) resolve(good);
        }),
    );
    const stub = client([dns], { maxOutstanding: 4, maxWaiting: 3, timeoutMs: 10_000 });
    const admitted = Array.from({ length: 7 }, () => stub.txt(NAME));
    await busy;
    expect(await stub.txt(NAME)).toMatchObject({
      kind: "failed",
      reason: "overloaded",
      detail: expect.stringContaining("too many DNS questions"),
    });
    expect(dns.queries).toHaveLength(4);
    for (const release of held.slice()) release();
    for (const outcome of await Promise.all(admitted)) expect(outcome).toMatchObject(goodOutcome);
    expect(dns.queries).toHaveLength(7);
    expect(await stub.txt(NAME)).toMatchObject(goodOutcome);
  });

  it("gives back its place in the queue when its caller gives up", async () => {
    const controller = new AbortController();
    let answer = () => {};
    const dns = await server(
      () =>
        new Promise<Reply>((resolve) => {
          answer = () => resolve(good);
          if (dns.queries.length === 1) controller.abort();
          else resolve(good);
        }),
    );
    const stub = client([dns], { maxOutstanding: 1, maxWaiting: 1 });
    const first = stub.txt(NAME);
    expect(await stub.txt(NAME, controller.signal)).toMatchObject({ reason: "aborted" });
    const third = stub.txt(NAME);
    answer();
    expect(await first).toMatchObject(goodOutcome);
    expect(await third).toMatchObject(goodOutcome);
    expect(dns.queries).toHaveLength(2);
  });

  it("is one of 2000 at once, all answered, with no listener or socket left behind", async () => {
    const dns = await server(() => good);
    const { signal } = new AbortController();
    setMaxListeners(0, signal);
    const stub = client([dns], { deadlineMs: 15_000 });
    const outcomes = await Promise.all(Array.from({ length: 2000 }, () => stub.txt(NAME, signal)));
    for (const outcome of outcomes) expect(outcome).toMatchObject(goodOutcome);
    expect(process.getActiveResourcesInfo().filter((resource) => resource === "UDPWRAP").length).toBeLessThan(4);
    expect(getEventListeners(signal, "abort")).toEqual([]);
  });
});
