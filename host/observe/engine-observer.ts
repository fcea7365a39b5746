import { leniencyNames } from "../core/names.ts";
import type { Decision } from "../engine/decision.ts";
import type { EngineNotice, EngineObserver } from "../engine/observer.ts";
import type { StoreListener } from "../store/notice.ts";
import type { EventName } from "./events.ts";
import type { Log } from "./log.ts";
import type { Metrics } from "./metrics.ts";
import { printable } from "./printable.ts";
import { RateLimit } from "./rate-limit.ts";

/** Loud lines that every lookup could repeat are said once in this many seconds; metrics count all of them. */
const REPEAT_SECONDS = 60;

/** What is done with mail to the domain now. */
export function outcomeOf(decision: Decision | null): string {
  if (decision === null) return "nothing changes for mail";
  if (decision.verdict === "policy") return "the held policy is honoured";
  if (decision.verdict === "temp") return "answered TEMP, the mail stays queued";
  return "mail leaves as without MTA-STS";
}

function percentEvent(percent: number): EventName {
  if (percent >= 90) return "refresh-failing-90";
  if (percent >= 75) return "refresh-failing-75";
  return percent >= 50 ? "refresh-failing-50" : "refresh-failed";
}

/** A failed fetch is a failed refresh where a policy is held: the line then says how long it still lasts. */
function eventOf({ notice, number, decision }: EngineNotice): EventName {
  if (notice === "refresh-failing") return percentEvent(number);
  return notice === "fetch-failed" && decision?.verdict === "policy" ? "refresh-failed" : notice;
}

/** Turns what the engine does into log events and metrics. */
export function observeEngine(log: Log, metrics: Metrics): EngineObserver {
  const repeats = new RateLimit(REPEAT_SECONDS);
  return {
    notice(notice) {
      const name = eventOf(notice);
      const { domain, detail, number, decision, origin = {} } = notice;
      if (name.startsWith("clock-") && repeats.pass(name) === null) return;
      if (name === "policy-expired") metrics.count("fail_open_total", { reason: "policy-expired" });
      if (name === "policy-invalid") metrics.count("fetches_total", { result: "policy-invalid" });
      log.event(name, {
        domain,
        detail,
        outcome: outcomeOf(decision),
        id: decision?.policy?.id,
        mode: decision?.policy?.mode,
        maxAge: decision?.policy?.maxAge,
        expiresIn: decision?.policy?.expiresIn,
        resultType: decision?.resultType,
        ...origin,
        ...(name === "leniency-used" ? { leniency: leniencyNames(number).join(", ") } : {}),
        ...(name.startsWith("clock-") ? { seconds: number } : {}),
      } as never);
    },
    answered(decision) {
      metrics.count("lookups_total", { status: decision.status });
      if (decision.verdict === "temp" && decision.reason) metrics.count("temp_total", { reason: decision.reason });
      const reason = failOpenReason(decision);
      if (reason) metrics.count("fail_open_total", { reason });
    },
    queried(outcome) {
      metrics.count("dns_queries_total", { type: "txt", outcome });
    },
    fetched(_domain, result, seconds) {
      metrics.count("fetches_total", { result });
      metrics.observe("fetch_seconds", seconds);
    },
    storeFailed(failure, domain, detail) {
      metrics.count("store_errors_total", { failure });
      const name = failure === "damaged-row" ? "store-row-damaged" : "store-read-failed";
      if (repeats.pass(name) === null) return;
      const outcome = "looked up live; anything but a policy is answered TEMP";
      if (name === "store-row-damaged") log.event(name, { domain, detail, outcome });
      // Without a domain it was the whole store that was to be read.
      else log.event(name, { ...(domain === "" ? {} : { domain }), detail, outcome });
    },
    fault(where, error) {
      const detail = error instanceof Error ? error.message : String(error);
      log.event("internal-error", {
        where,
        detail,
        error: error as Error,
        outcome: "answered TEMP, the mail stays queued",
      });
    },
  };
}

/** Mail leaves less protected than the domain asked for, or may have asked for (a fail-open is named and counted). */
function failOpenReason(decision: Decision) {
  if (decision.verdict !== "none") return null;
  const { status } = decision;
  const open = status === "record-failed" || status === "record-invalid" || status === "fetch-failed";
  return open || status === "policy-invalid" ? status : null;
}

/** Turns what the store says of itself into log events. */
export function observeStore(log: Log): StoreListener {
  return ({ event, path, reason, domain }) => {
    const detail = reason.includes(printable(path, reason.length)) ? reason : `${path}: ${reason}`;
    if (event === "store-row-damaged") log.event(event, { domain: domain ?? "unknown", detail });
    else log.event(event === "store-persisting" ? "store-recovered" : event, { detail });
  };
}
