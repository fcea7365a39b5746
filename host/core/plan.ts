import * as abi from "../../assembly/abi.ts";
import type { Areas } from "./areas.ts";
import {
  ACTIONS,
  type Action,
  DANE_STATES,
  type DaneState,
  ERRORS,
  type Leniency,
  leniencyBits,
  nameOf,
  numberOf,
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
  /** What DNSSEC and TLSA lookups found; without it DANE plays no part. */
  readonly dane?: DaneFacts;
}

export interface DaneFacts {
  /** Was the MX RRset, or what took its place, authenticated? */
  readonly mxSecure: boolean;
  /** Local policy: only secure usable TLSA records will do (RFC 7672 §6). */
  readonly mandatory?: boolean;
  /** The state of each host, in the order of `hosts`. */
  readonly states: readonly DaneState[];
}

export interface PlanEntry {
  readonly host: string;
  readonly action: Action;
  readonly reason: PlanReason;
  /** Compare the session with the policy and report, also where the outcome does not gate delivery (testing). */
  readonly evaluate: boolean;
}

const VERDICT = { none: abi.VERDICT_NONE, policy: abi.VERDICT_POLICY, temp: abi.VERDICT_TEMP } as const;

function writeHosts(areas: Areas, hosts: readonly string[], dane: DaneFacts | undefined, start: number): number {
  let at = start;
  for (const [i, host] of hosts.entries()) {
    const n = areas.writeText(host, at + 2);
    if (n < 0 || n > 65535) throw new RangeError("the plan request exceeds the IN area");
    areas.put16(at, n);
    at += 2 + n;
    if (!dane) continue;
    if (at + 2 > areas.capacity) throw new RangeError("the plan request exceeds the IN area");
    areas.put16(at, numberOf(DANE_STATES, dane.states[i] ?? "unknown"));
    at += 2;
  }
  return at;
}

function factBits(dane: DaneFacts | undefined): number {
  if (!dane) return 0;
  const secure = dane.mxSecure ? abi.FACTS_MX_SECURE : 0;
  return abi.FACTS_DANE | secure | (dane.mandatory ? abi.FACTS_DANE_MANDATORY : 0);
}

/** Throws when the policy text is not the valid policy it was taken for, or a host has no known DANE state. */
export function plan(areas: Areas, { decision, hosts, dane }: PlanRequest): PlanEntry[] {
  const policy = decision.verdict === "policy" ? decision.policy : new Uint8Array();
  const leniency = decision.verdict === "policy" ? (decision.leniency ?? []) : [];
  areas.put32(abi.P_VERSION, abi.FRAME_VERSION);
  areas.put32(abi.P_VERDICT, VERDICT[decision.verdict]);
  areas.put32(abi.P_POLICY, abi.P_SIZE);
  areas.put32(abi.P_POLICY + 4, policy.length);
  if (!areas.write(policy, abi.P_SIZE)) throw new RangeError("the plan request exceeds the IN area");
  areas.put32(abi.P_LENIENCY, leniencyBits(leniency));
  const start = abi.P_SIZE + policy.length;
  const end = writeHosts(areas, hosts, dane, start);
  areas.put32(abi.P_HOSTS, start);
  areas.put32(abi.P_HOSTS + 4, end - start);
  areas.put32(abi.P_FLAGS, factBits(dane));
  const status = areas.exports.mtasts_plan(areas.in, end);
  if (status < 0) throw new Error(`plan: ${nameOf(ERRORS, status)[1]} (at ${areas.errorOffset})`);
  return hosts.map((host, i) => ({
    host,
    action: nameOf(ACTIONS, areas.get32(i * abi.PLAN_ENTRY)),
    reason: nameOf(PLAN_REASONS, areas.get32(i * abi.PLAN_ENTRY + 4)),
    evaluate: areas.get32(i * abi.PLAN_ENTRY + 8) === 1,
  }));
}
