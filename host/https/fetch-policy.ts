import { setMaxListeners } from "node:events";
import type { DnsClient } from "../dns/types.ts";
import { Slots } from "../slots.ts";
import { pkixTrust } from "../tls/trust.ts";
import { AddressSlots } from "./address-slots.ts";
import { addressForbidden } from "./addresses.ts";
import { connectToPolicyHost, type MatchesDnsId } from "./connect.ts";
import { getPolicy } from "./exchange.ts";
import { FetchError } from "./failure.ts";
import { type PolicyTarget, policyTarget } from "./policy-host.ts";
import type { PolicyFetch, PolicyFetcher } from "./types.ts";

const HTTPS_PORT = 443;
/** RFC 8461 §3.3 suggests one minute; a shorter limit loses slow but compliant publishers. */
const DEFAULT_TIMEOUT_MS = 60_000;
const DEFAULT_MAX_CONCURRENT = 64;
const DEFAULT_MAX_PER_ADDRESS = 16;

export interface PolicyFetcherOptions {
  readonly dns: Pick<DnsClient, "addresses">;
  /** Trusted roots as PEM text; default: those shipped with Node. */
  readonly caPem?: string | undefined;
  /** Milliseconds for everything: DNS, connect, TLS, headers and body. As long again may pass in the queue before. */
  readonly timeoutMs?: number;
  readonly allowPrivateAddresses?: boolean;
  readonly matchesDnsId: MatchesDnsId;
  /** Fetches that run at once; more wait, within their own deadline. */
  readonly maxConcurrent?: number;
  /** Those that run at once from one address (attack A-43). */
  readonly maxPerAddress?: number;
  /** For tests and the lab, which cannot listen on 443. The URL and the Host header never carry a port. */
  readonly dialPort?: number;
  /** No proxy is used, in particular none named by the environment (R-8461-3.3-10). */
  readonly proxy?: undefined;
}

/** @throws Error when caPem cannot be used, RangeError when maxConcurrent is no positive integer */
export function createPolicyFetcher(options: PolicyFetcherOptions): PolicyFetcher {
  return new HttpsPolicyFetcher(options);
}

class HttpsPolicyFetcher implements PolicyFetcher {
  readonly #options: PolicyFetcherOptions;
  readonly #timeoutMs: number;
  readonly #trust: ReturnType<typeof pkixTrust>;
  readonly #slots: Slots;
  readonly #perAddress: AddressSlots;
  readonly #running = new Map<Deadline, Promise<PolicyFetch>>();
  #closed = false;

  constructor(options: PolicyFetcherOptions) {
    this.#options = options;
    this.#timeoutMs = options.timeoutMs ?? DEFAULT_TIMEOUT_MS;
    this.#trust = pkixTrust(options.caPem);
    this.#slots = new Slots(options.maxConcurrent ?? DEFAULT_MAX_CONCURRENT);
    this.#perAddress = new AddressSlots(options.maxPerAddress ?? DEFAULT_MAX_PER_ADDRESS);
  }

  async fetch(domain: string, signal?: AbortSignal, urgent = false): Promise<PolicyFetch> {
    const target = policyTarget(domain);
    const deadline = new Deadline(target.host, this.#timeoutMs, signal);
    if (this.#closed) deadline.abort();
    const flight = this.#fly(target, deadline, urgent);
    this.#running.set(deadline, flight);
    try {
      return await flight;
    } finally {
      this.#running.delete(deadline);
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const deadline of this.#running.keys()) deadline.abort();
    await Promise.allSettled(this.#running.values());
  }

  async #fly(target: PolicyTarget, deadline: Deadline, urgent: boolean): Promise<PolicyFetch> {
    const { signal } = deadline;
    let slot: string = await this.#slots.acquire(signal, urgent);
    let leave = () => {};
    try {
      if (slot !== "acquired") throw signal.reason;
      deadline.begin();
      deadline.step = `looking up the addresses of ${target.host}`;
      const addresses = await this.#checkedAddresses(target.host, signal);
      // Whoever waits for a busy address gives its turn to the fetches from others.
      leave = await this.#perAddress.take(addresses[0] as string, signal, urgent, () => {
        this.#slots.release();
        slot = "given back";
        deadline.wait(`waiting for other fetches from ${addresses[0]}`);
      });
      if (slot !== "acquired") {
        slot = await this.#slots.acquire(signal, urgent);
        if (slot !== "acquired") throw signal.reason;
        deadline.begin();
      }
      return await this.#get(target, addresses, deadline);
    } catch (error) {
      const failure = signal.aborted ? signal.reason : error;
      // Anything else is a fault of this program, not of the network.
      if (!(failure instanceof FetchError)) throw failure;
      return { ok: false, failure: failure.failure, detail: failure.message };
    } finally {
      leave();
      if (slot === "acquired") this.#slots.release();
      deadline.end();
    }
  }

  async #get(target: PolicyTarget, addresses: readonly string[], deadline: Deadline): Promise<PolicyFetch> {
    const { signal } = deadline;
    const connection = await connectToPolicyHost({
      host: target.host,
      addresses,
      port: this.#options.dialPort ?? HTTPS_PORT,
      trust: this.#trust,
      matchesDnsId: this.#options.matchesDnsId,
      signal,
      timeoutMs: this.#timeoutMs,
      onStep: (step) => {
        deadline.step = step;
      },
    });
    deadline.step = `waiting for the response of ${connection.peer.address}`;
    const { body, contentType } = await getPolicy(target, connection, signal);
    return { ok: true, body, contentType, peer: connection.peer };
  }

