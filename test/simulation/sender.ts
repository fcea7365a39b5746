import type { Clock, Timers } from "../../host/engine/clock.ts";
import type { Decision } from "../../host/engine/decision.ts";
import { Engine } from "../../host/engine/engine.ts";
import { type EngineNotice, type EngineObserver, silentObserver } from "../../host/engine/observer.ts";
import { Account } from "./account.ts";
import type { Question } from "./invariants.ts";
import { Outside } from "./outside.ts";
import { StoreHandle } from "./shared-store.ts";
import type { World } from "./world.ts";

/** Domains that are being looked at are not dropped: a burst of wake-ups, and what a look round leaves. */
const BUSY_AT_ONCE = 66;

/** One life of one process: the production engine with this world's adapters around it. */
export class Sender {
  readonly name: string;
  readonly #world: World;
  readonly accounts = new Map<string, Account>();
  readonly #outside: Outside;
  readonly #store: StoreHandle;
  readonly #alarms = new Set<() => void>();
  readonly engine: Engine;
  isUp = false;
  #isOver = false;
  #unanswered = 0;
  /** Faults of adapters that are being thrown on purpose count as none of the engine's. */
  static readonly #EXPECTED = /^simulated fault/;

  constructor(world: World, name: string) {
    this.#world = world;
    this.name = name;
    const account = (domain: string): Account => this.accountOf(domain);
    this.#outside = new Outside(world, name, account);
    this.#store = new StoreHandle(world, name, account);
    this.engine = this.#makeEngine();
    void this.engine.start().then(() => {
      this.isUp = !this.#isOver;
    });
  }

