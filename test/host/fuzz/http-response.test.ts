// What a policy host may answer, changed octet by octet: only a whole, plain, small 200 gives a body, and it is the body
// that a second reading of the same octets finds.
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { PolicyFetcher } from "../../../host/https/types.ts";
import { mutated } from "../../oracle/inputs/mutation.ts";
import { type Credentials, dnsNames, TestAuthority } from "../https/certificates.ts";
import { fetcherFor } from "../https/fetcher.ts";
import { POLICY, type PolicyServer, startPolicyServer } from "../https/policy-server.ts";
import { patience, runs } from "./runs.ts";

const KINDS =
  /^(dns|address-forbidden|connect|tls|certificate|timeout|status|redirect|too-large|incomplete|encoding|protocol|aborted)$/;

const status = fc.constantFrom(
  "HTTP/1.1 200 OK",
  "HTTP/1.1 200 OK",
  "HTTP/1.1 200 OK",
  "HTTP/1.0 200 OK",
  "HTTP/1.1 204 No",
  "HTTP/1.1 301 Moved",
  "HTTP/1.1 404 Not Found",
  "HTTP/2 200",
  "RTSP/1.0 200 OK",
  "220 smtp",
);
const header = fc.constantFrom(
  "Content-Type: text/plain",
  "Content-Type: text/html",
  "Location: https://x.test/",
  "Content-Encoding: gzip",
  "Transfer-Encoding: gzip, chunked",
  "Connection: keep-alive",
  "X: y",
  "x : y",
  "Content-Length: 5",
  "Content-Length: 99999999999",
  "Set-Cookie: a=b",
  ` folded: ${"z".repeat(9000)}`,
);
const body = fc.constantFrom(POLICY, "", "x", POLICY.repeat(3), "a".repeat(65_536), "a".repeat(65_537));

const chunked = (text: string): string => `${text.length.toString(16)}\r\n${text}\r\n0\r\n\r\n`;
const framed = fc.tuple(body, fc.constantFrom("length", "length", "chunked", "chunked", "close")).map(([text, how]) => {
  if (how === "length") return { headers: [`Content-Length: ${text.length}`], text };
  return how === "chunked"
    ? { headers: ["Transfer-Encoding: chunked"], text: text === "" ? "0\r\n\r\n" : chunked(text) }
    : { headers: [], text };
});
const interim = fc.constantFrom(
  "",
  "",
  "",
  "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n",
  "HTTP/1.1 100 Continue\r\n\r\n",
);
const responses = mutated(
  fc
    .tuple(interim, status, fc.array(header, { maxLength: 2 }), framed)
    .map(
      ([before, line, headers, { headers: frame, text }]) =>
        `${before}${[line, ...headers, ...frame].join("\r\n")}\r\n\r\n${text}`,
    ),
  "\r\n :0123456789abcdefHTP/\x00\xff;,",
);

/** RFC 9112 §7.1, with extensions and trailers passed over. */
function dechunk(text: string): string {
  let whole = "";
  for (let rest = text; ; ) {
    const [line = "", size = "0"] = /^([0-9a-f]+)[^\n]*\n/i.exec(rest) ?? [];
    const length = Number.parseInt(size, 16);
    if (line === "" || length === 0) return whole;
    whole += rest.slice(line.length, line.length + length);
    rest = rest.slice(line.length + length).replace(/^\r?\n/, "");
  }
}

/** The body of the last response in octets that were accepted: interim responses go before it (RFC 9110 §15.2). */
function bodyIn(octets: string): string {
  const [, head = "", rest = ""] = /^([\s\S]*?)\r?\n\r?\n([\s\S]*)$/.exec(octets) ?? [];
  if (/^HTTP\/1\.[01] 1\d\d/.test(head)) return bodyIn(rest);
  expect(head).toMatch(/^HTTP\/1\.[01] 200\b/);
  expect(head).not.toMatch(/^content-encoding:/im);
  if (/^transfer-encoding:/im.test(head)) return dechunk(rest);
  const [, length] = /^content-length:\s*(\d+)/im.exec(head) ?? [];
  return length === undefined ? rest : rest.slice(0, Number(length));
}

describe("the response of a policy host, fuzzed", () => {
  let authority: TestAuthority;
  let credentials: Credentials;
  let server: PolicyServer;
  let fetcher: PolicyFetcher;
  let answer = Buffer.alloc(0);

  beforeAll(async () => {
    authority = await TestAuthority.create();
    credentials = await authority.leaf({ names: dnsNames("mta-sts.example.com") });
    server = await startPolicyServer({ credentials, respond: ({ tls }) => void tls.end(answer) });
    fetcher = fetcherFor({ caPem: authority.rootPem, dialPort: server.port, timeoutMs: 3000 });
  });
  afterAll(async () => {
    await fetcher.close();
    await server.close();
  });

  it("gives a body only of a whole, plain, small 200, and a documented failure else (R-8461-3.3-06, R-8461-3.3-14, R-8461-3.3-15)", {
    timeout: patience(12),
  }, async () => {
    const told = new Map<string, number>();
    await fc.assert(
      fc.asyncProperty(responses, async (octets) => {
        answer = Buffer.from(octets, "latin1");
        const result = await fetcher.fetch("example.com");
        const kind = result.ok ? "ok" : result.failure;
        told.set(kind, (told.get(kind) ?? 0) + 1);
        if (!result.ok) {
          expect(result.failure).toMatch(KINDS);
          expect(result.detail).toMatch(/^[\x20-\x7e]{1,200}$/);
          return;
        }
        expect(result.body.length).toBeLessThanOrEqual(65_536);
        expect(Buffer.from(result.body).toString("latin1")).toBe(bodyIn(octets));
      }),
      runs(700, 0x6874),
    );
    console.log(`responses: ${[...told].map(([kind, n]) => `${kind} ${n}`).join(", ")}`);
    for (const kind of ["ok", "status", "redirect", "too-large", "incomplete", "encoding", "protocol"])
      expect(told.get(kind) ?? 0, kind).toBeGreaterThan(3);
    expect(told.get("timeout") ?? 0).toBe(0);
    await server.idle();
  });
});
