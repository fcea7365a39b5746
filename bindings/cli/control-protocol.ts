// What is spoken on the control socket: HTTP/1.1, one JSON object for each answer, JSON lines for the list.
//
//   GET    /v1/status                     DaemonStatus
//   GET    /v1/policies                   DomainView lines, in domain order
//   GET    /v1/policies/DOMAIN            DomainView; 404 when nothing is known
//   GET    /v1/policies/DOMAIN/explain    Explanation; 404 when nothing is known
//   DELETE /v1/policies/DOMAIN            Forgotten
//   POST   /v1/policies/DOMAIN/refresh    DomainView
//
// Anything else is answered with ControlError and a status of 400 or above.

export const STATUS_PATH = "/v1/status";
export const POLICIES_PATH = "/v1/policies";

export interface DaemonStatus {
  readonly version: 1;
  readonly program: string;
  readonly pid: number;
  readonly serving: boolean;
  readonly persisting: boolean;
  /** Why not everything is persisted, "" while it is. */
  readonly reason: string;
  readonly [fact: string]: boolean | number | string | null | readonly string[];
}

export interface Forgotten {
  readonly version: 1;
  readonly domain: string;
  /** False when nothing was known. */
  readonly forgotten: boolean;
}

export interface ControlError {
  readonly version: 1;
  readonly error: { readonly code: ControlErrorCode; readonly message: string };
}

export type ControlErrorCode =
  | "not-found" // no such page
  | "unknown-domain" // nothing is known of it
  | "not-a-domain"
  | "method"
  | "store-unavailable"
  | "internal-error";
