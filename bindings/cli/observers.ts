import type { Trust } from "../../host/dane/self-test.ts";
import type { DnsClient, DnsFailure } from "../../host/dns/types.ts";
import type { Decision } from "../../host/engine/decision.ts";
import type { EngineObserver } from "../../host/engine/observer.ts";
import type { TestingEvaluation } from "../../host/mx/testing.ts";
import { observeEngine } from "../../host/observe/engine-observer.ts";
import type { Log } from "../../host/observe/log.ts";
import type { Metrics } from "../../host/observe/metrics.ts";
import { RateLimit } from "../../host/observe/rate-limit.ts";
import type { EximObserver } from "../exim/answer.ts";
import type { OpenSmtpdObserver } from "../opensmtpd/answer.ts";
import type { DaneDeviation } from "../postfix/dane-answer.ts";
import type { CloseCause, PostfixObserver } from "../postfix/observer.ts";

type TempReason = Parameters<NonNullable<PostfixObserver["deferred"]>>[1];
type DnsResult = "records" | "nxdomain" | "nodata" | DnsFailure;

/** Whether any resolver answers at all. A single SERVFAIL is a domain's fault; silence is the resolver's. */
export class ResolverHealth {
  #silentSince: Date | null = null;
  #asked = false;

  heard(result: DnsResult): void {
    if (result === "aborted") return;
    this.#asked = true;
    if (result !== "timeout" && result !== "network") this.#silentSince = null;
    else this.#silentSince ??= new Date();
  }

  get text(): string {
    if (!this.#asked) return "not asked yet";
    return this.#silentSince === null ? "answers" : `no answer since ${this.#silentSince.toISOString()}`;
  }
}

/** A TEMP that every lookup could repeat is logged once in this many seconds; metrics count all of them. */
const REPEAT_SECONDS = 60;
/** The other reasons have a log line already, from the notice or the fault that led to them. */
const TOLD_HERE: readonly Decision["reason"][] = ["discovery-pending", "overloaded"];

/** What a domain loses by one answer for all its hosts. */
const DEVIATIONS: Readonly<Record<DaneDeviation, string>> = {
  "hosts-without-tlsa-unused": "so its MX hosts without TLSA records go unused",
  "policy-list-not-applied": "so Postfix does not apply the mx list of its policy",
};

/** Everything the daemon hears from its rooms, as log lines, metrics and health. */
export class Observers {
  readonly resolver = new ResolverHealth();
  readonly engine: EngineObserver;
  readonly postfix: PostfixObserver;
  readonly exim: EximObserver;
  readonly opensmtpd: OpenSmtpdObserver;
  readonly #log: Log;
  readonly #metrics: Metrics;
  readonly #repeats = new RateLimit(REPEAT_SECONDS);

  constructor(log: Log, metrics: Metrics) {
    this.#log = log;
    this.#metrics = metrics;
    this.engine = this.#engineObserver();
    this.postfix = this.#postfixObserver();
    this.exim = this.#eximObserver();
    this.opensmtpd = this.#openSmtpdObserver();
  }

  /** MX lookups with their outcome counted. */
  lookupMx(dns: Pick<DnsClient, "mx">): DnsClient["mx"] {
    return async (domain, signal) => {
      const outcome = await dns.mx(domain, signal);
      const result = outcome.kind === "records" ? "records" : outcome.reason;
      this.#metrics.count("dns_queries_total", { type: "mx", outcome: result });
      this.resolver.heard(result);
      return outcome;
    };
  }

  /** What the self-test of the resolver came to. */
  readonly dnssec = (trust: Trust, detail: string) =>
    this.#log.event(trust === "validates" ? "dane-on" : "dane-off", { detail });

  /** A connection that we closed. */
  readonly closed = (cause: CloseCause) => this.#metrics.count("connections_closed_total", { cause });

  #engineObserver(): EngineObserver {
    const told = observeEngine(this.#log, this.#metrics);
    return {
      ...told,
      answered: (decision) => {
        told.answered(decision);
        const { verdict, reason, domain, detail } = decision;
        if (verdict === "temp" && reason !== null && TOLD_HERE.includes(reason)) this.#temp(domain, reason, detail);
      },
      queried: (outcome) => {
        told.queried(outcome);
        this.resolver.heard(outcome);
      },
    };
  }

  #postfixObserver(): PostfixObserver {
    const verdicts = { ok: "policy", notfound: "none", temp: "temp", perm: "error" } as const;
    return {
      answered: (_flavour, status) =>
        this.#metrics.count("answers_total", { listener: "postfix", verdict: verdicts[status] }),
      ...this.#questionObserver("the Postfix listener"),
      unmatched: this.#unmatched,
      dane: (domain, answer, deviations) => {
        this.#metrics.count("dane_answers_total", { answer });
        for (const deviation of deviations) {
          this.#metrics.count("dane_deviations_total", { deviation });
          this.#log.event("dane-deviation", { domain, detail: DEVIATIONS[deviation] });
        }
      },
      closed: this.closed,
    };
  }

  #eximObserver(): EximObserver {
    return {
      ...this.#questionObserver("the Exim listener"),
      answered: (verdict) => this.#metrics.count("answers_total", { listener: "exim", verdict }),
      unmatched: this.#unmatched,
      refused: (domain, host, id) => this.#log.event("host-not-permitted", { domain, host, id }),
      outcome: (outcome, { domain, host, data }) => {
        this.#metrics.count("exim_outcomes_total", { outcome });
        if (outcome === "delivered" || outcome === "deferred") return;
        this.#log.event("host-failed", { domain, host, outcome, detail: data });
      },
    };
  }

  #openSmtpdObserver(): OpenSmtpdObserver {
    return {
      ...this.#questionObserver("the OpenSMTPD listener"),
      answered: (verdict) => this.#metrics.count("answers_total", { listener: "opensmtpd", verdict }),
      unmatched: this.#unmatched,
    };
  }

  /** What every MTA's listener has to tell alike. */
  #questionObserver(where: string) {
    return {
      testing: ({ domain, result, hosts }: TestingEvaluation) => {
        if (result !== "mismatch") return;
        this.#metrics.count("testing_mismatch_total", {});
        this.#log.event("testing-mismatch", { domain, hosts });
      },
      deferred: (domain: string, reason: TempReason, detail: string) => {
        this.#metrics.count("temp_total", { reason });
        this.#temp(domain, reason, detail);
      },
      failed: (domain: string, error: unknown) => {
        this.#metrics.count("temp_total", { reason: "internal-error" });
        const detail = error instanceof Error ? error.message : String(error);
        const outcome = "answered TEMP, the mail stays queued";
        this.#log.event("internal-error", { where, domain, detail, error: error as Error, outcome });
      },
    };
  }

  readonly #unmatched = (domain: string, id: string) => this.#log.event("answer-no-match", { domain, id });

  #temp(domain: string, reason: string, detail: string): void {
    if (reason === "overloaded" && this.#repeats.pass(reason) === null) return;
    this.#log.event("answer-temp", { domain, reason, detail });
  }
}
