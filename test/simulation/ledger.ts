import type { DnsOutcome } from "../../host/dns/types.ts";
import { type Account, ageOf, type Fetched, isSurelyLive } from "./account.ts";
import type { Publication } from "./publication.ts";
import type { Row } from "./shared-store.ts";
import { cell, type Holding } from "./tally.ts";
import type { World } from "./world.ts";

const BACK_OFF = 300; // seconds, R-8461-3.3-11
const REMEMBERED = 64;
const STRENGTH = { enforce: 2, testing: 1, none: 0 } as const;

/** What the world gave to whom, and what follows from it: the reckoning that the engine's answers are held against. */
export class Ledger {
  readonly #world: World;
  /** Valid GETs by domain, newest last. */
  readonly fetches = new Map<string, Fetched[]>();
  /** When an id was last delivered to anybody, by domain and id. */
  readonly idSeenMs = new Map<string, number>();
  /** When a GET last failed, by domain. */
  readonly failedGetMs = new Map<string, number>();
  /** Accounts that may have to be brought up to date when everything rests. */
  readonly #touched = new Set<Account>();

  constructor(world: World) {
    this.#world = world;
  }

  touched(account: Account): void {
    this.#touched.add(account);
  }

  holding(account: Account): Holding {
    if (!account.floor) return "EMPTY";
    return isSurelyLive(account.floor, this.#world.time) ? "FRESH" : "EXPIRED";
  }

  queryBegins(account: Account): void {
    if (++account.queriesOpen > 1) this.#world.violated("I7", `${account.publisher.domain}: two TXT queries at once`);
  }

  queryLands(account: Account, outcome: DnsOutcome<Uint8Array>, id: string | null): void {
    account.queriesOpen--;
    const { tally, time } = this.#world;
    const holding = this.holding(account);
    if (outcome.kind === "failed") {
      tally.hit(cell("TXT lookup failed", holding));
      // One that was never sent says nothing about the domain.
      if (outcome.reason !== "overloaded") this.#fails(account, holding);
      return;
    }
    if (account.failingSinceMs !== null)
      account.failedUntil = { sinceMs: account.failingSinceMs, endedMs: time.trueMs };
    account.failingSinceMs = null;
    account.failingEmptySinceMs = null;
    if (id !== null) this.#seesId(account, id, holding);
    else {
      tally.hit(cell("TXT none, invalid or multiple", holding));
      account.record = { kind: "absent" };
      account.absence = { atMs: time.trueMs, ttl: outcome.ttl };
      account.definite = true;
    }
  }

  #fails(account: Account, holding: Holding): void {
    account.record = { kind: "failed" };
    account.failingSinceMs ??= this.#world.time.trueMs;
    if (holding === "EMPTY" && !account.vague) account.failingEmptySinceMs ??= this.#world.time.trueMs;
  }

  #seesId(account: Account, id: string, holding: Holding): void {
    const isSame = account.floor !== null && account.floor.id === id;
    this.#world.tally.hit(cell(isSame ? "TXT id = cached id" : "TXT id differs or no cached id", holding));
    account.record = { kind: "id", id };
    this.idSeenMs.set(`${account.publisher.domain} ${id}`, this.#world.time.trueMs);
  }

  /** The id under which the GET that begins now is to be kept; "" while DNS shows none. */
  fetchBegins(account: Account): string {
    const { domain } = account.publisher;
    if (++account.fetchesOpen > 1) this.#world.violated("I7", `${domain}: two GETs at once`);
    const id = account.record?.kind === "id" ? account.record.id : "";
    if (account.forced === 0 && account.forcedUntilMs < this.#world.time.trueMs) {
      this.#checkBackOff(account, id === "" ? (account.floor?.id ?? "") : id);
      if (this.#isCausedByChange(account, id)) this.#checkChurn(account);
    }
    return id;
  }

  #checkBackOff(account: Account, id: string): void {
    const { time } = this.#world;
    const backOff = account.backOffs.get(id);
    if (id === "" || !backOff || backOff.boot !== time.boot || time.seconds >= backOff.untilSeconds) return;
    const left = backOff.untilSeconds - time.seconds;
    this.#world.violated("R-8461-3.3-11", `${account.publisher.domain}: GET for id ${id}, ${left} s too early`);
  }

