// Requirements sections E and F: mx pattern against MX host (RFC 8461 §4.1), DNS-IDs against reference identity (RFC 9525 §6.3).
import { readList } from "./octets.ts";

// R-8461-3.2-18: sub := [A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])? ; R-8461-3.2-19: at most 63 octets.
const LABEL = "[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?";
const NAME = new RegExp(`^${LABEL}(?:\\.${LABEL})*$`);
const PATTERN = new RegExp(`^(?:\\*\\.)?${LABEL}(?:\\.${LABEL})*$`);
/** R-9525-6.3-01, AMB-31: a wildcard stands alone in the left-most label, over two labels or more. */
const PRESENTED = new RegExp(`^(?:\\*\\.${LABEL}(?:\\.${LABEL})+|${LABEL}(?:\\.${LABEL})*)$`);
const NAME_LIMIT = 253;

/** R-8461-4.1-06: an address is not a name. RFC 1123 §2.1: a name whose last label is all digits cannot be one. */
const looksLikeAddress = (name: string): boolean => /(?:^|\.)[0-9]+$/.test(name);

/** The labels in lower case, or nothing where the octets are not the name of a host. One trailing dot is ignored (R-8461-4.1-03). */
function hostLabels(host: string): string[] | undefined {
  const name = host.endsWith(".") ? host.slice(0, -1) : host;
  if (name.length > NAME_LIMIT || !NAME.test(name) || looksLikeAddress(name)) return undefined;
  return name.toLowerCase().split(".");
}

/** `*` is exactly one label and only the left-most one (R-8461-4.1-02); all others are equal without case. */
function covers(pattern: readonly string[], host: readonly string[]): boolean {
  if (pattern.length !== host.length) return false;
  return pattern.every((label, i) => (i === 0 && label === "*") || label === host[i]);
}

export const isPattern = (pattern: string): boolean => pattern.length <= NAME_LIMIT && PATTERN.test(pattern);

/** `"pattern"` when the pattern is none. */
export function matchMx(pattern: string, host: string): boolean | "pattern" {
  if (!isPattern(pattern)) return "pattern";
  const labels = hostLabels(host);
  return labels !== undefined && covers(pattern.toLowerCase().split("."), labels);
}

/** `names` is the list of docs/abi.md; `"request"` when it is cut. Any one name will do (R-8461-4.2-03). */
export function matchDnsId(names: string, host: string): boolean | "request" {
  const presented = readList(names);
  if (presented === undefined) return "request";
  const labels = hostLabels(host);
  if (labels === undefined) return false;
  return presented.some(({ item }) => PRESENTED.test(item) && covers(item.toLowerCase().split("."), labels));
}
