import type { DnsClient } from "../dns/types.ts";

/** Does the resolver validate? Only then does an AD bit mean anything, and a SERVFAIL that data were forged. */
export type Trust = "untested" | "validates" | "does-not-validate";

export interface SelfTestOptions {
  readonly dns: Pick<DnsClient, "soa">;
  /** Zones whose SOA must come with AD; the root is one that every validator can vouch for. */
  readonly signed: readonly string[];
  /** Zones whose signatures are broken on purpose: one at least must be SERVFAIL, and none may be answered. */
  readonly bogus: readonly string[];
  /** Hears of every change, and of the first result. `detail` says what was seen. */
  readonly onChange?: (trust: Trust, detail: string) => void;
  /** Milliseconds between tests, and while the resolver has not passed. */
  readonly every?: number;
  readonly retry?: number;
}

interface Finding {
  /** null: nothing was learned, as when nobody answers. */
  readonly good: boolean | null;
  readonly text: string;
}

const EVERY = 300_000;
const RETRY = 15_000;

/**
 * Asks the resolver, at the start and again and again, for a signed name and for a bogus one. A definite answer changes
 * the trust; silence changes nothing, for then no other lookup succeeds either. Until it has passed, DANE is off.
 *
 * What it cannot see: a forwarder that copies AD from a validating resolver across a network anyone can write to. That is
 * why only the resolvers that the operator names, by default those on loopback, are believed at all (R-7672-2.1.1-02).
 */
export class DnssecSelfTest {
  readonly #options: SelfTestOptions;
  #trust: Trust = "untested";
  #detail = "not tested yet";
  #timer: NodeJS.Timeout | null = null;
  #closed = false;

  constructor(options: SelfTestOptions) {
    this.#options = options;
  }

  get passes(): boolean {
    return this.#trust === "validates";
  }

  get detail(): string {
    return this.#detail;
  }

  /** Tests once, then repeats until `close`. Resolves after the first test; never rejects. */
  async start(): Promise<void> {
    await this.#run();
  }

  close(): void {
    this.#closed = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
  }

  async #run(): Promise<void> {
    const { signed, bogus, every = EVERY, retry = RETRY } = this.#options;
    const [vouched, refused] = await Promise.all([
      Promise.all(signed.map((name) => this.#askSigned(name))),
      Promise.all(bogus.map((name) => this.#askBogus(name))),
    ]);
    if (this.#closed) return;
    this.#conclude(vouched, refused);
    this.#timer = setTimeout(() => void this.#run(), this.passes ? every : retry);
    this.#timer.unref();
  }

  #conclude(vouched: readonly Finding[], refused: readonly Finding[]): void {
    const all = [...vouched, ...refused];
    const detail = all.map(({ text }) => text).join("; ");
    const bad = all.some(({ good }) => good === false);
    const passed = [vouched, refused].every((group) => group.some(({ good }) => good === true));
    const trust = bad ? "does-not-validate" : passed ? "validates" : this.#trust;
    const first = this.#detail === "not tested yet";
    const changed = trust !== this.#trust;
    this.#trust = trust;
    this.#detail = detail;
    if (changed || first) this.#options.onChange?.(trust, detail);
  }

  async #askSigned(name: string): Promise<Finding> {
    const outcome = await this.#options.dns.soa(name);
    if (outcome.kind === "failed") return { good: null, text: `signed ${name}: ${outcome.detail}` };
    return outcome.secure
      ? { good: true, text: `signed ${name}: authenticated` }
      : { good: false, text: `signed ${name}: answered, but not authenticated` };
  }

  async #askBogus(name: string): Promise<Finding> {
    const outcome = await this.#options.dns.soa(name);
    if (outcome.kind === "records") return { good: false, text: `bogus ${name}: answered as if it were good` };
    // A zone that is gone teaches nothing.
    if (outcome.kind === "none") return { good: null, text: `bogus ${name}: does not exist` };
    return outcome.reason === "servfail"
      ? { good: true, text: `bogus ${name}: refused` }
      : { good: null, text: `bogus ${name}: ${outcome.detail}` };
  }
}
