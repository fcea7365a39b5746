import * as abi from "../../assembly/abi.ts";
import type { Areas } from "./areas.ts";
import {
  ACTIONS,
  type Action,
  ERRORS,
  type Leniency,
  leniencyBits,
  nameOf,
  PLAN_REASONS,
  type PlanReason,
} from "./names.ts";

export interface PlanRequest {
  /** What to honour: a policy text, no policy, or "ask again later". */
  readonly decision:
    | { readonly verdict: "none" | "temp" }
    | { readonly verdict: "policy"; readonly policy: Uint8Array; readonly leniency?: readonly Leniency[] };
  /** MX host names in MX order, bytes as DNS gave them (presentation form). */
  readonly hosts: readonly string[];
}

export interface PlanEntry {
  readonly host: string;
  readonly action: Action;
  readonly reason: PlanReason;
  /** Compare the session with the policy and report, also where the outcome does not gate delivery (testing). */
  readonly evaluate: boolean;
}

const VERDICT = { none: abi.VERDICT_NONE, policy: abi.VERDICT_POLICY, temp: abi.VERDICT_TEMP } as const;

function writeHosts(areas: Areas, hosts: readonly string[], start: number): number {
  let at = start;
  for (const host of hosts) {
    const n = areas.writeText(host, at + 2);
    if (n < 0 || n > 65535) throw new RangeError("the plan request exceeds the IN area");
    areas.put16(at, n);
    at += 2 + n;
  }
  return at;
}

/** Throws when the policy text is not the valid policy it was taken for. */
export function plan(areas: Areas, { decision, hosts }: PlanRequest): PlanEntry[] {
  const policy = decision.verdict === "policy" ? decision.policy : new Uint8Array();
  const leniency = decision.verdict === "policy" ? (decision.leniency ?? []) : [];
  areas.put32(abi.P_VERSION, abi.FRAME_VERSION);
  areas.put32(abi.P_VERDICT, VERDICT[decision.verdict]);
  areas.put32(abi.P_POLICY, abi.P_SIZE);
  areas.put32(abi.P_POLICY + 4, policy.length);
  if (!areas.write(policy, abi.P_SIZE)) throw new RangeError("the plan request exceeds the IN area");
  areas.put32(abi.P_LENIENCY, leniencyBits(leniency));
  const start = abi.P_SIZE + policy.length;
  const end = writeHosts(areas, hosts, start);
  areas.put32(abi.P_HOSTS, start);
  areas.put32(abi.P_HOSTS + 4, end - start);
  areas.put32(abi.P_FLAGS, 0);
  const status = areas.call((core) => core.mtasts_plan(areas.in, end));
  if (status < 0) throw new Error(`plan: ${nameOf(ERRORS, status)[1]} (at ${areas.errorOffset})`);
  return hosts.map((host, i) => ({
    host,
    action: nameOf(ACTIONS, areas.get32(i * abi.PLAN_ENTRY)),
    reason: nameOf(PLAN_REASONS, areas.get32(i * abi.PLAN_ENTRY + 4)),
    evaluate: areas.get32(i * abi.PLAN_ENTRY + 8) === 1,
  }));
}
