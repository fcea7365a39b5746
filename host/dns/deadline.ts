/**
 * The end of one question, whichever comes first: its own time is up, its caller gave up, the client closes.
 * `release` must be called when the question is over, or its timer and listeners live on.
 */
export class Deadline {
  readonly #controller = new AbortController();
  readonly #timer: NodeJS.Timeout;
  readonly #sources: readonly AbortSignal[];
  readonly #onAbort = () => this.#end("aborted");
  #cause: "timeout" | "aborted" = "aborted";

  constructor(milliseconds: number, sources: readonly AbortSignal[]) {
    this.#sources = sources;
    this.#timer = setTimeout(() => this.#end("timeout"), milliseconds);
    for (const source of sources) {
      if (source.aborted) this.#controller.abort();
      else source.addEventListener("abort", this.#onAbort, { once: true });
    }
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Why the signal fired. */
  get cause(): "timeout" | "aborted" {
    return this.#cause;
  }

  release(): void {
    clearTimeout(this.#timer);
    for (const source of this.#sources) source.removeEventListener("abort", this.#onAbort);
  }

  #end(cause: "timeout" | "aborted"): void {
    if (this.signal.aborted) return;
    this.#cause = cause;
    this.#controller.abort();
  }
}
