import type { Core } from "../../host/core/core.ts";
import type { FindDane } from "../../host/dane/dane.ts";
import type { DaneFindings } from "../../host/dane/domain-lookup.ts";
import { planHosts } from "../../host/dane/plan-hosts.ts";
import type { Decision, HonouredPolicy, Resolver } from "../../host/engine/decision.ts";
import { classifyKey, portOf } from "../../host/mx/keys.ts";
import {
  findCandidates,
  type LookupMx,
  type MatchesMx,
  type MxCandidates,
  onlyItself,
} from "../../host/mx/mx-candidates.ts";
import { evaluateTesting, TESTING_DEADLINE } from "../../host/mx/testing.ts";
import { within } from "../../host/mx/within.ts";
import { type Binding, type DaneRuling, daneRuling } from "./dane-answer.ts";
import type { PostfixObserver, ReplySource } from "./observer.ts";
import { type Flavour, flavourOf, type NextHop, NO_MATCH, needsMxSet, policyLine } from "./policy-line.ts";
import { NOTFOUND, okReply, type Reply, type TempReason, tempReply, unknownMapReply } from "./reply.ts";
import { WarmCache } from "./warm-cache.ts";

export interface AnswererOptions {
  readonly resolver: Resolver;
  readonly lookupMx: LookupMx;
  readonly matchesMx: MatchesMx;
  /** DANE, and the core's plan for it; without it MTA-STS alone decides. */
  readonly dane?: { readonly find: FindDane; readonly core: Pick<Core, "plan"> };
  readonly observer?: PostfixObserver;
  /** Milliseconds of a clock that never steps. */
  readonly monotonic?: () => number;
  /** Milliseconds the engine may take. Postfix itself waits 100 s. */
  readonly deadline?: number;
  /**
   * Milliseconds after which a question ends whatever engine and DNS do; default one second more than `deadline`, which
   * the engine keeps by itself and can say more about.
   */
  readonly hardDeadline?: number;
  /** Milliseconds a testing policy's answer waits for the MX set it is evaluated against. */
  readonly testingDeadline?: number;
  /** Different questions that may wait at once; one more is answered TEMP overloaded. */
  readonly maxPending?: number;
  readonly cacheEntries?: number;
  readonly cacheBytes?: number;
}

/** A next hop with the port that mail goes to; null where it is not known. */
type Destination = NextHop & { readonly port: number | null };

/** A reply and for how many seconds it may be given again. */
interface Answer {
  readonly reply: Reply;
  readonly reuse: number;
}

/** Seconds an answer lives that lacks MX names only because their lookup failed. */
const INCOMPLETE_REUSE = 10;
const SPACE = 0x20;

/** Turns one socketmap request into one reply. It never throws, never rejects, and never says "no policy" out of need. */
export class Answerer {
  readonly #resolver: Resolver;
  readonly #lookupMx: LookupMx;
  readonly #matchesMx: MatchesMx;
  readonly #dane: AnswererOptions["dane"];
  readonly #observer: PostfixObserver;
  readonly #monotonic: () => number;
  readonly #deadline: number;
  readonly #hardDeadline: number;
  readonly #testingDeadline: number;
  readonly #maxPending: number;
  readonly #warm: WarmCache;
  readonly #pending = new Map<string, Promise<Reply>>();

  constructor(options: AnswererOptions) {
    this.#resolver = options.resolver;
    this.#lookupMx = options.lookupMx;
    this.#matchesMx = options.matchesMx;
    this.#dane = options.dane;
    this.#observer = options.observer ?? {};
    this.#monotonic = options.monotonic ?? (() => performance.now());
    this.#deadline = options.deadline ?? 20_000;
    this.#hardDeadline = options.hardDeadline ?? this.#deadline + 1_000;
    this.#testingDeadline = options.testingDeadline ?? TESTING_DEADLINE;
    this.#maxPending = options.maxPending ?? 1_000;
    this.#warm = new WarmCache(options.cacheEntries ?? 20_000, options.cacheBytes ?? 16 << 20);
  }

  /** Questions that wait for the engine or for DNS now. */
  get pending(): number {
    return this.#pending.size;
  }

  /** Replies held for reuse. */
  get warm(): number {
    return this.#warm.size;
  }

  /** Forget every kept reply, so that a change made on the control socket shows at once. */
  forgetReplies(): void {
    this.#warm.clear();
  }

