import type { Core } from "../../host/core/core.ts";
import type { Decision } from "../../host/engine/decision.ts";
import { isSurelyExpired } from "./account.ts";
import type { Question } from "./invariants.ts";
import { describeOptions, drawOptions, type WorldOptions } from "./options.ts";
import { serialOf } from "./publication.ts";
import type { Publisher } from "./publisher.ts";
import { Random } from "./random.ts";
import { Sender } from "./sender.ts";
import { cell, type Tally } from "./tally.ts";
import { run } from "./virtual-time.ts";
import { MIXED } from "./weather.ts";
import { type Plant, type Violation, World } from "./world.ts";

export interface EpisodeSetup {
  readonly core: Core;
  readonly seed: number;
  /** Number of the episode under this seed. */
  readonly episode: number;
  readonly deliveries: number;
  /** Processes that share the store; null: drawn. */
  readonly processes: number | null;
  readonly plant?: Plant;
  /** Hears every line of the trace. */
  readonly onLine?: (line: string) => void;
}

export interface EpisodeResult {
  readonly options: WorldOptions;
  readonly tally: Tally;
  readonly hash: string;
  readonly deliveries: number;
  /** Seconds of the world's own time. */
  readonly seconds: number;
  readonly violation: Violation | null;
  /** What happened last, when something is wrong. */
  readonly tail: readonly string[];
}

const DEADLINES = [20_000, 20_000, 25_000, 4_000, 50];
const SAFE_WALL_STEPS = [-3_600_000, -61_000, -1_000, 1_000, 61_000, 3_600_000, 86_400_000];
const WILD_WALL_STEPS = [-31_536_000_000, -864_000_000, 864_000_000, 3_456_000_000, 94_608_000_000];
/** After healing: time for the id checks, the back-offs and the caps on changed ids to run out. */
const HEALING_MS = 80 * 60_000;
const HEALING_GAP_MS = 5 * 60_000;

/** One world from its beginning to its end: a life with faults, then healing, then an orderly stop. */
export class Episode {
  readonly #world: World;
  #delivered = 0;
  #lives = 0;
  #restarting = 0;
  #isOver = false;

  constructor(setup: EpisodeSetup) {
    const { seed, episode, deliveries, processes } = setup;
    const options = drawOptions(new Random(seed, episode * 4096 + 4095), deliveries, processes);
    this.#world = new World({ ...setup, stream: episode, options, weather: MIXED });
  }

  async run(): Promise<EpisodeResult> {
    const world = this.#world;
    for (const publisher of world.publishers) if (world.random.chance(0.8)) publisher.publish();
    for (let i = 0; i < world.options.senders; i++) this.#start(i);
    this.#next();
    await run(world.time, () => {
      world.ledger.rest();
      return world.broken || this.#isOver ? "over" : "go on";
    });
    return this.#result();
  }

  #result(): EpisodeResult {
    const { options, tally, trace, time, broken } = this.#world;
    tally.hit("deliveries", this.#delivered);
    return {
      options,
      tally,
      hash: trace.hash,
      deliveries: this.#delivered,
      seconds: time.seconds,
      violation: broken,
      tail: broken ? [describeOptions(options), ...trace.tail()] : [],
    };
  }

