import fc from "fast-check";
import { errors } from "undici";
import { describe, expect, it } from "vitest";
import { exchangeFailure, FetchError } from "../../../host/https/failure.ts";

describe("the detail of a failed fetch", () => {
  it("is one line of printable ASCII of at most 200 characters, whatever the other side sent", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 500 }), (text) => {
        expect(new FetchError("status", text).message).toMatch(/^[\x20-\x7e]{0,200}$/);
      }),
      { seed: 1 },
    );
    expect(new FetchError("status", "\u0000".repeat(10_000)).message.length).toBeLessThanOrEqual(200);
  });

  it("cannot start a second log line", () => {
    expect(new FetchError("redirect", "to x\r\nlevel=info forged").message).toBe("to x\\x0d\\x0alevel=info forged");
  });
});

describe("an error of the HTTP exchange", () => {
  const coded = (code: string) => Object.assign(new Error("message"), { code });
  const cases: readonly (readonly [error: unknown, failure: string])[] = [
    [new errors.ResponseExceededMaxSizeError(), "too-large"],
    [new errors.HeadersOverflowError(), "protocol"],
    [new errors.ResponseContentLengthMismatchError(), "incomplete"],
    [new errors.HTTPParserError("Response does not match the HTTP/1.1 protocol (Invalid EOF state)"), "incomplete"],
    [new errors.HTTPParserError("Response does not match the HTTP/1.1 protocol (Expected HTTP/)"), "protocol"],
    [new errors.SocketError("bad response"), "protocol"],
    [new errors.SocketError("bad upgrade"), "protocol"],
    [new errors.SocketError("other side closed"), "incomplete"],
    [coded("ECONNRESET"), "incomplete"],
    [coded("ERR_SSL_DECRYPTION_FAILED_OR_BAD_RECORD_MAC"), "tls"],
    [new FetchError("too-large", "as it is"), "too-large"],
  ];
  it.each(cases)("%s is of the kind %s, and never about the certificate", (error, failure) => {
    const fetchError = exchangeFailure(error, "mta-sts.example.com [192.0.2.1]");
    expect(fetchError.failure).toBe(failure);
    if (error !== fetchError) {
      expect(fetchError.message).toContain("mta-sts.example.com [192.0.2.1]");
      expect(fetchError.cause).toBe(error);
    }
  });
});
