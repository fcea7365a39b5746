import { gzipSync } from "node:zlib";
import { beforeAll, describe, expect, it } from "vitest";
import type { PolicyFetch } from "../../../host/https/types.ts";
import { type Credentials, dnsNames, TestAuthority } from "./certificates.ts";
import { fetcherFor, fetchOnce } from "./fetcher.ts";
import {
  answerWith,
  POLICY,
  type PolicyServer,
  response,
  type ServerConnection,
  type ServerOptions,
  startPolicyServer,
} from "./policy-server.ts";

let authority: TestAuthority;
let credentials: Credentials;

beforeAll(async () => {
  authority = await TestAuthority.create();
  credentials = await authority.leaf({ names: dnsNames("mta-sts.example.com") });
});

interface Outcome {
  readonly result: PolicyFetch;
  readonly server: PolicyServer;
}

async function fetchFrom(behaviour: Partial<ServerOptions>): Promise<Outcome> {
  const server = await startPolicyServer({ credentials, ...behaviour });
  try {
    return { result: await fetchOnce({ caPem: authority.rootPem, dialPort: server.port }), server };
  } finally {
    await server.close();
  }
}

const answered = async (octets: Buffer | string) => fetchFrom({ respond: answerWith(octets) });

function expectRefusal({ result, server }: Outcome, failure: string, detail: RegExp): void {
  expect(result).toEqual({ ok: false, failure, detail: expect.stringMatching(detail) });
  expect((result as { detail: string }).detail).toMatch(/^[\x20-\x7e]{1,200}$/);
  expect(server.connections).toBe(1);
}

function bodyOf(result: PolicyFetch): string {
  if (!result.ok) throw new Error(`${result.failure}: ${result.detail}`);
  return Buffer.from(result.body).toString("latin1");
}

describe("the request", () => {
  it("is one GET with these headers, no more: no credentials, cookies, validators or port (R-8461-3.2-01, R-8461-3.2-02, R-8461-3.3-09, R-8461-3.3-10)", async () => {
    const { result, server } = await answered(response());
    expect(bodyOf(result)).toBe(POLICY);
    const [requestLine, ...fields] = (server.requests[0] ?? "").trimEnd().split("\r\n");
    expect(requestLine).toBe("GET /.well-known/mta-sts.txt HTTP/1.1");
    expect(fields.map((field) => field.toLowerCase()).sort()).toEqual([
      "accept-encoding: identity",
      "cache-control: no-cache",
      "connection: close",
      "host: mta-sts.example.com",
      "user-agent: mta-sts-engine",
    ]);
    expect(server.requests).toHaveLength(1);
    expect(server.connections).toBe(1);
  });

  it("is made anew each time, whatever caching headers, validators and cookies came before (R-8461-3.3-08, R-8461-3.3-09)", async () => {
    const headers = {
      "Cache-Control": "public, max-age=31536000, immutable",
      Expires: "Fri, 01 Jan 2100 00:00:00 GMT",
      ETag: '"abc"',
      "Last-Modified": "Thu, 01 Jan 2026 00:00:00 GMT",
      Age: "5",
      "Set-Cookie": "session=1; Secure",
      "Alt-Svc": 'h2="127.0.0.1:1"; persist=1',
      Connection: "keep-alive",
    };
    let served = 0;
    const server = await startPolicyServer({
      credentials,
      // Left open: a client that keeps connections would use this one again.
      respond: ({ tls }) => {
        served += 1;
        tls.write(response(`${POLICY}served: ${served}\n`, { headers }));
      },
    });
    const fetcher = fetcherFor({ caPem: authority.rootPem, dialPort: server.port });
    expect(bodyOf(await fetcher.fetch("example.com"))).toBe(`${POLICY}served: 1\n`);
    expect(bodyOf(await fetcher.fetch("example.com"))).toBe(`${POLICY}served: 2\n`);
    expect(server.connections).toBe(2);
    expect(server.requests[1]).toBe(server.requests[0]);
    await server.idle();
    await fetcher.close();
    await server.close();
  });
});