  /**
   * `request` is the payload of one netstring, "<map name> <key>"; it is not kept. What is warm, or needs no I/O, comes
   * back in the same tick. Returns null for a payload that is no socketmap request: the caller closes.
   */
  answer(request: Buffer): Reply | Promise<Reply> | null {
    const raw = request.toString("latin1");
    const kept = this.#warm.get(raw, this.#monotonic());
    const space = request.indexOf(SPACE);
    if (space <= 0) return null;
    const name = raw.slice(0, space);
    const flavour = flavourOf(name);
    if (kept !== null) return this.#said(flavour, kept, "warm");
    if (flavour === null) return this.#said(null, unknownMapReply(name), "local");
    const key = request.subarray(space + 1);
    const hop = classifyKey(key);
    if (hop.kind === "none") return this.#said(flavour, NOTFOUND, "local");
    return this.#join(raw, flavour, { ...hop, port: portOf(key) });
  }

  /** Askers of the same request share one question. */
  #join(raw: string, flavour: Flavour, hop: Destination): Reply | Promise<Reply> {
    const running = this.#pending.get(raw);
    if (running !== undefined) return running.then((reply) => this.#said(flavour, reply, "cold"));
    if (this.#pending.size >= this.#maxPending) {
      const detail = `${this.#pending.size} lookups wait already`;
      return this.#said(flavour, this.#deferred("overloaded", detail, hop), "local");
    }
    const question = this.#ask(raw, flavour, hop).finally(() => this.#pending.delete(raw));
    this.#pending.set(raw, question);
    return question.then((reply) => this.#said(flavour, reply, "cold"));
  }

  async #ask(raw: string, flavour: Flavour, hop: Destination): Promise<Reply> {
    const late = new AbortController();
    const timer = setTimeout(() => late.abort(), this.#hardDeadline);
    try {
      const [decision, findings] = await Promise.all([
        within(late.signal, this.#resolver.resolve(hop.domain, { deadline: this.#deadline })),
        this.#findDane(flavour, hop, late.signal),
      ]);
      const decidedAt = this.#monotonic();
      if (decision === null) return this.#tooLate(hop);
      const { reply, reuse } = await this.#answer(flavour, hop, decision, findings, late.signal);
      if (reuse > 0) this.#warm.set(raw, reply, decidedAt + reuse * 1000);
      return reply;
    } catch (error) {
      this.#observer.failed?.(hop.domain, error);
      return tempReply("internal-error", "the daemon failed on this domain, its log says how", hop.domain);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Sendmail applies DANE before its own STS feature asks; for Postfix it is ours to say. */
  async #findDane(flavour: Flavour, hop: Destination, late: AbortSignal): Promise<DaneFindings | null> {
    const { domain, port, bracketed } = hop;
    if (this.#dane === undefined || flavour === "sts" || port === null) return null;
    const finding = this.#dane.find({ domain, port, bracketed }, late);
    const found = await within(
      late,
      finding.then((findings) => ({ findings })),
    );
    return found === null ? { kind: "failed", detail: `DNS ${domain}: no answer in time` } : found.findings;
  }

  /** DANE first, then MTA-STS (RFC 8461 §2). */
  async #answer(
    flavour: Flavour,
    hop: NextHop,
    decision: Decision,
    findings: DaneFindings | null,
    late: AbortSignal,
  ): Promise<Answer> {
    if (findings === null || this.#dane === undefined) return this.#render(flavour, hop, decision, late);
    const plan = findings.kind === "found" ? planHosts(this.#dane.core, decision, findings) : [];
    const ruling = daneRuling(bindingOf(decision), findings, plan);
    this.#tellDane(hop, ruling);
    const { reply, reuse } = await this.#rule(flavour, hop, decision, ruling, late);
    return { reply, reuse: findings.kind === "found" ? Math.min(reuse, findings.ttl) : 0 };
  }

  async #rule(
    flavour: Flavour,
    hop: NextHop,
    decision: Decision,
    ruling: DaneRuling,
    late: AbortSignal,
  ): Promise<Answer> {
    switch (ruling.kind) {
      case "mta-sts":
        return this.#render(flavour, hop, decision, late);
      case "temp":
        return { reply: this.#deferred(ruling.reason, ruling.detail, hop), reuse: 0 };
      case "line":
        if (decision.policy?.mode === "testing") await this.#evaluate(hop, decision.policy, late);
        return { reply: okReply(ruling.line), reuse: decision.verdict === "temp" ? INCOMPLETE_REUSE : decision.reuse };
      case "fewer-hosts": {
        const policy = { ...(decision.policy as HonouredPolicy), mx: ruling.hosts };
        const { reply, reuse } = await this.#enforce(flavour, hop, policy, decision.reuse, late);
        return { reply, reuse: Math.min(reuse, INCOMPLETE_REUSE) };
      }
    }
  }

  #tellDane({ domain }: NextHop, ruling: DaneRuling): void {
    if (ruling.kind === "mta-sts") return;
    if (ruling.kind === "line") this.#observer.dane?.(domain, ruling.line, ruling.deviations);
    else this.#observer.dane?.(domain, ruling.kind, []);
  }

  async #render(flavour: Flavour, hop: NextHop, decision: Decision, late: AbortSignal): Promise<Answer> {
    const policy = decision.policy;
    if (decision.verdict === "temp" || (decision.verdict === "policy" && policy === null)) {
      const reply = tempReply(decision.reason ?? "internal-error", decision.detail, hop.domain);
      return { reply, reuse: decision.reuse };
    }
    if (decision.verdict === "policy" && policy?.mode === "enforce") {
      return this.#enforce(flavour, hop, policy, decision.reuse, late);
    }
    if (decision.verdict === "policy" && policy?.mode === "testing") await this.#evaluate(hop, policy, late);
    return { reply: NOTFOUND, reuse: decision.reuse };
  }

  async #enforce(
    flavour: Flavour,
    hop: NextHop,
    policy: HonouredPolicy,
    reuse: number,
    late: AbortSignal,
  ): Promise<Answer> {
    const candidates = needsMxSet(flavour, hop, policy) ? await this.#candidates(hop, late) : null;
    const written = policyLine(flavour, hop, policy, candidates, this.#matchesMx);
    if (written.kind === "temp") return { reply: this.#deferred(written.reason, written.detail, hop), reuse: 0 };
    if (flavour !== "postfix310" && written.line.includes(`match=${NO_MATCH} `))
      this.#observer.unmatched?.(hop.domain, policy.id);
    return { reply: okReply(written.line), reuse: Math.min(reuse, lifetime(candidates, written.complete)) };
  }

  /**
   * Testing mode changes no delivery (RFC 8461 §5): the policy is held against the MX set only so that a mismatch is
   * counted. That happens inside the question, before its answer, so it can neither pile up nor outlive the daemon, and
   * it holds the answer back for `testingDeadline` at most.
   */
  async #evaluate(hop: NextHop, policy: HonouredPolicy, late: AbortSignal): Promise<void> {
    if (this.#observer.testing === undefined) return;
    const soon = AbortSignal.any([late, AbortSignal.timeout(this.#testingDeadline)]);
    const candidates = await this.#candidates(hop, soon);
    this.#observer.testing(evaluateTesting(hop.domain, policy, candidates, this.#matchesMx));
  }

  async #candidates(hop: NextHop, limit: AbortSignal): Promise<MxCandidates> {
    return hop.bracketed ? onlyItself(hop.domain) : findCandidates(hop.domain, this.#lookupMx, limit);
  }

  #tooLate(hop: NextHop): Reply {
    return this.#deferred("discovery-pending", `no decision within ${this.#hardDeadline / 1000} s`, hop);
  }

  #deferred(reason: TempReason, detail: string, hop: NextHop): Reply {
    this.#observer.deferred?.(hop.domain, reason, detail);
    return tempReply(reason, detail, hop.domain);
  }

  #said(flavour: Flavour | null, reply: Reply, source: ReplySource): Reply {
    this.#observer.answered?.(flavour, reply.status, source);
    return reply;
  }
}

/** What the MTA-STS decision binds Postfix to. */
function bindingOf({ verdict, policy }: Decision): Binding {
  if (verdict === "temp" || (verdict === "policy" && policy === null)) return "temp";
  return verdict === "policy" && policy?.mode === "enforce" ? "enforce" : "none";
}

/** Seconds a line lives that was written from these candidates. */
function lifetime(candidates: MxCandidates | null, complete: boolean): number {
  if (!complete) return INCOMPLETE_REUSE;
  return candidates?.kind === "known" ? candidates.ttl : Number.POSITIVE_INFINITY;
}
