import { once } from "node:events";
import { connect, Socket } from "node:net";
import { afterEach, describe, expect, it, vi } from "vitest";
import { Answerer } from "../../../bindings/postfix/answer.ts";
import type { Answer } from "../../../bindings/postfix/connection.ts";
import type { CloseCause } from "../../../bindings/postfix/observer.ts";
import { okReply, type Reply } from "../../../bindings/postfix/reply.ts";
import { DEFAULT_LIMITS, DEFAULT_LISTEN, PostfixServer, type ServerLimits } from "../../../bindings/postfix/server.ts";
import { honour, matchesMx, policy, ScriptedWorld } from "./scripted-world.ts";
import { frame, SocketmapClient } from "./socketmap-client.ts";

const servers: PostfixServer[] = [];
const clients: SocketmapClient[] = [];

afterEach(async () => {
  for (const client of clients.splice(0)) client.socket.destroy();
  await Promise.all(servers.splice(0).map((server) => server.close(0)));
});

/** A server on a free loopback port, the reasons it closed connections for, and how to become its client. */
async function serve(answer: Answer, limits: Partial<ServerLimits> = {}) {
  const causes: CloseCause[] = [];
  const server = await PostfixServer.start({
    listen: [{ kind: "tcp", host: "127.0.0.1", port: 0 }],
    answer,
    limits,
    observer: { closed: (cause) => causes.push(cause) },
  });
  servers.push(server);
  const port = server.ports[0] as number;
  const open = async () => {
    const client = await SocketmapClient.open(port);
    clients.push(client);
    return client;
  };
  return { server, port, causes, open };
}

const echo: Answer = (request) => okReply(request.toString("latin1"));

/** Questions that wait until the test answers them, in whatever order it likes. */
function held() {
  const waiting = new Map<string, (reply: Reply) => void>();
  const arrived = new Map<string, () => void>();
  const answer: Answer = (request) => {
    const key = request.toString();
    return new Promise((resolve) => {
      waiting.set(key, resolve);
      arrived.get(key)?.();
    });
  };
  const asked = (key: string) =>
    waiting.has(key) ? Promise.resolve() : new Promise<void>((resolve) => arrived.set(key, resolve));
  const release = (key: string) => waiting.get(key)?.(okReply(key));
  return { answer, asked, release, waiting };
}

describe("requests on the wire", () => {
  it("are answered when they come split at each byte", async () => {
    const { open } = await serve(echo);
    const client = await open();
    client.socket.setNoDelay(true);
    for (const byte of frame("postfix split.example")) {
      client.send(byte);
      await new Promise(setImmediate);
    }
    expect(await client.reply()).toBe("OK postfix split.example");
  });

  it("are answered in order when a hundred come in one packet, in one write when nothing has to be asked", async () => {
    const { open } = await serve(echo, { maxPending: 200 });
    const client = await open();
    const keys = Array.from({ length: 100 }, (_, i) => `postfix d${i}.example`);
    const write = vi.spyOn(Socket.prototype, "write");
    client.send(keys.map(frame).join(""));
    for (const key of keys) expect(await client.reply()).toBe(`OK ${key}`);
    expect(write).toHaveBeenCalledTimes(2);
    write.mockRestore();
  });

  it("are answered in the order they were asked, not the order the answers were found", async () => {
    const questions = held();
    const { open } = await serve(questions.answer);
    const client = await open();
    client.send(frame("first") + frame("second") + frame("third"));
    await questions.asked("third");
    for (const key of ["third", "second", "first"]) questions.release(key);
    expect([await client.reply(), await client.reply(), await client.reply()]).toEqual([
      "OK first",
      "OK second",
      "OK third",
    ]);
  });

  it("are never merged with those of another client", async () => {
    const { open } = await serve(echo);
    const [one, two] = [await open(), await open()];
    one.send("12:postfix ");
    two.send(frame("sts b.example"));
    expect(await two.reply()).toBe("OK sts b.example");
    one.send("abcd,");
    expect(await one.reply()).toBe("OK postfix abcd");
  });

  it("are all answered, thousands of them, by a client that reads only at the end", async () => {
    const { open } = await serve(echo, { maxPending: 16 });
    const client = await open();
    client.socket.pause();
    const keys = Array.from({ length: 20_000 }, (_, i) => `postfix number-${i}.example`);
    client.send(keys.map(frame).join(""));
    client.socket.resume();
    for (const key of keys) expect(await client.reply()).toBe(`OK ${key}`);
  });

  it("are answered even after the client closed its half of the connection", async () => {
    const questions = held();
    const { open } = await serve(questions.answer);
    const client = await open();
    client.socket.end(frame("late"));
    await questions.asked("late");
    questions.release("late");
    expect(await client.reply()).toBe("OK late");
    await client.closed();
  });

  it("can change nothing: a word like PURGE is an unknown map", async () => {
    const world = new ScriptedWorld();
    const answerer = new Answerer({ resolver: world, lookupMx: world.lookupMx, matchesMx });
    const { open } = await serve((request) => answerer.answer(request));
    const client = await open();
    for (const word of ["PURGE x", "DUMP x", "JSON a.example", "refresh a.example"]) {
      expect(await client.ask(word)).toMatch(/^PERM unknown map/);
    }
    expect(await client.ask("postfix a.example")).toBe("NOTFOUND ");
    expect(world.asked).toEqual(["policy a.example"]);
  });
});

