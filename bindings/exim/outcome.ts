import type { EximEvent } from "./request.ts";

/** What became of one attempt at a host under an enforced policy. */
export type EximOutcome = "delivered" | "no-starttls" | "tls-failed" | "dane-failed" | "deferred";

/** Exim's ERRNO_TLSFAILURE: no handshake, or a certificate that did not pass. */
const TLS_FAILURE = "-37";
/** Exim's ERRNO_TLSREQUIRED: STARTTLS was not offered. */
const TLS_REQUIRED = "-38";

/** "deferred" is every other reason of a host: no connection, a 4xx, also one to STARTTLS. */
export function outcomeOf({ name, errno }: Pick<EximEvent, "name" | "errno">): EximOutcome {
  if (name === "msg:delivery") return "delivered";
  if (name === "dane:fail") return "dane-failed";
  if (errno === TLS_FAILURE) return "tls-failed";
  return errno === TLS_REQUIRED ? "no-starttls" : "deferred";
}
