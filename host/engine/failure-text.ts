import { ERRORS, type Notice } from "../core/names.ts";
import type { DomainEntry } from "./domain-entry.ts";

// One printable clause for each way a discovery can end without a policy; they reach mail.log and the log.

/** A DNS client may have named the question already. */
export function recordFailed(domain: string, detail: string): string {
  const question = `TXT _mta-sts.${domain}: `;
  return detail.startsWith(question) ? detail : question + detail;
}

const FAILURES: ReadonlySet<Notice> = new Set([
  ...(["record-missing", "record-invalid", "record-failed", "discovery-open"] as const),
  ...(["fetch-failed", "policy-invalid", "refresh-failing"] as const),
]);

/** Is this a notice that the domain's last failed query or fetch explains? */
export function isFailure(notice: Notice): boolean {
  return FAILURES.has(notice);
}

/** A caller's time is up while the flight goes on (AMB-09). */
export function stillAwaited({ domain, getInFlight, queryInFlight }: DomainEntry): string {
  if (getInFlight) return fetchFailed(domain, "no answer yet");
  return queryInFlight ? `TXT _mta-sts.${domain}: no answer yet` : "the policy is still being looked up";
}

export function recordInvalid(domain: string, error: number): string {
  const [, reason] = ERRORS[error as keyof typeof ERRORS] ?? [null, "not valid"];
  return `TXT _mta-sts.${domain}: ${reason}`;
}

export function recordMissing(domain: string): string {
  return `TXT _mta-sts.${domain}: no MTA-STS record`;
}

export function fetchFailed(domain: string, detail: string): string {
  return `GET https://mta-sts.${domain}/.well-known/mta-sts.txt: ${detail}`;
}

/** `offset` is the byte of the policy where reading stopped. */
export function policyInvalid(domain: string, error: number, offset: number): string {
  const [code, reason] = ERRORS[error as keyof typeof ERRORS] ?? ["policy", "not valid"];
  const place = code.startsWith("media-type") ? "" : ` (byte ${offset})`;
  return fetchFailed(domain, `${reason}${place}`);
}
