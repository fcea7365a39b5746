// A process of its own that runs transitions against a shared store; started by two-processes.test.ts.
import { once } from "node:events";
import { type Core, txtRdata } from "../../../host/core/core.ts";
import { loadCore } from "../../../host/core/load.ts";
import type { StepEvent } from "../../../host/core/step.ts";
import { DomainEntry } from "../../../host/engine/domain-entry.ts";
import { silentObserver } from "../../../host/engine/observer.ts";
import { Shelf } from "../../../host/engine/shelf.ts";
import { Transition } from "../../../host/engine/transition.ts";
import { openSqliteStore } from "../../../host/store/open.ts";
import type { PolicyStore, StoredState } from "../../../host/store/types.ts";

export interface EngineTask {
  readonly path: string;
  readonly name: string;
  readonly seed: number;
  readonly domains: readonly string[];
  readonly transitions: number;
  /** Monotonic milliseconds, common to the processes, at which simulated time began. */
  readonly origin: number;
}

/** One write that took effect: the row of `expected` became that of `version`, or (0) was deleted. */
export interface Write {
  readonly domain: string;
  readonly expected: number;
  readonly version: number;
  /** Names the fetch that gave the policy written, or the one that landed and led to a deletion, if one did. */
  readonly fetch: string;
  /** Simulated monotonic milliseconds. */
  readonly at: number;
}

/** A GET: its policy carries its name. */
export interface Fetch {
  readonly name: string;
  readonly startedAt: number;
  /** Seconds. */
  readonly maxAge: number;
}

export interface EngineReport {
  readonly writes: readonly Write[];
  readonly fetches: readonly Fetch[];
  /** Policies whose answer left: what the caller was told holds, and the version it was stored under. */
  readonly acknowledged: readonly { readonly domain: string; readonly fetch: string; readonly version: number }[];
  readonly transitions: Readonly<Record<string, number>>;
  readonly conflicts: number;
  /** Fetches that landed when a later one was held already. */
  readonly tooLate: number;
  readonly storeFailures: number;
}

/** Simulated seconds for each real one: policies of a few seconds expire while the test runs. */
const SPEED = 200;
const MAX_AGES = [1, 2, 5, 20, 604_800, 604_800];
const MX = /mx: ([a-z0-9-]+)\.example\.com/;

const fetchIn = (state: Uint8Array): string => MX.exec(new TextDecoder("latin1").decode(state))?.[1] ?? "";

/** Writes down every compare-and-swap that took effect, and counts those that did not. */
class WitnessedStore implements PolicyStore {
  readonly kind = "witnessed";
  readonly writes: Write[] = [];
  conflicts = 0;
  /** Name of the fetch that is landing now, "" when none is. */
  landing = "";
  readonly #store: PolicyStore;
  readonly #uptimeMs: () => number;

  constructor(store: PolicyStore, uptimeMs: () => number) {
    this.#store = store;
    this.#uptimeMs = uptimeMs;
  }

  get = (domain: string): Promise<StoredState | null> => this.#store.get(domain);
  version = (domain: string): Promise<number> => this.#store.version(domain);
  list = (): AsyncIterable<StoredState> => this.#store.list();
  highWaterTime = (): Promise<number> => this.#store.highWaterTime();
  lostAt = (): Promise<number | null> => this.#store.lostAt();
  close = (): Promise<void> => this.#store.close();

