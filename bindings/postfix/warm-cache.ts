import type { Reply } from "./reply.ts";

interface Entry {
  readonly reply: Reply;
  /** Monotonic milliseconds. */
  readonly expires: number;
}

/** A request longer than this is answered but not kept. */
const MAX_KEPT_REQUEST = 512;
/** What an entry costs beside its bytes, roughly: map slot, string header, objects. */
const ENTRY_OVERHEAD = 200;

/**
 * Replies by raw request, for as long as each may be given again. Bounded in entries and in bytes by two generations:
 * when the young one is full the old one is dropped whole. A hit in the old one moves to the young one, so what is
 * asked for often stays. Losing an entry costs a question to the engine and nothing else.
 */
export class WarmCache {
  #young = new Map<string, Entry>();
  #old = new Map<string, Entry>();
  #youngBytes = 0;
  readonly #entries: number;
  readonly #bytes: number;

  /** `entries` and `bytes` bound both generations together. */
  constructor(entries: number, bytes: number) {
    this.#entries = Math.max(1, entries >> 1);
    this.#bytes = bytes / 2;
  }

  get size(): number {
    return this.#young.size + this.#old.size;
  }

  /** `now`: monotonic milliseconds. */
  get(request: string, now: number): Reply | null {
    const young = this.#young.get(request);
    if (young !== undefined) return now < young.expires ? young.reply : null;
    const old = this.#old.get(request);
    if (old === undefined) return null;
    this.#old.delete(request);
    if (now >= old.expires) return null;
    this.#keep(request, old);
    return old.reply;
  }

  set(request: string, reply: Reply, expires: number): void {
    if (request.length > MAX_KEPT_REQUEST) return;
    this.#old.delete(request);
    this.#keep(request, { reply, expires });
  }

  clear(): void {
    this.#young.clear();
    this.#old.clear();
    this.#youngBytes = 0;
  }

  #keep(request: string, entry: Entry): void {
    const cost = request.length + entry.reply.bytes.length + ENTRY_OVERHEAD;
    if (cost > this.#bytes) return;
    if (this.#young.size >= this.#entries || this.#youngBytes + cost > this.#bytes) this.#turn();
    // A replaced entry is counted twice until the generation turns: the bound errs on the small side.
    this.#youngBytes += cost;
    this.#young.set(request, entry);
  }

  #turn(): void {
    this.#old = this.#young;
    this.#young = new Map();
    this.#youngBytes = 0;
  }
}