  /** Only where nothing else can have caused it: no refresh was due, and the failed id is being backed off from. */
  #isCausedByChange(account: Account, id: string): boolean {
    const { time } = this.#world;
    const { floor } = account;
    if (id === "") return false;
    if (!floor || !isSurelyLive(floor, time)) return false;
    const refresh = Math.min(86_400, Math.floor(floor.publication.maxAge / 2)) * 0.9 - 1;
    const isDue = floor.boot !== time.boot || account.failuresSinceFloor > 0 || ageOf(floor, time) >= refresh;
    return !isDue && floor.id !== "" && floor.id !== id;
  }

  #checkChurn(account: Account): void {
    const { seconds } = this.#world.time;
    const [newest] = account.idFetches.slice(-1);
    const [fifth] = account.idFetches.slice(-5);
    const isTooOften = account.idFetches.length >= 5 && seconds - (fifth as number) < 3600;
    if ((newest !== undefined && seconds - newest < 60) || isTooOften)
      this.#world.violated("R-8461-3.3-12", `${account.publisher.domain}: fetches for changed ids come too often`);
    account.idFetches = [...account.idFetches.slice(-4), seconds];
  }

  fetchFails(account: Account, id: string, isAborted: boolean, isDefinite: boolean): void {
    account.fetchesOpen--;
    const { time, tally } = this.#world;
    tally.hit(cell("GET fails or body invalid", this.holding(account)));
    if (isAborted) {
      account.abortedGetMs = time.trueMs;
      return;
    }
    this.failedGetMs.set(account.publisher.domain, time.trueMs);
    account.failuresSinceFloor++;
    if (isDefinite) account.definite = true;
    // A GET without an id counts for the held one, and for none when that policy expired meanwhile.
    const held = account.floor && isSurelyLive(account.floor, time) ? account.floor.id : "";
    const failedAs = id === "" ? held : id;
    if (failedAs === "") return;
    // What was held over a boot keeps the time of the wall clock, which may be set ahead.
    const unknown = this.#world.store.rows.has(account.publisher.domain) ? 0 : time.boot;
    const boot = account.floor ? account.floor.boot : unknown;
    account.backOffs.set(failedAs, { untilSeconds: time.seconds + BACK_OFF, boot });
    this.touched(account);
  }

  fetchGives(account: Account, id: string, startedMs: number, publication: Publication): void {
    account.fetchesOpen--;
    account.definite = true;
    const { time, tally } = this.#world;
    tally.hit(cell("GET ok and body valid", this.holding(account)));
    const fetched: Fetched = { publication, id, startedMs, landedMs: time.trueMs, boot: time.boot };
    const { domain } = account.publisher;
    const known = this.fetches.get(domain) ?? [];
    this.fetches.set(domain, [...known.slice(1 - REMEMBERED), fetched]);
    account.landing.push(fetched);
    account.backOffs.clear();
    this.touched(account);
  }

  /** An operator's purge took effect: nobody owes the old policies any longer. */
  purged(by: Account, accounts: Iterable<Account>): void {
    by.damaged = false;
    by.readable = true;
    for (const account of accounts) {
      account.floor = null;
      account.read = null;
      account.vague = true;
      account.failingEmptySinceMs = null;
      account.idFetches = [];
      account.backOffs.clear();
      this.touched(account);
    }
  }

  /** Everything that needs no time is over: what arrived was taken over, what was written is durable. */
  rest(): void {
    for (const account of this.#touched) {
      if (!account.isResting) continue;
      this.#touched.delete(account);
      account.floor ??= account.read;
      account.read = null;
      for (const fetched of account.landing.splice(0)) this.#takeOver(account, fetched);
      if (account.vague) account.floor = null;
      account.vague = false;
      if (account.wrote) this.#settle(account, this.#world.store.rows.get(account.publisher.domain));
      account.wrote = false;
    }
  }

  #takeOver(account: Account, fetched: Fetched): void {
    const { floor } = account;
    account.backOffs.clear();
    // An older fetch never replaces a newer one (I9).
    if (floor && floor.startedMs > fetched.startedMs) return;
    if (floor) this.#mustHaveSaid(account, floor, fetched);
    account.floor = fetched.publication.maxAge === 0 ? null : this.#withId(fetched, floor);
    account.failuresSinceFloor = 0;
  }

  /** A GET while DNS shows no id keeps the id held before (R-8461-CSM-08). */
  #withId(fetched: Fetched, floor: Fetched | null): Fetched {
    return fetched.id === "" && floor ? { ...fetched, id: floor.id } : fetched;
  }

  /** A weaker policy is honoured at once, but never quietly. */
  #mustHaveSaid(account: Account, before: Fetched, fetched: Fetched): void {
    const { time } = this.#world;
    if (account.vague || !isSurelyLive(before, time, this.#world.slack)) return;
    if (STRENGTH[fetched.publication.mode] >= STRENGTH[before.publication.mode]) return;
    if ((account.noticed.get("policy-weakened") ?? Number.NEGATIVE_INFINITY) < fetched.landedMs)
      this.#world.violated(
        "R-8461-5-08",
        `${account.publisher.domain}: a weaker policy was taken over without a notice`,
      );
  }

  #settle(account: Account, row: Row | undefined): void {
    if (!row || row.writer !== account) return;
    row.settled = true;
    row.durable = row.damaged === "no" ? account.floor : null;
    row.backOffs = new Map(account.backOffs);
  }
}
