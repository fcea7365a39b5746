import * as abi from "../../assembly/abi.ts";
import type { Areas } from "./areas.ts";
import {
  ACTIONS,
  CHAINS,
  type Chain,
  ERRORS,
  JUDGEMENTS,
  type Judgement,
  nameOf,
  numberOf,
  PLAN_REASONS,
  RESULT_TYPES,
  type ResultType,
  SESSIONS,
  type Session,
  WHYS,
  type Why,
} from "./names.ts";
import type { PlanEntry } from "./plan.ts";

export interface JudgeRequest {
  readonly entry: PlanEntry;
  readonly session: Session;
  /** Wire version number, 0x0303 for TLS 1.2; 0 without TLS. */
  readonly tlsVersion: number;
  /** For a plan entry "dane": what its TLSA records say, so "dane-ee", "dane-ta" or a fault, never "valid". */
  readonly chain: Chain;
  /** DNS-IDs of the certificate. */
  readonly names: readonly string[];
  /** Reference identities of a DANE-TA match (RFC 7672 §3.2.2), any of which will do; default: the MX host name alone. */
  readonly references?: readonly string[];
  /** Is this the last MX host there is to try? */
  readonly last: boolean;
}

export interface JudgeResult {
  readonly verdict: Judgement;
  readonly resultType: ResultType;
  /** Did the session meet the policy (RFC 8460 §4.2: success or failure)? */
  readonly compliant: boolean;
  readonly why: Why;
}

function writeNames(areas: Areas, names: readonly string[], start: number): number {
  let at = start;
  for (const name of names) {
    const n = areas.writeText(name, at + 2);
    if (n < 0 || n > 65535) throw new RangeError("the judge request exceeds the IN area");
    areas.put16(at, n);
    at += 2 + n;
  }
  return at;
}

function writeHost(areas: Areas, host: string, start: number): number {
  const n = areas.writeText(host, start);
  if (n < 0) throw new RangeError("the judge request exceeds the IN area");
  return start + n;
}

export function judge(areas: Areas, request: JudgeRequest): JudgeResult {
  const { entry } = request;
  areas.put32(abi.J_VERSION, abi.FRAME_VERSION);
  areas.put32(abi.J_ACTION, numberOf(ACTIONS, entry.action));
  areas.put32(abi.J_REASON, numberOf(PLAN_REASONS, entry.reason));
  areas.put32(abi.J_EVALUATE, entry.evaluate ? 1 : 0);
  areas.put32(abi.J_FLAGS, request.last ? abi.JUDGE_LAST_HOST : 0);
  areas.put32(abi.J_SESSION, SESSIONS[request.session]);
  areas.put32(abi.J_TLS_VERSION, request.tlsVersion);
  areas.put32(abi.J_CHAIN, CHAINS[request.chain]);
  const namesEnd = writeNames(areas, request.names, abi.J_SIZE);
  areas.put32(abi.J_NAMES, abi.J_SIZE);
  areas.put32(abi.J_NAMES + 4, namesEnd - abi.J_SIZE);
  const end =
    entry.action === "dane"
      ? writeNames(areas, request.references ?? [entry.host], namesEnd)
      : writeHost(areas, entry.host, namesEnd);
  areas.put32(abi.J_HOST, namesEnd);
  areas.put32(abi.J_HOST + 4, end - namesEnd);
  const status = areas.exports.mtasts_judge(areas.in, end);
  if (status < 0) throw new Error(`judge: ${nameOf(ERRORS, status)[1]} (at ${areas.errorOffset})`);
  return {
    verdict: nameOf(JUDGEMENTS, areas.get32(0)),
    resultType: nameOf(RESULT_TYPES, areas.get32(4)),
    compliant: areas.get32(8) === 1,
    why: nameOf(WHYS, areas.get32(12)),
  };
}
