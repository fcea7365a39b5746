import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect } from "vitest";
import { loadCoreSync } from "../../../host/core/load.ts";
import type { Decision } from "../../../host/engine/decision.ts";
import { createEngine, type Engine, type EngineOptions } from "../../../host/engine/engine.ts";
import { MemoryStore } from "../../../host/store/memory.ts";
import { openSqliteStore } from "../../../host/store/open.ts";
import type { PolicyStore } from "../../../host/store/types.ts";
import { Heard } from "./heard.ts";
import { policy, ScriptedDns, ScriptedFetcher } from "./scripted-outside.ts";
import { SimulatedTime, settled } from "./simulated-time.ts";
import { UnwillingStore } from "./unwilling-store.ts";

export const D = "example.com";

const core = loadCoreSync();
const worlds: World[] = [];

export interface WorldOptions extends Partial<EngineOptions> {
  /** "memory" keeps its rows over a restart of the engine, as the file of "sqlite" does. */
  readonly kind?: "memory" | "sqlite";
  /** Use this world's clock, outside and rows: a second process beside it. */
  readonly beside?: World;
}

/** The production engine in a world without coincidence. Closed, and checked for leaks, after each test. */
export class World {
  readonly time: SimulatedTime;
  readonly dns: ScriptedDns;
  readonly https: ScriptedFetcher;
  readonly heard = new Heard();
  readonly directory: string | null;
  store!: UnwillingStore;
  engine!: Engine;
  /** Set by a test that provokes faults; otherwise there must be none. */
  faultsExpected = false;
  /** Runs on the store of each engine that is started, before the engine sees it. */
  beforeStart: (store: UnwillingStore) => void = () => {};
  readonly #options: WorldOptions;
  readonly #rows: PolicyStore | null;

  constructor(options: WorldOptions) {
    const { beside, kind } = options;
    this.#options = options;
    this.time = beside?.time ?? new SimulatedTime();
    this.dns = beside?.dns ?? new ScriptedDns();
    this.https = beside?.https ?? new ScriptedFetcher();
    this.directory = beside?.directory ?? (kind === "sqlite" ? mkdtempSync(join(tmpdir(), "mta-sts-engine-")) : null);
    this.#rows = this.directory ? null : (beside?.rows ?? new MemoryStore({ now: () => this.time.now }));
  }

  get rows(): PolicyStore | null {
    return this.#rows;
  }

  get path(): string {
    return join(this.directory as string, "policies.db");
  }

  async openStore(): Promise<PolicyStore> {
    return this.#rows ?? openSqliteStore({ path: this.path, now: () => this.time.now, random: () => 0.5 });
  }

  async start(more: Partial<EngineOptions> = {}): Promise<void> {
    this.store = new UnwillingStore(await this.openStore());
    this.beforeStart(this.store);
    this.engine = await createEngine({
      core,
      store: this.store,
      dns: this.dns,
      fetcher: this.https,
      observer: this.heard,
      clock: this.time,
      timers: this.time,
      random: (limit) => Math.floor(limit / 2),
      ...this.#options,
      ...more,
    });
    await settled();
  }

  /** Ends the engine as a clean stop does, and starts another on the same store. */
  async restart(more: Partial<EngineOptions> = {}): Promise<void> {
    await this.stop();
    await this.start(more);
  }

  async stop(): Promise<void> {
    this.store.heal();
    await this.engine.close();
    if (this.directory) await this.store.close();
  }

  /** What mail to the domain is told now; nobody waits, so the answer must be there without time passing. */
  async ask(domain = D): Promise<Decision> {
    const answer = this.engine.resolve(domain);
    await settled();
    return this.#now(answer, domain);
  }

  async recheck(domain = D): Promise<Decision> {
    const answer = this.engine.recheck(domain);
    await settled();
    return this.#now(answer, domain);
  }

  async refresh(domain = D): Promise<Decision> {
    const answer = this.engine.refresh(domain);
    await settled();
    return this.#now(answer, domain);
  }

  /** Publishes a record and a policy, and lets the engine discover them. */
  async hold(body = policy("enforce"), id = "1", domain = D, ttl = 300): Promise<void> {
    this.dns.publish(domain, id, ttl);
    this.https.serve(domain, body);
    const { verdict, status } = await this.ask(domain);
    expect([verdict, status]).toEqual(["policy", "fetched"]);
    this.heard.takeNotices();
  }

  async #now(answer: Promise<Decision>, domain: string): Promise<Decision> {
    const late = Symbol();
    const first = await Promise.race([answer, settled().then(() => late)]);
    if (first === late) throw new Error(`no answer for ${domain} without time passing`);
    return first as Decision;
  }

  async close(): Promise<void> {
    for (const side of [this.dns, this.https]) for (const domain of new Set(side.asked)) side.release(domain);
    await this.engine.close();
    const left = { waiting: this.engine.waiting, flights: this.engine.flights };
    await settled();
    expect({ ...left, open: this.dns.open + this.https.open }).toEqual({ waiting: 0, flights: 0, open: 0 });
    if (!this.faultsExpected) expect(this.heard.faults).toEqual([]);
    if (this.directory) await this.store.close();
  }
}

export async function world(options: WorldOptions = {}): Promise<World> {
  const made = new World(options);
  worlds.push(made);
  await made.start();
  return made;
}

afterEach(async () => {
  const over = worlds.splice(0).reverse();
  for (const one of over) await one.close();
  for (const one of over) expect(one.time.pending).toBe(0);
  for (const { directory } of over) if (directory) rmSync(directory, { recursive: true, force: true });
});
