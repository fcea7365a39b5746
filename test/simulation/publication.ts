import type { Mode } from "../../host/core/names.ts";
import type { FetchFailure } from "../../host/https/types.ts";
import type { Random } from "./random.ts";

/** One policy text as a publisher wrote it. Its serial number stands in the text, so that it is known wherever it is met. */
export interface Publication {
  readonly serial: number;
  readonly mode: Mode;
  /** Seconds as published; RFC 8461 §3.2 caps them at 31557600. */
  readonly maxAge: number;
  readonly mx: string;
  readonly body: Uint8Array;
}

const SERIAL = "serial: ";
const encoder = new TextEncoder();

export function publication(serial: number, mode: Mode, maxAge: number): Publication {
  const mx = `mx${serial}.example.net`;
  const text = `version: STSv1\n${SERIAL}${serial}\nmode: ${mode}\nmx: ${mx}\nmax_age: ${maxAge}\n`;
  return { serial, mode, maxAge: Math.min(maxAge, 31_557_600), mx, body: encoder.encode(text) };
}

/** The serial number in the lines of a policy that is honoured; null when this world never published it. */
export function serialOf(lines: readonly string[]): number | null {
  const line = lines[1];
  return line?.startsWith(SERIAL) ? Number(line.slice(SERIAL.length)) : null;
}

/** The serial number in bytes that somebody stored. */
export function serialIn(state: Uint8Array): number | null {
  const bytes = Buffer.from(state.buffer, state.byteOffset, state.byteLength);
  const at = bytes.indexOf(SERIAL, 0, "latin1");
  return at < 0 ? null : Number.parseInt(bytes.toString("latin1", at + SERIAL.length, at + SERIAL.length + 10), 10);
}

/** Seconds: from the attempt alone to more than a year, each as often as it needs to be met. */
export function drawMaxAge(random: Random): number {
  const kind = random.below(20);
  if (kind === 0) return 0;
  if (kind < 4) return random.between(1, 600);
  if (kind < 10) return random.between(600, 86_400);
  if (kind < 18) return random.between(86_400, 1_209_600);
  return random.pick([2_592_000, 31_557_600, 40_000_000]);
}

/** Bodies that are no policy, and why. Each is served over good TLS with status 200. */
export const BAD_BODIES: Readonly<Record<string, string>> = {
  empty: "",
  html: "<html>mode: none</html>",
  "no version": "mode: none\nmax_age: 86400\n",
  "no mode": "version: STSv1\nmax_age: 86400\n",
  "no max_age": "version: STSv1\nmode: none\n",
  "no mx": "version: STSv1\nmode: enforce\nmax_age: 86400\n",
  "bad max_age": "version: STSv1\nmode: none\nmax_age: 1e9\n",
  "bad mode": "version: STSv1\nmode: nonsense\nmx: mx.example.net\nmax_age: 86400\n",
  "bad line": "version: STSv1\nmode: none\nmax_age: 86400\nthis is no line\n",
  "over 64 KiB": `version: STSv1\nmode: none\nmax_age: 86400\n${`mx: mx.example.net\n`.repeat(3500)}`,
};

export const FETCH_FAILURES: readonly FetchFailure[] = [
  "dns",
  "address-forbidden",
  "connect",
  "tls",
  "certificate",
  "timeout",
  "status",
  "redirect",
  "too-large",
  "incomplete",
  "encoding",
  "protocol",
  "aborted",
];
