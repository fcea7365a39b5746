// Requirements section B (RFC 8461 §3.2), line by line; leniencies AMB-03.
import { isPattern } from "./names.ts";
import { toBytes } from "./octets.ts";
import { isRefusal, type Refusal, refuse } from "./verdict.ts";

export interface PolicyRead {
  readonly mode: string;
  readonly maxAge: number;
  /** As the body spells them, with the octet at which each starts. */
  readonly mx: readonly { readonly at: number; readonly pattern: string }[];
  readonly leniencies: readonly string[];
}

interface Line {
  readonly at: number;
  readonly text: string;
}

interface Field {
  readonly name: string;
  readonly value: string;
  readonly lineAt: number;
  readonly valueAt: number;
  readonly end: number;
}

const LIMIT = 65536;
const MAX_AGE_LIMIT = 31557600; // R-8461-3.2-15, AMB-04: clamped
const BYTE_ORDER_MARK = "\xef\xbb\xbf";
const RESERVED = ["version", "mode", "max_age"];

/** LF or CRLF ends a line, the last end is optional, a bare CR ends nothing (R-8461-3.2-06, -07). */
function linesOf(text: string, start: number): Line[] {
  const lines: Line[] = [];
  let at = start;
  for (const part of text.split("\n")) {
    lines.push({ at, text: part });
    at += part.length + 1;
  }
  const last = lines.pop();
  const ended = lines.map((line) => ({ ...line, text: line.text.replace(/\r$/, "") }));
  return last === undefined || last.text === "" ? ended : [...ended, last];
}

function fieldOf({ at, text }: Line): Field | Refusal {
  const name = /^[A-Za-z0-9_.-]*/.exec(text)?.[0] ?? "";
  if (text[name.length] !== ":") return refuse("policy-line", at, at + name.length);
  // R-8461-3.2-22: the rule of the TXT record
  if (!/^[A-Za-z0-9][A-Za-z0-9_.-]{0,31}$/.test(name)) return refuse("policy-name", at, at + name.length);
  const rest = text.slice(name.length + 1);
  const blanks = /^[ \t]*/.exec(rest)?.[0].length ?? 0;
  const value = rest.slice(blanks).replace(/[ \t]+$/, ""); // R-8461-3.2-09
  return { name, value, lineAt: at, valueAt: at + name.length + 1 + blanks, end: at + text.length };
}

/** R-8461-3.2-23: not empty, no control characters, well-formed UTF-8. */
function isText(value: string): boolean {
  if (value === "" || [...value].some((octet) => octet < " " || octet === "\x7f")) return false;
  try {
    new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(toBytes(value));
    return true;
  } catch {
    return false;
  }
}

/** What a value must be: where it decides something; of a repeated or unknown name only that it is text (AMB-05). */
function valueError({ name, value }: Field, isFirst: boolean): string | undefined {
  if (name === "mx") return isPattern(value) ? undefined : "policy-mx"; // R-8461-3.2-27, AMB-06
  if (!isFirst || !RESERVED.includes(name)) return isText(value) ? undefined : "policy-value";
  if (name === "version") return value === "STSv1" ? undefined : "policy-version";
  if (name === "mode") return ["enforce", "testing", "none"].includes(value) ? undefined : "policy-mode";
  return /^[0-9]{1,10}$/.test(value) ? undefined : "policy-max-age";
}

export function readPolicy(body: string, lenient: readonly string[]): PolicyRead | Refusal {
  if (body.length > LIMIT) return refuse("policy-too-large", LIMIT);
  if (body === "") return refuse("policy-empty", 0);
  const leniencies: string[] = [];
  const marked = lenient.includes("byte-order-mark") && body.startsWith(BYTE_ORDER_MARK);
  const start = marked ? BYTE_ORDER_MARK.length : 0;

  const all = linesOf(body.slice(start), start);
  const lines = lenient.includes("blank-lines") ? all.filter(({ text }) => !/^[ \t]*$/.test(text)) : all;
  if (lines.length < all.length) leniencies.push("blank-lines");
  if (marked) leniencies.push("byte-order-mark");

  const fields: Field[] = [];
  for (const line of lines) {
    const field = fieldOf(line);
    if (isRefusal(field)) return field;
    const error = valueError(field, !fields.some(({ name }) => name === field.name));
    if (error !== undefined) return refuse(error, field.lineAt + field.name.length + 1, field.end);
    fields.push(field);
  }
  return conclude(fields, leniencies, body.length);
}

/** R-8461-3.2-12 to -16, -24, -25: first occurrences, all mx lines, and what may not be missing. */
function conclude(fields: readonly Field[], leniencies: readonly string[], end: number): PolicyRead | Refusal {
  const first = (name: string): string | undefined => fields.find((field) => field.name === name)?.value;
  const [version, mode, maxAge] = RESERVED.map(first);
  if (version === undefined) return refuse("policy-no-version", end);
  if (mode === undefined) return refuse("policy-no-mode", end);
  if (maxAge === undefined) return refuse("policy-no-max-age", end);
  const mx = fields.filter(({ name }) => name === "mx").map(({ value, valueAt }) => ({ at: valueAt, pattern: value }));
  if (mx.length === 0 && mode !== "none") return refuse("policy-no-mx", end);
  return { mode, maxAge: Math.min(Number(maxAge), MAX_AGE_LIMIT), mx, leniencies };
}
