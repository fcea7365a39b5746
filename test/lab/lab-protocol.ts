import type { DomainSpec, WorldOptions } from "./domain-spec.ts";
import type { Endpoints, World } from "./world.ts";

/** The JSON lines between a lab in a process of its own (main.ts) and the test that steers it (lab-client.ts). */

/** What the lab starts with: one line on stdin, or a file. */
export interface LabDescription extends WorldOptions {
  readonly domains?: Readonly<Record<string, DomainSpec>>;
}

/** The methods of World that can be called from outside. */
export const COMMANDS = [
  "domain",
  "setPolicy",
  "setId",
  "setMx",
  "setMxBehaviour",
  "setTlsa",
  "breakPolicyHost",
  "mendPolicyHost",
  "releasePolicyHost",
  "forgeNxdomain",
  "forgeReply",
  "forgeMx",
  "unforge",
  "setDns",
  "setDnsOutage",
  "rrsets",
  "deliveries",
  "sessions",
  "requests",
  "connections",
  "queries",
  "waitForQuery",
  "waitForRequest",
  "waitForDelivery",
  "forgetSeen",
  "endpoints",
  "close",
] as const satisfies readonly (keyof World)[];
export type CommandName = (typeof COMMANDS)[number];

export interface LabReady extends Endpoints {
  readonly ready: true;
  readonly caPem: string;
}

export interface LabRequest {
  readonly id: number;
  readonly command: CommandName;
  readonly args: readonly unknown[];
}

export type LabAnswer =
  | { readonly id: number; readonly ok: true; readonly value?: unknown }
  | { readonly id: number; readonly ok: false; readonly error: string };

/** Reads one line. Buffers come through as JSON.stringify writes them, so labels and bodies may hold any octet. */
export function readLine(line: string): unknown {
  return JSON.parse(line, (_, value) =>
    value?.type === "Buffer" && Array.isArray(value.data) ? Buffer.from(value.data) : value,
  );
}

/** Writes one line. A plain Uint8Array would come out as an object with numbers for keys, so it is written as a Buffer. */
export function writeLine(value: unknown): string {
  const bytes = (_: string, part: unknown) =>
    part instanceof Uint8Array && !Buffer.isBuffer(part) ? Buffer.from(part).toJSON() : part;
  return `${JSON.stringify(value, bytes)}\n`;
}
