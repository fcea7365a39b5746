// The record of decisions, version 1: JSON lines. The first names the format, each further one is one call of `step`:
// the request frame and the output as docs/abi.md describes them, so that any runtime that loads the core can replay it.
import { ABI_MAJOR, ABI_MINOR } from "../../assembly/abi.ts";

export const RECORD_FORMAT = "mta-sts-decisions";
export const RECORD_VERSION = 1;

/** One call of `step`, as bytes. */
export interface RecordedStep {
  readonly request: Uint8Array;
  /** What the call returned: the number of effects, or an error code. */
  readonly status: number;
  /** OUT after the call: its header and the effects. */
  readonly output: Uint8Array;
}

/** What a line says beside the bytes, for people who search in it. */
export interface StepLabel {
  readonly domain: string;
  readonly event: string;
  /** Unix seconds. */
  readonly now: number;
}

export type RecordedLine = RecordedStep & StepLabel;

export function headerLine(program: string): string {
  const abi = `${ABI_MAJOR}.${ABI_MINOR}`;
  return JSON.stringify({ format: RECORD_FORMAT, version: RECORD_VERSION, abi, program });
}

export function stepLine({ domain, event, now }: StepLabel, { request, status, output }: RecordedStep): string {
  return JSON.stringify({ now, domain, event, in: base64(request), status, out: base64(output) });
}

const base64 = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64");

/** Null: this is no header of a record that this program can replay. */
export function readHeader(line: string): { readonly abi: string } | null {
  const header = parse(line);
  if (header?.format !== RECORD_FORMAT || header.version !== RECORD_VERSION) return null;
  return typeof header.abi === "string" ? { abi: header.abi } : null;
}

/** Null: the line is no recorded step (the last one may be cut). */
export function readStep(line: string): RecordedLine | null {
  const step = parse(line);
  if (typeof step?.in !== "string" || typeof step.out !== "string" || typeof step.status !== "number") return null;
  const [domain, event] = [step.domain, step.event].map((text) => (typeof text === "string" ? text : "?"));
  return {
    domain: domain as string,
    event: event as string,
    now: typeof step.now === "number" ? step.now : 0,
    request: Buffer.from(step.in, "base64"),
    status: step.status,
    output: Buffer.from(step.out, "base64"),
  };
}

function parse(line: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}
