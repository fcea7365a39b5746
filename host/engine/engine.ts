import { randomInt } from "node:crypto";
import type { Core } from "../core/core.ts";
import type { Leniency, OnDiscoveryFailure } from "../core/names.ts";
import type { Effect, StepEvent } from "../core/step.ts";
import { policyRecordName } from "../dns/names.ts";
import type { PolicyStore } from "../store/types.ts";
import { type Clock, systemClock, systemTimers, type Timers } from "./clock.ts";
import type { Decision, DecisionReason, HonouredPolicy, Resolver } from "./decision.ts";
import { DomainEntry, type Waiter } from "./domain-entry.ts";
import { DomainTable } from "./domain-table.ts";
import { type Explained, explained } from "./explained.ts";
import { isFailure, stillAwaited } from "./failure-text.ts";
import { Flights, type Outside } from "./flights.ts";
import { type EngineObserver, silentObserver } from "./observer.ts";
import { isTakenOver, originOf } from "./policy-origin.ts";
import { Shelf } from "./shelf.ts";
import { temporary, withoutRecord } from "./to-decision.ts";
import { type Outcome, Transition } from "./transition.ts";
import { WakeQueue } from "./wake-queue.ts";

export interface EngineOptions extends Outside {
  readonly core: Core;
  readonly store: PolicyStore;
  readonly leniency?: readonly Leniency[];
  /** AMB-10: what a failing TXT lookup means while nothing is held. */
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

/** What an operator is shown of one domain. */
export interface CachedView {
  readonly decision: Decision;
  /** Is it in the store, so that it outlives this process? */
  readonly stored: boolean;
}

/** Milliseconds. */
export interface AskOptions {
  readonly deadline?: number;
}

const DEFAULT_DEADLINE_MS = 20_000;
const MAX_DOMAINS = 50_000;
const MAX_WAITING = 20_000;
const LISTED_AT_ONCE = 100;

const isDiscoveryOpen = (effect: Effect): boolean => effect.kind === "notice" && effect.notice === "discovery-open";

/**
 * The loop around the core: hands it events and carries out the effects it asks for, one flight per domain. It decides
 * nothing itself. Close it before the store, the DNS client and the fetcher.
 */
export class Engine implements Resolver {
  readonly #observer: EngineObserver;
  readonly #clock: Clock;
  readonly #timers: Timers;
  readonly #maxWaiting: number;
  readonly #table: DomainTable;
  readonly #wakes: WakeQueue;
  readonly #shelf: Shelf;
  readonly #flights: Flights;
  readonly #transition: Transition;
  #waiting = 0;

  /** Use createEngine. */
  constructor(options: EngineOptions) {
    const clock = options.clock ?? systemClock();
    this.#clock = clock;
    this.#observer = options.observer ?? silentObserver;
    this.#timers = options.timers ?? systemTimers();
    this.#maxWaiting = options.maxWaiting ?? MAX_WAITING;
    this.#table = new DomainTable(options.maxDomains ?? MAX_DOMAINS);
    this.#wakes = new WakeQueue(
      this.#timers,
      () => clock.read().uptimeMs,
      (domain) => this.#refreshLater(domain),
    );
    this.#shelf = new Shelf(options.store, clock, this.#observer);
    this.#flights = new Flights(options, clock, this.#observer);
    const { core, leniency = [], onDiscoveryFailure = "defer-briefly", random = (limit) => randomInt(limit) } = options;
    this.#transition = new Transition({ core, clock, leniency, onDiscoveryFailure, random }, this.#shelf);
  }

  /** Reads what the store remembers beside policies, then lets every stored policy name its next refresh. */
  async start(): Promise<void> {
    await this.#shelf.open();
    this.#flights.track(this.#scheduleStored());
  }

