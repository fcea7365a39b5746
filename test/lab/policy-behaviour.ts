import { gzipSync } from "node:zlib";

type Body = string | Uint8Array;

/** What a policy host answers to a GET, right or wrong. Times are milliseconds. */
export type PolicyBehaviour =
  | {
      readonly kind: "ok";
      readonly body: Body;
      /** Default "text/plain"; null leaves the header out. */
      readonly contentType?: string | null;
      readonly headers?: readonly (readonly [string, string])[];
      readonly close?: boolean;
    }
  | { readonly kind: "status"; readonly status: number; readonly body?: Body }
  | { readonly kind: "redirect"; readonly status: 300 | 301 | 302 | 303 | 304 | 307 | 308; readonly location?: string }
  /** The status line at once, then a header line every `every` ms, for ever. */
  | { readonly kind: "slow-headers"; readonly every: number }
  /** Honest headers, then one octet of the body every `every` ms. */
  | { readonly kind: "slow-body"; readonly body: Body; readonly every: number }
  /** 103 Early Hints without end, each with a header of some kilobytes. */
  | { readonly kind: "early-hints-flood" }
  /** One 100 Continue and one 103 before an honest answer: allowed by RFC 9110 §15.2. */
  | { readonly kind: "informational-first"; readonly body: Body }
  | { readonly kind: "endless-body"; readonly framing: "chunked" | "close" }
  /** Headers alone, of so many octets in all. */
  | { readonly kind: "huge-headers"; readonly octets: number; readonly body: Body }
  /** Chunks of one octet, each with a chunk extension of so many octets (RFC 9112 §7.1.1). */
  | { readonly kind: "tiny-chunks"; readonly body: Body; readonly extension: number }
  /** The connection ends early: content-length says more, the last chunk is missing, or there is no length at all. */
  | { readonly kind: "cut"; readonly body: Body; readonly framing: "content-length" | "chunked" | "close" }
  | { readonly kind: "gzip"; readonly body: Body }
  /** Octets as they are, then the connection stays open, is closed, or is reset once they have arrived. */
  | { readonly kind: "raw"; readonly bytes: Body; readonly close?: boolean | "reset" }
  /** The request is read, nothing is answered. */
  | { readonly kind: "silent" }
  | { readonly kind: "reset" }
  /** Nothing until `release` is called, then as `next` says: a flight that a test can hold in the air. */
  | { readonly kind: "hold"; readonly next: PolicyBehaviour };

/** Where a behaviour writes. `closed` aborts when the client is gone or the server closes. */
export interface PolicyWire {
  /** Resolves when the octets have left, or when the connection is closed. */
  write(bytes: Body): Promise<void>;
  end(): void;
  reset(): void;
  pause(milliseconds: number): Promise<void>;
  released(): Promise<void>;
  readonly closed: AbortSignal;
}

const octets = (body: Body) => (typeof body === "string" ? Buffer.from(body, "utf8") : Buffer.from(body));
const head = (status: string, headers: readonly (readonly [string, string | number])[]) =>
  `HTTP/1.1 ${status}\r\n${headers.map(([name, value]) => `${name}: ${value}\r\n`).join("")}\r\n`;
const TEXT = ["Content-Type", "text/plain"] as const;
const chunk = (data: Uint8Array) =>
  Buffer.concat([Buffer.from(`${data.length.toString(16)}\r\n`), data, Buffer.from("\r\n")]);
const filler = (size: number) => "x".repeat(size);

