import { ERRORS } from "../core/names.ts";
import type { DnsFailed } from "../dns/types.ts";

// One printable clause for each way a discovery can end without a policy; they reach mail.log and the log.

export function recordFailed(domain: string, failed: DnsFailed): string {
  return `TXT _mta-sts.${domain}: ${failed.detail}`;
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