  /** To be called when the store was replaced or can be read again: what it remembers beside policies may be new. */
  async storeChanged(): Promise<void> {
    await this.#shelf.open();
    if (!this.#flights.isClosing) this.#flights.track(this.#scheduleStored());
  }

  /**
   * What to honour for a Policy Domain (canonical form: A-labels, lower case, no trailing dot). Never rejects: what
   * cannot be decided is a "temp" decision. The discovery itself goes on after the deadline (AMB-09).
   */
  resolve(domain: string, options: AskOptions = {}): Promise<Decision> {
    return this.#ask("lookup", domain, options);
  }

  /** Looks for a newer policy before mail is given up (RFC 8461 §5.1), and waits for it until the deadline. */
  recheck(domain: string, options: AskOptions = {}): Promise<Decision> {
    return this.#ask("recheck", domain, options);
  }

  /** An operator wants the policy fetched now, whatever its id and age; a held one stays in force meanwhile. */
  refresh(domain: string, options: AskOptions = {}): Promise<Decision> {
    return this.#ask("refetch", domain, options);
  }

  /** What is held for a domain, changing nothing and asking nobody but the store. Null: nothing. */
  async inspect(domain: string): Promise<CachedView | null> {
    const entry = await this.#look(domain);
    if (!entry.state) return null;
    const decision = this.#peek(entry)?.answer;
    return decision ? { decision, stored: entry.version !== 0 } : null;
  }

  /** Everything that is known of a domain and what would be answered now, changing nothing. Null: nothing. */
  async explain(domain: string): Promise<Explained | null> {
    const entry = await this.#look(domain);
    return explained(entry, this.#peek(entry)?.answer ?? null, this.#clock.read());
  }

  /** A look must not push anything else out of memory. */
  async #look(domain: string): Promise<DomainEntry> {
    const entry = this.#table.find(domain) ?? new DomainEntry(domain);
    await entry.inTurn(() => this.#shelf.load(entry, "due"));
    return entry;
  }

  /** Every stored policy, in domain order, as `inspect` shows it. */
  async *stored(): AsyncIterable<CachedView> {
    for await (const domain of this.#shelf.domains()) {
      const view = await this.inspect(domain);
      if (view) yield view;
    }
  }

  /** An operator drops what is known of a domain (R-8461-CSM-18). True when there was something. */
  forget(domain: string): Promise<boolean> {
    const entry = this.#table.use(domain);
    return entry.inTurn(async () => {
      await this.#shelf.load(entry, "now");
      const known = entry.version !== 0 || entry.damaged || this.#peek(entry) !== null;
      await this.#shelf.purge(entry);
      this.#wakes.clear(domain);
      return known;
    });
  }

  /** Lookups that wait for a discovery now. */
  get waiting(): number {
    return this.#waiting;
  }

  get domainsInMemory(): number {
    return this.#table.size;
  }

  /** Queries and fetches under way. */
  get flights(): number {
    return this.#flights.size;
  }

  /** Aborts flights and answers everybody who waits TEMP; afterwards the store may be closed. */
  async close(): Promise<void> {
    this.#flights.abort();
    this.#wakes.close();
    for (const entry of this.#table.values()) entry.answerAll(temporary(entry.domain, "shutting-down", ""));
    await this.#flights.landed();
    await Promise.allSettled([...this.#table.values()].map((entry) => entry.tail));
  }

  async #ask(kind: Waiter["kind"], domain: string, { deadline = DEFAULT_DEADLINE_MS }: AskOptions): Promise<Decision> {
    const decision = await this.#admit(kind, domain, deadline);
    this.#observer.answered(decision);
    return decision;
  }

  async #admit(kind: Waiter["kind"], domain: string, deadline: number): Promise<Decision> {
    if (this.#flights.isClosing) return temporary(domain, "shutting-down", "");
    if (policyRecordName(domain) === null) return withoutRecord(domain);
    if (this.#waiting >= this.#maxWaiting) return this.#answerOverloaded(domain);
    this.#waiting++;
    try {
      return await this.#answerOrWait(kind, this.#table.use(domain), deadline);
    } finally {
      this.#waiting--;
    }
  }

  /**
   * What memory knows costs no wait: mail to known domains is not held up by those who wait for others. Behind the
   * answer the lookup goes on, one at a time for each domain: under a flood a new id must still be seen.
   */
  #answerOverloaded(domain: string): Decision {
    const entry = this.#table.find(domain);
    const known = entry ? this.#fromMemory(entry) : null;
    if (!entry || !known || known.verdict === "temp") return temporary(domain, "overloaded", "too many lookups wait");
    if (entry.isIdle) this.#flights.track(this.#submit(entry, { kind: "lookup" }));
    return known;
  }

  /** The waiter is there before the event, so that no answer can pass it by. */
  async #answerOrWait(kind: Waiter["kind"], entry: DomainEntry, deadline: number): Promise<Decision> {
    return new Promise((resolve) => {
      const callOff = this.#timers.after(deadline, () => this.#onDeadline(entry, waiter));
      const waiter: Waiter = { kind, resolve, callOff };
      entry.waiters.add(waiter);
      const event: StepEvent = kind === "refetch" ? { kind: "refresh", force: true } : { kind };
      void this.#submit(entry, event).then((decision) => {
        if (decision) entry.release(waiter, decision);
      });
    });
  }

  /** This caller cannot wait longer. A store that hangs must not hold the answer up, so nothing is awaited here. */
  #onDeadline(entry: DomainEntry, waiter: Waiter): void {
    const pending = temporary(entry.domain, "discovery-pending", stillAwaited(entry));
    entry.release(waiter, this.#fromMemory(entry) ?? pending);
  }

  /** The answer that memory alone gives. That mail goes out without discovery is said with it, as with any other. */
  #fromMemory(entry: DomainEntry): Decision | null {
    const known = this.#peek(entry);
    if (known) this.#report(entry, { ...known, effects: known.effects.filter(isDiscoveryOpen) });
    return known?.answer ?? null;
  }

