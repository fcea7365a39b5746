import type { TLSSocket } from "node:tls";
import { Client } from "undici";
import type { PolicyConnection } from "./connect.ts";
import { exchangeFailure, FetchError } from "./failure.ts";
import type { PolicyTarget } from "./policy-host.ts";
import { StatusLines } from "./status-lines.ts";

/** RFC 8461 §3.3 suggests this limit; R-8461-3.3-14. */
export const MAX_BODY = 64 * 1024;
const MAX_HEADERS = 8 * 1024;

const REQUEST_HEADERS = {
  "user-agent": "mta-sts-engine",
  "accept-encoding": "identity",
  "cache-control": "no-cache",
};

export interface PolicyResponse {
  readonly body: Uint8Array;
  /** As sent; several fields joined with ", " (RFC 9110 §5.3), so that the core sees and refuses them. */
  readonly contentType: string | null;
}

/**
 * The one GET on an authenticated connection, which is spent afterwards: no reuse, no redirect, no cache, no decoding
 * (R-8461-3.3-06 to 3.3-10).
 * @throws FetchError status, redirect, too-large, incomplete, encoding, protocol or tls, or the reason of the signal
 */
export async function getPolicy(
  target: PolicyTarget,
  connection: PolicyConnection,
  signal: AbortSignal,
): Promise<PolicyResponse> {
  const peer = `${target.host} [${connection.peer.address}]`;
  const client = singleUseClient(target, connection, peer);
  try {
    // `request`, not `fetch`: no redirects, no content decoding, no cookies, no ambient proxy.
    const { statusCode, headers, body } = await client.request({
      method: "GET",
      path: target.path,
      headers: REQUEST_HEADERS,
      signal,
      // More than a whole body: reading never pauses, so the end of the stream is seen when it happens.
      highWaterMark: 2 * MAX_BODY,
    });
    // A body that is refused by its headers is destroyed unread, together with the connection.
    body.on("error", () => {});
    refuseByStatus(statusCode, headers.location, peer);
    refuseByHeaders(headers, peer);
    const chunks: Uint8Array[] = [];
    for await (const chunk of body) chunks.push(chunk);
    // Neither a length nor a last chunk says that this is all; only the peer's close_notify can (RFC 9112 §8, §9.8).
    const delimitedByClose = headers["content-length"] === undefined && headers["transfer-encoding"] === undefined;
    if (delimitedByClose && !connection.endedByPeer())
      throw new FetchError(
        "incomplete",
        `the body from ${peer} was cut: no length, and no TLS close_notify at its end`,
      );
    return { body: Buffer.concat(chunks), contentType: joined(headers["content-type"]) };
  } catch (error) {
    throw signal.aborted ? signal.reason : exchangeFailure(error, peer);
  } finally {
    connection.socket.destroy();
    // Not waited for: nothing may hold a fetch longer than its deadline.
    void client.destroy();
  }
}

function singleUseClient(target: PolicyTarget, connection: PolicyConnection, peer: string): Client {
  let given = false;
  return new Client(target.origin, {
    pipelining: 0, // "Connection: close"
    allowH2: false,
    maxHeaderSize: MAX_HEADERS,
    maxResponseSize: MAX_BODY,
    // The signal bounds the whole fetch; undici's own timers start anew with every octet.
    headersTimeout: 0,
    bodyTimeout: 0,
    connect: (_options, callback) => {
      // Each callback later: one made during this call leaves undici waiting for ever.
      if (given) {
        // undici asks again when the connection ends before the request went out.
        const refusal = new FetchError("incomplete", `${peer} closed the connection without a response`);
        queueMicrotask(() => callback(refusal, null));
        return;
      }
      given = true;
      refuseOtherProtocols(connection.socket, peer);
      queueMicrotask(() => callback(null, connection.socket));
    },
  });
}

/** Looks at what comes before the parser does, up to the status line of the final response. */
function refuseOtherProtocols(socket: TLSSocket, peer: string): void {
  const lines = new StatusLines();
  const look = (): void => {
    const octets: Buffer | null = socket.read();
    if (octets === null) return;
    const seen = lines.feed(octets);
    if (seen === "foreign")
      socket.destroy(
        new FetchError("protocol", `${peer} did not answer in HTTP/1.1: "${octets.toString("latin1", 0, 60)}"`),
      );
    else socket.unshift(octets);
    if (seen === "final") socket.off("readable", look);
  };
  socket.on("readable", look);
}

function refuseByStatus(status: number, location: string | string[] | undefined, peer: string): void {
  if (status === 200) return;
  if (status < 300 || status > 399) throw new FetchError("status", `${peer} answered with status ${status}, not 200`);
  const where = location === undefined ? "" : ` to ${joined(location)}`;
  throw new FetchError("redirect", `${peer} answered with status ${status}${where}; redirects are not followed`);
}

type Headers = Readonly<Record<string, string | string[] | undefined>>;

function refuseByHeaders(headers: Headers, peer: string): void {
  const encoding = joined(headers["content-encoding"]);
  if (encoding !== null)
    throw new FetchError("encoding", `${peer} sent Content-Encoding: ${encoding}; none is accepted`);
  const transfer = joined(headers["transfer-encoding"]);
  if (transfer !== null && transfer.toLowerCase() !== "chunked")
    throw new FetchError("encoding", `${peer} sent Transfer-Encoding: ${transfer}; only chunked is accepted`);
  const length = joined(headers["content-length"]);
  if (length !== null && Number(length) > MAX_BODY)
    throw new FetchError("too-large", `${peer} announced a body of ${length} octets; ${MAX_BODY} are the limit`);
}

function joined(value: string | string[] | undefined): string | null {
  return value === undefined ? null : [value].flat().join(", ");
}
