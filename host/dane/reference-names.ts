/** How mail came to a server, as far as it decides what the server may be called. */
export interface Reached {
  /** TLSA base domain. */
  readonly base: string;
  /** Original next-hop domain, before any alias. */
  readonly domain: string;
  /** Where an alias of that domain leads; left out or null when it is none. */
  readonly expanded?: string | null;
  /** "implicit": the domain has no MX record and was itself the host. */
  readonly mx: "secure" | "insecure" | "implicit";
}

/**
 * Reference identities of a DANE-TA match, any of which will do (RFC 7672 §3.2.2, R-7672-3.2.2-01). Who forged an
 * unsigned MX record could be anybody with a certificate for the next-hop domain; so that name counts only where the
 * record was signed.
 */
export function referenceNames({ base, domain, expanded, mx }: Reached): string[] {
  const names = mx === "secure" ? [base, domain, expanded ?? domain] : mx === "implicit" ? [base, domain] : [base];
  return [...new Set(names)];
}