describe("a malformed stream", () => {
  it.each([
    ["a wrong comma", "3:abc;", "no-comma"],
    ["a leading zero", "03:abc,", "leading-zero"],
    ["ten digits", "1234567890:abc,", "too-long"],
    ["10,001 bytes, of which none has to arrive", "10001:", "too-long"],
    ["text", "GET / HTTP/1.1\r\n\r\n", "bad-length"],
    ["NUL", "\0", "bad-length"],
  ])("with %s gets what was asked before it, an error, and a closed connection", async (_, bytes, fault) => {
    const { open, causes, server } = await serve(echo);
    const client = await open();
    client.send(`${frame("postfix good.example")}${bytes}${frame("postfix never.example")}`);
    expect(await client.reply()).toBe("OK postfix good.example");
    expect(await client.reply()).toBe(`PERM malformed socketmap request (${fault}); connection closed`);
    expect(await client.reply()).toBeNull();
    expect(causes).toEqual(["malformed"]);
    await vi.waitFor(() => expect(server.connections).toBe(0));
  });

  it("with a request that has no key is closed too", async () => {
    const world = new ScriptedWorld();
    const answerer = new Answerer({ resolver: world, lookupMx: world.lookupMx, matchesMx });
    const { open } = await serve((request) => answerer.answer(request));
    for (const bytes of ["0:,", "7:postfix,", "2: x,"]) {
      const client = await open();
      client.send(bytes);
      expect(await client.reply()).toBe("PERM malformed socketmap request (no key); connection closed");
      expect(await client.reply()).toBeNull();
    }
  });
});

describe("a client that misbehaves costs one bounded slot", () => {
  it("and is dropped when it leaves a request half sent, however slowly it goes on", async () => {
    const { open, causes } = await serve(echo, { requestTime: 60 });
    const client = await open();
    client.send("500:postfix ");
    const trickle = setInterval(() => client.send("x"), 10);
    await client.closed();
    clearInterval(trickle);
    expect(causes).toEqual(["half-request"]);
  });

  it("while an idle connection whose requests are whole stays open past that time", async () => {
    const { open, causes } = await serve(echo, { requestTime: 30 });
    const idle = await open();
    expect(await idle.ask("postfix one.example")).toBe("OK postfix one.example");
    const half = await open();
    half.send("9:");
    await half.closed();
    expect(causes).toEqual(["half-request"]);
    expect(await idle.ask("postfix two.example")).toBe("OK postfix two.example");
  });

  it("and is dropped when it never reads; no more is taken from it than the bound", async () => {
    let asked = 0;
    const big = okReply("x".repeat(90_000));
    const { open, causes } = await serve(
      () => {
        asked++;
        return big;
      },
      { readTime: 150, maxPending: 8 },
    );
    const client = await open();
    client.socket.pause();
    client.send(frame("postfix a.example").repeat(50_000));
    await vi.waitFor(() => expect(causes).toEqual(["never-reads"]), { timeout: 5_000, interval: 5 });
    // What kernel buffers take in is not ours to bound; 50,000 replies would be 4.5 GB.
    expect(asked).toBeLessThan(500);
    client.socket.resume();
    await client.closed();
  });

  it("and is closed after the idle time, which is far above the 100 s of Postfix", async () => {
    expect(DEFAULT_LIMITS.idleTime).toBeGreaterThan(100_000);
    expect(DEFAULT_LIMITS.requestTime).toBeLessThanOrEqual(30_000);
    expect(DEFAULT_LIMITS.readTime).toBeLessThanOrEqual(30_000);
    const { open, causes } = await serve(echo, { idleTime: 30 });
    await (await open()).closed();
    expect(causes).toEqual(["idle"]);
  });

  it("so that ten times the cap of half-sent requests leaves room for a new one", async () => {
    const { open, causes } = await serve(echo, { maxConnections: 50, stuckTime: 0 });
    for (let i = 0; i < 500; i++) (await open()).send("100:postfix ");
    const client = await open();
    expect(await client.ask("postfix a.example")).toBe("OK postfix a.example");
    expect(causes.every((cause) => cause === "evicted")).toBe(true);
    expect(causes.length).toBeGreaterThanOrEqual(451);
  });

  it("and working connections are never evicted: the newcomer hears TEMP overloaded and is closed", async () => {
    const { open, causes } = await serve(echo, { maxConnections: 3, stuckTime: 0 });
    const working = [await open(), await open(), await open()];
    for (const client of working) await client.ask("postfix a.example");
    const newcomer = await open();
    expect(await newcomer.reply()).toMatch(/^TEMP overloaded: 3 connections are open; mail stays queued; /);
    expect(await newcomer.reply()).toBeNull();
    for (const client of working) expect(await client.ask("postfix b.example")).toBe("OK postfix b.example");
    expect(causes).toEqual(["refused"]);
  });

  it("and a connection that waits for our answer is never evicted either, an idle one may be", async () => {
    const questions = held();
    const { open, causes } = await serve(questions.answer, { maxConnections: 1, stuckTime: 0, quietTime: 0 });
    const busy = await open();
    busy.send(frame("slow"));
    await questions.asked("slow");
    expect(await (await open()).reply()).toMatch(/^TEMP overloaded/);
    questions.release("slow");
    expect(await busy.reply()).toBe("OK slow");
    const next = await open();
    next.send(frame("next"));
    await questions.asked("next");
    expect(await busy.reply()).toBeNull();
    expect(causes).toEqual(["refused", "evicted"]);
  });

  it("and is not read from while its questions wait, so that megabytes of them stay with the client", async () => {
    const questions = held();
    const { open } = await serve((request) => (request.length > 20 ? questions.answer(request) : echo(request)), {
      maxPending: 4,
    });
    const greedy = await open();
    const request = frame(`postfix ${"x".repeat(9_000)}`);
    greedy.send(request.repeat(5_000));
    await questions.asked(request.slice(5, -1));
    const other = await open();
    for (let i = 0; i < 300; i++) await other.ask("postfix a.example");
    // 45 MB were sent; what is gone from here sits in kernel buffers.
    expect(greedy.socket.writableLength).toBeGreaterThan(20_000_000);
  });

  it("and an idle connection closed by Postfix loses no answer and is no event", async () => {
    const { open, causes, server } = await serve(echo);
    const client = await open();
    expect(await client.ask("postfix a.example")).toBe("OK postfix a.example");
    client.socket.end();
    await client.closed();
    const reset = await open();
    await reset.ask("postfix a.example");
    reset.socket.resetAndDestroy();
    await vi.waitFor(() => expect(server.connections).toBe(0));
    expect(causes).toEqual([]);
  });
});