  async put(domain: string, state: Uint8Array, expected: number): Promise<number | null> {
    const version = await this.#store.put(domain, state, expected);
    if (version === null) this.conflicts++;
    else this.writes.push({ domain, expected, version, fetch: fetchIn(state), at: this.#uptimeMs() });
    return version;
  }

  async forget(domain: string, expected: number): Promise<boolean> {
    const done = await this.#store.forget(domain, expected);
    if (!done) this.conflicts++;
    else if (expected !== 0)
      this.writes.push({ domain, expected, version: 0, fetch: this.landing, at: this.#uptimeMs() });
    return done;
  }
}

interface Airborne {
  readonly entry: DomainEntry;
  readonly token: Uint8Array;
  readonly fetch: Fetch;
}

class Worker {
  readonly #task: EngineTask;
  readonly #store: WitnessedStore;
  readonly #transition: Transition;
  readonly #entries: DomainEntry[];
  readonly #airborne: Airborne[] = [];
  readonly #fetches: Fetch[] = [];
  readonly #acknowledged: { domain: string; fetch: string; version: number }[] = [];
  readonly #counts: Record<string, number> = {};
  #seed: number;
  #tooLate = 0;
  #storeFailures = 0;
  #done = 0;

  constructor(task: EngineTask, core: Core, store: PolicyStore) {
    this.#task = task;
    this.#seed = task.seed;
    const clock = { read: () => ({ now: 1_790_000_000 + Math.floor(this.#uptimeMs() / 1000), ...this.#monotonic() }) };
    this.#store = new WitnessedStore(store, () => this.#uptimeMs());
    const observer = { ...silentObserver, storeFailed: () => void this.#storeFailures++ };
    const settings = { core, clock, leniency: [], onDiscoveryFailure: "defer-briefly", random: () => this.#draw(1000) };
    this.#transition = new Transition(
      { ...settings, onDiscoveryFailure: "defer-briefly" },
      new Shelf(this.#store, clock, observer),
    );
    this.#entries = task.domains.map((domain) => new DomainEntry(domain));
  }

  async run(): Promise<EngineReport> {
    while (this.#done < this.#task.transitions) {
      const entry = this.#entries[this.#draw(this.#entries.length)] as DomainEntry;
      const dice = this.#draw(100);
      if (dice < 25) await this.#submit(entry, { kind: "lookup" });
      else if (dice < 60 && !entry.getInFlight) await this.#takeOff(entry);
      else if (this.#airborne.length > 0) await this.#land();
    }
    const { writes, conflicts } = this.#store;
    return {
      ...{ writes, conflicts, fetches: this.#fetches, acknowledged: this.#acknowledged, transitions: this.#counts },
      ...{ tooLate: this.#tooLate, storeFailures: this.#storeFailures },
    };
  }

  /** A forced refresh and its record; the GET it leads to stays airborne for a while. */
  async #takeOff(entry: DomainEntry): Promise<void> {
    await this.#submit(entry, { kind: "refresh", force: true });
    const rrset = [txtRdata(`v=STSv1; id=${this.#draw(5)};`)];
    const effects = await this.#submit(entry, { kind: "record", outcome: "answered", rrset, ttl: 300 });
    for (const effect of effects) {
      if (effect.kind !== "get-policy") continue;
      const maxAge = MAX_AGES[this.#draw(MAX_AGES.length)] as number;
      const name = `${this.#task.name}-${this.#fetches.length}`;
      const view = new DataView(effect.token.buffer, effect.token.byteOffset);
      const fetch = { name, startedAt: view.getUint32(0, true) * 1000 + view.getUint32(4, true), maxAge };
      entry.getInFlight = true;
      this.#fetches.push(fetch);
      this.#airborne.push({ entry, token: effect.token, fetch });
    }
  }

  /** Any of those under way, so that many land late. */
  async #land(): Promise<void> {
    const [{ entry, token, fetch }] = this.#airborne.splice(this.#draw(this.#airborne.length), 1) as [Airborne];
    entry.getInFlight = false;
    if (this.#draw(10) === 0) return void (await this.#submit(entry, { kind: "policy", token, failure: "timeout" }));
    const text = `version: STSv1\nmode: enforce\nmx: ${fetch.name}.example.com\nmax_age: ${fetch.maxAge}\n`;
    const body = new TextEncoder().encode(text);
    this.#store.landing = fetch.name;
    await this.#submit(entry, { kind: "policy", token, body, contentType: "text/plain" });
    this.#store.landing = "";
    if (entry.state && fetchIn(entry.state) !== fetch.name) this.#tooLate++;
  }

  async #submit(entry: DomainEntry, event: StepEvent) {
    const { effects, answer } = await this.#transition.run(entry, event);
    this.#done++;
    this.#counts[event.kind] = (this.#counts[event.kind] ?? 0) + 1;
    if (answer?.policy && answer.status === "fetched")
      this.#acknowledged.push({
        ...{ domain: entry.domain, version: entry.version },
        fetch: answer.policy.mx[0]?.replace(".example.com", "") ?? "",
      });
    return effects;
  }

  #monotonic(): { uptimeMs: number; boot: number } {
    return { uptimeMs: this.#uptimeMs(), boot: 1 };
  }

  #uptimeMs(): number {
    return 1_000_000 + Math.floor((Number(process.hrtime.bigint()) / 1e6 - this.#task.origin) * SPEED);
  }

  #draw(limit: number): number {
    this.#seed = (Math.imul(this.#seed, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((this.#seed / 2 ** 32) * limit);
  }
}

async function main(task: EngineTask): Promise<void> {
  const opened = await openSqliteStore({ path: task.path, now: () => 1_790_000_000, busyLimit: 15_000 });
  const worker = new Worker(task, await loadCore(), opened);
  process.send?.("ready");
  await once(process, "message");
  const report = await worker.run();
  await opened.close();
  process.send?.(report, undefined, undefined, () => process.disconnect());
}

const argument = process.argv[2];
if (process.send !== undefined && argument?.startsWith("{")) await main(JSON.parse(argument) as EngineTask);
