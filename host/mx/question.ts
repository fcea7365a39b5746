import type { Decision, HonouredPolicy, Resolver } from "../engine/decision.ts";
import { classifyKey, type LookupKey } from "./keys.ts";
import { findCandidates, type LookupMx, type MatchesMx, type MxCandidates } from "./mx-candidates.ts";
import { evaluateTesting, TESTING_DEADLINE, type TestingEvaluation } from "./testing.ts";
import { within } from "./within.ts";

/** What metrics and logs hear of questions asked by an MTA. Domains are for log lines only. */
export interface QuestionObserver {
  answered?(verdict: "policy" | "none" | "temp" | "error"): void;
  testing?(evaluation: TestingEvaluation): void;
  /** A TEMP that was not the engine's decision. */
  deferred?(domain: string, reason: "discovery-pending" | "overloaded" | "mx-lookup-failed", detail: string): void;
  /** A fault of our own; the mail was deferred. */
  failed?(domain: string, error: unknown): void;
}

export interface QuestionOptions {
  readonly resolver: Resolver;
  readonly lookupMx: LookupMx;
  readonly matchesMx: MatchesMx;
  /** Milliseconds a caller waits, whatever engine and DNS do. */
  readonly deadline: number;
  /** Different questions that may wait at once; one more is TEMP. */
  readonly maxPending?: number;
}

/** What is to be honoured for a next hop, for MTAs that ask one question at a time. */
export type Ruling =
  /** No policy, or one that changes no delivery (testing, none). */
  | { readonly kind: "none"; readonly domain: string | null }
  | { readonly kind: "enforce"; readonly domain: string; readonly id: string; readonly mx: readonly string[] }
  | { readonly kind: "temp"; readonly domain: string; readonly reason: string; readonly detail: string };

/** Milliseconds of the deadline that are kept for the answer's own way. */
const MARGIN = 100;

/** Asks the engine under one deadline. It never rejects, and never says "no policy" out of need. */
export class Questions {
  readonly #options: QuestionOptions;
  readonly #observer: QuestionObserver;
  readonly #pending = new Map<string, Promise<Ruling>>();

  constructor(options: QuestionOptions, observer: QuestionObserver = {}) {
    this.#options = options;
    this.#observer = observer;
  }

  get matchesMx(): MatchesMx {
    return this.#options.matchesMx;
  }

  /** `key` is a next hop as the MTA writes it, in Latin-1 characters. Askers of the same domain share one question. */
  async ruling(key: string): Promise<Ruling> {
    const hop = classifyKey(Buffer.from(key, "latin1"));
    if (hop.kind === "none") return { kind: "none", domain: null };
    const running = this.#pending.get(hop.domain);
    if (running !== undefined) return running;
    const { maxPending = 1_000 } = this.#options;
    if (this.#pending.size >= maxPending)
      return this.#temp(hop.domain, "overloaded", `${this.#pending.size} lookups wait already`);
    const question = this.#guarded(hop).finally(() => this.#pending.delete(hop.domain));
    this.#pending.set(hop.domain, question);
    return question;
  }

  /** The MX hosts of a domain, within the deadline or a `limit` of its own. */
  candidates(domain: string, limit = AbortSignal.timeout(this.#options.deadline)): Promise<MxCandidates> {
    return findCandidates(domain, this.#options.lookupMx, limit);
  }

  async #guarded(hop: Extract<LookupKey, { kind: "domain" }>): Promise<Ruling> {
    try {
      return await this.#ask(hop);
    } catch (error) {
      this.#observer.failed?.(hop.domain, error);
      const detail = "the daemon failed on this domain, its log says how";
      return { kind: "temp", domain: hop.domain, reason: "internal-error", detail };
    }
  }

  async #ask({ domain }: Extract<LookupKey, { kind: "domain" }>): Promise<Ruling> {
    const { resolver, deadline } = this.#options;
    const late = AbortSignal.timeout(deadline);
    const decision = await within(late, resolver.resolve(domain, { deadline: deadline - MARGIN }));
    if (decision === null) return this.#temp(domain, "discovery-pending", `no decision within ${deadline / 1000} s`);
    return this.#rule(domain, decision, late);
  }

  async #rule(domain: string, decision: Decision, late: AbortSignal): Promise<Ruling> {
    const { verdict, policy, reason, detail } = decision;
    if (verdict === "none") return { kind: "none", domain };
    if (verdict === "temp" || policy === null)
      return { kind: "temp", domain, reason: reason ?? "internal-error", detail };
    if (policy.mode === "enforce") return { kind: "enforce", domain, id: policy.id, mx: policy.mx };
    if (policy.mode === "testing") await this.#evaluate(domain, policy, late);
    return { kind: "none", domain };
  }

  /** Part of the question, as with Postfix: it can neither pile up nor hold the answer back beyond the deadline. */
  async #evaluate(domain: string, policy: HonouredPolicy, late: AbortSignal): Promise<void> {
    if (this.#observer.testing === undefined) return;
    const soon = AbortSignal.any([late, AbortSignal.timeout(TESTING_DEADLINE)]);
    const candidates = await this.candidates(domain, soon);
    this.#observer.testing(evaluateTesting(domain, policy, candidates, this.#options.matchesMx));
  }

  #temp(domain: string, reason: "discovery-pending" | "overloaded", detail: string): Ruling {
    this.#observer.deferred?.(domain, reason, detail);
    return { kind: "temp", domain, reason, detail };
  }
}