describe("the status", () => {
  it.each([201, 203, 204, 206, 400, 404, 410, 500, 503])("%i is a failed fetch (R-8461-3.3-06)", async (status) => {
    const body = status === 204 ? "" : POLICY;
    const outcome = await answered(response(body, { status: `${status} Whatever` }));
    expectRefusal(outcome, "status", new RegExp(`answered with status ${status}, not 200$`));
  });

  it.each([300, 301, 302, 303, 304, 305, 307, 308])(
    "%i is a failed fetch, and nothing is asked again (R-8461-3.3-06, R-8461-3.3-07)",
    async (status) => {
      const server = await startPolicyServer({
        credentials,
        respond: ({ tls }) => {
          const Location = `https://mta-sts.example.com:${server.port}/.well-known/mta-sts.txt`;
          tls.end(response(status === 304 ? "" : POLICY, { status: `${status} Moved`, headers: { Location } }));
        },
      });
      const result = await fetchOnce({ caPem: authority.rootPem, dialPort: server.port });
      const detail = new RegExp(`answered with status ${status} to https://mta-sts\\.example\\.com:[0-9]+/`);
      expectRefusal({ result, server }, "redirect", detail);
      expect(server.requests).toHaveLength(1);
      await server.close();
    },
  );

  it.each([
    ["/.well-known/mta-sts.txt"],
    ["/.well-known/mta-sts.txt/"],
    ["http://mta-sts.example.com/.well-known/mta-sts.txt"],
    ["https://www.example.com/.well-known/mta-sts.txt"],
    [""],
  ])("302 to %j is not followed (R-8461-3.3-07)", async (Location) => {
    const outcome = await answered(response(POLICY, { status: "302 Found", headers: { Location } }));
    expectRefusal(outcome, "redirect", /redirects are not followed$/);
  });

  it("302 to a text made for a terminal or a log is reported escaped and cut", async () => {
    const Location = `\t\u001b[31m\u00ff${"x".repeat(400)}`.replace("\u001b", "\u0080");
    const outcome = await answered(response(POLICY, { status: "302 Found", headers: { Location } }));
    expectRefusal(outcome, "redirect", /\\x[0-9a-f]{2}.*x\.\.\.$/);
  });

  it("200 after other interim responses is still a 200", async () => {
    const hints = "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n".repeat(3);
    expect(bodyOf((await answered(Buffer.concat([Buffer.from(hints), response()]))).result)).toBe(POLICY);
  });
});

describe("the content type", () => {
  it.each([
    ["text/plain"],
    ["Text/Plain; charset=UTF-8"],
    ["text/html"],
    ["text/plain-old"],
    ["text/plain; charset=utf-16"],
  ])("%s is handed to the core as sent, with the octets as sent (R-8461-3.2-04)", async (contentType) => {
    const octets = Buffer.from(`\ufeff${POLICY}note: größe\n`, "utf8");
    const { result } = await answered(response(octets, { headers: { "Content-Type": contentType } }));
    expect(result).toMatchObject({ ok: true, contentType });
    expect(bodyOf(result)).toBe(octets.toString("latin1"));
  });

  it("is null when the header is missing, and all of it when it comes twice", async () => {
    const none = `HTTP/1.1 200 OK\r\nContent-Length: ${POLICY.length}\r\n\r\n${POLICY}`;
    expect((await answered(none)).result).toMatchObject({ ok: true, contentType: null });
    const twice = none.replace("\r\n", "\r\nContent-Type: text/plain\r\nContent-Type: text/html\r\n");
    expect((await answered(twice)).result).toMatchObject({ ok: true, contentType: "text/plain, text/html" });
  });
});

describe("the size of the body", () => {
  const chunked = (body: string, headers = "") =>
    `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n${headers}\r\n${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`;

  it("may be 65536 octets exactly, with a length, in chunks, or ended by close_notify (R-8461-3.3-14)", async () => {
    const body = "x".repeat(65_536);
    expect(bodyOf((await answered(response(body))).result)).toBe(body);
    expect(bodyOf((await answered(chunked(body))).result)).toBe(body);
    expect(bodyOf((await answered(`HTTP/1.1 200 OK\r\n\r\n${body}`)).result)).toBe(body);
  });

  it("may not be 65537 octets, and is never cut to fit (R-8461-3.3-14)", async () => {
    const body = "x".repeat(65_537);
    expectRefusal(await answered(response(body)), "too-large", /announced a body of 65537 octets/);
    expectRefusal(await answered(chunked(body)), "too-large", /more than 65536 octets/);
    expectRefusal(await answered(`HTTP/1.1 200 OK\r\n\r\n${body}`), "too-large", /more than 65536 octets/);
  });

  it("may be zero: that is for the core to judge", async () => {
    expect(bodyOf((await answered(response(""))).result)).toBe("");
  });
});

