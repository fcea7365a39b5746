const LABEL = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;
/** The last label of an IPv4 address, as inet_aton too reads it. */
const NUMBER = /^(?:[0-9]+|0x[0-9a-f]*)$/;

/**
 * True for a lower-case LDH host name of at most 253 octets whose last label is not a number (so never an address).
 * This is the bindings' own check: an MX name or a pattern comes from the network, and `:`, space, `=`, `{`, `,` or `|`
 * in it would be syntax to some MTA. It repeats what core and DNS client promise, on purpose.
 */
export function isHostName(name: string): boolean {
  if (name.length === 0 || name.length > 253) return false;
  const labels = name.split(".");
  return labels.every((label) => LABEL.test(label)) && !NUMBER.test(labels[labels.length - 1] as string);
}

/** True for "*." and a host name (RFC 8461 §3.2, sts-policy-mx). */
export function isWildcard(pattern: string): boolean {
  return pattern.startsWith("*.") && isHostName(pattern.slice(2));
}
