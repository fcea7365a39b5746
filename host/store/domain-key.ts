const LABEL = /^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?$/;

/**
 * The store keeps one row per Policy Domain only because every caller spells it the same way (R-8461-KEY-01): A-labels,
 * lower case, no trailing dot. Another spelling is a fault of the caller, which would make a held enforce policy
 * invisible, so it throws TypeError instead of being looked up.
 */
export function assertDomainKey(domain: string): void {
  if (domain.length > 253 || !domain.split(".").every((label) => LABEL.test(label)))
    throw new TypeError(
      `store key ${JSON.stringify(domain.slice(0, 80))} is not a canonical Policy Domain (A-labels, lower case, no trailing dot)`,
    );
}
