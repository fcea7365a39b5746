import type { StepEvent } from "../core/step.ts";
import { policyRecordName } from "../dns/names.ts";
import type { DnsClient, DnsOutcome } from "../dns/types.ts";
import type { PolicyFetcher } from "../https/types.ts";
import type { Clock } from "./clock.ts";
import type { DomainEntry } from "./domain-entry.ts";
import { fetchFailed, recordFailed } from "./failure-text.ts";
import type { EngineObserver } from "./observer.ts";

export interface Outside {
  readonly dns: Pick<DnsClient, "txt">;
  readonly fetcher: Pick<PolicyFetcher, "fetch">;
}

const OUR_FAULT = "internal error, see the log of mta-sts";

/** The I/O that the core asks for, turned into the event it waits for. Never rejects. */
export class Flights {
  readonly #outside: Outside;
  readonly #clock: Clock;
  readonly #observer: EngineObserver;
  readonly #airborne = new Set<AbortController>();
  #closing = false;
  readonly #running = new Set<Promise<unknown>>();

  constructor(outside: Outside, clock: Clock, observer: EngineObserver) {
    this.#outside = outside;
    this.#clock = clock;
    this.#observer = observer;
  }

  get size(): number {
    return this.#running.size;
  }

  get isClosing(): boolean {
    return this.#closing;
  }

  /** Counts background work, so that close() can wait for it. */
  track(work: Promise<unknown>): void {
    this.#running.add(work);
    void work.finally(() => this.#running.delete(work));
  }

  /** A reason instead of an event: the query was never sent, which says nothing about the domain. */
  async queryRecord(entry: DomainEntry): Promise<StepEvent | "overloaded" | "internal-error"> {
    const name = policyRecordName(entry.domain) as string;
    try {
      const outcome = await this.#fly((signal) => this.#outside.dns.txt(name, signal));
      this.#observer.queried(outcome.kind === "records" ? "records" : outcome.reason);
      if (outcome.kind === "failed") entry.detail = recordFailed(entry.domain, outcome.detail);
      return outcome.kind === "failed" && outcome.reason === "overloaded" ? "overloaded" : recordEvent(outcome);
    } catch (error) {
      this.#observer.fault("TXT query", error);
      entry.detail = recordFailed(entry.domain, OUR_FAULT);
      return "internal-error";
    }
  }

  /** `wait`: somebody waits for it, so it goes before background refreshes. */
  async getPolicy(entry: DomainEntry, token: Uint8Array, wait: boolean): Promise<StepEvent> {
    const started = this.#clock.read().uptimeMs;
    try {
      const fetched = await this.#fly((signal) => this.#outside.fetcher.fetch(entry.domain, signal, wait));
      const seconds = (this.#clock.read().uptimeMs - started) / 1000;
      this.#observer.fetched(entry.domain, fetched.ok ? "ok" : fetched.failure, seconds);
      if (fetched.ok) {
        entry.certificate = fetched.peer.certificateFingerprint;
        return { kind: "policy", token, body: fetched.body, contentType: fetched.contentType };
      }
      entry.detail = fetchFailed(entry.domain, fetched.detail);
      return { kind: "policy", token, failure: fetched.failure };
    } catch (error) {
      this.#observer.fault("policy fetch", error);
      entry.detail = fetchFailed(entry.domain, OUR_FAULT);
      return { kind: "policy", token, failure: "aborted" };
    }
  }

  /** Each flight has a signal of its own: thousands of listeners on one would be a leak in all but name. */
  async #fly<T>(io: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const controller = new AbortController();
    if (this.#closing) controller.abort();
    this.#airborne.add(controller);
    try {
      return await io(controller.signal);
    } finally {
      this.#airborne.delete(controller);
    }
  }

  abort(): void {
    this.#closing = true;
    for (const controller of this.#airborne) controller.abort();
  }

  async landed(): Promise<void> {
    while (this.#running.size > 0) await Promise.allSettled(this.#running);
  }
}

function recordEvent(outcome: DnsOutcome<Uint8Array>): StepEvent {
  if (outcome.kind === "failed") return { kind: "record", outcome: "failed" };
  if (outcome.kind === "none") return { kind: "record", outcome: "none", ttl: outcome.ttl };
  return { kind: "record", outcome: "answered", rrset: outcome.records, ttl: outcome.ttl };
}