  /** What would be answered now if nothing more were found out; null when that is nothing. */
  #peek(entry: DomainEntry): Outcome | null {
    try {
      const result = this.#transition.step(entry, { kind: "deadline" }, entry.versionCheckedAt === null);
      const answer = result.ok ? this.#transition.answerFrom(entry, result.effects) : null;
      if (!result.ok || !answer || answer.reason === "discovery-pending") return null;
      return { effects: result.effects, answer };
    } catch (error) {
      this.#observer.fault("deadline", error);
      return { effects: [], answer: temporary(entry.domain, "internal-error", "see the log of mta-sts") };
    }
  }

  #refreshLater(domain: string): void {
    this.#flights.track(this.#submit(this.#table.use(domain), { kind: "refresh" }));
  }

  async #scheduleStored(): Promise<void> {
    try {
      let listed = 0;
      for await (const domain of this.#shelf.domains()) {
        if (this.#flights.isClosing) return;
        this.#wakes.set(domain, 0);
        if (++listed % LISTED_AT_ONCE === 0) await this.#pause();
      }
    } catch (error) {
      this.#observer.fault("list of stored policies", error);
    }
  }

  /** Lets everything else that is ready go first. */
  #pause(): Promise<void> {
    return new Promise((resolve) => void this.#timers.after(0, resolve));
  }

  /** Handles one event and returns the answer it gave, if any. A fault of ours is TEMP for everybody concerned. */
  #submit(entry: DomainEntry, event: StepEvent): Promise<Decision | null> {
    return entry.inTurn(async () => {
      try {
        return await this.#handle(entry, event);
      } catch (error) {
        this.#observer.fault(event.kind, error);
        const decision = temporary(entry.domain, "internal-error", "see the log of mta-sts");
        entry.answerAll(decision);
        return decision;
      }
    });
  }

  async #handle(entry: DomainEntry, event: StepEvent): Promise<Decision | null> {
    if (event.kind === "record") entry.queryInFlight = false;
    if (event.kind === "policy") entry.getInFlight = false;
    const before = event.kind === "policy" ? this.#peek(entry) : null;
    const outcome = await this.#transition.run(entry, event);
    this.#report(entry, outcome, before?.answer?.policy ?? null);
    this.#carryOut(entry, outcome);
    this.#table.weigh(entry);
    if (outcome.answer && (event.kind === "record" || event.kind === "policy")) entry.answerAll(outcome.answer);
    return outcome.answer;
  }

  /** `before`: what was honoured until this event. */
  #report(entry: DomainEntry, { effects, answer }: Outcome, before: HonouredPolicy | null = null): void {
    for (const effect of effects)
      if (effect.kind === "notice") {
        const { notice, number } = effect;
        const detail = isFailure(notice) ? entry.detail : "";
        const taken = isTakenOver(notice) ? answer?.policy : null;
        const origin = taken ? { origin: originOf(entry, taken, before) } : {};
        this.#observer.notice({ notice, domain: entry.domain, detail, number, decision: answer, ...origin });
      }
  }

  /** Nothing new begins while the engine closes, neither a flight nor a timer that would outlive it. */
  #carryOut(entry: DomainEntry, { effects }: Outcome): void {
    if (this.#flights.isClosing) return;
    for (const effect of effects) {
      if (effect.kind === "query-record") this.#flights.track(this.#queryRecord(entry));
      else if (effect.kind === "get-policy") this.#flights.track(this.#getPolicy(entry, effect.token, effect.wait));
      else if (effect.kind === "wake-at") this.#wakes.set(entry.domain, effect.seconds);
      else if (effect.kind === "forget") this.#wakes.clear(entry.domain);
    }
  }

  async #queryRecord(entry: DomainEntry): Promise<void> {
    entry.queryInFlight = true;
    const event = await this.#flights.queryRecord(entry);
    if (this.#flights.isClosing) return;
    if (typeof event === "string") await this.#landEmpty(entry, event);
    else await this.#submit(entry, event);
  }

  /** The query was never sent: nobody waits on in vain, and nothing is held against the domain. */
  #landEmpty(entry: DomainEntry, reason: DecisionReason): Promise<void> {
    return entry.inTurn(async () => {
      entry.queryInFlight = false;
      entry.answerAll(this.#fromMemory(entry) ?? temporary(entry.domain, reason, entry.detail));
    });
  }

  async #getPolicy(entry: DomainEntry, token: Uint8Array, wait: boolean): Promise<void> {
    entry.getInFlight = true;
    const event = await this.#flights.getPolicy(entry, token, wait);
    // What we gave up ourselves is no failure of the domain's: no back-off may be stored for it.
    if (!this.#flights.isClosing) await this.#submit(entry, event);
  }
}

/** Makes an engine and lets the stored policies name their refresh times. */
export async function createEngine(options: EngineOptions): Promise<Engine> {
  const engine = new Engine(options);
  await engine.start();
  return engine;
}
