import { errors } from "undici";
import { printable } from "../observe/printable.ts";
import type { FetchFailure } from "./types.ts";

/** Characters of a detail; it ends up in logs and in TEMP reasons. */
const MAX_DETAIL = 200;

/** A failed fetch on its way to the caller; its message is the detail of PolicyFetch, made safe to log. */
export class FetchError extends Error {
  override readonly name = "FetchError";
  readonly failure: FetchFailure;

  constructor(failure: FetchFailure, detail: string, options?: ErrorOptions) {
    super(printable(detail, MAX_DETAIL), options);
    this.failure = failure;
  }
}

/** The code of a Node or undici error, else its message: what an operator can search for. */
export function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { code } = error as NodeJS.ErrnoException;
  return typeof code === "string" ? code : error.message;
}

/**
 * What an error of the HTTP exchange, after the TLS handshake, means. The peer sits behind an authenticated
 * connection here, so no error of this phase is about the certificate.
 * @param peer how the details name the other side, for example "mta-sts.example.com [192.0.2.1]"
 */
export function exchangeFailure(error: unknown, peer: string): FetchError {
  if (error instanceof FetchError) return error;
  const code = codeOf(error);
  const message = error instanceof Error ? error.message : code;
  const fail = (failure: FetchFailure, detail: string) => new FetchError(failure, detail, { cause: error });

  if (code === "UND_ERR_RES_EXCEEDED_MAX_SIZE")
    return fail("too-large", `${peer} sent a body of more than 65536 octets`);
  if (code === "UND_ERR_HEADERS_OVERFLOW") return fail("protocol", `${peer} sent more than 8192 octets of headers`);
  const endsEarly = error instanceof errors.HTTPParserError && message.includes("Invalid EOF");
  if (endsEarly) return fail("incomplete", `${peer} closed the connection before the last chunk of the body`);
  if (code === "UND_ERR_RES_CONTENT_LENGTH_MISMATCH")
    return fail("incomplete", `${peer} sent a body that does not fit its Content-Length`);
  // undici says "bad response" and "bad upgrade" of a peer that speaks out of turn, everything else is a lost connection.
  if (code === "UND_ERR_SOCKET" && message.startsWith("bad "))
    return fail("protocol", `${peer} did not answer the request as an HTTP/1.1 server does (${message})`);
  if (error instanceof errors.HTTPParserError)
    return fail("protocol", `${peer} did not answer in HTTP/1.1: ${message}`);
  if (code.startsWith("ERR_SSL_")) return fail("tls", `${peer} broke the TLS connection (${code})`);
  return fail("incomplete", `${peer} closed the connection before the response was complete (${code})`);
}
