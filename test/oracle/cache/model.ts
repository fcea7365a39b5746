// Requirements section H (RFC 8461 §3.3, §5.1, §8, §10) as one readable machine: what a sender knows of one domain, and
// for each event what it answers, what it asks for and what it says. It leaves out what happens to clocks and stores.
import { readPolicy } from "../policy.ts";
import { selectRecord } from "../record.ts";
import { isRefusal } from "../verdict.ts";
import { DiscoveryFailure, type OnDiscoveryFailure } from "./discovery-failure.ts";
import { BACK_OFF, CHANGED, CHECK, clamp, NEGATIVE_MOST, RECHECK, REFRESH_MOST, RETRY, UNUSED } from "./numbers.ts";

export type CacheEvent =
  | { readonly kind: "lookup" | "deadline" | "recheck" | "refresh" }
  /** The RRset as the list of docs/abi.md. */
  | { readonly kind: "record"; readonly rrset: string | "failed" | "none"; readonly ttl: number }
  | { readonly kind: "policy"; readonly flight: number; readonly body: string | null; readonly aborted?: boolean };

export interface Flags {
  readonly query: boolean;
  readonly get: boolean;
  readonly recheck: boolean;
}

/** Only what the requirements settle; the rest of what a step does is not predicted. */
export interface Prediction {
  answer: string | null;
  query: "awaited" | "background" | null;
  /** With the id that the flight carries, "-" for none. */
  get: string | null;
  forget: boolean;
  /** A new policy must be stored; other things may be. */
  mustStore: boolean;
  notices: string[];
}

interface Held {
  readonly mode: string;
  readonly maxAge: number;
  readonly body: string;
  readonly id: string;
  /** Start of the GET, in seconds with a fraction: the fraction orders fetches, age counts whole seconds. */
  readonly since: number;
}

interface Flight {
  readonly id: string;
  readonly start: number;
}

const STRENGTH = ["none", "testing", "enforce"];
const whole = Math.floor;

export class CacheModel {
  #held: Held | null = null;
  #negative: { readonly said: string; readonly until: number } | null = null;
  /** R-8461-3.3-11: five minutes for each id; those that failed lately wait on with the last, the eight newest of them. */
  #backOff: { readonly ids: readonly string[]; readonly until: number; readonly said: string } | null = null;
  readonly #failing: DiscoveryFailure;
  readonly #flights: Flight[] = [];
  #checkAt = 0;
  #seenAt = Number.NEGATIVE_INFINITY;
  #refreshAt = 0;
  #failures = 0;
  /** When fetches for changed ids were asked for. */
  #changed: number[] = [];
  #usedAt = 0;
  /** Start of the newest GET that brought a policy. */
  #newest = Number.NEGATIVE_INFINITY;
  /** Seconds from a fetch, or from a look at the record, to the next look. */
  #checkEvery: number = CHECK.least;
  #now = 0;
  #flags: Flags = { query: false, get: false, recheck: false };
  #out: Prediction = emptyPrediction();

  constructor(onFailure: OnDiscoveryFailure = "defer-briefly") {
    this.#failing = new DiscoveryFailure(onFailure);
  }

  /** `now` in seconds; never goes back. */
  step(event: CacheEvent, now: number, flags: Flags): Prediction {
    this.#now = now;
    this.#flags = flags;
    this.#out = emptyPrediction();
    this.#expire();
    switch (event.kind) {
      case "lookup":
        this.#lookup();
        break;
      case "recheck":
        this.#recheck();
        break;
      case "deadline":
        this.#deadline();
        break;
      case "refresh":
        if (this.#held && this.#isRefreshDue && !this.#busy) this.#out.query = "background";
        break;
      case "record":
        this.#record(event.rrset, event.ttl);
        break;
      case "policy":
        this.#policy(event);
    }
    return this.#out;
  }

  /** A domain that nobody sends mail to any more is no longer refreshed; its policy lives to its expiry. */
  get #isUsed(): boolean {
    return whole(this.#now) - this.#usedAt <= UNUSED;
  }

  get #busy(): boolean {
    return this.#flags.query || this.#flags.get;
  }

  get #isRefreshDue(): boolean {
    return whole(this.#now) >= this.#refreshAt && this.#isUsed;
  }

  #age(held: Held): number {
    return whole(this.#now) - whole(held.since);
  }

  /** R-8461-5.1-01, AMB-16: valid while age <= max_age; no grace. */
  #expire(): void {
    const held = this.#held;
    if (!held || this.#age(held) <= held.maxAge) return;
    this.#held = null;
    this.#out.forget = true;
    if (held.mode !== "none") this.#out.notices.push("policy-expired");
  }

  #say(notice: string): void {
    if (this.#held?.mode !== "none") this.#out.notices.push(notice); // R-8461-3.3-19
  }

  #answerHeld(status: string, held: Held): void {
    // R-8461-5-06, -5.1-08: a re-check is owed where the held id was not seen in DNS a minute ago or less.
    const owed = held.mode === "enforce" && whole(this.#now) - whole(this.#seenAt) > RECHECK;
    this.#out.answer = `${status} ${held.mode} id=${held.id || "-"} age=${this.#age(held)}/${held.maxAge}${owed ? " recheck" : ""}`;
  }

