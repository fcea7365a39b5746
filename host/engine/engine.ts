import { randomInt } from "node:crypto";
import type { Core } from "../core/core.ts";
import { FETCH_FAILURES, type Leniency, type OnDiscoveryFailure } from "../core/names.ts";
import type { Effect, StepEvent, StepResult } from "../core/step.ts";
import { policyRecordName } from "../dns/names.ts";
import type { DnsClient } from "../dns/types.ts";
import type { PolicyFetcher } from "../https/types.ts";
import { type PolicyStore, StoreError } from "../store/types.ts";
import { type Clock, systemClock, systemTimers, type Timers } from "./clock.ts";
import type { Decision, Resolver } from "./decision.ts";
import type { DomainEntry, Waiter } from "./domain-entry.ts";
import { DomainTable } from "./domain-table.ts";
import { fetchFailed, policyInvalid, recordFailed, recordInvalid, recordMissing } from "./failure-text.ts";
import { type EngineObserver, silentObserver } from "./observer.ts";
import { temporary, toDecision, withoutRecord } from "./to-decision.ts";
import { WakeQueue } from "./wake-queue.ts";

export interface EngineOptions {
  readonly core: Core;
  readonly dns: Pick<DnsClient, "txt">;
  readonly fetcher: Pick<PolicyFetcher, "fetch">;
  readonly store: PolicyStore;
  readonly leniency?: readonly Leniency[];
  readonly onDiscoveryFailure?: OnDiscoveryFailure;
  readonly observer?: EngineObserver;
  readonly clock?: Clock;
  readonly timers?: Timers;
  /** A whole number in [0, limit): spreads refreshes. */
  readonly random?: (limit: number) => number;
  /** Domains held in memory; policies beyond that are read from the store again when needed. */
  readonly maxDomains?: number;
  /** Lookups that may wait for a discovery at once; more are answered TEMP. */
  readonly maxWaiting?: number;
}

/** What `cache show` tells of one domain. */
export interface CachedView {
  readonly decision: Decision;
  /** Is it in the store, so that it outlives this process? */
  readonly stored: boolean;
}

const DEFAULT_DEADLINE_MS = 20_000;
const VERSION_CHECK_MS = 60_000;
const CONFLICT_LIMIT = 100;
const LOST_FOR = 31_557_600; // a policy lost longer ago than the longest max_age would have expired by now

interface Outcome {
  readonly effects: readonly Effect[];
  readonly answer: Decision | null;
}

/**
 * The loop around the core: hands it events, carries out the effects it asks for, one flight per domain. It decides
 * nothing itself. Close it before the store, the DNS client and the fetcher.
 */
export class Engine implements Resolver {
  readonly #options: Required<Omit<EngineOptions, "maxDomains" | "maxWaiting">>;
  readonly #maxWaiting: number;
  readonly #table: DomainTable;
  readonly #wakes: WakeQueue;
  readonly #closing = new AbortController();
  readonly #flights = new Set<Promise<void>>();
  #waiting = 0;
  #highWater = 0;
  #lostAt: number | null = null;