describe("a graceful end", () => {
  it("stops accepting, answers what is pending, and closes the idle connections", async () => {
    const questions = held();
    const { server, port, open } = await serve(questions.answer);
    const idle = await open();
    const busy = await open();
    busy.send(frame("one") + frame("two"));
    await questions.asked("two");
    const closed = server.close(5_000);
    await idle.closed();
    const late = connect(port, "127.0.0.1");
    const [error] = await once(late, "error");
    expect((error as NodeJS.ErrnoException).code).toBe("ECONNREFUSED");
    questions.release("two");
    questions.release("one");
    expect([await busy.reply(), await busy.reply(), await busy.reply()]).toEqual(["OK one", "OK two", null]);
    await closed;
  });

  it("destroys what is left when the grace is over", async () => {
    const questions = held();
    const { server, open } = await serve(questions.answer);
    const client = await open();
    client.send(frame("never"));
    await questions.asked("never");
    await server.close(30);
    expect(await client.reply()).toBeNull();
    await vi.waitFor(() => expect(server.connections).toBe(0));
  });
});

describe("listeners", () => {
  it("bind loopback by default", () => {
    expect(DEFAULT_LISTEN).toEqual({ kind: "tcp", host: "127.0.0.1", port: 8461 });
  });

  it("start all or none", async () => {
    const { port } = await serve(echo);
    const taken = { kind: "tcp", host: "127.0.0.1", port } as const;
    const free = { kind: "tcp", host: "127.0.0.1", port: 0 } as const;
    await expect(PostfixServer.start({ listen: [free, taken], answer: echo })).rejects.toThrow(/EADDRINUSE/);
  });
});

it("answers from the engine's decision over a real socket", async () => {
  const world = new ScriptedWorld();
  world.decisions.set("example.com", honour("example.com", policy("enforce", ["mx.example.com"])));
  const answerer = new Answerer({ resolver: world, lookupMx: world.lookupMx, matchesMx });
  const { open } = await serve((request) => answerer.answer(request));
  const client = await open();
  client.send(
    frame("sts Example.COM") + frame("sts .example.com") + frame("sts other.example") + frame("sts Example.COM"),
  );
  const line = "OK secure match=mx.example.com servername=hostname";
  expect([await client.reply(), await client.reply(), await client.reply(), await client.reply()]).toEqual([
    line,
    "NOTFOUND ",
    "NOTFOUND ",
    line,
  ]);
  expect(world.asked).toEqual(["policy example.com", "policy other.example"]);
});
