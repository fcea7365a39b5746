import type { PlanEntry } from "../../host/core/plan.ts";
import type { DaneFindings } from "../../host/dane/domain-lookup.ts";

/** What one answer for the whole domain loses, compared with a plan for each host. */
export type DaneDeviation = "hosts-without-tlsa-unused" | "policy-list-not-applied";

/** What DANE makes of the answer for a next hop. */
export type DaneRuling =
  /** Nothing: MTA-STS decides, and without a policy Postfix's own level does. */
  | { readonly kind: "mta-sts" }
  | { readonly kind: "line"; readonly line: "dane-only" | "dane"; readonly deviations: readonly DaneDeviation[] }
  /** MTA-STS decides, without the hosts whose TLSA lookup failed (R-MIX-01). */
  | { readonly kind: "fewer-hosts"; readonly hosts: readonly string[] }
  | { readonly kind: "temp"; readonly reason: "mx-lookup-failed" | "tlsa-lookup-failed"; readonly detail: string };

/** How the MTA-STS decision stands: a policy that binds, none that does, or nothing known yet. */
export type Binding = "enforce" | "none" | "temp";

const AS_WITHOUT: DaneRuling = { kind: "mta-sts" };

/**
 * One level for a domain from the plan of its hosts. Postfix applies `dane-only` and `dane` to each MX host itself: it
 * looks the TLSA records up again, skips a host whose lookup fails, and with `dane` (never given under an enforce policy)
 * uses a host without TLSA records as it would by `may`. `plan` is empty where the MX lookup failed.
 */
export function daneRuling(binding: Binding, findings: DaneFindings, plan: readonly PlanEntry[]): DaneRuling {
  if (findings.kind === "failed") return { kind: "temp", reason: "mx-lookup-failed", detail: findings.detail };
  // An unsigned MX RRset may be an attacker's: his TLSA records must not beat a policy that is held (R-7672-2.2.1-03).
  if (findings.mx === "insecure") return AS_WITHOUT;
  const hosts = sorted(plan);
  if (hosts.dane.length > 0) return overDane(binding, findings, hosts);
  if (hosts.failed.length === 0)
    return hosts.encrypt.length > 0 ? { kind: "line", line: "dane", deviations: [] } : AS_WITHOUT;
  if (binding === "temp") return AS_WITHOUT;
  if (hosts.pkix.length > 0) return { kind: "fewer-hosts", hosts: hosts.pkix };
  if (binding === "none" && hosts.encrypt.length + hosts.opportunistic.length > 0)
    return { kind: "line", line: "dane", deviations: [] };
  const detail = findings.hosts.find(({ state }) => state === "failed" || state === "address-failed")?.detail ?? "";
  return { kind: "temp", reason: "tlsa-lookup-failed", detail };
}

type Sorted = Readonly<Record<"dane" | "encrypt" | "pkix" | "opportunistic" | "failed", readonly string[]>>;

function sorted(plan: readonly PlanEntry[]): Sorted {
  const of = (action: PlanEntry["action"]) => plan.filter((entry) => entry.action === action).map(({ host }) => host);
  const failed = plan.filter(({ reason }) => reason === "tlsa-failed" || reason === "address-failed");
  return {
    dane: of("dane"),
    encrypt: of("encrypt"),
    pkix: of("pkix"),
    opportunistic: of("opportunistic"),
    failed: failed.map(({ host }) => host),
  };
}

function overDane(binding: Binding, findings: Extract<DaneFindings, { kind: "found" }>, hosts: Sorted): DaneRuling {
  const others = hosts.encrypt.length + hosts.opportunistic.length;
  if (binding === "none") return { kind: "line", line: others > 0 ? "dane" : "dane-only", deviations: [] };
  const usable = findings.hosts.filter(({ state }) => state === "usable").length;
  const deviations: DaneDeviation[] = [];
  if (hosts.pkix.length > 0) deviations.push("hosts-without-tlsa-unused");
  if (usable > hosts.dane.length) deviations.push("policy-list-not-applied");
  return { kind: "line", line: "dane-only", deviations };
}
