import type { TestingEvaluation } from "../../host/mx/testing.ts";
import type { DaneDeviation } from "./dane-answer.ts";
import type { Flavour } from "./policy-line.ts";
import type { ReplyStatus, TempReason } from "./reply.ts";

/** Where a reply came from: kept from before, worked out now, or known without asking anyone. */
export type ReplySource = "warm" | "cold" | "local";

/** Why a connection was closed by us. */
export type CloseCause = "malformed" | "half-request" | "never-reads" | "idle" | "evicted" | "refused";

/** What DANE made of an answer. */
export type DaneAnswer = "dane-only" | "dane" | "fewer-hosts" | "temp";

/**
 * What metrics and logs hear from the binding. Every call is made in the hot path and must return at once. Domains are
 * for log lines only, never for metric labels.
 */
export interface PostfixObserver {
  /** `flavour` is null for a map name that is not ours. */
  answered?(flavour: Flavour | null, status: ReplyStatus, source: ReplySource): void;
  /** At most once for each cold answer of a testing policy. */
  testing?(evaluation: TestingEvaluation): void;
  /** A TEMP that the binding decided on; those that pass on a decision of the engine are the engine's to tell. */
  deferred?(domain: string, reason: TempReason, detail: string): void;
  /** DANE decided a cold answer. */
  dane?(domain: string, answer: DaneAnswer, deviations: readonly DaneDeviation[]): void;
  /** An enforced policy permits none of the MX hosts: nobody may take mail for the domain now. */
  unmatched?(domain: string, policyId: string): void;
  /** The binding itself failed; the mail was deferred. */
  failed?(domain: string, error: unknown): void;
  closed?(cause: CloseCause): void;
}
