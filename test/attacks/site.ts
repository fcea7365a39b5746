import { join } from "node:path";
import { control, type DaemonOptions, DaemonProcess, Home, type LogLine } from "../daemon/daemon-process.ts";
import { DaemonClock } from "../lab/daemon-clock.ts";
import type { DomainSpec, PolicySpec } from "../lab/domain-spec.ts";
import { createWorld, type World } from "../lab/world.ts";

export const HOUR = 3_600;
export const DAY = 86_400;
export const WEEK = 604_800;
export const NOTFOUND = "NOTFOUND ";

/** Loopback addresses of this process alone: other runs of the tests may go on beside it. */
let addresses = 0;
export function ownAddress(): string {
  return `127.86.${process.pid & 0xff}.${(((process.pid >>> 8) * 16 + ++addresses) % 254) + 1}`;
}

export const enforce = (domain: string, maxAge = WEEK): PolicySpec => ({
  mode: "enforce",
  mx: [`mx.${domain}`],
  maxAge,
});
export const bodyOf = (domain: string, maxAge = WEEK): string =>
  `version: STSv1\nmode: enforce\nmx: mx.${domain}\nmax_age: ${maxAge}\n`;

/** What Postfix is told while the policy of `enforce(domain)` is in force. */
export const secured = (domain: string): string =>
  `OK secure match=mx.${domain} servername=hostname protocols=!SSLv2:!SSLv3:!TLSv1:!TLSv1.1`;

export interface SiteOptions {
  /** Sections of the daemon's configuration, in place of those of Home.configure. */
  readonly config?: Record<string, unknown>;
  /** Seconds; TTL of what the lab publishes. Default 0: no answer is kept, each question is one to the engine. */
  readonly ttl?: number;
  readonly daemon?: DaemonOptions;
  /** "true": the daemon's clock cannot be moved; reading it then needs no file. */
  readonly clock?: "true";
}

/** A world, and one daemon that looks at it, with clocks that a test moves. */
export class Site {
  readonly world: World;
  readonly home: Home;
  readonly clock: DaemonClock;
  readonly #options: DaemonOptions;
  #daemon: DaemonProcess | null = null;
  #named = 0;

  private constructor(world: World, home: Home, { daemon = {}, clock }: SiteOptions) {
    this.world = world;
    this.home = home;
    this.clock = new DaemonClock(join(home.folder, "clock.json"));
    const moved = clock === "true" ? {} : this.clock.options;
    this.#options = { ...daemon, nodeArgs: moved.nodeArgs ?? [], env: { ...moved.env, ...daemon.env } };
  }

  static async open(options: SiteOptions = {}): Promise<Site> {
    const { config = {}, ttl = 0 } = options;
    const world = await createWorld({ httpsAddress: ownAddress(), httpsPort: 443, ttl });
    // A busy machine must not look like a dead resolver.
    const dns = { servers: [`127.0.0.1:${world.dns.port}`], timeout: "1s" };
    const site = new Site(world, new Home().configure(world, { dns, ...config }), options);
    await site.start();
    return site;
  }

  get daemon(): DaemonProcess {
    if (this.#daemon === null) throw new Error("no daemon runs");
    return this.#daemon;
  }

  async start(more: DaemonOptions = {}): Promise<DaemonProcess> {
    this.#daemon = await DaemonProcess.start(this.home, { ...this.#options, ...more });
    return this.#daemon;
  }

  async stop(signal: NodeJS.Signals = "SIGTERM"): Promise<void> {
    await this.#daemon?.stop(signal);
    this.#daemon = null;
  }

  async restart(more: DaemonOptions = {}): Promise<DaemonProcess> {
    await this.stop();
    return this.start(more);
  }

  /** The machine is booted again; `set` says what its clock shows then. */
  async reboot(set: (clock: DaemonClock) => void = () => {}): Promise<DaemonProcess> {
    await this.stop();
    this.clock.reboot();
    set(this.clock);
    return this.start();
  }

  /** A domain of which nobody has heard yet. */
  newDomain(): string {
    return `d${++this.#named}.test`;
  }

  /** A domain that enforces, and of which the daemon does not know yet. */
  async unknown(spec: DomainSpec = {}, maxAge = WEEK): Promise<string> {
    const domain = this.newDomain();
    await this.world.domain(domain, { policy: enforce(domain, maxAge), ...spec });
    return domain;
  }

  /** A domain whose enforce policy the daemon holds. */
  async known(maxAge = WEEK): Promise<string> {
    const domain = await this.unknown({}, maxAge);
    const reply = await this.ask(domain);
    if (reply !== secured(domain)) throw new Error(`${domain} was to be known, but: ${reply}`);
    return domain;
  }

  ask(domain: string): Promise<string | null> {
    return this.daemon.ask(`postfix ${domain}`);
  }

  /** Asks, and waits until the look at the record that this led to is over. */
  async askAndLook(domain: string): Promise<string | null> {
    const before = this.world.dns.count(`_mta-sts.${domain}`, "TXT");
    const reply = await this.ask(domain);
    await this.world.waitForQuery(`_mta-sts.${domain}`, "TXT", before + 1);
    return reply;
  }

  /** Waits until no query and no fetch is under way. */
  settled(): Promise<void> {
    return eventually("nothing is under way", async () => (await this.metric("mta_sts_flights")) === 0);
  }

  /** The first line of an event about a domain, now or when it comes. */
  event(name: string, domain: string): Promise<LogLine> {
    return this.daemon.event(name, (line) => line.domain === domain);
  }

  /** Lines of the log about a domain. */
  told(domain: string): LogLine[] {
    return this.daemon.lines.filter((line) => line.domain === domain);
  }

  /** How often the policy of a domain was asked for. */
  gets(domain: string): number {
    return this.world.https.requests.where(({ sni }) => sni === `mta-sts.${domain}`).length;
  }

  /** What the daemon holds of a domain; null: nothing. */
  async held(domain: string): Promise<HeldPolicy | null> {
    const { status, body } = await control(this.home.control, "GET", `/v1/policies/${domain}`);
    return status === 200 ? ((JSON.parse(body) as { policy: HeldPolicy | null }).policy ?? null) : null;
  }

  /** The value of one line of /metrics. */
  async metric(line: string): Promise<number> {
    const { body } = await this.daemon.page("/metrics");
    return Number(
      body
        .split("\n")
        .find((found) => found.startsWith(`${line} `))
        ?.slice(line.length) ?? 0,
    );
  }

  async close(): Promise<void> {
    await this.stop("SIGKILL");
    this.home.remove();
    await this.world.close();
  }
}

export interface HeldPolicy {
  readonly id: string;
  readonly mode: string;
  readonly maxAge: number;
  readonly age: number;
  readonly expiresIn: number;
  readonly mx: readonly string[];
  readonly lines: readonly string[];
}

const PATIENCE_MS = 30_000;

/** Resolves when `holds` says true. Rejects after half a minute. */
export async function eventually(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  const end = performance.now() + PATIENCE_MS;
  while (!(await holds())) {
    if (performance.now() > end) throw new Error(`not within 30 s: ${what}`);
    await new Promise((wake) => setTimeout(wake, 20));
  }
}
