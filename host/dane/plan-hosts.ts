import type { Core } from "../core/core.ts";
import type { PlanEntry, PlanRequest } from "../core/plan.ts";
import type { Decision, HonouredPolicy } from "../engine/decision.ts";
import type { DaneFindings } from "./domain-lookup.ts";

/** What DANE and MTA-STS together ask of each MX host, in MX order (docs/dane.md). */
export function planHosts(
  core: Pick<Core, "plan">,
  decision: Pick<Decision, "verdict" | "policy">,
  { mx, hosts }: Extract<DaneFindings, { kind: "found" }>,
): PlanEntry[] {
  return core.plan({
    decision: honoured(decision),
    hosts: hosts.map(({ host }) => host),
    dane: { mxSecure: mx !== "insecure", states: hosts.map(({ state }) => state) },
  });
}

function honoured({ verdict, policy }: Pick<Decision, "verdict" | "policy">): PlanRequest["decision"] {
  if (verdict === "none") return { verdict };
  if (verdict === "temp" || policy === null) return { verdict: "temp" };
  return { verdict, policy: Buffer.from(written(policy)) };
}

/** The policy anew from what was parsed: it needs no leniency a second time. */
function written({ mode, mx, maxAge }: HonouredPolicy): string {
  return ["version: STSv1", `mode: ${mode}`, ...mx.map((pattern) => `mx: ${pattern}`), `max_age: ${maxAge}`, ""].join(
    "\n",
  );
}