  #makeEngine(): Engine {
    const { core, options, plant, time } = this.#world;
    const random = this.#world.stream();
    const clock: Clock = time;
    return new Engine({
      core: plant.core?.(core) ?? core,
      store: plant.store?.(this.#store) ?? this.#store,
      dns: this.#outside.dns,
      fetcher: this.#outside.fetcher,
      clock: plant.clock?.(clock) ?? clock,
      timers: plant.timers?.(this.#timers) ?? this.#timers,
      random: (limit) => random.next() % limit,
      observer: this.#observer(),
      onDiscoveryFailure: options.onDiscoveryFailure,
      maxDomains: options.maxDomains,
      maxWaiting: options.maxWaiting,
    });
  }

  get #timers(): Timers {
    return { after: (milliseconds, task) => this.#after(milliseconds, task) };
  }

  #after(milliseconds: number, task: () => void): () => void {
    const callOff = this.#world.time.after(milliseconds, () => {
      this.#alarms.delete(callOff);
      task();
    });
    this.#alarms.add(callOff);
    return () => {
      this.#alarms.delete(callOff);
      callOff();
    };
  }

  #observer(): EngineObserver {
    return {
      ...silentObserver,
      notice: (notice) => this.#onNotice(notice),
      fault: (where, error) => this.#onFault(where, error),
    };
  }

  #onNotice({ notice, domain }: EngineNotice): void {
    if (this.#isOver) return;
    this.#world.tally.hit(`notice: ${notice}`);
    this.#world.note(`${this.name} notice ${domain} ${notice}`);
    this.accountOf(domain).noticed.set(notice, this.#world.time.trueMs);
  }

  #onFault(where: string, error: unknown): void {
    if (this.#isOver || (error instanceof Error && Sender.#EXPECTED.test(error.message))) return;
    this.#world.violated("A-60", `${this.name}: fault in ${where}: ${error instanceof Error ? error.stack : error}`);
  }

  accountOf(domain: string): Account {
    const known = this.accounts.get(domain);
    if (known) return known;
    const account = new Account(this.#world.publisherOf(domain));
    account.lossesSeen = this.#world.store.losses;
    this.accounts.set(domain, account);
    return account;
  }

  /** Asks as a binding does and holds the answer against the ledger. */
  async ask(domain: string, kind: Question["kind"], deadlineMs: number): Promise<Decision | null> {
    const account = this.accountOf(domain);
    const isOneTooMany = this.engine.waiting >= this.#world.options.maxWaiting;
    const question: Question = { kind, askedMs: this.#world.time.trueMs, deadlineMs, isOneTooMany };
    this.#unanswered++;
    this.#world.unanswered++;
    if (kind === "refetch") account.forced++;
    const decision = await this.#put(domain, kind, deadlineMs);
    if (this.#isOver) return null;
    if (kind === "refetch") this.#endForce(account);
    this.#unanswered--;
    this.#world.unanswered--;
    this.#noteAnswer(domain, kind, decision);
    this.#world.invariants.check(account, question, decision);
    return decision;
  }

  /** What an operator forced may have failed, and its back-off is one that was forced, too. */
  #endForce(account: Account): void {
    account.forced--;
    account.forcedUntilMs = this.#world.time.trueMs + 60_000 + this.#world.slack * 1000;
    account.backOffs.clear();
    account.failuresSinceFloor++;
  }

  #put(domain: string, kind: Question["kind"], deadline: number): Promise<Decision> {
    if (kind === "recheck") return this.engine.recheck(domain, { deadline });
    if (kind === "refetch") return this.engine.refresh(domain, { deadline });
    return this.engine.resolve(domain, { deadline });
  }

  #noteAnswer(domain: string, kind: string, { verdict, status, reason, policy }: Decision): void {
    const held = policy ? `${policy.mode} ${policy.id} ${policy.age}` : (reason ?? status);
    this.#world.note(`${this.name} ${kind} ${domain} ${verdict} ${held}`);
    this.#world.tally.hit(`answer: ${verdict}${policy ? ` ${policy.mode}` : ` (${reason ?? status})`}`);
  }

  /** An operator drops the domain (R-8461-CSM-18); a store that fails makes that fail. */
  async purge(domain: string): Promise<void> {
    this.#world.purging.add(domain);
    this.#world.everPurged.add(domain);
    const isDone = await this.engine.forget(domain).then(
      () => true,
      () => false,
    );
    this.#world.purging.delete(domain);
    if (this.#isOver) return;
    this.#world.note(`${this.name} forget ${domain} ${isDone ? "done" : "failed"}`);
    if (isDone)
      this.#world.ledger.purged(
        this.accountOf(domain),
        this.#world.senders.map((one) => one.accountOf(domain)),
      );
  }

  /** A clean stop: everybody who waits is answered at once, and no flight is left. */
  async stop(): Promise<void> {
    this.isUp = false;
    this.#store.hurry();
    const left = this.#unanswered;
    await this.engine.close();
    const { waiting, flights } = this.engine;
    if (waiting + flights > 0)
      this.#world.violated("I3", `${this.name} closed with ${waiting} questions and ${flights} flights`);
    this.#world.note(`${this.name} stopped with ${left} questions`);
    this.#end();
  }

  /** kill -9: nothing that it asked for reaches it, and nothing that it does reaches anybody. */
  kill(): void {
    this.#outside.kill();
    this.#store.kill();
    this.#end();
  }

  #end(): void {
    this.isUp = false;
    this.#isOver = true;
    this.#world.unanswered -= this.#unanswered;
    for (const callOff of this.#alarms) callOff();
    this.#alarms.clear();
  }

  /** Nothing the engine keeps may grow with time (R-8461-CSM-11, A-40). */
  checkBounds(): void {
    const { waiting, flights, domainsInMemory } = this.engine;
    const { maxWaiting, maxDomains } = this.#world.options;
    const inMemory = maxDomains + BUSY_AT_ONCE + waiting + flights;
    if (waiting > maxWaiting) this.#world.violated("I8", `${this.name}: ${waiting} questions wait`);
    if (domainsInMemory > inMemory) this.#world.violated("I8", `${this.name}: ${domainsInMemory} domains in memory`);
    // Each question has its deadline; beside those there are the wake-up, and the pause while stored policies are listed.
    if (this.#alarms.size > waiting + 2) this.#world.violated("I8", `${this.name}: ${this.#alarms.size} timers`);
    if (waiting !== this.#unanswered && this.isUp)
      this.#world.violated("I3", `${this.name}: ${waiting} wait in the engine, ${this.#unanswered} outside it`);
  }
}
