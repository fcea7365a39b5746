import { child, children, type Element, hex, OBJECT_IDENTIFIER, SEQUENCE } from "../tls/der.ts";

// RFC 5280 §4.2.1.10. DNS names and directory names are compared; of any other form a constraint forbids every name,
// because one that cannot be processed must lead to a refusal.

const PERMITTED = 0xa0;
const EXCLUDED = 0xa1;
const DNS_NAME = 0x82;
const DIRECTORY_NAME = 0xa4;
const COMMON_NAME = "550403";

/** GeneralNames of one certificate: its subjectAltName, its subject as a directoryName, and its CN where it counts. */
export interface Names {
  readonly altNames: readonly Element[];
  readonly subjectRdns: readonly Element[];
  /** A CN that is taken for a DNS name. */
  readonly commonName: string | null;
}

interface Subtrees {
  readonly permitted: readonly Element[];
  readonly excluded: readonly Element[];
}

/** May a certificate with these names stand below one with this nameConstraints extension? False when it is damaged. */
export function areNamesPermitted(extension: Uint8Array, { altNames, subjectRdns, commonName }: Names): boolean {
  const subtrees = readSubtrees(extension);
  if (subtrees === null) return false;
  return (
    altNames.every((name) => isPermitted(subtrees, name)) &&
    (subjectRdns.length === 0 || isDirectoryNamePermitted(subtrees, subjectRdns)) &&
    (commonName === null || isDnsNamePermitted(subtrees, commonName))
  );
}

function readSubtrees(extension: Uint8Array): Subtrees | null {
  const fields = children(child(extension, SEQUENCE) ?? Uint8Array.of(0));
  if (fields === null) return null;
  const basesOf = (wanted: number) =>
    fields.filter(({ tag }) => tag === wanted).flatMap(({ content }) => children(content)?.map(baseOf) ?? [null]);
  const permitted = basesOf(PERMITTED);
  const excluded = basesOf(EXCLUDED);
  return permitted.every(isElement) && excluded.every(isElement) ? { permitted, excluded } : null;
}

const isElement = (element: Element | null): element is Element => element !== null;

/** The base of a GeneralSubtree. A minimum or maximum is not to be there in this profile. */
function baseOf({ content }: Element): Element | null {
  const fields = children(content);
  return (fields?.length === 1 && fields[0]) || null;
}

function isPermitted(subtrees: Subtrees, { tag, content }: Element): boolean {
  if (tag === DNS_NAME) return isDnsNamePermitted(subtrees, textOf(content));
  if (tag === DIRECTORY_NAME)
    return isDirectoryNamePermitted(subtrees, children(child(content, SEQUENCE) ?? content) ?? []);
  return [...subtrees.permitted, ...subtrees.excluded].every((base) => base.tag !== tag);
}

const textOf = (content: Uint8Array): string => Buffer.from(content).toString("latin1").toLowerCase();

function isDnsNamePermitted({ permitted, excluded }: Subtrees, name: string): boolean {
  const lower = name.toLowerCase();
  const basesOf = (list: readonly Element[]) =>
    list.filter(({ tag }) => tag === DNS_NAME).map((one) => textOf(one.content));
  const allowed = basesOf(permitted);
  if (allowed.length > 0 && !allowed.some((base) => isWithin(lower, base))) return false;
  return !basesOf(excluded).some((base) => isWithin(lower, base) || isCoveredByWildcard(base, lower));
}

/** Labels may be added on the left; a leading dot, which OpenSSL and others know, asks for at least one. */
function isWithin(name: string, base: string): boolean {
  return base === "" || name === base || name.endsWith(base.startsWith(".") ? base : `.${base}`);
}

/** `*.example.com` speaks for the excluded `mx.example.com`, too. */
function isCoveredByWildcard(base: string, name: string): boolean {
  return name.startsWith("*.") && base.replace(/^\./, "").replace(/^[^.]*\./, "*.") === name;
}

function isDirectoryNamePermitted({ permitted, excluded }: Subtrees, rdns: readonly Element[]): boolean {
  const name = rdns.map(comparable);
  const basesOf = (list: readonly Element[]) =>
    list
      .filter(({ tag }) => tag === DIRECTORY_NAME)
      .map(({ content }) => (children(child(content, SEQUENCE) ?? new Uint8Array()) ?? []).map(comparable));
  const isBelow = (base: readonly string[]) => base.every((rdn, i) => rdn === name[i]);
  const allowed = basesOf(permitted);
  return (allowed.length === 0 || allowed.some(isBelow)) && !basesOf(excluded).some(isBelow);
}

/** An RDN so that two which differ in string type, case or spaces are the same (RFC 5280 §7.1). */
function comparable({ content }: Element): string {
  return (children(content) ?? []).map(attribute).sort().join("+");
}

function attribute({ content }: Element): string {
  const [type, value] = children(content) ?? [];
  return `${hex(type?.content ?? content)}=${value === undefined ? "" : directoryText(value)}`;
}

// UTF8String, PrintableString, IA5String; T61String is read as Latin-1, BMPString as what it is.
function directoryText({ tag, content }: Element): string {
  const text =
    tag === 0x1e
      ? Buffer.from(content)
          .subarray(0, content.length & ~1)
          .swap16()
          .toString("utf16le")
      : Buffer.from(content).toString(tag === 0x14 ? "latin1" : "utf8");
  return text.trim().replace(/\s+/g, " ").toLowerCase();
}

/** The CN of a subject; null when there is none, or more than one. */
export function commonNameOf(rdns: readonly Element[]): string | null {
  const found = rdns
    .flatMap(({ content }) => children(content) ?? [])
    .map(({ content }) => children(content) ?? [])
    .filter(([type]) => type?.tag === OBJECT_IDENTIFIER && hex(type.content) === COMMON_NAME);
  const value = found.length === 1 ? found[0]?.[1] : undefined;
  return value === undefined ? null : directoryText(value);
}