  /** What is returned is what is dialled: nothing resolves the name a second time (attack A-34). */
  async #checkedAddresses(host: string, signal: AbortSignal): Promise<string[]> {
    const outcome = await unlessAborted(signal, this.#options.dns.addresses(host, signal));
    if (outcome.kind === "failed" && outcome.reason === "overloaded") throw new FetchError("aborted", outcome.detail);
    if (outcome.kind === "failed") throw new FetchError("dns", `the lookup of ${host} failed: ${outcome.detail}`);
    if (outcome.kind === "none" || outcome.records.length === 0)
      throw new FetchError("dns", `${host} has no address${outcome.kind === "none" ? ` (${outcome.reason})` : ""}`);

    const allowPrivate = this.#options.allowPrivateAddresses ?? false;
    const judged = outcome.records.map((address) => ({ address, why: addressForbidden(address, allowPrivate) }));
    const allowed = judged.filter(({ why }) => why === null).map(({ address }) => address);
    if (allowed.length > 0) return allowed;
    const reasons = judged.map(({ address, why }) => `${address} (${why})`).join(", ");
    throw new FetchError("address-forbidden", `no address of ${host} may be dialled: ${reasons}`);
  }
}

/**
 * The time limit of a fetch (R-8461-3.3-13), joined with the caller's signal and with close(). The wait for a slot is
 * ours, not the host's: a fetch whose turn never comes was given up and says nothing about the domain.
 */
class Deadline {
  /** What the fetch is waiting for, told when the time is over. */
  step = "waiting for a free fetch slot";
  readonly #controller = new AbortController();
  readonly #timeoutMs: number;
  #timer: NodeJS.Timeout;
  /** Milliseconds that may still be spent waiting for a turn, and since when this wait goes on. */
  #patience: number;
  #waitingSince = performance.now();
  readonly #caller: AbortSignal | undefined;
  readonly #onCallerAbort = () => this.abort();

  readonly #host: string;

  constructor(host: string, timeoutMs: number, caller: AbortSignal | undefined) {
    this.#host = host;
    this.#caller = caller;
    this.#timeoutMs = timeoutMs;
    this.#patience = timeoutMs;
    this.#timer = setTimeout(() => this.abort(), timeoutMs);
    if (caller === undefined) return;
    // One signal may well stand for all fetches of an engine; that many listeners are no leak, end() removes them.
    setMaxListeners(0, caller);
    caller.addEventListener("abort", this.#onCallerAbort, { once: true });
    if (caller.aborted) this.abort();
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** It is this fetch's turn: the host's time begins. */
  begin(): void {
    this.#patience -= performance.now() - this.#waitingSince;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      const limit = `${this.#timeoutMs / 1000} s`;
      this.#controller.abort(
        new FetchError("timeout", `no complete answer from ${this.#host} within ${limit}, was ${this.step}`),
      );
    }, this.#timeoutMs);
  }

  /** It waits for a turn once more, as long as it has not waited before. */
  wait(step: string): void {
    this.step = step;
    this.#waitingSince = performance.now();
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.abort(), Math.max(0, this.#patience));
  }

  abort(): void {
    this.#controller.abort(new FetchError("aborted", `the fetch from ${this.#host} was given up, was ${this.step}`));
  }

  end(): void {
    clearTimeout(this.#timer);
    this.#caller?.removeEventListener("abort", this.#onCallerAbort);
  }
}

function unlessAborted<T>(signal: AbortSignal, promise: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", onAbort));
  });
}
