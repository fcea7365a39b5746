/** Postfix sends at most this many bytes in one socketmap query; a longer one is no socketmap client. */
export const MAX_REQUEST_BYTES = 10_000;

/** Why a byte stream is not a sequence of netstrings. After any of these the framing is lost: only closing helps. */
export type NetstringFault = "bad-length" | "leading-zero" | "too-long" | "no-comma";

const ZERO = 0x30;
const NINE = 0x39;
const COLON = 0x3a;
const COMMA = 0x2c;

/**
 * Incremental strict netstring decoder for one connection. Bytes go in with `feed`, whole payloads come out of `next`.
 * It holds the bytes not yet taken and nothing else; a length above the limit is refused before its payload arrives.
 * Leading zeros are refused: two spellings of one frame are one too many.
 */
export class NetstringDecoder {
  #bytes: Buffer = Buffer.alloc(0);
  #at = 0;
  #stopped = false;
  readonly #limit: number;

  constructor(limit: number = MAX_REQUEST_BYTES) {
    this.#limit = limit;
  }

  /** Bytes received and not yet taken. */
  get held(): number {
    return this.#bytes.length - this.#at;
  }

  feed(chunk: Buffer): void {
    if (this.#stopped) return;
    this.#bytes = this.held === 0 ? chunk : Buffer.concat([this.#bytes.subarray(this.#at), chunk]);
    this.#at = 0;
  }

  /** Drops what is held and whatever comes. */
  stop(): void {
    this.#stopped = true;
    this.#bytes = Buffer.alloc(0);
    this.#at = 0;
  }

  /** The next payload (a view, valid until the next `feed`), null when more bytes are needed, or the fault. */
  next(): Buffer | NetstringFault | null {
    const bytes = this.#bytes;
    let at = this.#at;
    let length = 0;
    for (; at < bytes.length && bytes[at] !== COLON; at++) {
      const digit = bytes[at] as number;
      if (digit < ZERO || digit > NINE) return "bad-length";
      if (at > this.#at && length === 0) return "leading-zero";
      length = length * 10 + (digit - ZERO);
      if (length > this.#limit) return "too-long";
    }
    if (at === bytes.length) return null;
    if (at === this.#at) return "bad-length";
    const start = at + 1;
    const end = start + length;
    if (end >= bytes.length) return null;
    if (bytes[end] !== COMMA) return "no-comma";
    this.#at = end + 1;
    return bytes.subarray(start, end);
  }
}

/** `payload` (ASCII) as one netstring. */
export function encodeNetstring(payload: string): Buffer {
  return Buffer.from(`${payload.length}:${payload},`, "latin1");
}
