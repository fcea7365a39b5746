import { canonicalDomain } from "../dns/names.ts";

/** Where the policy of one Policy Domain lives (RFC 8461 §3.3). */
export interface PolicyTarget {
  /** `mta-sts.<Policy Domain>`: DNS name, SNI, Host header and reference identity alike. */
  readonly host: string;
  /** `https://mta-sts.<Policy Domain>`, without a port. */
  readonly origin: string;
  readonly path: typeof POLICY_PATH;
}

export const POLICY_PATH = "/.well-known/mta-sts.txt";

const MAX_NAME = 253;

/**
 * Builds the one place a policy may come from, out of an A-label domain of any case.
 * @throws TypeError for everything else: a port, path, user, U-label, address or trailing dot must never reach a URL
 *   (R-8461-3.3-20), nor a domain so long that `mta-sts.` no longer fits before it.
 */
export function policyTarget(domain: string): PolicyTarget {
  const name = aLabelDomain(domain);
  const host = `mta-sts.${name}`;
  const origin = `https://${host}`;
  // Second opinion, from the parser that undici will use.
  const parsed = name !== null && URL.canParse(origin + POLICY_PATH) ? new URL(origin + POLICY_PATH) : null;
  if (host.length > MAX_NAME || parsed?.href !== origin + POLICY_PATH || parsed.host !== host)
    throw new TypeError(`not an A-label domain: ${JSON.stringify(domain)?.slice(0, 100)}`);
  return { host, origin, path: POLICY_PATH };
}

/** The domain in lower case when it needs no other change to be canonical; the edge has converted it before. */
function aLabelDomain(domain: unknown): string | null {
  // The characters first: some others become ASCII letters when put into lower case (the Kelvin sign, for one).
  if (typeof domain !== "string" || !/^[A-Za-z0-9.-]+$/.test(domain)) return null;
  const name = domain.toLowerCase();
  return canonicalDomain(name) === name ? name : null;
}
