import { isIP } from "node:net";
import { canonicalDomain } from "../dns/names.ts";

/** What a lookup key asks for. */
export type LookupKey =
  | {
      readonly kind: "domain";
      /** Policy Domain: A-labels, lower case, no trailing dot (R-8461-KEY-01). */
      readonly domain: string;
      /** The next hop stood in brackets: the MTA makes no MX lookup, the host itself is the only candidate. */
      readonly bracketed: boolean;
    }
  | { readonly kind: "none"; readonly why: NoPolicyKey };

/** Why a key can have no policy. No such key costs any I/O. */
export type NoPolicyKey =
  | "empty"
  | "parent" // ".example.com": Postfix walks up by itself, RFC 8461 §3.4 does not (R-8461-3.4-05)
  | "address" // an address or address literal (R-8461-3.4-03)
  | "not-utf8"
  | "malformed" // brackets that do not close, a port without a host
  | "not-a-domain";

const DOT = 0x2e;
const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * Reads the key of a policy lookup: a next hop as an MTA writes it, raw, in any case, perhaps with U-labels
 * (Postfix folds nothing). Host and port are cut where Postfix cuts them, an empty port included.
 */
export function classifyKey(key: Uint8Array): LookupKey {
  if (key.length === 0) return none("empty");
  if (key[0] === DOT) return none("parent");
  const text = decodeUtf8(key);
  if (text === null) return none("not-utf8");
  return text.startsWith("[") ? bracketed(text) : plain(text);
}

/** Ports that the services of mail are known by. */
const SERVICES: Readonly<Record<string, number>> = { smtp: 25, submission: 587, submissions: 465, smtps: 465 };
const SMTP = 25;

/** The TCP port of a key: 25 unless it names another. Null for a service that is not one of mail. */
export function portOf(key: Uint8Array): number | null {
  const text = Buffer.from(key).toString("latin1");
  const after = text.startsWith("[") ? text.slice(text.indexOf("]") + 1) : text;
  const port = after.slice(after.lastIndexOf(":") + 1);
  if (!after.includes(":") || port === "") return SMTP;
  if (/^[0-9]{1,5}$/.test(port)) return Number(port);
  return SERVICES[port.toLowerCase()] ?? null;
}

function bracketed(text: string): LookupKey {
  const close = text.indexOf("]");
  if (close < 0) return none("malformed");
  const after = text.slice(close + 1);
  if (after !== "" && !after.startsWith(":")) return none("malformed");
  return named(text.slice(1, close), true);
}

function plain(text: string): LookupKey {
  const colon = text.lastIndexOf(":");
  if (colon === 0) return none("malformed");
  return named(colon < 0 ? text : text.slice(0, colon), false);
}

function named(host: string, bracketed: boolean): LookupKey {
  if (host === "") return none("malformed");
  // A colon that is left can only be IPv6, with or without the "IPv6:" of RFC 5321 §4.1.3.
  if (host.includes(":") || isIP(host) !== 0) return none("address");
  const domain = canonicalDomain(host);
  return domain === null ? none("not-a-domain") : { kind: "domain", domain, bracketed };
}

function none(why: NoPolicyKey): LookupKey {
  return { kind: "none", why };
}

function decodeUtf8(bytes: Uint8Array): string | null {
  try {
    return utf8.decode(bytes);
  } catch {
    return null;
  }
}
