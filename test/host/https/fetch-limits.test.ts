import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { beforeAll, describe, expect, it, vi } from "vitest";
import type { DnsClient } from "../../../host/dns/types.ts";
import { createPolicyFetcher } from "../../../host/https/fetch-policy.ts";
import { type Credentials, dnsNames, TestAuthority } from "./certificates.ts";
import { fetcherFor, resolverOf, strictDnsIdMatch } from "./fetcher.ts";
import { answerWith, POLICY, response, type ServerConnection, startPolicyServer } from "./policy-server.ts";

/** Milliseconds: enough for a handshake on a busy machine; every server here would go on for ever. */
const DEADLINE = 1_500;

let authority: TestAuthority;
let credentials: Credentials;

beforeAll(async () => {
  authority = await TestAuthority.create();
  credentials = await authority.leaf({ names: dnsNames("mta-sts.example.com") });
});

/** Writes the next piece every few milliseconds for as long as the connection lives. */
function drip({ tls }: ServerConnection, first: string, next: string): void {
  tls.write(first);
  const timer = setInterval(() => tls.write(next), 5);
  tls.once("close", () => clearInterval(timer));
}

describe("the total deadline", () => {
  const chunkedHead = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n";
  const endless: readonly (readonly [what: string, respond: (connection: ServerConnection) => void])[] = [
    ["a server that says nothing", () => {}],
    ["a header trickle", (connection) => drip(connection, "HTTP/1.1 200 OK\r\nX-A: ", "a")],
    ["a body trickle", (connection) => drip(connection, "HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n", "a")],
    ["a body trickle without length", (connection) => drip(connection, "HTTP/1.1 200 OK\r\n\r\n", "a")],
    [
      "a flood of 103 responses",
      (connection) => drip(connection, "", "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"),
    ],
    ["a flood of chunk extensions", (connection) => drip(connection, chunkedHead, `1;x=${"y".repeat(400)}\r\nz\r\n`)],
    ["a body that stops", ({ tls }) => void tls.write(response().subarray(0, -5))],
    ["a status line that stops", ({ tls }) => void tls.write("HTTP/1.1 2")],
  ];
  it.concurrent.each(endless)("ends %s (R-8461-3.3-13)", async (_what, respond) => {
    const server = await startPolicyServer({ credentials, respond });
    const fetcher = fetcherFor({ caPem: authority.rootPem, dialPort: server.port, timeoutMs: DEADLINE });
    const started = performance.now();
    const result = await fetcher.fetch("example.com");
    const took = performance.now() - started;
    expect(result).toEqual({
      ok: false,
      failure: "timeout",
      detail: "no complete answer from mta-sts.example.com within 1.5 s, was waiting for the response of 127.0.0.1",
    });
    expect(took).toBeGreaterThan(DEADLINE - 10);
    expect(took).toBeLessThan(DEADLINE + 5_000);
    await server.idle();
    await fetcher.close();
    await server.close();
  });

  it("ends a server that accepts the connection and never makes the TLS handshake (R-8461-3.3-13)", async () => {
    const server = createServer(() => {}).listen(0, "127.0.0.1");
    await once(server, "listening");
    const gone = once(server, "connection").then(([tcp]) => once(tcp.resume(), "close"));
    const dialPort = (server.address() as AddressInfo).port;
    const fetcher = fetcherFor({ caPem: authority.rootPem, dialPort, timeoutMs: DEADLINE });
    expect(await fetcher.fetch("example.com")).toMatchObject({
      failure: "timeout",
      detail: expect.stringMatching(/was waiting for the TLS handshake of 127\.0\.0\.1$/),
    });
    await gone;
    await fetcher.close();
    server.close();
  });

  it("ends a lookup that never comes back, and hands its signal to the resolver (R-8461-3.3-13)", async () => {
    let given: AbortSignal | undefined;
    const dns: Pick<DnsClient, "addresses"> = {
      addresses: (_name, signal) => {
        given = signal;
        return new Promise(() => {});
      },
    };
    const fetcher = createPolicyFetcher({ dns, matchesDnsId: strictDnsIdMatch, timeoutMs: DEADLINE });
    expect(await fetcher.fetch("example.com")).toMatchObject({
      failure: "timeout",
      detail: expect.stringMatching(/was looking up the addresses of mta-sts\.example\.com$/),
    });
    expect(given?.aborted).toBe(true);
    await fetcher.close();
  });

  it("is 60 seconds for everything together unless configured (R-8461-3.3-13)", async () => {
    vi.useFakeTimers();
    try {
      const dns: Pick<DnsClient, "addresses"> = { addresses: () => new Promise(() => {}) };
      const fetcher = createPolicyFetcher({ dns, matchesDnsId: strictDnsIdMatch });
      let ended = false;
      const flight = fetcher.fetch("example.com").finally(() => {
        ended = true;
      });
      await vi.advanceTimersByTimeAsync(59_999);
      expect(ended).toBe(false);
      await vi.advanceTimersByTimeAsync(1);
      expect(await flight).toMatchObject({ failure: "timeout", detail: expect.stringMatching(/within 60 s/) });
    } finally {
      vi.useRealTimers();
    }
  });

  it("lets a slow server through that answers in time", async () => {
    const octets = response();
    const server = await startPolicyServer({
      credentials,
      respond: ({ tls }) => {
        let at = 0;
        const timer = setInterval(() => {
          tls.write(octets.subarray(at, at + 16));
          at += 16;
          if (at >= octets.length) clearInterval(timer);
        }, 2);
      },
    });
    const fetcher = fetcherFor({ caPem: authority.rootPem, dialPort: server.port });
    const result = await fetcher.fetch("example.com");
    expect(result.ok && Buffer.from(result.body).toString()).toBe(POLICY);
    await fetcher.close();
    await server.close();
  });
});

