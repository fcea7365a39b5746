import type { EximEvent } from "./request.ts";

/** What became of one attempt at a host under an enforced policy. */
export type EximOutcome = "delivered" | "no-starttls" | "tls-failed" | "dane-failed" | "deferred";

/** Exim's ERRNO_TLSREQUIRED: the host is in hosts_require_tls and offered no STARTTLS, or refused it. */
const TLS_REQUIRED = "-38";

/** "deferred" is every other reason of a host: no connection, a 4xx, a failed handshake that was told already. */
export function outcomeOf({ name, errno }: Pick<EximEvent, "name" | "errno">): EximOutcome {
  if (name === "msg:delivery") return "delivered";
  if (name === "tls:fail:connect") return "tls-failed";
  if (name === "dane:fail") return "dane-failed";
  return errno === TLS_REQUIRED ? "no-starttls" : "deferred";
}
