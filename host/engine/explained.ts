import { type StateFacts, stateFacts } from "../core/state-facts.ts";
import type { StepClock } from "../core/step.ts";
import type { Decision } from "./decision.ts";
import type { DomainEntry } from "./domain-entry.ts";

/** What the engine knows of a domain, why, and what it is doing about it now. */
export interface Explained {
  readonly domain: string;
  /** What would be answered now without finding out anything more; null: the caller would wait for a lookup. */
  readonly decision: Decision | null;
  readonly stored: boolean;
  readonly facts: StateFacts | null;
  /** Under way now. */
  readonly querying: boolean;
  readonly fetching: boolean;
  /** Callers that wait for it. */
  readonly waiting: number;
  /** The stored row is damaged or cannot be read; "" when it is not. */
  readonly storeFault: string;
  /** The last thing that failed, printable; "" when nothing did. */
  readonly lastTrouble: string;
}

/** Null when nothing is known, nothing is under way and nothing is wrong. */
export function explained(entry: DomainEntry, decision: Decision | null, clock: StepClock): Explained | null {
  const facts = entry.state ? stateFacts(entry.state, clock) : null;
  const { domain, queryInFlight: querying, getInFlight: fetching } = entry;
  const isUnreadable = entry.damaged || entry.versionCheckedAt === null;
  if (!facts && !querying && !fetching && !isUnreadable) return null;
  return {
    domain,
    decision,
    stored: entry.version !== 0,
    facts,
    querying,
    fetching,
    waiting: entry.waiters.size,
    storeFault: isUnreadable ? entry.storeFault : "",
    lastTrouble: entry.detail,
  };
}
