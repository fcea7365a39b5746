import { OUT_HEADER, OUT_LENGTH, OUT_OFFSET } from "../../assembly/abi.ts";
import type { CoreExports } from "./exports.ts";

const encoder = new TextEncoder();

/** Up to this length a loop over the characters beats the call into the encoder. */
const SHORT_TEXT = 32;

/** The IN and OUT areas of one instance. Memory never grows, so the views are made once. */
export class Areas {
  readonly in: number;
  readonly capacity: number;
  readonly #out: number;
  readonly #again: (() => CoreExports) | undefined;
  #exports: CoreExports;
  #bytes!: Uint8Array;
  #view!: DataView;
  #text!: Buffer;

  /** `again` makes another instance of the same module. */
  constructor(exports: CoreExports, again?: () => CoreExports) {
    this.#exports = exports;
    this.#again = again;
    this.in = exports.mtasts_in_ptr();
    this.capacity = exports.mtasts_in_cap();
    this.#out = exports.mtasts_out_ptr();
    this.#look();
  }

  get bytes(): Uint8Array {
    return this.#bytes;
  }

  #look(): void {
    const { buffer } = this.#exports.memory;
    this.#bytes = new Uint8Array(buffer);
    this.#text = Buffer.from(buffer);
    this.#view = new DataView(buffer);
  }

  /**
   * Runs one call of the core. A trap is a bug that leaves the instance in an unknown state: it is dropped, the next
   * call meets a fresh one (docs/abi.md, attack A-61).
   */
  call(run: (exports: CoreExports) => number): number {
    try {
      return run(this.#exports);
    } catch (error) {
      if (this.#again !== undefined && error instanceof WebAssembly.RuntimeError) {
        this.#exports = this.#again();
        this.#look();
      }
      throw error;
    }
  }

  /** Writes bytes `offset` into the request; false when they do not fit. */
  write(content: Uint8Array, offset: number): boolean {
    if (content.length > this.capacity - offset) return false;
    this.#bytes.set(content, this.in + offset);
    return true;
  }

  /** Writes a string as UTF-8 (never latin1: U+0161 must not become "a"). Its length in bytes, -1 when it does not fit. */
  writeText(text: string, offset: number): number {
    if (text.length <= SHORT_TEXT && this.#writeAscii(text, offset)) return text.length;
    const room = this.#bytes.subarray(this.in + offset, this.in + this.capacity);
    const { read, written } = encoder.encodeInto(text, room);
    return read === text.length ? written : -1;
  }

  /** False, and nothing that counts written, when the text is not ASCII or does not fit. */
  #writeAscii(text: string, offset: number): boolean {
    if (text.length > this.capacity - offset) return false;
    const at = this.in + offset;
    for (let i = 0; i < text.length; i++) {
      const code = text.charCodeAt(i);
      if (code > 0x7f) return false;
      this.bytes[at + i] = code;
    }
    return true;
  }

  /** A text as UTF-8, or bytes as they are: the length in bytes, -1 when it does not fit. */
  writeContent(content: string | Uint8Array, offset: number): number {
    if (typeof content === "string") return this.writeText(content, offset);
    return this.write(content, offset) ? content.length : -1;
  }

  put16(offset: number, value: number): void {
    this.#view.setUint16(this.in + offset, value, true);
  }

  put32(offset: number, value: number): void {
    this.#view.setUint32(this.in + offset, value, true);
  }

  /** Byte offset at which the last call stopped. */
  get errorOffset(): number {
    return this.#view.getUint32(this.#out + OUT_OFFSET, true);
  }

  get payloadLength(): number {
    return this.#view.getUint32(this.#out + OUT_LENGTH, true);
  }

  /** u32 at `offset` of the payload. */
  get32(offset: number): number {
    return this.#view.getUint32(this.#out + OUT_HEADER + offset, true);
  }

  getSigned(offset: number): number {
    return this.#view.getInt32(this.#out + OUT_HEADER + offset, true);
  }

  /** A copy of payload bytes: OUT is overwritten by the next call. */
  payload(offset: number, length: number): Uint8Array {
    const at = this.#out + OUT_HEADER + offset;
    return this.#bytes.slice(at, at + length);
  }

  /** A copy of OUT, header and payload, as the last call left it. */
  get output(): Uint8Array {
    return this.bytes.slice(this.#out, this.#out + OUT_HEADER + this.payloadLength);
  }

  /** A copy of the request. */
  request(length: number): Uint8Array {
    return this.bytes.slice(this.in, this.in + length);
  }

  payloadText(offset: number, length: number): string {
    const at = this.#out + OUT_HEADER + offset;
    return this.#text.toString("latin1", at, at + length);
  }

  /** Request bytes, one character each: offsets into it are byte offsets. */
  requestText(length: number): string {
    return this.#text.toString("latin1", this.in, this.in + length);
  }
}