  #lookup(): void {
    this.#usedAt = whole(this.#now);
    const held = this.#held;
    if (held) {
      const due = whole(this.#now) >= this.#checkAt || this.#isRefreshDue;
      if (due && !this.#busy) this.#out.query = "background";
      this.#answerHeld("cached", held);
    } else this.#lookupWithout();
  }

  #lookupWithout(): void {
    const known = this.#known();
    if (known !== null) {
      this.#out.answer = known;
      return;
    }
    const failure = this.#failing.at(whole(this.#now));
    if (failure?.opens) this.#out.notices.push("discovery-open");
    if (failure?.answer === "none") {
      this.#out.answer = "record-failed none";
      if (failure.mayAsk && !this.#busy) this.#out.query = "background";
    } else if (failure && !failure.mayAsk) this.#out.answer = "record-failed temp";
    else if (!this.#busy) this.#out.query = "awaited";
  }

  #known(): string | null {
    return this.#negative && whole(this.#now) < this.#negative.until ? this.#negative.said : null;
  }

  /** R-8461-5.1-05: DNS is asked before mail is failed for good. */
  #recheck(): void {
    if (!this.#held) this.#lookup();
    else if (!this.#busy) this.#out.query = "awaited";
  }

  /** AMB-09: whoever cannot wait hears what is known, and "temporary failure" of what is not. */
  #deadline(): void {
    if (this.#held) {
      this.#answerHeld("cached", this.#held);
      return;
    }
    const failure = this.#failing.at(whole(this.#now));
    if (failure?.opens) this.#out.notices.push("discovery-open");
    const isKnown = failure && (failure.answer === "none" || !failure.mayAsk);
    this.#out.answer = this.#known() ?? (isKnown ? `record-failed ${failure.answer}` : "pending temp");
  }

  #record(rrset: string, ttl: number): void {
    if (rrset === "failed") this.#recordFailed();
    else this.#recordAnswered(rrset, ttl);
  }

