// The core judges a media type inside step: a good body comes with it, and either is accepted or the fetch failed.
import * as abi from "../../assembly/abi.ts";
import type { CoreExports } from "../../host/core/exports.ts";
import { ERRORS, type Leniency, leniencyBits, nameOf } from "../../host/core/names.ts";
import { callFrame, stepFrame } from "../core/frames.ts";
import { toBytes } from "./octets.ts";

const ANSWER_SIZE = 96;

export function coreMediaType(core: CoreExports, type: string | null, lenient: readonly string[]): string {
  const token = new Uint8Array(abi.TOKEN_SIZE);
  new DataView(token.buffer).setUint32(abi.TOKEN_BOOT, 1, true);
  const request = stepFrame({
    event: abi.EVENT_POLICY,
    now: 2_000_000_000,
    uptime: 0,
    boot: 1,
    domain: "example.com",
    token,
    data: Buffer.from("version: STSv1\nmode: none\nmax_age: 86400\n"),
    type: type === null ? null : toBytes(type),
    more: { [abi.Q_LENIENCY]: leniencyBits(lenient as readonly Leniency[]) },
  });
  const { payload } = callFrame(core, "mtasts_step", request);
  const answer = Buffer.from(payload.subarray(payload.length - ANSWER_SIZE));
  if (answer.readUInt32LE(0) === abi.STATUS_FETCHED) return "accepted";
  return nameOf(ERRORS, answer.readInt32LE(16) as keyof typeof ERRORS)[0];
}
