import type { Decision, HonouredPolicy } from "./decision.ts";

/** A caller that waits for what is being found out. */
export interface Waiter {
  /** A recheck waits for a newer policy if there is one, a refetch for any. */
  readonly kind: "lookup" | "recheck" | "refetch";
  resolve(decision: Decision): void;
  readonly callOff: () => void;
}

/** What this process holds of one Policy Domain: the state as last read or written, and who waits for what. */
export class DomainEntry {
  readonly domain: string;
  /** The core's bytes; null when nothing is known. */
  state: Uint8Array | null = null;
  /** Version of the stored row `state` was read from or written as; 0 when there is none. */
  version = 0;
  /** Monotonic milliseconds of the last look at the stored version; null before the first. */
  versionCheckedAt: number | null = null;
  /** Losses of the whole store that were known when the row was last seen in it (shelf.ts). */
  lossesSeen = 0;
  /** The stored row is damaged and was not replaced yet: it may have been an enforce policy. */
  damaged = false;
  /** Why the stored row could not be read when that was last tried; printable. */
  storeFault = "";
  /** An operator said that this domain has nothing to lose by a lost store. */
  forgotten = false;
  /** Octets this entry was last counted with (domain-table.ts). */
  weight = 0;
  queryInFlight = false;
  getInFlight = false;
  /** What the last discovery step said, for logs and TEMP reasons. */
  detail = "";
  /** SHA-256 fingerprint in hex of the certificate that the last successful fetch was authenticated with. */
  certificate: string | null = null;
  readonly waiters = new Set<Waiter>();
  /** Parsed form of the policy text in `state`, with the text it was made from. */
  parsed: { readonly text: Uint8Array; readonly policy: Pick<HonouredPolicy, "mx" | "lines"> } | null = null;
  /** Events of one domain are handled one after the other. */
  tail: Promise<void> = Promise.resolve();
  /** Events that wait for their turn or are being handled. */
  pending = 0;

  constructor(domain: string) {
    this.domain = domain;
  }

  /** Takes over what was read or written: the state and the version of its row. */
  hold(state: Uint8Array | null, version: number): void {
    this.state = state;
    this.version = version;
  }

  /** Runs a task when the domain's earlier ones are done. */
  inTurn<T>(task: () => Promise<T>): Promise<T> {
    this.pending++;
    const run = this.tail.then(task);
    const leave = () => void this.pending--;
    this.tail = run.then(leave, leave);
    return run;
  }

  /** Answers one who waits, once: deadline, event and close may all try. */
  release(waiter: Waiter, decision: Decision): void {
    if (!this.waiters.delete(waiter)) return;
    waiter.callOff();
    waiter.resolve(decision);
  }

  answerAll(decision: Decision): void {
    for (const waiter of this.waiters) this.release(waiter, decision);
  }

  /** Octets held: the state, and the parsed policy, whose many small strings cost far more than their text. */
  get size(): number {
    return (this.state?.length ?? 0) + 12 * (this.parsed?.text.length ?? 0);
  }

  /** May this entry be dropped from memory without anybody noticing? */
  get isIdle(): boolean {
    return this.pending === 0 && this.waiters.size === 0 && !this.queryInFlight && !this.getInFlight;
  }

  get recheckWaiting(): boolean {
    for (const waiter of this.waiters) if (waiter.kind !== "lookup") return true;
    return false;
  }
}