  #recordAnswered(rrset: string, ttl: number): void {
    this.#failing.clear(); // AMB-10: any definite answer
    const found = rrset === "none" ? "no-record" : selectRecord(rrset, []);
    this.#checkEvery = clamp(ttl, CHECK.least, CHECK.most);
    this.#checkAt = whole(this.#now) + this.#checkEvery;
    if (found === "no-record") this.#recordUnusable("no-record", "record-missing", ttl);
    else if (isRefusal(found)) this.#recordUnusable("record-invalid", "record-invalid", ttl);
    else this.#recordId(found.id, ttl);
  }

  /** R-8461-3.1-21 to -23, CSM-16: nothing, several or nonsense in DNS is no policy, but takes none away. */
  #recordUnusable(status: string, notice: string, ttl: number): void {
    const held = this.#held;
    if (held) {
      this.#say(notice);
      if (!this.#refresh("")) this.#answerHeld(status, held);
      return;
    }
    if (status === "record-invalid") this.#out.notices.push(notice);
    this.#negative = { said: `${status} none`, until: whole(this.#now) + Math.min(ttl, NEGATIVE_MOST) };
    this.#out.answer = this.#negative.said;
  }

  #recordFailed(): void {
    const held = this.#held;
    if (held) {
      this.#checkAt = whole(this.#now) + CHECK.afterFailure;
      this.#say("record-failed");
      if (!this.#refresh("")) this.#answerHeld("record-failed", held);
      return;
    }
    this.#negative = null;
    const failure = this.#failing.fail(whole(this.#now));
    if (failure.opens) this.#out.notices.push("discovery-open");
    this.#out.answer = `record-failed ${failure.answer}`;
  }

  /** R-8461-CSM-04: the refresh that is due needs no TXT record. True when a re-check waits for it (R-8461-5.1-05). */
  #refresh(id: string): boolean {
    if (this.#isRefreshDue && !this.#flags.get && !this.#isBackedOff(id)) this.#getHeld(id);
    return this.#flags.recheck && (this.#flags.get || this.#out.get !== null);
  }

  #getHeld(id: string): void {
    this.#get(id, this.#flags.recheck ? "awaited" : "background");
  }

  #recordId(id: string, ttl: number): void {
    this.#negative = null;
    const held = this.#held;
    if (held?.id === id) {
      this.#seenAt = this.#now;
      if (!this.#refresh(id)) this.#answerHeld("cached", held);
    } else if (held) this.#otherId(id, held);
    else this.#firstId(id, ttl);
  }

  get #lately() {
    return this.#backOff !== null && whole(this.#now) < this.#backOff.until ? this.#backOff : null;
  }

  #isBackedOff(id: string): boolean {
    return this.#lately?.ids.includes(id) ?? false;
  }

  /** AMB-17: at most one a minute and five an hour. */
  #isChurning(): boolean {
    const now = whole(this.#now);
    const lately = this.#changed.filter((at) => now - at < CHANGED.hour);
    return lately.length >= CHANGED.inAnHour || lately.some((at) => now - at < CHANGED.pause);
  }

  /** R-8461-3.1-19, CSM-07: any other id leads to a GET; the held policy answers meanwhile. */
  #otherId(id: string, held: Held): void {
    if (!this.#flags.get && !this.#isBackedOff(id)) {
      const refresh = this.#isRefreshDue;
      if (refresh || !this.#isChurning()) {
        if (!refresh) this.#changed.push(whole(this.#now));
        this.#getHeld(id);
        if (this.#flags.recheck) return;
      } else this.#say("id-churn");
    } else if (this.#flags.get && this.#flags.recheck) return;
    this.#answerHeld("cached", held);
  }

  #firstId(id: string, ttl: number): void {
    if (this.#flags.get) return;
    const backOff = this.#backOff;
    const now = whole(this.#now);
    const changed = this.#lately !== null && !this.#isBackedOff(id);
    if (this.#isBackedOff(id) || (changed && this.#isChurning())) {
      if (changed) this.#out.notices.push("id-churn");
      const said = backOff?.said ?? "";
      this.#negative = { said, until: Math.min(now + clamp(ttl, CHECK.least, CHECK.most), backOff?.until ?? 0) };
      this.#out.answer = said;
      return;
    }
    if (changed) this.#changed.push(now);
    this.#get(id, "awaited");
  }

  #get(id: string, how: "awaited" | "background"): void {
    this.#flights.push({ id, start: this.#now });
    this.#out.get = `${how} id=${id || "-"}`;
  }

  #policy({ flight: n, body, aborted }: Extract<CacheEvent, { kind: "policy" }>): void {
    const flight = this.#flights[n - 1];
    if (!flight) throw new Error(`no flight ${n}`);
    const held = this.#held;
    // CSM-12: a result older than the fetch that is held is ignored.
    const isOld = flight.start < this.#newest;
    if (aborted || isOld) {
      if (held) this.#answerHeld("cached", held);
      else if (isOld) this.#lookupWithout();
      else this.#out.answer = "pending temp";
      return;
    }
    const read = body === null ? null : readPolicy(body, []);
    if (read === null || isRefusal(read)) {
      const unread = read === null || read.error === "policy-too-large";
      this.#fetchFailed(unread ? "fetch-failed" : "policy-invalid", flight);
      return;
    }
    const id = flight.id || held?.id || ""; // CSM-08, AMB-35
    this.#take({ mode: read.mode, maxAge: read.maxAge, body: body ?? "", id, since: flight.start }, flight);
  }

  /** CSM-01, -02, -06, -09; R-8461-5-08: whole, at once, counted from the start of its GET. */
  #take(policy: Held, flight: Flight): void {
    const before = this.#held;
    if (!before) this.#out.notices.push("policy-new");
    else if (before.body !== policy.body) {
      const weaker = STRENGTH.indexOf(policy.mode) < STRENGTH.indexOf(before.mode);
      this.#out.notices.push(weaker ? "policy-weakened" : "policy-changed");
    }
    this.#held = policy;
    this.#newest = flight.start;
    this.#checkAt = whole(this.#now) + this.#checkEvery;
    if (flight.id !== "") this.#seenAt = flight.start;
    this.#negative = null;
    this.#backOff = null;
    this.#failures = 0;
    this.#refreshAt = whole(policy.since) + Math.min(REFRESH_MOST, whole(policy.maxAge / 2));
    const outlived = this.#age(policy) > policy.maxAge;
    this.#answerHeld("fetched", policy);
    this.#out.mustStore = policy.maxAge > 0 && !outlived;
    this.#out.forget = !this.#out.mustStore;
    // One that its own GET outlived serves the attempt, too, and is said to be expired by the next event.
    if (policy.maxAge === 0) this.#held = null;
  }

  /** CSM-07, R-8461-3.2-28, -3.3-11, -3.3-16, -3.3-17. */
  #fetchFailed(status: string, flight: Flight): void {
    const now = whole(this.#now);
    this.#say(status);
    const held = this.#held;
    // A refresh without a record is one of the policy that is held, and so of its id.
    const id = flight.id || held?.id || "";
    const lately = this.#lately?.ids ?? [];
    const ids = lately.includes(id) ? lately : [id, ...lately].slice(0, 8);
    this.#backOff = { ids, until: now + BACK_OFF, said: `${status} none` };
    if (held) {
      this.#failures++;
      this.#refreshAt = now + Math.min(RETRY.first * 2 ** (this.#failures - 1), RETRY.most);
      this.#answerHeld(status, held);
      return;
    }
    const until = Math.min(Math.max(this.#checkAt, now + CHECK.afterFailure), now + BACK_OFF);
    this.#negative = { said: `${status} none`, until };
    this.#out.answer = this.#negative.said;
  }
}

function emptyPrediction(): Prediction {
  return { answer: null, query: null, get: null, forget: false, mustStore: false, notices: [] };
}
