import type { HonouredPolicy } from "../engine/decision.ts";
import { type MatchesMx, type MxCandidates, refusedHosts } from "./mx-candidates.ts";

/** What a testing policy would have done, had it been enforced (RFC 8461 §5). */
export interface TestingEvaluation {
  readonly domain: string;
  /** "unknown": the MX lookup failed or took too long. */
  readonly result: "match" | "mismatch" | "unknown";
  /** How many MX hosts the policy does not permit. */
  readonly refused: number;
  /** The first of them, at most ten, in DNS presentation form: printable ASCII. */
  readonly hosts: readonly string[];
}

/** Milliseconds a testing policy's answer waits for the MX set it is evaluated against. */
export const TESTING_DEADLINE = 1_000;

const REFUSED_HOSTS_SHOWN = 10;

/** Holds a testing policy against the MX set. It changes no delivery; a mismatch is counted. */
export function evaluateTesting(
  domain: string,
  policy: Pick<HonouredPolicy, "mx">,
  candidates: MxCandidates,
  matchesMx: MatchesMx,
): TestingEvaluation {
  const known = candidates.kind === "known";
  const refused = known ? refusedHosts(policy.mx, candidates.hosts, matchesMx) : [];
  return {
    domain,
    result: known ? (refused.length > 0 ? "mismatch" : "match") : "unknown",
    refused: refused.length,
    hosts: refused.slice(0, REFUSED_HOSTS_SHOWN),
  };
}