/** Answers one request. Resolves true when the connection can take another one. */
export async function behave(behaviour: PolicyBehaviour, wire: PolicyWire): Promise<boolean> {
  switch (behaviour.kind) {
    case "ok":
      return ok(behaviour, wire);
    case "status":
      return withLength(wire, `${behaviour.status} Lab`, octets(behaviour.body ?? ""), [TEXT]);
    case "redirect": {
      const location = behaviour.location === undefined ? [] : [["Location", behaviour.location] as const];
      return withLength(wire, `${behaviour.status} Lab`, Buffer.alloc(0), location);
    }
    case "informational-first":
      await wire.write(head("100 Continue", []) + head("103 Early Hints", [["Link", "</style.css>; rel=preload"]]));
      return withLength(wire, "200 OK", octets(behaviour.body), [TEXT]);
    case "gzip":
      return withLength(wire, "200 OK", gzipSync(behaviour.body), [TEXT, ["Content-Encoding", "gzip"]]);
    case "huge-headers":
      return withLength(wire, "200 OK", octets(behaviour.body), [TEXT, ...hugeHeaders(behaviour.octets)]);
    case "tiny-chunks":
      await wire.write(head("200 OK", [TEXT, ["Transfer-Encoding", "chunked"]]));
      for (const octet of octets(behaviour.body))
        await wire.write(
          Buffer.concat([Buffer.from(`1;x=${filler(behaviour.extension)}\r\n`), Buffer.of(octet, 13, 10)]),
        );
      await wire.write("0\r\n\r\n");
      return true;
    case "slow-headers":
    case "early-hints-flood":
    case "endless-body":
      await endless(behaviour, wire);
      return false;
    case "slow-body":
      return slowBody(behaviour, wire);
    case "cut":
      await cut(behaviour.framing, octets(behaviour.body), wire);
      return false;
    case "raw":
      await wire.write(behaviour.bytes);
      if (behaviour.close === true) wire.end();
      if (behaviour.close === "reset") {
        await wire.pause(100);
        wire.reset();
      }
      return false;
    case "silent":
      return false;
    case "reset":
      wire.reset();
      return false;
    case "hold":
      await wire.released();
      return wire.closed.aborted ? false : behave(behaviour.next, wire);
  }
}

async function withLength(
  wire: PolicyWire,
  status: string,
  body: Uint8Array,
  headers: readonly (readonly [string, string])[],
): Promise<boolean> {
  // RFC 9110 §6.4.1: a 304 has no content, so it carries no length of one.
  const length = status.startsWith("304") ? [] : [["Content-Length", body.length] as const];
  await wire.write(Buffer.concat([Buffer.from(head(status, [...headers, ...length])), body]));
  return true;
}

async function ok(answer: Extract<PolicyBehaviour, { kind: "ok" }>, wire: PolicyWire): Promise<boolean> {
  const type = answer.contentType === undefined ? [TEXT] : [];
  const given = typeof answer.contentType === "string" ? [["Content-Type", answer.contentType] as const] : [];
  const closing = answer.close === true ? [["Connection", "close"] as const] : [];
  await withLength(wire, "200 OK", octets(answer.body), [...type, ...given, ...(answer.headers ?? []), ...closing]);
  if (answer.close === true) wire.end();
  return answer.close !== true;
}

function hugeHeaders(size: number): [string, string][] {
  const lines: [string, string][] = [];
  for (let left = size; left > 0; left -= 1000) lines.push(["X-Filler", filler(Math.min(left, 1000))]);
  return lines;
}

async function slowBody(answer: Extract<PolicyBehaviour, { kind: "slow-body" }>, wire: PolicyWire): Promise<boolean> {
  const body = octets(answer.body);
  await wire.write(head("200 OK", [TEXT, ["Content-Length", body.length]]));
  for (let i = 0; i < body.length && !wire.closed.aborted; i++) {
    await wire.pause(answer.every);
    await wire.write(body.subarray(i, i + 1));
  }
  return true;
}

async function endless(
  answer: Extract<PolicyBehaviour, { kind: "slow-headers" | "early-hints-flood" | "endless-body" }>,
  wire: PolicyWire,
): Promise<void> {
  const chunked = answer.kind === "endless-body" && answer.framing === "chunked";
  if (answer.kind === "slow-headers") await wire.write("HTTP/1.1 200 OK\r\n");
  if (answer.kind === "endless-body")
    await wire.write(head("200 OK", chunked ? [TEXT, ["Transfer-Encoding", "chunked"]] : [TEXT]));
  const line = Buffer.from(`mx: ${filler(1000)}.test\r\n`);
  while (!wire.closed.aborted) {
    if (answer.kind === "slow-headers") {
      await wire.pause(answer.every);
      await wire.write("X-Slow: yes\r\n");
    } else if (answer.kind === "early-hints-flood") await wire.write(head("103 Early Hints", [["Link", filler(4000)]]));
    else await wire.write(chunked ? chunk(line) : line);
  }
}

async function cut(framing: "content-length" | "chunked" | "close", body: Buffer, wire: PolicyWire): Promise<void> {
  if (framing === "content-length")
    await wire.write(Buffer.concat([Buffer.from(head("200 OK", [TEXT, ["Content-Length", body.length + 100]])), body]));
  else if (framing === "chunked")
    await wire.write(
      Buffer.concat([Buffer.from(head("200 OK", [TEXT, ["Transfer-Encoding", "chunked"]])), chunk(body)]),
    );
  else await wire.write(Buffer.concat([Buffer.from(head("200 OK", [TEXT])), body]));
  wire.end();
}
