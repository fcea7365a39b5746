import { type DaneDestination, type DaneFindings, lookUpDane } from "./domain-lookup.ts";
import type { DaneCore, DaneDns } from "./host-lookup.ts";
import type { DnssecSelfTest } from "./self-test.ts";

export interface DaneOptions {
  /** Asks none but trusted resolvers. */
  readonly dns: DaneDns;
  readonly core: DaneCore;
  readonly selfTest: DnssecSelfTest;
  /** Canonical domains for which DANE plays no part. */
  readonly notFor?: readonly string[];
  /** Ends what the lookups need. */
  readonly close?: () => void;
}

/** Looks DANE up for a destination; null while it plays no part there. */
export type FindDane = (destination: DaneDestination, signal: AbortSignal) => Promise<DaneFindings | null>;

/** Milliseconds that a start waits for the first self-test; lookups wait for it longer, to their own deadline. */
const FIRST_TEST = 2_000;
const UNTESTED: DaneFindings = { kind: "failed", detail: "the first self-test of the resolver has not ended yet" };

/** DANE in a running program: on while the resolver is known to validate, off otherwise. */
export class Dane {
  readonly #options: DaneOptions;
  readonly #notFor: ReadonlySet<string>;
  #first: Promise<void> | null = null;

  constructor(options: DaneOptions) {
    this.#options = options;
    this.#notFor = new Set(options.notFor);
  }

  get active(): boolean {
    return this.#options.selfTest.passes;
  }

  /** "on", or why not. */
  get text(): string {
    return this.active ? "on" : `off: ${this.#options.selfTest.detail}`;
  }

  /** Tests the resolver, now and from now on. */
  async start(): Promise<void> {
    this.#first = this.#options.selfTest.start().then(() => {
      this.#first = null;
    });
    let timer: NodeJS.Timeout | undefined;
    const patience = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, FIRST_TEST);
    });
    await Promise.race([this.#first, patience]);
    clearTimeout(timer);
  }

  readonly find: FindDane = async (destination, signal) => {
    if (this.#notFor.has(destination.domain)) return null;
    // No mail goes out without DANE only because it came before the resolver was tested.
    if (this.#first !== null && !(await endsBefore(this.#first, signal))) return UNTESTED;
    if (!this.active) return null;
    return lookUpDane(this.#options.dns, this.#options.core, destination, signal);
  };

  close(): void {
    this.#options.selfTest.close();
    this.#options.close?.();
  }
}

function endsBefore(work: Promise<void>, signal: AbortSignal): Promise<boolean> {
  if (signal.aborted) return Promise.resolve(false);
  return new Promise((resolve) => {
    signal.addEventListener("abort", () => resolve(false), { once: true });
    void work.then(() => resolve(true));
  });
}
