import type { Publication } from "./publication.ts";
import type { Publisher } from "./publisher.ts";
import type { VirtualTime } from "./virtual-time.ts";

/** A GET that gave a valid policy, as the world saw it. */
export interface Fetched {
  readonly publication: Publication;
  /** The id in DNS before the GET began; "" when there was none to be seen. */
  readonly id: string;
  readonly startedMs: number;
  readonly landedMs: number;
  readonly boot: number;
}

/**
 * A GET that failed, and when the next one for the same id may begin (true seconds). The boot is that of the clock it is
 * kept by; 0 when that may be the wall clock.
 */
export interface BackOff {
  readonly untilSeconds: number;
  readonly boot: number;
}

export type SeenRecord = { readonly kind: "id"; readonly id: string } | { readonly kind: "absent" | "failed" };

/** Seconds by which a reckoned age may be wrong: nothing within one boot, what the wall clock was off across boots. */
const doubt = (fetched: Fetched, time: VirtualTime): number => (fetched.boot === time.boot ? 0 : time.doubt);

/** Whole seconds since the GET began. */
export const ageOf = ({ startedMs }: Fetched, time: VirtualTime): number => time.seconds - Math.floor(startedMs / 1000);

export const isSurelyLive = (fetched: Fetched, time: VirtualTime, slack = 0): boolean =>
  fetched.publication.maxAge > 0 && ageOf(fetched, time) + doubt(fetched, time) + slack <= fetched.publication.maxAge;

export const isSurelyExpired = (fetched: Fetched, time: VirtualTime, slack = 0): boolean =>
  ageOf(fetched, time) - doubt(fetched, time) - slack > fetched.publication.maxAge;

export const isAgePossible = (fetched: Fetched, age: number, time: VirtualTime, slack: number): boolean => {
  const wrong = Math.abs(ageOf(fetched, time) - age);
  return wrong <= doubt(fetched, time) + slack;
};

/**
 * What one process must know of one domain, reckoned from what the world gave it: never read from the engine. Where
 * the world cannot be sure what the process has seen, it knows less, and asks for less.
 */
export class Account {
  readonly publisher: Publisher;
  /** The newest policy the process surely holds: no answer may rest on an older one, or on none, while it lives. */
  floor: Fetched | null = null;
  /** What the row it has just read rests on; the floor as soon as everything rests. */
  read: Fetched | null = null;
  /** Policies that arrived and are still being taken over. */
  readonly landing: Fetched[] = [];
  /** Store calls under way. */
  pendingStore = 0;
  /** It wrote the row since it last came to rest. */
  wrote = false;
  /** It read a row whose writer had not come to rest: what it holds now is not known to the world. */
  vague = false;
  /** Version of the row it last saw or wrote. */
  version = 0;
  /** It was told of another version and has not read the row. */
  mustRead = false;
  readTriedMs = Number.NEGATIVE_INFINITY;
  /** Has it read the row, or learned that there is none, in this life? */
  readable = false;
  /** It read a row that was damaged and has not replaced it. */
  damaged = false;
  lossesSeen = 0;
  /** Of failed GETs, by id. */
  backOffs = new Map<string, BackOff>();
  /** True milliseconds of GETs that only a changed id can have caused. */
  idFetches: number[] = [];
  failuresSinceFloor = 0;
  record: SeenRecord | null = null;
  absence: { readonly atMs: number; readonly ttl: number } | null = null;
  /** First failed lookup since the last definite answer of DNS; and the same while surely nothing was held. */
  failingSinceMs: number | null = null;
  failingEmptySinceMs: number | null = null;
  /** The failures that a definite answer has just ended, and when. */
  failedUntil: { readonly sinceMs: number; readonly endedMs: number } | null = null;
  abortedGetMs: number | null = null;
  /** One definite discovery was made by this process. */
  definite = false;
  queriesOpen = 0;
  fetchesOpen = 0;
  /** Forced fetches that an operator waits for. */
  forced = 0;
  /** One whose operator stopped waiting may still come, until then. */
  forcedUntilMs = Number.NEGATIVE_INFINITY;
  wasFresh = false;
  readonly noticed = new Map<string, number>();

  constructor(publisher: Publisher) {
    this.publisher = publisher;
  }

  get isResting(): boolean {
    return this.pendingStore === 0;
  }
}
