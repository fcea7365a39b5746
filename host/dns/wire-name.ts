/**
 * A domain name as it stands on the wire: length-prefixed labels and the closing zero octet, uncompressed, at most
 * 255 octets (RFC 1035 §3.1). Labels are never joined with dots: one label holding "a.b" is not two labels.
 */
export type WireName = Uint8Array;

/** The message breaks RFC 1035; nothing of it may be used. */
export class WireError extends Error {
  override readonly name = "WireError";
  /** Octets from the start of the message. */
  readonly offset: number;

  constructor(reason: string, offset: number) {
    super(`${reason} at octet ${offset}`);
    this.offset = offset;
  }
}

const MAX_NAME = 255;
const HEADER_LENGTH = 12;
/** Labels and pointers read in one message, so that small messages of shared pointers cannot cost much time. */
const MAX_STEPS = 65_536;

/** Reads one message front to back; every read is checked against its end. */
export class WireReader {
  readonly bytes: Uint8Array;
  offset = 0;
  #steps = 0;
  readonly #scratch = new Uint8Array(MAX_NAME);

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  u8(): number {
    const value = this.bytes[this.offset];
    if (value === undefined) throw new WireError("message ends early", this.offset);
    this.offset++;
    return value;
  }

  u16(): number {
    return this.u8() * 0x100 + this.u8();
  }

  u32(): number {
    return this.u16() * 0x1_0000 + this.u16();
  }

  /** The next octets as a copy, so that a kept record does not keep the message (`slice` of a Buffer would). */
  take(length: number): Uint8Array {
    const end = this.offset + length;
    if (end > this.bytes.length) throw new WireError("message ends early", this.bytes.length);
    const taken = new Uint8Array(this.bytes.subarray(this.offset, end));
    this.offset = end;
    return taken;
  }

  /**
   * A name, with compression pointers resolved (RFC 1035 §4.1.4). A pointer must lead before the place where the
   * labels that hold it began: that is all a writer ever needs, and it makes loops impossible.
   */
  name(): WireName {
    let at = this.offset;
    let segment = at;
    let end = -1;
    let length = 0;
    for (;;) {
      this.#step(at);
      const octet = this.#at(at);
      if (octet >= 0xc0) {
        const target = (octet - 0xc0) * 0x100 + this.#at(at + 1);
        if (target >= segment || target < HEADER_LENGTH) throw new WireError("compression pointer not backwards", at);
        if (end < 0) end = at + 2;
        segment = target;
        at = target;
        continue;
      }
      if (octet > 63) throw new WireError("unknown label type", at);
      // One octet of the 255 stays free for the root.
      const room = octet === 0 ? MAX_NAME : MAX_NAME - 1;
      if (length + 1 + octet > room) throw new WireError("name longer than 255 octets", at);
      if (at + 1 + octet > this.bytes.length) throw new WireError("message ends early", this.bytes.length);
      this.#scratch.set(this.bytes.subarray(at, at + 1 + octet), length);
      length += 1 + octet;
      at += 1 + octet;
      if (octet === 0) break;
    }
    this.offset = end < 0 ? at : end;
    return this.#scratch.slice(0, length);
  }

  #at(offset: number): number {
    const value = this.bytes[offset];
    if (value === undefined) throw new WireError("message ends early", offset);
    return value;
  }

  #step(at: number): void {
    this.#steps++;
    if (this.#steps > MAX_STEPS) throw new WireError("message costs too much to read", at);
  }
}

/**
 * The form two equal names share: DNS compares letters without case (RFC 4343), other octets exactly. A length octet
 * is below 64 and so never mistaken for a letter.
 */
export function nameKey(name: WireName): string {
  let key = "";
  for (const octet of name) key += String.fromCharCode(octet >= 0x41 && octet <= 0x5a ? octet + 0x20 : octet);
  return key;
}

/** True when `zone` is `name` itself or one of its parents, label by label. */
export function isAtOrAbove(zone: WireName, name: WireName): boolean {
  const wanted = nameKey(zone);
  const key = nameKey(name);
  for (let at = 0; at < key.length; at += 1 + key.charCodeAt(at)) {
    if (key.slice(at) === wanted) return true;
  }
  return false;
}
