/**
 * Every host that no pattern of a policy permits (RFC 8461 §4.1), as an Exim host list. It holds regular expressions only:
 * Exim compares these with the name of the host, and would look up the addresses of a plain name.
 */
export function otherHosts(patterns: readonly string[]): string {
  return [...patterns.map((pattern) => `! ${expression(pattern)}`), "*"].join(" : ");
}

/** Patterns are valid ones: LDH labels and dots, perhaps after "*." for one label. */
function expression(pattern: string): string {
  const literal = (name: string) => name.replaceAll(".", "\\.");
  return pattern.startsWith("*.") ? `^(?i)[^.]+${literal(pattern.slice(1))}$` : `^(?i)${literal(pattern)}$`;
}
