import { Slots } from "../slots.ts";

interface Place {
  readonly slots: Slots;
  /** Fetches that are under way there or wait for it. */
  users: number;
}

/**
 * A bound on fetches from one address. Anybody can point a million policy hosts at one slow server (attack A-43):
 * what waits for that server must not take the turns of all others.
 */
export class AddressSlots {
  readonly #limit: number;
  readonly #places = new Map<string, Place>();

  constructor(limit: number) {
    this.#limit = limit;
  }

  /**
   * Takes a place at an address; `onWait` is told before a wait begins. Resolves with the function that gives it back.
   * @throws the reason of the signal when that ends the wait
   */
  async take(address: string, signal: AbortSignal, urgent: boolean, onWait: () => void): Promise<() => void> {
    const place = this.#places.get(address) ?? { slots: new Slots(this.#limit), users: 0 };
    this.#places.set(address, place);
    if (++place.users > this.#limit) onWait();
    const leave = () => {
      if (--place.users === 0) this.#places.delete(address);
    };
    if ((await place.slots.acquire(signal, urgent)) !== "acquired") {
      leave();
      throw signal.reason;
    }
    return () => {
      place.slots.release();
      leave();
    };
  }
}
