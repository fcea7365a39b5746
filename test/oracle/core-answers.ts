// What the core says of an input, read from OUT as docs/abi.md describes it, in the words the oracle uses.
import type { CoreExports } from "../../host/core/exports.ts";
import { ERRORS, type Leniency, leniencyBits, leniencyNames, MODES, nameOf } from "../../host/core/names.ts";
import { callPair, callText, type Outcome } from "../core/frames.ts";
import { fromBytes, toBytes } from "./octets.ts";
import type { PolicyRead } from "./policy.ts";
import type { RecordFound } from "./record.ts";

export interface CoreRefusal {
  readonly error: string;
  readonly offset: number;
}

const errorWord = (status: number): string => nameOf(ERRORS, status as keyof typeof ERRORS)[0];
const refusal = ({ status, offset }: Outcome): CoreRefusal => ({ error: errorWord(status), offset });
const bits = (lenient: readonly string[]): number => leniencyBits(lenient as readonly Leniency[]);

/** The n-th number of the payload. */
const numberAt = (payload: Uint8Array, n: number): number => Buffer.from(payload.buffer).readUInt32LE(4 * n);

export function coreRecord(
  core: CoreExports,
  rrset: string,
  lenient: readonly string[],
): RecordFound | CoreRefusal | "no-record" {
  const result = callText(core, "mtasts_record_select", toBytes(rrset), bits(lenient));
  if (result.status < 0) return refusal(result);
  if (result.status === 0) return "no-record";
  const { payload } = result;
  return {
    id: fromBytes(payload.subarray(8, 8 + numberAt(payload, 1))),
    leniencies: leniencyNames(numberAt(payload, 0)),
  };
}

export function corePolicy(core: CoreExports, body: string, lenient: readonly string[]): PolicyRead | CoreRefusal {
  const result = callText(core, "mtasts_policy_parse", toBytes(body), bits(lenient));
  if (result.status < 0) return refusal(result);
  const { payload } = result;
  const mx = Array.from({ length: numberAt(payload, 3) }, (_, i) => {
    const at = numberAt(payload, 4 + 2 * i);
    return { at, pattern: body.slice(at, at + numberAt(payload, 5 + 2 * i)) };
  });
  const mode = nameOf(MODES, numberAt(payload, 0) as keyof typeof MODES);
  return { mode, maxAge: numberAt(payload, 1), mx, leniencies: leniencyNames(numberAt(payload, 2)) };
}

const matched = ({ status }: Outcome): boolean | string => (status < 0 ? errorWord(status) : status === 1);

export const coreMx = (core: CoreExports, pattern: string, host: string): boolean | string =>
  matched(callPair(core, "mtasts_mx_match", toBytes(pattern), toBytes(host)));

export const coreDnsId = (core: CoreExports, names: string, host: string): boolean | string =>
  matched(callPair(core, "mtasts_dnsid_match", toBytes(names), toBytes(host)));