describe("a content or transfer coding", () => {
  it.each([["gzip"], ["br"], ["deflate"], ["x-gzip"], ["zstd"], ["identity"], ["gzip, gzip"], [""]])(
    "Content-Encoding: %s is refused unread",
    async (coding) => {
      const outcome = await answered(response(gzipSync(POLICY), { headers: { "Content-Encoding": coding } }));
      expectRefusal(outcome, "encoding", /sent Content-Encoding: .*; none is accepted$/);
    },
  );

  it("of a gzip bomb costs nothing: not one octet is decoded", async () => {
    const bomb = gzipSync(Buffer.alloc(50_000_000));
    const outcome = await answered(response(bomb, { headers: { "Content-Encoding": "gzip" } }));
    expectRefusal(outcome, "encoding", /gzip/);
  });

  it.each([["gzip, chunked"], ["gzip"], ["identity"], ["chunked, gzip"]])(
    "Transfer-Encoding: %s is refused",
    async (coding) => {
      const head = `HTTP/1.1 200 OK\r\nTransfer-Encoding: ${coding}\r\n\r\n`;
      const { result, server } = await answered(`${head}${POLICY.length.toString(16)}\r\n${POLICY}\r\n0\r\n\r\n`);
      expect(result).toMatchObject({ ok: false, failure: expect.stringMatching(/^(?:encoding|protocol)$/) });
      expect(server.connections).toBe(1);
    },
  );
});

describe("an incomplete body", () => {
  const head = (...fields: string[]) => `HTTP/1.1 200 OK\r\n${fields.map((field) => `${field}\r\n`).join("")}\r\n`;
  const ending = {
    "a TLS close": ({ tls }: ServerConnection, text: string) => void tls.end(text),
    "a TCP close without close_notify": ({ tls, cut }: ServerConnection, text: string) => void tls.write(text, cut),
    "a TCP reset": ({ tls, reset }: ServerConnection, text: string) => void tls.write(text, reset),
  };
  const start = POLICY.slice(0, 37);
  const messages = {
    "of 200 octets announced": head("Content-Length: 200") + start,
    "of 200 octets announced on a closing connection": head("Content-Length: 200", "Connection: close") + start,
    "without its last chunk": `${head("Transfer-Encoding: chunked")}25\r\n${start}\r\n`,
    "without its last chunk on a closing connection": `${head("Transfer-Encoding: chunked", "Connection: close")}25\r\n${start}\r\n`,
    "inside a chunk": `${head("Transfer-Encoding: chunked")}ff\r\n${start}`,
    "before any octet of it": head("Content-Length: 200"),
    "inside the headers": "HTTP/1.1 200 OK\r\nContent-Le",
    "before the status line": "",
  };
  const rows = Object.entries(messages).flatMap(([where, text]) =>
    Object.entries(ending).map(([how, end]) => [how, where, text, end] as const),
  );
  it.each(rows)("cut by %s, %s, is a failed fetch (R-8461-3.3-15)", async (_how, _where, text, end) => {
    const outcome = await fetchFrom({ respond: (connection) => end(connection, text) });
    expectRefusal(outcome, "incomplete", /closed the connection|does not fit its Content-Length/);
  });

  it.each(Object.entries(ending).slice(1))(
    "that has no length and is ended by %s is a failed fetch, even if it parses (R-8461-3.3-15)",
    async (_how, end) => {
      const outcome = await fetchFrom({ respond: (connection) => end(connection, head() + POLICY) });
      expectRefusal(outcome, "incomplete", /was cut: no length, and no TLS close_notify at its end$/);
    },
  );

  it.each([["TLSv1.2"], ["TLSv1.3"]] as const)(
    "is none of those that have no length and are ended by close_notify, which no attacker can send (%s)",
    async (version) => {
      const outcome = await fetchFrom({
        tls: { minVersion: version, maxVersion: version },
        respond: answerWith(head("Content-Type: text/plain") + POLICY),
      });
      expect(bodyOf(outcome.result)).toBe(POLICY);
    },
  );

  it("is told from one whose close_notify comes long before the end of the TCP connection", async () => {
    const server = await startPolicyServer({
      credentials,
      respond: ({ tls }) => {
        tls.write(head("Content-Type: text/plain") + POLICY.slice(0, 10));
        setImmediate(() => tls.end(POLICY.slice(10)));
      },
    });
    const result = await fetchOnce({ caPem: authority.rootPem, dialPort: server.port });
    expect(bodyOf(result)).toBe(POLICY);
    await server.close();
  });
});

