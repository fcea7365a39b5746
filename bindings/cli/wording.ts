import { printable } from "../../host/observe/printable.ts";

const UNITS = [
  [86_400, "d"],
  [3_600, "h"],
  [60, "min"],
  [1, "s"],
] as const;

/** "6 d 4 h", "59 s": the two largest units of a number of seconds. */
export function duration(seconds: number): string {
  let left = Math.max(0, Math.floor(seconds));
  const parts: string[] = [];
  for (const [size, unit] of UNITS) {
    if (left >= size && parts.length < 2) parts.push(`${Math.floor(left / size)} ${unit}`);
    left %= size;
  }
  return parts.length === 0 ? "0 s" : parts.join(" ");
}

/** Octets from the network as text for people: printable ASCII, the rest escaped, long text cut. */
export function octets(bytes: Uint8Array, max = 200): string {
  return printable(Buffer.from(bytes).toString("latin1"), max);
}

export interface Place {
  /** Both count from 1; columns count bytes. */
  readonly line: number;
  readonly column: number;
  /** The line in which the byte stands, escaped. */
  readonly text: string;
}

/** Where a byte offset stands in a text with LF or CRLF line ends. */
export function placeOf(content: Uint8Array, offset: number): Place {
  const end = Math.min(offset, content.length);
  const before = Buffer.from(content.subarray(0, end));
  const start = before.lastIndexOf(0x0a) + 1;
  const after = Buffer.from(content).indexOf(0x0a, start);
  const whole = content.subarray(start, after < 0 ? content.length : after);
  const line = before.filter((octet) => octet === 0x0a).length + 1;
  return { line, column: end - start + 1, text: octets(whole.at(-1) === 0x0d ? whole.subarray(0, -1) : whole) };
}
