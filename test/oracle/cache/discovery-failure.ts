// AMB-10: what a domain without a policy gets while its record cannot be looked up.
import { DEFER, OPEN } from "./numbers.ts";

export type OnDiscoveryFailure = "defer-briefly" | "deliver" | "defer";

export interface FailureNow {
  readonly answer: "temp" | "none";
  /** The first time that mail goes out without discovery. */
  readonly opens: boolean;
  /** DNS may be asked again. */
  readonly mayAsk: boolean;
}

export class DiscoveryFailure {
  readonly #option: OnDiscoveryFailure;
  #first: number | null = null;
  #last = 0;
  #said = false;

  constructor(option: OnDiscoveryFailure) {
    this.#option = option;
  }

  clear(): void {
    this.#first = null;
  }

  /** A query failed. */
  fail(now: number): FailureNow {
    if (this.#first === null || this.#isOver(now)) {
      this.#first = now;
      this.#said = false;
    }
    this.#last = now;
    return this.at(now) as FailureNow;
  }

  /** Null while nothing has failed. */
  at(now: number): FailureNow | null {
    if (this.#first === null) return null;
    const isOpen = this.#option === "deliver" || (this.#option === "defer-briefly" && this.#isOpen(now, this.#first));
    const opens = isOpen && !this.#said;
    this.#said ||= opens;
    return { answer: isOpen ? "none" : "temp", opens, mayAsk: now - this.#last >= (isOpen ? OPEN.apart : DEFER.apart) };
  }

  #isOpen(now: number, first: number): boolean {
    return now - first >= DEFER.time && !this.#isOver(now);
  }

  /** The day is over: the next failure is a first one again. */
  #isOver(now: number): boolean {
    return this.#first !== null && now - this.#first >= DEFER.time + OPEN.time;
  }
}