describe("a server that does not speak HTTP/1.1", () => {
  it.each([
    ["SMTP", "220 mail.example.com ESMTP\r\n"],
    ["FTP", "220 (vsFTPd 3.0.5)\r\n"],
    ["IMAP", "* OK IMAP4rev1 ready\r\n"],
    ["POP3", "+OK ready\r\n"],
    ["HTTP/2", Buffer.from("0000120400000000000003000000640004001000000006000020000", "hex")],
  ])("but greets as %s does is refused", async (_protocol, banner) => {
    expectRefusal(await fetchFrom({ greet: ({ tls }) => void tls.write(banner) }), "protocol", /did not answer/);
  });

  it.each([
    ["reflects the request in an SMTP error", "500 unrecognised: GET /.well-known/mta-sts.txt\r\n"],
    ["answers without a status line", POLICY],
    ["answers in RTSP", `RTSP/1.0 200 OK\r\nContent-Length: ${POLICY.length}\r\n\r\n${POLICY}`],
    ["answers in ICE", `ICE/1.0 200 OK\r\nContent-Length: ${POLICY.length}\r\n\r\n${POLICY}`],
    [
      "answers in RTSP after an interim response in HTTP",
      `HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nRTSP/1.0 200 OK\r\nContent-Length: ${POLICY.length}\r\n\r\n${POLICY}`,
    ],
    ["claims HTTP/2.0", `HTTP/2.0 200 OK\r\nContent-Length: ${POLICY.length}\r\n\r\n${POLICY}`],
    ["claims HTTP/0.9", `HTTP/0.9 200 OK\r\nContent-Length: ${POLICY.length}\r\n\r\n${POLICY}`],
    ["has a line that is no header", `HTTP/1.1 200 OK\r\nno colon here\r\n\r\n`],
    ["has a length that is no number", `HTTP/1.1 200 OK\r\nContent-Length: 0x10\r\n\r\n${POLICY}`],
    ["has chunks of no size", `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n`],
    ["switches protocols", `HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n`],
    ["folds a header", `HTTP/1.1 200 OK\r\nX-A: 1\r\n folded: 2\r\nContent-Length: 0\r\n\r\n`],
  ])("but %s is refused", async (_what, text) => {
    expectRefusal(await answered(text), "protocol", /did not answer/);
  });

  it.each([
    ["two lengths", "Content-Length: 5\r\nContent-Length: 70"],
    ["a length and chunks", "Content-Length: 5\r\nTransfer-Encoding: chunked"],
  ])("but announces %s is refused, whichever would be right (R-8461-3.3-15)", async (_what, fields) => {
    const outcome = await answered(`HTTP/1.1 200 OK\r\n${fields}\r\n\r\n${POLICY}`);
    expectRefusal(outcome, "incomplete", /does not fit its Content-Length/);
  });

  it("but still HTTP/1.0 is served: its octets come one by one through every state of the parser", async () => {
    const octets = Buffer.from(`HTTP/1.0 200 OK\r\nContent-Length: ${POLICY.length}\r\n\r\n${POLICY}`);
    const outcome = await fetchFrom({
      respond: ({ tls }) => {
        for (const octet of octets) tls.write(Buffer.of(octet));
      },
    });
    expect(bodyOf(outcome.result)).toBe(POLICY);
  });

  it("but sends more than 8192 octets of headers is refused", async () => {
    const outcome = await answered(response(POLICY, { headers: { "X-Padding": "x".repeat(9000) } }));
    expectRefusal(outcome, "protocol", /more than 8192 octets of headers/);
  });
});
