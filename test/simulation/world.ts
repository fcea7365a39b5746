import type { Core } from "../../host/core/core.ts";
import type { Clock, Timers } from "../../host/engine/clock.ts";
import type { PolicyStore } from "../../host/store/types.ts";
import { Invariants } from "./invariants.ts";
import { Ledger } from "./ledger.ts";
import type { WorldOptions } from "./options.ts";
import { Publisher } from "./publisher.ts";
import { Random } from "./random.ts";
import type { Sender } from "./sender.ts";
import { SharedStore, SLOWEST_STORE_MS } from "./shared-store.ts";
import { Tally } from "./tally.ts";
import { Trace } from "./trace.ts";
import { VirtualTime } from "./virtual-time.ts";
import type { Weather } from "./weather.ts";

/** A promise was broken. The message names the requirement, the moment and what happened before. */
export class Violation extends Error {
  override readonly name = "Violation";
  readonly requirement: string;

  constructor(requirement: string, message: string) {
    super(`${requirement}: ${message}`);
    this.requirement = requirement;
  }
}

/** Faults put into the engine's surroundings on purpose, to see that the invariants have teeth. */
export interface Plant {
  readonly core?: (core: Core) => Core;
  readonly store?: (store: PolicyStore) => PolicyStore;
  readonly clock?: (clock: Clock) => Clock;
  readonly timers?: (timers: Timers) => Timers;
}

export interface WorldSetup {
  readonly core: Core;
  readonly seed: number;
  readonly stream: number;
  readonly options: WorldOptions;
  readonly weather: Weather;
  readonly plant?: Plant;
  readonly onLine?: (line: string) => void;
}

/** Calls that may follow each other before an answer leaves. */
const STORE_CALLS = 5;

/** Everything outside the engines, and what is known of them. */
export class World {
  readonly core: Core;
  readonly options: WorldOptions;
  readonly weather: Weather;
  readonly plant: Plant;
  readonly time = new VirtualTime();
  readonly trace: Trace;
  readonly tally = new Tally();
  readonly store = new SharedStore();
  readonly ledger: Ledger;
  readonly invariants: Invariants;
  readonly random: Random;
  readonly publishers: readonly Publisher[];
  readonly #known = new Map<string, Publisher>();
  readonly senders: Sender[] = [];
  /** Domains an operator is dropping now, and those that ever were. */
  readonly purging = new Set<string>();
  readonly everPurged = new Set<string>();
  /** From here on the outside is honest and nothing fails. */
  isHealed = false;
  /** Questions not answered yet, of processes that live. */
  unanswered = 0;
  broken: Violation | null = null;
  readonly #seed: number;
  #streams: number;

  constructor({ core, seed, stream, options, weather, plant, onLine }: WorldSetup) {
    this.trace = new Trace(onLine);
    this.core = core;
    this.options = options;
    this.weather = weather;
    this.plant = plant ?? {};
    this.#seed = seed;
    this.#streams = stream * 4096;
    this.random = this.stream();
    this.ledger = new Ledger(this);
    this.invariants = new Invariants(this);
    const names = Array.from({ length: options.domains }, (_, i) => `d${i}.example.com`);
    this.publishers = names.map((domain) => this.publisherOf(domain));
  }

  publisherOf(domain: string): Publisher {
    const known = this.#known.get(domain);
    if (known) return known;
    const publisher = new Publisher(domain, this.random, this.tally);
    this.#known.set(domain, publisher);
    return publisher;
  }

  /** Random numbers that no other part of the world draws from. */
  stream(): Random {
    return new Random(this.#seed, this.#streams++);
  }

  get isMemoryShort(): boolean {
    return this.options.maxDomains < this.options.domains;
  }

  /** Seconds that may lie between a step and the answer that rests on it: none but those the store takes. */
  get slack(): number {
    return this.options.slowStore ? (STORE_CALLS * SLOWEST_STORE_MS) / 1000 : 0;
  }

  note(what: string): void {
    this.trace.note(`${this.time.trueMs} ${what}`);
  }

  /** The first violation counts: what follows may follow from it. */
  violated(requirement: string, what: string): void {
    this.note(`VIOLATED ${requirement} ${what}`);
    this.broken ??= new Violation(requirement, `${what}, at ${this.time.trueMs / 1000} s`);
  }
}
