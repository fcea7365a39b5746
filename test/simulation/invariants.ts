import type { Decision, HonouredPolicy } from "../../host/engine/decision.ts";
import { type Account, type Fetched, isAgePossible, isSurelyExpired, isSurelyLive } from "./account.ts";
import { serialOf } from "./publication.ts";
import type { World } from "./world.ts";

/** One question to the engine, and when it was asked (true milliseconds). */
export interface Question {
  readonly kind: "lookup" | "recheck" | "refetch";
  readonly askedMs: number;
  readonly deadlineMs: number;
  /** So many wait already that memory alone answers. */
  readonly isOneTooMany: boolean;
}

const DEFER_LIMIT = 600; // seconds, AMB-10
const OPEN_LIMIT = 86_400;
const NEGATIVE_LIMIT = 1800; // R-8461-CSM-16
const BACK_OFF = 300;
const YEAR = 31_557_600;

/** A policy of max_age 0 is good for those who waited when it landed. */
const orderOf = (one: Fetched): number => (one.publication.maxAge === 0 ? one.landedMs : one.startedMs);

/** Holds every answer against the ledger. Each check names the requirement or invariant it stands for. */
export class Invariants {
  readonly #world: World;

  constructor(world: World) {
    this.#world = world;
  }

  check(account: Account, question: Question, decision: Decision): void {
    const late = this.#world.time.trueMs - question.askedMs - question.deadlineMs;
    if (late > 0) this.#broken("I3", account, `answered ${late} ms after its deadline`);
    const isFromMemory = late === 0 || question.isOneTooMany;
    const ours = decision.reason === "shutting-down" || decision.reason === "overloaded";
    if (ours) this.#checkOverload(account, decision);
    else if (!isFromMemory) this.#checkReading(account);
    if (decision.verdict === "policy") this.#checkPolicy(account, question, decision);
    else {
      if (!ours) this.#checkNothingHeld(account, decision);
      if (decision.verdict === "none") this.#checkNone(account, decision, isFromMemory);
      else if (!ours) this.#checkTemp(account, question, decision);
    }
  }