  #start(slot: number): void {
    this.#world.senders[slot] = new Sender(this.#world, `p${slot}.${this.#lives++}`);
  }

  #next(): void {
    const { time, random, options } = this.#world;
    time.after(random.below(2 * options.gapMs), () => {
      this.#happen();
      if (this.#delivered < options.deliveries) this.#next();
      else this.#heal();
    });
  }

  /** What may happen with one delivery: something to the world first, then mail. */
  #happen(): void {
    const { random, options } = this.#world;
    if (random.chance(0.02)) this.#checkBounds();
    if (random.chance(options.strangers)) {
      this.#sendToStranger();
      return;
    }
    const publisher = this.#somePublisher();
    if (random.chance(options.changes)) publisher.change();
    if (random.chance(options.restarts)) this.#restart();
    if (random.chance(options.clockSteps)) this.#stepWall();
    if (random.chance(options.storeLosses)) this.#harmStore(publisher);
    this.#send(publisher);
    if (random.chance(options.restarts)) this.#killSoon();
  }

  /** A few domains get most of the mail. */
  #somePublisher(): Publisher {
    const { random, publishers } = this.#world;
    return publishers[Math.min(random.below(publishers.length), random.below(publishers.length))] as Publisher;
  }

  #send(publisher: Publisher): void {
    const { random, senders, tally } = this.#world;
    const sender = random.pick(senders);
    if (!sender.isUp) {
      tally.hit("delivery waits for its process");
      this.#delivered++;
      return;
    }
    if (random.chance(0.003)) {
      tally.hit("operator: forget");
      void sender.purge(publisher.domain);
    }
    const times = random.chance(0.05) ? random.between(2, 6) : 1;
    for (let i = 0; i < times; i++) this.#deliver(sender, publisher, random.chance(0.005) ? "refetch" : "lookup");
  }

  /** Mail to made-up names must push nothing out that is worth keeping. */
  #sendToStranger(): void {
    const { random, senders, tally } = this.#world;
    const sender = random.pick(senders);
    this.#delivered++;
    tally.hit("fault: mail to a made-up domain");
    if (sender.isUp) void sender.ask(`x${this.#delivered}.example.org`, "lookup", random.pick(DEADLINES));
  }

  #deliver(sender: Sender, publisher: Publisher, kind: Question["kind"]): void {
    const { random, tally } = this.#world;
    this.#delivered++;
    this.#noteExpiry(sender, publisher);
    if (kind === "refetch") tally.hit("operator: refresh");
    void sender.ask(publisher.domain, kind, random.pick(DEADLINES)).then((decision) => {
      if (decision && kind === "lookup") this.#onAnswer(sender, publisher, decision);
    });
  }

  /** The last row of the table: age exceeds max_age. */
  #noteExpiry(sender: Sender, publisher: Publisher): void {
    const { time, tally } = this.#world;
    const account = sender.accountOf(publisher.domain);
    if (!account.floor || !isSurelyExpired(account.floor, time)) {
      account.wasFresh = account.floor !== null;
      return;
    }
    tally.hit(cell("age exceeds max_age", account.wasFresh ? "FRESH" : "EXPIRED"));
    account.wasFresh = false;
  }

  /** Under enforce some mail fails on every MX: then a newer policy is looked for before the bounce. */
  #onAnswer(sender: Sender, { domain }: Publisher, decision: Decision): void {
    const { random, tally } = this.#world;
    if (decision.policy?.mode !== "enforce" || !sender.isUp || !random.chance(0.1)) return;
    tally.hit(cell("all MX fail under enforce", "FRESH"));
    void sender.ask(domain, "recheck", 20_000);
  }

  #restart(): void {
    const { random, options, tally, senders } = this.#world;
    if (options.reboots && random.chance(0.3)) {
      tally.hit("fault: machine boots");
      this.#reboot();
      return;
    }
    const slot = random.below(senders.length);
    const sender = senders[slot] as Sender;
    if (random.chance(0.5)) this.#kill(sender, slot);
    else if (sender.isUp) void this.#stop(sender, slot);
  }

  /** While it asks, fetches or writes. */
  #killSoon(): void {
    const { random, time, senders } = this.#world;
    const slot = random.below(senders.length);
    const sender = senders[slot] as Sender;
    time.after(random.between(1, 400), () => {
      if (senders[slot] === sender && sender.isUp && !this.#world.isHealed) this.#kill(sender, slot);
    });
  }

  #kill(sender: Sender, slot: number): void {
    const { tally, note } = { tally: this.#world.tally, note: sender.name };
    if (!sender.isUp && this.#restarting > 0) return; // it is being stopped already
    tally.hit(sender.engine.flights > 0 ? "fault: killed with flights under way" : "fault: killed");
    this.#world.note(`${note} killed`);
    sender.kill();
    this.#start(slot);
  }

  async #stop(sender: Sender, slot: number): Promise<void> {
    this.#world.tally.hit("fault: stopped and started");
    this.#restarting++;
    await sender.stop();
    this.#restarting--;
    if (this.#world.senders[slot] === sender) this.#start(slot);
  }

  #reboot(): void {
    const { senders, time } = this.#world;
    if (this.#restarting > 0) return;
    for (const sender of senders) sender.kill();
    time.reboot();
    this.#world.note(`boot ${time.boot}`);
    for (const slot of senders.keys()) this.#start(slot);
  }

  /** NTP, an operator, or somebody who forges the time of day. */
  #stepWall(): void {
    const { random, time, tally } = this.#world;
    const isWild = random.chance(0.3);
    const step = random.chance(0.3) ? 0 : random.pick(isWild ? WILD_WALL_STEPS : SAFE_WALL_STEPS);
    tally.hit(
      step === 0
        ? "fault: wall clock set right"
        : `fault: wall clock ${step > 0 ? "ahead" : "behind"}${isWild ? ", far" : ""}`,
    );
    time.stepWall(step);
    this.#world.note(`wall ${step}`);
  }

  #harmStore({ domain }: Publisher): void {
    const { random, store, tally } = this.#world;
    if (random.chance(0.25)) {
      tally.hit("fault: store lost");
      this.#world.note("store lost");
      store.lose(this.#world);
      return;
    }
    const row = store.rows.get(domain);
    if (!row) return;
    const how = random.pick(["bytes", "row"] as const);
    tally.hit(how === "bytes" ? "fault: bit of a row flipped" : "fault: row unreadable");
    this.#world.note(`row ${domain} damaged: ${how}`);
    store.damage(row, how, random.next());
  }

  #checkBounds(): void {
    for (const sender of this.#world.senders) if (sender.isUp) sender.checkBounds();
  }

  /** Everything outside is honest from now on, and every domain publishes anew. */
  #heal(): void {
    const { time, publishers } = this.#world;
    this.#world.isHealed = true;
    this.#world.note("healed");
    time.stepWall(0);
    for (const publisher of publishers) {
      publisher.write("enforce", 86_400);
      publisher.newId("healed");
    }
    const end = time.trueMs + HEALING_MS;
    const visit = (): void => {
      for (const sender of this.#world.senders) void this.#visitAll(sender);
      if (time.trueMs < end) time.after(HEALING_GAP_MS, visit);
      else time.after(HEALING_GAP_MS, () => void this.#end());
    };
    visit();
  }

  async #visitAll(sender: Sender): Promise<void> {
    for (const { domain } of this.#world.publishers) {
      if (!sender.isUp) return;
      this.#delivered++;
      await sender.ask(domain, "lookup", 20_000);
    }
  }

  /** Liveness (I11): after the healing every process honours what is published. */
  async #end(): Promise<void> {
    const { senders, publishers } = this.#world;
    for (const sender of senders)
      for (const publisher of publishers) {
        const decision = await sender.ask(publisher.domain, "lookup", 20_000);
        if (decision) this.#mustBeCurrent(sender, publisher, decision);
      }
    for (const sender of senders) await sender.stop();
    this.#checkNothingLeft();
    this.#isOver = true;
  }

  #mustBeCurrent(sender: Sender, { domain, current }: Publisher, { policy, verdict, reason }: Decision): void {
    if (policy && serialOf(policy.lines) === current?.serial) return;
    const said = policy ? `policy ${serialOf(policy.lines)}` : `${verdict} ${reason ?? ""}`;
    const text = `${domain}: ${sender.name} says ${said} ${HEALING_MS / 60_000} min after all is well`;
    this.#world.violated("I11", `${text}; published is ${current?.serial}`);
  }

  #checkNothingLeft(): void {
    const { unanswered, time } = this.#world;
    if (unanswered !== 0) this.#world.violated("I3", `${unanswered} questions were never answered`);
    if (time.pending !== 0) this.#world.violated("I8", `${time.pending} timers outlive the processes`);
  }
}
