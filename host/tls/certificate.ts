import { child, children, OBJECT_IDENTIFIER, OCTET_STRING, SEQUENCE } from "./der.ts";

/**
 * The DNS-IDs of a certificate, read from its DER. Node's own `subjectaltname` is one string that joins all names with
 * commas, so a name that itself holds ", DNS:" has to be told apart by quoting; the DER has no such question.
 */

// RFC 5280 §4.1, §4.2.1.6.
const EXTENSIONS = 0xa3;
const DNS_NAME = 0x82;

// 2.5.29.17, id-ce-subjectAltName.
const SUBJECT_ALT_NAME = "551d11";

const DNS_ID = /^(?:\*\.)?[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*$/;

/**
 * The dNSName entries of the subjectAltName extension, lower-cased, in their order. Entries that are not LDH host names
 * with at most a leading `*.` label are dropped: nothing may match them (R-9525-6.3-01). Every other kind of name, and
 * the subject with its CN, is never looked at (R-8461-3.3-02).
 * @param der one X.509 certificate
 * @returns [] when there is no such extension, when it occurs twice (RFC 5280 §4.2 forbids it) or the DER is damaged
 */
export function dnsIdsOf(der: Uint8Array): string[] {
  const extensions = subjectAltNames(der);
  const [only] = extensions;
  if (only === undefined || extensions.length !== 1) return [];
  const names: string[] = [];
  for (const { tag, content } of children(only) ?? []) {
    if (tag !== DNS_NAME) continue;
    const name = Buffer.from(content).toString("latin1").toLowerCase();
    if (name.length <= 253 && DNS_ID.test(name)) names.push(name);
  }
  return names;
}

/** The content of the GeneralNames of every subjectAltName extension. */
function subjectAltNames(der: Uint8Array): Uint8Array[] {
  const tbs = child(child(der, SEQUENCE), SEQUENCE);
  const list = child(child(tbs, EXTENSIONS), SEQUENCE);
  const found: Uint8Array[] = [];
  for (const extension of (list && children(list)) ?? []) {
    const fields = extension.tag === SEQUENCE ? children(extension.content) : null;
    const oid = fields?.[0];
    if (oid?.tag !== OBJECT_IDENTIFIER || Buffer.from(oid.content).toString("hex") !== SUBJECT_ALT_NAME) continue;
    // The value is the last field: between it and the OID there may be the critical flag.
    const value = fields?.at(-1);
    found.push((value?.tag === OCTET_STRING && child(value.content, SEQUENCE)) || new Uint8Array(0));
  }
  return found;
}
