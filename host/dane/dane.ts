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

/** Milliseconds that a start waits for the first self-test; after them DANE is off until one passes. */
const FIRST_TEST = 2_000;

/** DANE in a running program: on while the resolver is known to validate, off otherwise. */
export class Dane {
  readonly #options: DaneOptions;
  readonly #notFor: ReadonlySet<string>;

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
    let timer: NodeJS.Timeout | undefined;
    const patience = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, FIRST_TEST);
    });
    await Promise.race([this.#options.selfTest.start(), patience]);
    clearTimeout(timer);
  }

  readonly find: FindDane = async (destination, signal) => {
    if (!this.active || this.#notFor.has(destination.domain)) return null;
    return lookUpDane(this.#options.dns, this.#options.core, destination, signal);
  };

  close(): void {
    this.#options.selfTest.close();
    this.#options.close?.();
  }
}