  #broken(requirement: string, account: Account, what: string): void {
    this.#world.violated(requirement, `${account.publisher.domain}: ${what}`);
  }

  #since(ms: number): number {
    return this.#world.time.seconds - Math.floor(ms / 1000);
  }

  /** An overloaded engine still knows what its memory holds. */
  #checkOverload(account: Account, { reason }: Decision): void {
    const isLoaded = account.isResting && account.readTriedMs < this.#world.time.trueMs;
    if (reason !== "overloaded" || this.#world.isMemoryShort || !isLoaded) return;
    if (account.floor && isSurelyLive(account.floor, this.#world.time) && account.queriesOpen === 0)
      this.#broken("A-46", account, "TEMP from overload although a policy is held in memory");
  }

  /** A row is looked at again before each record check and at least every 60 s. */
  #checkReading(account: Account): void {
    if (account.mustRead && account.isResting)
      this.#broken("R-8461-CSM-12", account, "answered without reading the row that another process wrote");
    if (this.#since(account.readTriedMs) > 61 + this.#world.slack)
      this.#broken("R-8461-CSM-10", account, "answered without a look at the store for more than a minute");
  }

  #checkPolicy(account: Account, question: Question, decision: Decision): void {
    const policy = decision.policy as HonouredPolicy;
    const fetched = this.#origin(account, policy);
    if (!fetched) {
      this.#broken("R-8461-CSM-03", account, `honours a policy of age ${policy.age} s that no GET of then gave`);
      return;
    }
    const { publication } = fetched;
    const same = policy.mode === publication.mode && policy.maxAge === publication.maxAge;
    if (!same || policy.mx.length !== 1 || policy.mx[0] !== publication.mx)
      this.#broken("R-8461-5-01", account, `honours policy ${publication.serial} otherwise than it was published`);
    if (fetched.id !== "" && policy.id !== fetched.id)
      this.#broken("R-8461-CSM-01", account, `keeps id ${policy.id}, but ${fetched.id} was seen before the GET`);
    this.#checkLife(account, question, decision, fetched);
    this.#checkOrder(account, fetched);
    this.#checkRecheck(account, decision, fetched);
  }

  /** The GET that gave what is honoured; of several that fit, one with its id, and the one that began last. */
  #origin(account: Account, policy: HonouredPolicy): Fetched | null {
    const serial = serialOf(policy.lines);
    const { time, slack, ledger } = this.#world;
    const fitting = (ledger.fetches.get(account.publisher.domain) ?? []).filter(
      (one) => one.publication.serial === serial && isAgePossible(one, policy.age, time, slack),
    );
    const withId = fitting.filter(({ id }) => id === "" || id === policy.id);
    let found: Fetched | null = null;
    for (const one of withId.length > 0 ? withId : fitting) if (!found || orderOf(one) >= orderOf(found)) found = one;
    return found;
  }

  #checkLife(account: Account, question: Question, { policy, status, reuse }: Decision, fetched: Fetched): void {
    const { time, slack } = this.#world;
    const { age, maxAge, expiresIn } = policy as HonouredPolicy;
    // It always serves the attempts that waited for it, even when its life was over before it was here (AMB-16).
    const isForThis = status === "fetched" && question.askedMs <= fetched.landedMs + slack * 1000;
    if (maxAge === 0 && !isForThis)
      this.#broken("R-8461-CSM-09", account, "honours a policy of max_age 0 after its attempt");
    if (!isForThis && (age > maxAge || isSurelyExpired(fetched, time, slack)))
      this.#broken("R-8461-5.1-01", account, `honours a policy ${age} s old, max_age ${maxAge}`);
    if (expiresIn !== Math.max(maxAge - age, 0) || reuse > Math.min(60, expiresIn))
      this.#broken("R-8461-5.1-01", account, `says it expires in ${expiresIn} s and may be reused for ${reuse} s`);
  }

  /** Never older than what is surely held: that is "never lost, never weakened", and "none releases at once". */
  #checkOrder(account: Account, fetched: Fetched): void {
    const { floor } = account;
    const { time, slack } = this.#world;
    if (!floor || fetched.startedMs + slack * 1000 >= floor.startedMs || !isSurelyLive(floor, time, slack)) return;
    const requirement = floor.publication.mode === "none" ? "R-8461-5-08" : "R-8461-3.3-17";
    this.#broken(requirement, account, "honours an older policy than the one it holds");
  }

  /** Under enforce a look at the id is owed before a bounce unless it was seen within the minute. */
  #checkRecheck(account: Account, { policy, recheck }: Decision, fetched: Fetched): void {
    if (policy?.mode !== "enforce" || recheck || fetched.boot !== this.#world.time.boot) return;
    const seen = this.#world.ledger.idSeenMs.get(`${account.publisher.domain} ${policy.id}`) ?? 0;
    if (this.#since(Math.max(seen, fetched.startedMs)) > 61 + this.#world.slack)
      this.#broken("R-8461-5.1-08", account, "no look at the id is owed, but nobody has looked");
  }

  #checkNothingHeld(account: Account, { verdict, reason, status }: Decision): void {
    const { floor } = account;
    const { time, slack } = this.#world;
    if (!floor || !isSurelyLive(floor, time, slack) || !account.isResting) return;
    const { mode } = floor.publication;
    const said = `${verdict} (${reason ?? status})`;
    this.#broken("R-8461-3.3-17", account, `${said} although an unexpired ${mode} policy is held`);
  }

  /** An answer from memory alone may rest on what DNS has since corrected, while the store hangs. */
  #checkNone(account: Account, { status }: Decision, isFromMemory: boolean): void {
    const { slack, time } = this.#world;
    if (!account.readable && account.isResting)
      this.#broken("R-8461-CSM-13", account, "no policy, although the store was never readable");
    if (account.damaged && account.isResting)
      this.#broken("R-8461-CSM-12", account, "no policy, although the stored row is damaged");
    this.#checkAfterLoss(account);
    if (status === "no-record" || status === "record-invalid") {
      const { absence } = account;
      if (!absence || this.#since(absence.atMs) > Math.min(absence.ttl, NEGATIVE_LIMIT) + 1 + slack)
        this.#broken("R-8461-CSM-16", account, "no policy on an answer of DNS that is too old, or was none");
    } else if (status === "record-failed") {
      this.#checkOpen(account, isFromMemory);
    } else if (status === "fetch-failed" || status === "policy-invalid") {
      // A back-off is stored where a policy is held, so another process's failure counts, too.
      const failed = this.#world.ledger.failedGetMs.get(account.publisher.domain);
      const doubt = time.boot > 1 ? time.doubt : 0; // a stored one is timed by the wall clock after a boot
      if (failed === undefined || this.#since(failed) > BACK_OFF + 1 + slack + doubt)
        this.#broken("R-8461-3.3-16", account, "no policy for a failed GET that is too old, or was none");
    } else this.#broken("R-8461-5-02", account, `no policy with status ${status}`);
  }

  /** After a lost store a failure says nothing until the domain has had one definite discovery. */
  #checkAfterLoss(account: Account): void {
    const { store, time } = this.#world;
    if (store.lostAt === null || Math.abs(time.wallSeconds - store.lostAt) > YEAR / 2) return;
    if (account.lossesSeen === 0 || account.lossesSeen !== store.losses) return; // the process cannot know of it yet
    const { domain } = account.publisher;
    if (!account.definite && !store.rows.has(domain) && !this.#world.everPurged.has(domain))
      this.#broken("R-8461-CSM-10", account, "no policy after a lost store without one definite discovery");
  }

  /** Mail goes out without discovery only as configured, and never quietly (AMB-10). */
  #checkOpen(account: Account, isFromMemory: boolean): void {
    const { onDiscoveryFailure } = this.#world.options;
    const { failedUntil } = account;
    const justEnded = failedUntil && this.#since(failedUntil.endedMs) <= this.#world.slack ? failedUntil.sinceMs : null;
    const since = account.failingSinceMs ?? justEnded;
    if (since === null && isFromMemory) return;
    if (since === null || onDiscoveryFailure === "defer")
      this.#broken("R-8461-3.1-26", account, "no policy for a failed lookup that must defer, or was none");
    else if (
      onDiscoveryFailure === "defer-briefly" &&
      this.#world.time.boot === 1 &&
      this.#since(since) < DEFER_LIMIT - 1
    )
      this.#broken("R-8461-3.1-26", account, "no policy within ten minutes of the first failed lookup");
    else if ((account.noticed.get("discovery-open") ?? Number.NEGATIVE_INFINITY) < since)
      this.#broken("R-8461-3.1-26", account, "fails open without a notice");
  }

  #checkTemp(account: Account, question: Question, { reason }: Decision): void {
    const { time, options, store, slack } = this.#world;
    if (reason === "discovery-pending" && time.trueMs < question.askedMs + question.deadlineMs) {
      const aborted = account.abortedGetMs;
      if (aborted === null || this.#since(aborted) > slack) this.#broken("I3", account, "gave up before the deadline");
    }
    const since = account.failingEmptySinceMs;
    if (reason !== "discovery-failed" || options.onDiscoveryFailure !== "defer-briefly") return;
    if (since === null || store.losses > 0 || this.#world.isMemoryShort) return;
    const elapsed = this.#since(since);
    if (elapsed > DEFER_LIMIT + 1 + slack && elapsed < DEFER_LIMIT + OPEN_LIMIT)
      this.#broken("R-8461-3.1-26", account, `still deferred ${elapsed} s after the first failed lookup`);
  }
}
