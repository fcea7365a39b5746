/** Why a GET of the policy gave no body. The numbers are the ABI's (assembly/abi.ts, FETCH_*). */
export type FetchFailure =
  | "dns" // the policy host has no address, or its lookup failed
  | "address-forbidden" // every address is private, loopback or otherwise not to be dialled (R-8461-3.3-21)
  | "connect" // TCP refused, unreachable, reset before TLS
  | "tls" // handshake failed for another reason than the certificate (version, alert, cut)
  | "certificate" // expired, untrusted, wrong name (R-8461-3.3-01): sts-webpki-invalid
  | "timeout" // the total deadline passed (R-8461-3.3-13)
  | "status" // any status but 200 that is not a redirect (R-8461-3.3-06)
  | "redirect" // 3xx, never followed (R-8461-3.3-07)
  | "too-large" // more than 64 KiB of body, or the byte budget of the connection (R-8461-3.3-14)
  | "incomplete" // the body was cut (R-8461-3.3-15)
  | "encoding" // any Content-Encoding (AMB-34)
  | "protocol" // not HTTP/1.1, bad headers
  | "aborted"; // given up by us before the host could answer: closing, or no fetch slot came free

export type PolicyFetch =
  | { readonly ok: true; readonly body: Uint8Array; readonly contentType: string | null; readonly peer: PolicyPeer }
  | { readonly ok: false; readonly failure: FetchFailure; readonly detail: string };

/** Who served the policy; logged so that a changed policy can be looked up in Certificate Transparency. */
export interface PolicyPeer {
  readonly address: string;
  readonly tlsVersion: string;
  /** SHA-256 of the leaf certificate, lower-case hex. */
  readonly certificateFingerprint: string;
}

export interface PolicyFetcher {
  /**
   * One GET of https://mta-sts.<domain>/.well-known/mta-sts.txt under one total deadline, which begins when it is its
   * turn; `urgent` ones (somebody waits) go before the others. `domain` is a validated
   * A-label domain (R-8461-3.3-20); anything else is a TypeError before any I/O. Never rejects for network reasons.
   */
  fetch(domain: string, signal?: AbortSignal, urgent?: boolean): Promise<PolicyFetch>;
  close(): Promise<void>;
}