  constructor(options: EngineOptions) {
    this.#options = {
      leniency: [],
      onDiscoveryFailure: "defer-briefly",
      observer: silentObserver,
      clock: systemClock(),
      timers: systemTimers(),
      random: (limit) => randomInt(limit),
      ...options,
    };
    this.#maxWaiting = options.maxWaiting ?? 20_000;
    this.#table = new DomainTable(options.maxDomains ?? 50_000);
    const uptimeMs = () => this.#options.clock.read().uptimeMs;
    this.#wakes = new WakeQueue(this.#options.timers, uptimeMs, (domain) => this.#background(domain));
  }

  /** Reads what the store remembers beside policies, then lets every stored policy name its next refresh. */
  async start(): Promise<void> {
    try {
      this.#highWater = await this.#options.store.highWaterTime();
      this.#lostAt = await this.#options.store.lostAt();
    } catch (error) {
      this.#storeFailed(error, "");
    }
    this.#track(this.#scheduleStored());
  }

  /**
   * What to honour for a Policy Domain (canonical form: A-labels, lower case, no trailing dot). Never rejects: what
   * cannot be decided is a "temp" decision. `deadline` in milliseconds; the discovery itself goes on after it.
   */
  resolve(domain: string, options: { readonly deadline?: number } = {}): Promise<Decision> {
    return this.#ask("lookup", domain, options.deadline ?? DEFAULT_DEADLINE_MS);
  }

  /** Looks for a newer policy before mail is given up (RFC 8461 §5.1); waits for it up to `deadline` milliseconds. */
  recheck(domain: string, options: { readonly deadline?: number } = {}): Promise<Decision> {
    return this.#ask("recheck", domain, options.deadline ?? DEFAULT_DEADLINE_MS);
  }

  /** What is held for a domain, without any I/O but the store's and without changing anything. Null: nothing. */
  async inspect(domain: string): Promise<CachedView | null> {
    const held = this.#table.find(domain) ?? this.#table.use(domain);
    await this.#load(held, false);
    const state = held.state;
    if (!state) return null;
    const result = this.#step(held, { kind: "deadline" }, false);
    const answer = result.ok ? result.effects.find((effect) => effect.kind === "answer") : undefined;
    if (answer?.kind !== "answer" || answer.answer.status === "pending") return null;
    return { decision: toDecision(this.#options.core, held, state, answer.answer), stored: held.version !== 0 };
  }

  /** Every stored policy, in domain order, as `inspect` shows it. */
  async *stored(): AsyncIterable<CachedView> {
    for await (const { domain } of this.#options.store.list()) {
      const view = await this.inspect(domain);
      if (view) yield view;
    }
  }

  /** An operator drops what is known of a domain (R-8461-CSM-18). True when there was something. */
  forget(domain: string): Promise<boolean> {
    const entry = this.#table.use(domain);
    return this.#inTurn(entry, async () => {
      await this.#load(entry, true);
      const known = entry.state !== null || entry.version !== 0;
      while (!(await this.#options.store.forget(domain, entry.version))) await this.#load(entry, true);
      this.#setHeld(entry, null, 0);
      entry.pastLost = false;
      this.#wakes.clear(domain);
      return known;
    });
  }

  /** An operator wants a fresh look now: TXT, and the policy when the id changed or a refresh is due. */
  refresh(domain: string, options: { readonly deadline?: number } = {}): Promise<Decision> {
    return this.recheck(domain, options);
  }

  get waiting(): number {
    return this.#waiting;
  }

  get domainsInMemory(): number {
    return this.#table.size;
  }

  get flights(): number {
    return this.#flights.size;
  }

  /** Aborts flights and answers everybody who waits; afterwards the store may be closed. */
  async close(): Promise<void> {
    this.#closing.abort();
    this.#wakes.close();
    for (const entry of this.#table.values()) this.#answerAll(entry, temporary(entry.domain, "shutting-down", ""));
    await Promise.allSettled(this.#flights);
    await Promise.allSettled([...this.#table.values()].map((entry) => entry.tail));
  }

  async #ask(kind: Waiter["kind"], domain: string, deadline: number): Promise<Decision> {
    if (this.#closing.signal.aborted) return temporary(domain, "shutting-down", "");
    if (policyRecordName(domain) === null) return this.#answered(withoutRecord(domain));
    if (this.#waiting >= this.#maxWaiting)
      return this.#answered(temporary(domain, "overloaded", "too many lookups wait"));
    const entry = this.#table.use(domain);
    this.#waiting++;
    try {
      return this.#answered(await this.#answerOrWait(kind, entry, deadline));
    } finally {
      this.#waiting--;
    }
  }

  #answered(decision: Decision): Decision {
    this.#options.observer.answered(decision);
    return decision;
  }

  async #answerOrWait(kind: Waiter["kind"], entry: DomainEntry, deadline: number): Promise<Decision> {
    let waiter: Waiter | undefined;
    const later = new Promise<Decision>((resolve) => {
      const callOff = this.#options.timers.after(deadline, () => void this.#onDeadline(entry, waiter as Waiter));
      waiter = { kind, resolve, callOff };
      entry.waiters.add(waiter);
    });
    const now = await this.#submit(entry, { kind });
    if (now) this.#release(entry, waiter as Waiter, now);
    return later;
  }

  #release(entry: DomainEntry, waiter: Waiter, decision: Decision): void {
    if (!entry.waiters.delete(waiter)) return;
    waiter.callOff();
    waiter.resolve(decision);
  }

  #answerAll(entry: DomainEntry, decision: Decision): void {
    for (const waiter of entry.waiters) this.#release(entry, waiter, decision);
  }

  /** This caller cannot wait longer. A store that hangs must not hold the answer up, so nothing is awaited here. */
  #onDeadline(entry: DomainEntry, waiter: Waiter): void {
    if (!entry.waiters.has(waiter)) return;
    this.#release(entry, waiter, this.#deadlineAnswer(entry));
  }

  #deadlineAnswer(entry: DomainEntry): Decision {
    const pending = temporary(entry.domain, "discovery-pending", entry.detail || "the policy is still being looked up");
    try {
      const result = this.#step(entry, { kind: "deadline" }, entry.versionCheckedAt === null);
      const answer = result.ok ? result.effects.find((effect) => effect.kind === "answer") : undefined;
      if (answer?.kind !== "answer" || answer.answer.reason === "discovery-pending") return pending;
      return toDecision(this.#options.core, entry, entry.state ?? new Uint8Array(), answer.answer);
    } catch (error) {
      this.#options.observer.fault("deadline", error);
      return temporary(entry.domain, "internal-error", "see the log of mta-sts");
    }
  }

  #background(domain: string): void {
    this.#track(this.#submit(this.#table.use(domain), { kind: "refresh" }).then(() => {}));
  }

  async #scheduleStored(): Promise<void> {
    try {
      for await (const { domain } of this.#options.store.list()) {
        if (this.#closing.signal.aborted) return;
        await this.#submit(this.#table.use(domain), { kind: "refresh" });
      }
    } catch (error) {
      this.#storeFailed(error, "");
    }
  }

  #track(flight: Promise<void>): void {
    this.#flights.add(flight);
    void flight.finally(() => this.#flights.delete(flight));
  }

  /** Runs a task when the domain's earlier ones are done. */
  #inTurn<T>(entry: DomainEntry, task: () => Promise<T>): Promise<T> {
    entry.pending++;
    const run = entry.tail.then(task);
    entry.tail = run.then(
      () => void entry.pending--,
      () => void entry.pending--,
    );
    return run;
  }

  /** Handles one event and returns the answer it gave, if any. A fault of ours is TEMP for everybody concerned. */
  #submit(entry: DomainEntry, event: StepEvent): Promise<Decision | null> {
    return this.#inTurn(entry, async () => {
      try {
        return await this.#handle(entry, event);
      } catch (error) {
        this.#options.observer.fault(event.kind, error);
        const decision = temporary(entry.domain, "internal-error", "see the log of mta-sts");
        this.#answerAll(entry, decision);
        return decision;
      }
    });
  }

  async #handle(entry: DomainEntry, event: StepEvent): Promise<Decision | null> {
    if (event.kind === "record") entry.queryInFlight = false;
    if (event.kind === "policy") entry.getInFlight = false;
    const unreadable = !(await this.#load(entry, false));
    const outcome = await this.#transition(entry, event, unreadable);
    this.#report(entry, event, outcome);
    this.#carryOut(entry, event, outcome);
    return outcome.answer;
  }

  /** Runs the step until its writes took effect: on a conflict the row is read anew and the same event replayed. */
  async #transition(entry: DomainEntry, event: StepEvent, unreadable: boolean): Promise<Outcome> {
    for (let attempt = 0; attempt < CONFLICT_LIMIT; attempt++) {
      const result = this.#step(entry, event, unreadable);
      if (!result.ok) {
        if (result.code !== "state")
          throw new Error(`step refused a ${event.kind} event: ${result.code} at ${result.offset}`);
        this.#dropDamaged(entry);
        continue;
      }
      if (result.effects.some((effect) => effect.kind === "query-record") && (await this.#isOutdated(entry))) continue;
      const state = stateAfter(entry, result.effects);
      const version = await this.#persist(entry, result.effects, state);
      if (version === null) {
        await this.#load(entry, true);
        continue;
      }
      this.#describe(entry, event, result.effects);
      this.#setHeld(entry, state, version);
      return { effects: result.effects, answer: this.#decide(entry, result.effects) };
    }
    throw new Error(`the store changed under ${CONFLICT_LIMIT} attempts to write ${entry.domain}`);
  }

  #step(entry: DomainEntry, event: StepEvent, storeUnreadable: boolean): StepResult {
    const clock = this.#options.clock.read();
    const lostLately = this.#lostAt !== null && clock.now - this.#lostAt < LOST_FOR;
    return this.#options.core.step({
      event,
      clock,
      seed: this.#options.random(2 ** 32),
      highWater: this.#highWater,
      domain: entry.domain,
      state: entry.state,
      queryInFlight: entry.queryInFlight,
      getInFlight: entry.getInFlight,
      recheckWaiting: entry.recheckWaiting,
      pastLost: entry.pastLost || lostLately,
      storeUnreadable,
      leniency: this.#options.leniency,
      onDiscoveryFailure: this.#options.onDiscoveryFailure,
    });
  }

  /** A row that fails its checksum is no policy and no proof that there was none (R-8461-CSM-12). */
  #dropDamaged(entry: DomainEntry): void {
    this.#options.observer.storeFailed("damaged-row", entry.domain, "the stored state fails its checksum");
    entry.state = null;
    entry.pastLost = true;
  }

  /** Another process may have written since: its row is looked at before each record check. True when it had. */
  async #isOutdated(entry: DomainEntry): Promise<boolean> {
    const uptimeMs = this.#options.clock.read().uptimeMs;
    if (entry.versionCheckedAt === uptimeMs) return false;
    const before = entry.version;
    await this.#load(entry, true);
    return entry.version !== before;
  }

  /** Reads the row if it was never read, or looks whether it changed when that is due. False: it cannot be read. */
  async #load(entry: DomainEntry, now: boolean): Promise<boolean> {
    const uptimeMs = this.#options.clock.read().uptimeMs;
    const isFirst = entry.versionCheckedAt === null;
    if (!isFirst && !now && uptimeMs - (entry.versionCheckedAt ?? 0) < VERSION_CHECK_MS) return true;
    try {
      if (isFirst || (await this.#options.store.version(entry.domain)) !== entry.version) {
        const row = await this.#options.store.get(entry.domain);
        this.#setHeld(entry, row?.state ?? (isFirst || entry.version !== 0 ? null : entry.state), row?.version ?? 0);
      }
      entry.versionCheckedAt = uptimeMs;
      return true;
    } catch (error) {
      return this.#onUnreadable(entry, error);
    }
  }

  /** What memory still holds is served on; without it the lookup is live and anything but a policy is TEMP (CSM-13). */
  async #onUnreadable(entry: DomainEntry, error: unknown): Promise<boolean> {
    if (error instanceof StoreError && error.failure === "damaged-row") {
      this.#dropDamaged(entry);
      entry.version = await this.#options.store.version(entry.domain);
      entry.versionCheckedAt = this.#options.clock.read().uptimeMs;
      return true;
    }
    this.#storeFailed(error, entry.domain);
    return entry.versionCheckedAt !== null;
  }

  #storeFailed(error: unknown, domain: string): void {
    if (!(error instanceof StoreError)) throw error;
    this.#options.observer.storeFailed(error.failure, domain, error.message);
  }

  #setHeld(entry: DomainEntry, state: Uint8Array | null, version: number): void {
    entry.state = state;
    entry.version = version;
  }

  /** Writes or deletes the row, durably, before anything that rests on it goes out. Null: somebody else was faster. */
  async #persist(entry: DomainEntry, effects: readonly Effect[], state: Uint8Array | null): Promise<number | null> {
    const { store, clock } = this.#options;
    try {
      if (effects.some((effect) => effect.kind === "store") && state) {
        const version = await store.put(entry.domain, state, entry.version);
        if (version !== null) this.#highWater = Math.max(this.#highWater, clock.read().now);
        return version;
      }
      if (effects.some((effect) => effect.kind === "forget"))
        return (await store.forget(entry.domain, entry.version)) ? 0 : null;
    } catch (error) {
      this.#storeFailed(error, entry.domain); // counted and logged; the policy is honoured from memory
    }
    return entry.version;
  }

  #decide(entry: DomainEntry, effects: readonly Effect[]): Decision | null {
    for (const effect of effects)
      if (effect.kind === "answer")
        return toDecision(this.#options.core, entry, entry.state ?? new Uint8Array(), effect.answer);
    return null;
  }

  /** Puts what the core found wrong into words, while the event still knows the names. */
  #describe(entry: DomainEntry, event: StepEvent, effects: readonly Effect[]): void {
    for (const effect of effects) {
      if (effect.kind === "notice" && effect.notice === "policy-invalid")
        entry.detail = policyInvalid(entry.domain, effect.detail, effect.number);
      if (effect.kind === "notice" && effect.notice === "fetch-failed" && effect.detail < 0)
        entry.detail = policyInvalid(entry.domain, effect.detail, effect.number);
      if (effect.kind !== "answer" || event.kind !== "record") continue;
      if (effect.answer.status === "no-record") entry.detail = recordMissing(entry.domain);
      if (effect.answer.status === "record-invalid") entry.detail = recordInvalid(entry.domain, effect.answer.detail);
    }
  }

  #report(entry: DomainEntry, event: StepEvent, { effects, answer }: Outcome): void {
    for (const effect of effects) {
      if (effect.kind !== "notice") continue;
      const detail = event.kind === "record" || event.kind === "policy" ? entry.detail : "";
      const { notice, number } = effect;
      this.#options.observer.notice({ notice, domain: entry.domain, detail, number, decision: answer });
    }
  }

  #carryOut(entry: DomainEntry, event: StepEvent, { effects, answer }: Outcome): void {
    for (const effect of effects) {
      if (effect.kind === "query-record") this.#track(this.#queryRecord(entry));
      else if (effect.kind === "get-policy") this.#track(this.#getPolicy(entry, effect.token));
      else if (effect.kind === "wake-at") this.#wakes.set(entry.domain, effect.seconds);
      else if (effect.kind === "forget") this.#wakes.clear(entry.domain);
    }
    if (answer && (event.kind === "record" || event.kind === "policy")) this.#answerAll(entry, answer);
  }

  async #queryRecord(entry: DomainEntry): Promise<void> {
    entry.queryInFlight = true;
    const name = policyRecordName(entry.domain) as string;
    const event = await this.#guard("TXT query", async (): Promise<StepEvent> => {
      const outcome = await this.#options.dns.txt(name, AbortSignal.any([this.#closing.signal]));
      this.#options.observer.queried(outcome.kind === "records" ? "records" : outcome.reason);
      if (outcome.kind === "failed") {
        entry.detail = recordFailed(entry.domain, outcome);
        return { kind: "record", outcome: "failed" };
      }
      if (outcome.kind === "none") return { kind: "record", outcome: "none", ttl: outcome.ttl };
      return { kind: "record", outcome: "answered", rrset: outcome.records, ttl: outcome.ttl };
    });
    await this.#submit(entry, event ?? { kind: "record", outcome: "failed" });
  }

  async #getPolicy(entry: DomainEntry, token: Uint8Array): Promise<void> {
    entry.getInFlight = true;
    const started = this.#options.clock.read().uptimeMs;
    const event = await this.#guard("policy fetch", async (): Promise<StepEvent> => {
      const fetched = await this.#options.fetcher.fetch(entry.domain, AbortSignal.any([this.#closing.signal]));
      const seconds = (this.#options.clock.read().uptimeMs - started) / 1000;
      this.#options.observer.fetched(entry.domain, fetched.ok ? "ok" : fetched.failure, seconds);
      if (fetched.ok) return { kind: "policy", token, body: fetched.body, contentType: fetched.contentType };
      if (fetched.failure in FETCH_FAILURES) entry.detail = fetchFailed(entry.domain, fetched.detail);
      return { kind: "policy", token, failure: fetched.failure };
    });
    await this.#submit(entry, event ?? { kind: "policy", token, failure: "protocol" });
  }

  /** I/O must not throw; if it does, that is a fault of ours and counts as a failed attempt. */
  async #guard(where: string, io: () => Promise<StepEvent>): Promise<StepEvent | null> {
    try {
      return await io();
    } catch (error) {
      this.#options.observer.fault(where, error);
      return null;
    }
  }
}

function stateAfter(entry: DomainEntry, effects: readonly Effect[]): Uint8Array | null {
  for (const effect of effects) if (effect.kind === "state") return effect.state;
  return entry.state;
}

/** Makes an engine and lets the stored policies name their refresh times. */
export async function createEngine(options: EngineOptions): Promise<Engine> {
  const engine = new Engine(options);
  await engine.start();
  return engine;
}
