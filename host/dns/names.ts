import { domainToASCII, domainToUnicode } from "node:url";
import type { WireName } from "./wire-name.ts";

const MAX_DOMAIN = 253;
const MAX_LABEL = 63;
/** UTF-16 units. A U-label is never longer than its A-label, so nothing longer can become a domain name. */
const MAX_INPUT = 1024;
/** IDNA's full stops (RFC 3490 §3.1): they separate labels just as "." does. */
const FULL_STOPS = /[\u3002\uff0e\uff61]/g;
const LDH_LABEL = /^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?$/;
/** Labels of a name that is asked for: also `_mta-sts` and the odd MX host with an underscore. */
const QUERY_LABEL = /^[A-Za-z0-9_-]+$/;
/** What URL parsers and inet_aton read as the end of an IPv4 address; no top-level domain looks like this. */
const NUMBER_LABEL = /^(?:[0-9]+|0[xX][0-9a-fA-F]*)$/;

/**
 * The one form in which a domain is looked up, compared, cached and put into a URL: A-labels, ASCII lower case, no
 * trailing dot (R-8461-KEY-01, R-5890-2.3-01). Accepts U-labels, any case and one trailing dot; returns null for
 * everything that is not a host name of RFC 5321 §2.3.5: address literals, empty labels, ports, user info, escapes,
 * labels over 63 or names over 253 octets (R-5890-2.3-02), `xn--` labels that do not round-trip (R-5891-5.3-01).
 */
export function canonicalDomain(input: string): string | null {
  if (input.length > MAX_INPUT || hasForeignAscii(input)) return null;
  const dotted = input.replace(FULL_STOPS, ".");
  const name = dotted.endsWith(".") ? dotted.slice(0, -1) : dotted;
  const labels = name.split(".");
  // Asked before domainToASCII, which reads "1.2.3" as an IPv4 address and writes 1.2.0.3.
  if (labels.includes("") || endsInNumber(labels)) return null;
  const ascii = isAscii(name) ? name.toLowerCase() : unicodeToAscii(name);
  return isHostName(ascii) ? ascii : null;
}

/**
 * Where the MTA-STS record of a Policy Domain stands (RFC 8461 §3.1): `_mta-sts` before the whole domain, never a
 * parent. Null when that name would be too long for DNS: such a domain cannot publish a record.
 */
export function policyRecordName(domain: string): string | null {
  const name = `_mta-sts.${domain}`;
  return name.length <= MAX_DOMAIN ? name : null;
}

/**
 * The wire form of a name to ask for: A-labels and underscore labels in any case, no trailing dot.
 * @throws TypeError for anything else, U-labels, addresses and escapes included.
 */
export function toWireName(name: string): WireName {
  const labels = name.split(".");
  const fits = labels.every((label) => label.length <= MAX_LABEL && QUERY_LABEL.test(label));
  if (name.length > MAX_DOMAIN || !fits || endsInNumber(labels)) {
    throw new TypeError("not a DNS host name in A-labels without trailing dot");
  }
  const wire = new Uint8Array(name.length + 2);
  let at = 0;
  for (const label of labels) {
    wire[at++] = label.length;
    for (let i = 0; i < label.length; i++) wire[at++] = label.charCodeAt(i);
  }
  return wire;
}

/**
 * Presentation form, lower case, without trailing dot; "" for the root. Every octet but letters, digits, hyphen and
 * underscore becomes \DDD (RFC 1035 §5.1), so the dots in the text are label borders and nothing else is special.
 */
export function toPresentation(name: WireName): string {
  const labels: string[] = [];
  for (let at = 0; at < name.length; ) {
    const length = name[at] ?? 0;
    if (length === 0) break;
    labels.push(Array.from(name.subarray(at + 1, at + 1 + length), presentOctet).join(""));
    at += 1 + length;
  }
  return labels.join(".");
}

function presentOctet(octet: number): string {
  const char = String.fromCharCode(octet).toLowerCase();
  return octet < 0x80 && QUERY_LABEL.test(char) ? char : `\\${String(octet).padStart(3, "0")}`;
}

/** `%`, `@`, `/`, `:`, `[`, controls and the like: domainToASCII would decode, drop or interpret them. */
function hasForeignAscii(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit < 0x80 && !/[A-Za-z0-9.-]/.test(text.charAt(i))) return true;
  }
  return false;
}

function isAscii(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) >= 0x80) return false;
  return true;
}

/** Node maps as UTS 46 without transitional processing, so `faß.de` keeps its ß; its table still makes ẞ an "ss". */
function unicodeToAscii(name: string): string {
  return domainToASCII(name.replaceAll("\u1e9e", "\u00df"));
}

function isHostName(name: string): boolean {
  const labels = name.split(".");
  if (name.length > MAX_DOMAIN || endsInNumber(labels)) return false;
  return labels.every((label) => label.length <= MAX_LABEL && LDH_LABEL.test(label) && isSoundALabel(label));
}

/** RFC 5891 §5.3-5.5: what `xn--` hides must encode to the same label again, and must hide something. */
function isSoundALabel(label: string): boolean {
  if (!label.startsWith("xn--")) return true;
  const decoded = domainToUnicode(label);
  return !isAscii(decoded) && domainToASCII(decoded) === label;
}

function endsInNumber(labels: readonly string[]): boolean {
  return NUMBER_LABEL.test(labels.at(-1) ?? "");
}
