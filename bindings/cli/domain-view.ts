import type { Decision, HonouredPolicy } from "../../host/engine/decision.ts";
import { printable } from "../../host/observe/printable.ts";
import { EXIT, type ExitCode } from "./exit-codes.ts";
import { styled } from "./output.ts";
import { duration } from "./wording.ts";

/**
 * What is known of one Policy Domain, as the control socket and `--json` show it. Version 1 may get further fields;
 * those it has keep their names and meanings (docs/commands.md).
 */
export interface DomainView {
  readonly version: 1;
  readonly domain: string;
  readonly verdict: Decision["verdict"];
  readonly status: Decision["status"];
  readonly resultType: Decision["resultType"];
  readonly reason: Decision["reason"];
  readonly detail: string;
  readonly policy: HonouredPolicy | null;
  /** Is the policy in the daemon's store, so that it outlives the daemon? */
  readonly stored: boolean;
}

export function domainView(decision: Decision, stored: boolean): DomainView {
  const { domain, verdict, status, resultType, reason, detail, policy } = decision;
  return { version: 1, domain, verdict, status, resultType, reason, detail, policy, stored };
}

/** The exit code for what a lookup learned: a policy, none, or nothing that can be relied on. */
export function exitCodeOf({ status, verdict }: Pick<Decision, "status" | "verdict">): ExitCode {
  if (verdict === "temp") return EXIT.temporary;
  switch (status) {
    case "cached":
    case "fetched":
      return EXIT.good;
    case "no-record":
    case "record-invalid":
    case "policy-invalid":
      return EXIT.no;
    default:
      return EXIT.temporary;
  }
}

/** The view in lines for people, the domain left out. */
export function describeView(view: DomainView): string {
  const policy = view.policy;
  if (policy === null) return `no policy held (${view.status}${view.detail === "" ? "" : `: ${view.detail}`})`;
  return [
    `policy ${printable(policy.id)}, mode ${styledMode(policy.mode)}, ${view.stored ? "stored on disk" : "in memory only"}`,
    `fetched ${duration(policy.age)} ago, expires in ${duration(policy.expiresIn)} (max_age ${policy.maxAge} s)`,
    ...policy.mx.map((pattern) => `mx ${printable(pattern)}`),
    ...(view.detail === "" ? [] : [`last look: ${view.detail}`]),
  ].join("\n");
}

export function styledMode(mode: HonouredPolicy["mode"]): string {
  return styled(mode === "enforce" ? "green" : mode === "testing" ? "yellow" : "dim", mode);
}