/** TLS 1.2, a random, no session, ECDHE-RSA-AES128-GCM-SHA256, no compression, an empty renegotiation_info. */
const SERVER_HELLO = Buffer.concat([
  Buffer.from([2, 0, 0, 45, 3, 3]),
  Buffer.alloc(32, 7),
  Buffer.from([0, 0xc0, 0x2f, 0, 0, 5, 0xff, 0x01, 0, 1, 0]),
]);

const handshakeRecord = (content: Buffer): Buffer =>
  Buffer.concat([Buffer.from([22, 3, 3, content.length >> 8, content.length & 0xff]), content]);

describe("the budget of 128 KiB on the wire", () => {
  const floods: readonly (readonly [what: string, head: string, piece: string])[] = [
    ["103 responses", "", "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"],
    ["chunk extensions", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", `1;x=${"y".repeat(400)}\r\nz\r\n`],
    ["chunks of one octet", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "1\r\nz\r\n"],
  ];
  it.each(floods)("ends a flood of %s long before the deadline", async (_what, head, piece) => {
    const sent = { octets: 0 };
    const server = await startPolicyServer({
      credentials,
      respond: ({ tls }) => {
        const block = Buffer.from(piece.repeat(Math.ceil(4096 / piece.length)));
        const pump = () => {
          sent.octets += block.length;
          if (!tls.destroyed) tls.write(block, pump);
        };
        tls.write(head, pump);
      },
    });
    const fetcher = fetcherFor({ caPem: authority.rootPem, dialPort: server.port, timeoutMs: 60_000 });
    expect(await fetcher.fetch("example.com")).toMatchObject({
      ok: false,
      failure: "too-large",
      detail: "mta-sts.example.com [127.0.0.1] sent more than 131072 octets on the connection",
    });
    await server.idle();
    expect(sent.octets).toBeGreaterThan(64 * 1024);
    await fetcher.close();
    await server.close();
  });

  it("says nothing about the domain before the certificate is proven: a flood of handshake records is a tls failure", async () => {
    // A man in the middle could otherwise make "too-large" of his flood, which counts as the policy host's own word.
    const server = createServer((socket) => {
      socket.on("error", () => {});
      socket.once("data", () => {
        socket.write(handshakeRecord(SERVER_HELLO));
        const certificate = Buffer.alloc(99_004);
        certificate.set([11, 0x01, 0x82, 0xb8]); // certificate, 99,000 octets
        for (const octet of certificate) socket.write(handshakeRecord(Buffer.of(octet)));
      });
    }).listen(0, "127.0.0.1");
    await once(server, "listening");
    const fetcher = fetcherFor({ caPem: authority.rootPem, dialPort: (server.address() as AddressInfo).port });
    expect(await fetcher.fetch("example.com")).toMatchObject({
      ok: false,
      failure: "tls",
      detail: "mta-sts.example.com [127.0.0.1] sent more than 131072 octets on the connection",
    });
    await fetcher.close();
    server.close();
  });

  it("counts the TLS framing too: a body of one octet per record does not fit", async () => {
    const server = await startPolicyServer({
      credentials,
      respond: ({ tls }) => {
        tls.write("HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n");
        const pump = (left: number): void => {
          if (left > 0 && !tls.destroyed) tls.write("x", () => pump(left - 1));
        };
        pump(60_000);
      },
    });
    const fetcher = fetcherFor({ caPem: authority.rootPem, dialPort: server.port });
    expect(await fetcher.fetch("example.com")).toMatchObject({ failure: "too-large" });
    await fetcher.close();
    await server.close();
  });
});

describe("concurrency", () => {
  /** A server that answers only when told, and a fetcher with so many slots. */
  async function held(maxConcurrent: number) {
    const waiting: ServerConnection[] = [];
    const arrivals: (() => void)[] = [];
    const wildcard = await authority.leaf({ names: dnsNames("*.a.example", "*.b.example", "*.c.example") });
    const server = await startPolicyServer({
      credentials: wildcard,
      respond: (connection) => {
        waiting.push(connection);
        arrivals.shift()?.();
      },
    });
    const dns = resolverOf("127.0.0.1");
    const fetcher = fetcherFor({ caPem: authority.rootPem, dialPort: server.port, maxConcurrent, dns });
    return {
      server,
      fetcher,
      waiting,
      dns,
      arrival: () => new Promise<void>((resolve) => arrivals.push(resolve)),
      stop: async () => {
        await fetcher.close();
        await server.close();
      },
    };
  }

  it("is bounded over all domains: the next fetch starts, DNS included, when one has ended (R-8461-3.3-22)", async () => {
    const { server, fetcher, waiting, dns, arrival, stop } = await held(1);
    const firstArrived = arrival();
    const first = fetcher.fetch("a.example");
    const second = fetcher.fetch("b.example");
    await firstArrived;
    expect(server.connections).toBe(1);
    expect(dns.asked).toEqual(["mta-sts.a.example"]);

    const secondArrived = arrival();
    waiting[0]?.tls.end(response());
    expect(await first).toMatchObject({ ok: true });
    await secondArrived;
    expect(dns.asked).toEqual(["mta-sts.a.example", "mta-sts.b.example"]);
    waiting[1]?.tls.end(response());
    expect(await second).toMatchObject({ ok: true });
    await stop();
  });

  it("gives up a fetch whose turn does not come, and holds that against nobody (R-8461-3.3-13, R-8461-3.3-22)", async () => {
    vi.useFakeTimers();
    try {
      const dns: Pick<DnsClient, "addresses"> = { addresses: () => new Promise(() => {}) };
      const fetcher = createPolicyFetcher({ dns, matchesDnsId: strictDnsIdMatch, maxConcurrent: 1 });
      const first = fetcher.fetch("a.example");
      const second = fetcher.fetch("b.example");
      await vi.advanceTimersByTimeAsync(30_000);
      const third = fetcher.fetch("c.example");
      const urgent = fetcher.fetch("d.example", undefined, true);
      await vi.advanceTimersByTimeAsync(30_000);
      expect(await first).toMatchObject({ failure: "timeout" });
      expect(await second).toMatchObject({ failure: "aborted" });
      await vi.advanceTimersByTimeAsync(30_000);
      expect(await third).toMatchObject({ failure: "aborted" });
      // The one somebody waits for went first, and has its whole 60 s from there.
      await vi.advanceTimersByTimeAsync(30_000);
      expect(await urgent).toMatchObject({ failure: "timeout" });
    } finally {
      vi.useRealTimers();
    }
  });

  it("gives no slot to a fetch that gave up waiting for one", async () => {
    const { fetcher, waiting, dns, arrival, stop } = await held(1);
    const firstArrived = arrival();
    const first = fetcher.fetch("a.example");
    const giveUp = new AbortController();
    const second = fetcher.fetch("b.example", giveUp.signal);
    const third = fetcher.fetch("c.example");
    await firstArrived;
    giveUp.abort();
    expect(await second).toMatchObject({
      failure: "aborted",
      detail: "the fetch from mta-sts.b.example was given up, was waiting for a free fetch slot",
    });
    const thirdArrived = arrival();
    waiting[0]?.tls.end(response());
    expect(await first).toMatchObject({ ok: true });
    await thirdArrived;
    expect(dns.asked).toEqual(["mta-sts.a.example", "mta-sts.c.example"]);
    waiting[1]?.tls.end(response());
    expect(await third).toMatchObject({ ok: true });
    await stop();
  });

  it("frees the slot of a fetch its caller gave up, and reports it as aborted", async () => {
    const { server, fetcher, arrival, stop } = await held(1);
    const arrived = arrival();
    const giveUp = new AbortController();
    const first = fetcher.fetch("a.example", giveUp.signal);
    await arrived;
    giveUp.abort();
    expect(await first).toEqual({
      ok: false,
      failure: "aborted",
      detail: "the fetch from mta-sts.a.example was given up, was waiting for the response of 127.0.0.1",
    });
    expect(await fetcher.fetch("a.example", giveUp.signal)).toMatchObject({ failure: "aborted" });
    await server.idle();
    expect(server.connections).toBe(1);
    await stop();
  });

  it("ends with close(): running and waiting fetches are aborted, later ones never start", async () => {
    const { server, fetcher, dns, arrival, stop } = await held(1);
    const arrived = arrival();
    const flights = [fetcher.fetch("a.example"), fetcher.fetch("b.example")];
    await arrived;
    await fetcher.close();
    for (const flight of flights) expect(await flight).toMatchObject({ ok: false, failure: "aborted" });
    expect(await fetcher.fetch("a.example")).toMatchObject({ ok: false, failure: "aborted" });
    expect(dns.asked).toEqual(["mta-sts.a.example"]);
    await server.idle();
    await stop();
  });

  it("needs a positive number of slots", () => {
    for (const maxConcurrent of [0, -1, 1.5, Number.NaN])
      expect(() => fetcherFor({ caPem: authority.rootPem, dialPort: 1, maxConcurrent })).toThrow(RangeError);
  });

  it("of 200 fetches with a few slots leaves no socket and no listener behind", async () => {
    const server = await startPolicyServer({ credentials, respond: answerWith(response()) });
    const fetcher = fetcherFor({ caPem: authority.rootPem, dialPort: server.port, maxConcurrent: 8 });
    const caller = new AbortController();
    const added = vi.spyOn(caller.signal, "addEventListener");
    const removed = vi.spyOn(caller.signal, "removeEventListener");
    const flights = Array.from({ length: 200 }, () => fetcher.fetch("example.com", caller.signal));
    for (const flight of flights) expect(await flight).toMatchObject({ ok: true });
    expect(server.connections).toBe(200);
    await server.idle();
    expect(removed.mock.calls.length).toBe(added.mock.calls.length);
    await fetcher.close();
    await server.close();
  });
});
