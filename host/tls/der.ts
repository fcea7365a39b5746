/** The part of DER (X.690) that certificates need: elements of low tags and definite lengths, cut but never copied. */

export const BOOLEAN = 0x01;
export const INTEGER = 0x02;
export const OCTET_STRING = 0x04;
export const OBJECT_IDENTIFIER = 0x06;
export const SEQUENCE = 0x30;
export const SET = 0x31;

export interface Element {
  readonly tag: number;
  readonly content: Uint8Array;
  /** Tag, length and content. */
  readonly whole: Uint8Array;
}

/** The content of the first element with this tag, null when there is none. */
export function child(content: Uint8Array | null, tag: number): Uint8Array | null {
  return (content && children(content)?.find((element) => element.tag === tag)?.content) ?? null;
}

/** The elements `content` consists of; null unless they fill it exactly. */
export function children(content: Uint8Array): Element[] | null {
  const elements: Element[] = [];
  for (let at = 0; at < content.length; ) {
    const tag = content[at] ?? 0;
    const first = content[at + 1];
    // A tag of several octets (low bits all set) occurs nowhere in a certificate.
    if (first === undefined || (tag & 0x1f) === 0x1f) return null;
    let length = first;
    let start = at + 2;
    if (first >= 0x80) {
      // Long form; 0x80 alone (indefinite length) is not DER, and no certificate needs more than three octets.
      const octets = first & 0x7f;
      if (octets === 0 || octets > 3 || start + octets > content.length) return null;
      length = 0;
      for (const octet of content.subarray(start, start + octets)) length = length * 256 + octet;
      start += octets;
    }
    if (start + length > content.length) return null;
    elements.push({
      tag,
      content: content.subarray(start, start + length),
      whole: content.subarray(at, start + length),
    });
    at = start + length;
  }
  return elements;
}

/** Octets as lower-case hexadecimal digits, to compare and to look up by. */
export const hex = (octets: Uint8Array): string =>
  Buffer.from(octets.buffer, octets.byteOffset, octets.length).toString("hex");
