import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Core } from "../../host/core/core.ts";
import { loadCore } from "../../host/core/load.ts";
import { createDnsClient } from "../../host/dns/client.ts";
import type { DnsClient } from "../../host/dns/types.ts";
import { type Clock, systemClock } from "../../host/engine/clock.ts";
import { createEngine, type Engine } from "../../host/engine/engine.ts";
import { type EngineNotice, silentObserver } from "../../host/engine/observer.ts";
import { createPolicyFetcher } from "../../host/https/fetch-policy.ts";
import type { PolicyFetcher } from "../../host/https/types.ts";
import { openPolicyStore } from "../../host/store/policy-store.ts";
import type { PolicyStore } from "../../host/store/types.ts";
import type { Delivery } from "./mx-server.ts";
import { Sender, type SendResult } from "./sender.ts";
import { createWorld, type World } from "./world.ts";

/** Two MTAs in one loopback world: "ours" asks the engine, "ordinary" is the same program without it. */
export type Mta = "ours" | "ordinary";

/** Real time, and what the demonstration lets pass on top of it. */
class SkippingClock implements Clock {
  readonly #real = systemClock();
  #skipped = 0;

  read() {
    const { now, uptimeMs, boot } = this.#real.read();
    return { now: now + this.#skipped, uptimeMs: uptimeMs + this.#skipped * 1000, boot };
  }

  skip(seconds: number): void {
    this.#skipped += seconds;
  }
}

/** The lab, the engine as in production with its SQLite store in a directory of its own, and the two MTAs. */
export class DemoWorld {
  readonly world: World;
  readonly #core: Core;
  readonly #dns: DnsClient;
  readonly #fetcher: PolicyFetcher;
  readonly #clock = new SkippingClock();
  readonly #findings = new Map<string, string>();
  readonly #directory = mkdtempSync(join(tmpdir(), "mta-sts-demo-"));
  #running: { readonly engine: Engine; readonly store: PolicyStore } | null = null;

  private constructor(world: World, core: Core) {
    this.world = world;
    this.#core = core;
    this.#dns = createDnsClient({ servers: [`${world.dns.address}:${world.dns.port}`] });
    this.#fetcher = createPolicyFetcher({
      dns: this.#dns,
      caPem: world.caPem,
      allowPrivateAddresses: true,
      matchesDnsId: (names, host) => core.matchesDnsId(names, host),
      dialPort: world.https.port,
    });
  }

  static async create(): Promise<DemoWorld> {
    const [world, core] = await Promise.all([createWorld(), loadCore()]);
    const demo = new DemoWorld(world, core);
    await demo.#start();
    return demo;
  }

  /** Time passes: what was learned is no longer fresh. */
  skip(seconds: number): void {
    this.#clock.skip(seconds);
  }

  /** Ends the engine and starts it anew: what it then knows, it has from the file. */
  async restart(): Promise<void> {
    await this.#stop();
    await this.#start();
  }

  async send(mta: Mta, domain: string): Promise<SendResult> {
    const sender = new Sender({
      core: this.#core,
      engine: mta === "ours" ? (this.#running?.engine ?? null) : null,
      dns: this.#dns,
      caPem: this.world.caPem,
      portOf: async (host) => (await this.world.endpoints()).mx[host]?.port ?? 25,
    });
    return sender.send({
      from: `${mta}@sender.test`,
      to: `postmaster@${domain}`,
      text: "Subject: a secret\r\n\r\nSecret.",
    });
  }

  /** What the MX servers took from one MTA for a domain, in their own words. */
  async taken(mta: Mta, domain: string): Promise<Delivery[]> {
    const all = await this.world.deliveries();
    return all.filter(({ from, to }) => from === `${mta}@sender.test` && to.includes(`postmaster@${domain}`));
  }

  /** What the engine last found wrong with a domain's policy or its record, "" when nothing. */
  finding(domain: string): string {
    return this.#findings.get(domain) ?? "";
  }

  async close(): Promise<void> {
    await this.#stop();
    await this.#fetcher.close();
    this.#dns.close();
    await this.world.close();
    rmSync(this.#directory, { recursive: true, force: true });
  }

  async #start(): Promise<void> {
    const clock = this.#clock;
    const store = await openPolicyStore({ path: join(this.#directory, "policies.db"), now: () => clock.read().now });
    const notice = ({ domain, detail }: EngineNotice) => {
      if (detail !== "") this.#findings.set(domain, detail);
    };
    const engine = await createEngine({
      core: this.#core,
      dns: this.#dns,
      fetcher: this.#fetcher,
      store,
      clock,
      observer: { ...silentObserver, notice },
    });
    this.#running = { engine, store };
  }

  async #stop(): Promise<void> {
    await this.#running?.engine.close();
    await this.#running?.store.close();
    this.#running = null;
  }
}
