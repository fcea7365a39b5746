// Requests as docs/abi.md lays them out, byte by byte and without host/core: what a host in another language would write.
import * as abi from "../../assembly/abi.ts";
import type { CoreExports } from "../../host/core/exports.ts";

/** Any octets: text is UTF-8. */
export type Octets = string | Uint8Array;

export const octets = (value: Octets): Uint8Array => (typeof value === "string" ? Buffer.from(value, "utf8") : value);

/** u16 length + octets, one after the other: the list form of TXT RRs, DNS-IDs and MX hosts. */
export function list(items: readonly Octets[]): Uint8Array {
  const parts: Uint8Array[] = [];
  for (const item of items) {
    const content = octets(item);
    const length = new Uint8Array(2);
    new DataView(length.buffer).setUint16(0, content.length, true);
    parts.push(length, content);
  }
  return Buffer.concat(parts);
}

/** Fixed u32 fields by offset, then the variable parts behind them, each named by the field that points to it. */
export function frame(
  size: number,
  fields: Readonly<Record<number, number>>,
  parts: Readonly<Record<number, Uint8Array>> = {},
): Uint8Array {
  const contents = Object.entries(parts);
  const request = new Uint8Array(contents.reduce((n, [, content]) => n + content.length, size));
  const view = new DataView(request.buffer);
  for (const [field, value] of Object.entries(fields)) view.setUint32(Number(field), value >>> 0, true);
  let at = size;
  for (const [field, content] of contents) {
    request.set(content, at);
    view.setUint32(Number(field), at, true);
    view.setUint32(Number(field) + 4, content.length, true);
    at += content.length;
  }
  return request;
}

export interface StepFields {
  readonly event: number;
  readonly now: number;
  readonly uptime: number;
  readonly boot: number;
  readonly domain: string;
  readonly state?: Uint8Array | null;
  readonly data?: Uint8Array;
  readonly type?: Uint8Array | null;
  readonly token?: Uint8Array;
  /** Any other u32 field, by offset. */
  readonly more?: Readonly<Record<number, number>>;
}

export function stepFrame(fields: StepFields): Uint8Array {
  const parts: Record<number, Uint8Array> = { [abi.Q_DOMAIN]: octets(fields.domain) };
  if (fields.state) parts[abi.Q_STATE] = fields.state;
  if (fields.data) parts[abi.Q_DATA] = fields.data;
  if (fields.type) parts[abi.Q_TYPE] = fields.type;
  const numbers: Record<number, number> = {
    [abi.Q_VERSION]: abi.FRAME_VERSION,
    [abi.Q_EVENT]: fields.event,
    [abi.Q_NOW]: fields.now,
    [abi.Q_UPTIME]: fields.uptime,
    [abi.Q_BOOT]: fields.boot,
    ...(fields.type === null ? { [abi.Q_TYPE + 4]: abi.ABSENT } : {}),
    ...fields.more,
  };
  const request = frame(abi.Q_SIZE, numbers, parts);
  if (fields.token) request.set(fields.token, abi.Q_TOKEN);
  return request;
}

/** What one call left behind: its return value, the OUT header, and a copy of the payload. */
export interface Outcome {
  readonly status: number;
  readonly headerStatus: number;
  readonly offset: number;
  readonly kind: number;
  readonly payload: Uint8Array;
}

export function outcome(exports: CoreExports, status: number): Outcome {
  const out = exports.mtasts_out_ptr();
  const view = new DataView(exports.memory.buffer, out, abi.OUT_HEADER);
  const length = view.getUint32(abi.OUT_LENGTH, true);
  return {
    status,
    headerStatus: view.getInt32(abi.OUT_STATUS, true),
    offset: view.getUint32(abi.OUT_OFFSET, true),
    kind: view.getUint32(abi.OUT_KIND, true),
    payload: new Uint8Array(exports.memory.buffer, out + abi.OUT_HEADER, length).slice(),
  };
}

export type FrameFunction = "mtasts_step" | "mtasts_plan" | "mtasts_judge" | "mtasts_tlsa_usable" | "mtasts_tlsa_match";

/** Writes the request to the start of IN and calls. */
export function callFrame(exports: CoreExports, name: FrameFunction, request: Uint8Array): Outcome {
  const at = exports.mtasts_in_ptr();
  new Uint8Array(exports.memory.buffer).set(request, at);
  return outcome(exports, exports[name](at, request.length));
}

export type TextFunction = "mtasts_record_select" | "mtasts_policy_parse";

export function callText(exports: CoreExports, name: TextFunction, text: Uint8Array, leniency = 0): Outcome {
  const at = exports.mtasts_in_ptr();
  new Uint8Array(exports.memory.buffer).set(text, at);
  return outcome(exports, exports[name](at, text.length, leniency));
}

export type PairFunction = "mtasts_mx_match" | "mtasts_dnsid_match";

export function callPair(exports: CoreExports, name: PairFunction, a: Uint8Array, b: Uint8Array): Outcome {
  const at = exports.mtasts_in_ptr();
  const memory = new Uint8Array(exports.memory.buffer);
  memory.set(a, at);
  memory.set(b, at + a.length);
  return outcome(exports, exports[name](at, a.length, at + a.length, b.length));
}

/** The checksum of a stored state (docs/abi.md "Stored state"), put right after its bytes were changed. */
export function repairChecksum(state: Uint8Array): Uint8Array {
  const repaired = state.slice();
  const view = new DataView(repaired.buffer);
  let h = 0x9e3779b9;
  for (let i = 16; i + 4 <= repaired.length; i += 4) {
    h = (h ^ view.getUint32(i, true)) >>> 0;
    h = (h ^ (h << 13)) >>> 0;
    h = (h ^ (h >>> 17)) >>> 0;
    h = (h ^ (h << 5)) >>> 0;
  }
  view.setUint32(12, h, true);
  return repaired;
}
