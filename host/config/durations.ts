import type { SchemaNode } from "./validator.ts";

const MILLISECONDS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
const DURATION = /^(0|[1-9][0-9]{0,8})(ms|s|m|h|d)$/;

/** "500ms", "20s", "5m", "24h" or "7d" in milliseconds; null for anything else (no sign, no fraction, no blank). */
export function parseDuration(text: string): number | null {
  const match = DURATION.exec(text);
  if (match === null) return null;
  return Number(match[1]) * MILLISECONDS[match[2] as keyof typeof MILLISECONDS];
}

/**
 * A duration inside the range its schema gives (`x-range`, both ends included), in milliseconds. The ranges are sane
 * values for an operator, and far below the 2^31 ms at which a timer of Node.js fires at once.
 */
export function readDuration(text: string, schema: SchemaNode, report: (message: string) => void): number {
  const milliseconds = parseDuration(text) ?? Number.NaN;
  const [shortest, longest] = (schema["x-range"] ?? []).map((limit) => parseDuration(limit) ?? Number.NaN);
  if (shortest === undefined || longest === undefined) throw new RangeError("the schema of a duration needs x-range");
  if (!(milliseconds >= shortest && milliseconds <= longest)) report(`expected ${schema.title}, found "${text}"`);
  return milliseconds;
}
