// The oracle reads text in which every character is one octet (0x00 to 0xff): regular expressions then speak of octets.

/** Octets as text, one character each. */
export const fromBytes = (bytes: Uint8Array): string => Buffer.from(bytes).toString("latin1");

export const toBytes = (octets: string): Uint8Array => Buffer.from(octets, "latin1");

/** The UTF-8 form of `text`, one character per octet. */
export const utf8 = (text: string): string => fromBytes(Buffer.from(text, "utf8"));

/** R-8461-3.1-04. A tab is fine where a delimiter may have one; nobody asks there. */
export const isOutsidePrintable = (octet: string): boolean => octet < " " || octet > "~";

/** A list as docs/abi.md lays it out: u16 length, octets. Undefined when it is cut. */
export function readList(octets: string): { readonly at: number; readonly item: string }[] | undefined {
  const items = [];
  for (let at = 0; at < octets.length; ) {
    if (at + 2 > octets.length) return undefined;
    const length = octets.charCodeAt(at) + 256 * octets.charCodeAt(at + 1);
    if (at + 2 + length > octets.length) return undefined;
    items.push({ at, item: octets.slice(at + 2, at + 2 + length) });
    at += 2 + length;
  }
  return items;
}

export const writeList = (items: readonly string[]): string =>
  items.map((item) => String.fromCharCode(item.length & 255, item.length >> 8) + item).join("");
