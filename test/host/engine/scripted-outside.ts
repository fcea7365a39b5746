import { txtRdata } from "../../../host/core/core.ts";
import type { DnsFailure, DnsOutcome } from "../../../host/dns/types.ts";
import type { FetchFailure, PolicyFetch } from "../../../host/https/types.ts";

/** One side of the outside world: what each domain answers now, and who waits for an answer that is held back. */
class Scripted<T> {
  /** Every question in the order it was asked. */
  readonly asked: string[] = [];
  /** Questions that are being waited for now, and the most there ever were at once. */
  open = 0;
  mostOpen = 0;
  readonly #answers = new Map<string, () => T>();
  readonly #held = new Map<string, (() => void)[]>();
  readonly #byDefault: (domain: string) => T;
  readonly #whenAborted: T;

  constructor(byDefault: (domain: string) => T, whenAborted: T) {
    this.#byDefault = byDefault;
    this.#whenAborted = whenAborted;
  }

  set(domain: string, answer: () => T): void {
    this.#answers.set(domain, answer);
  }

  /** From now on questions about this domain get no answer, until release. */
  hold(domain: string): void {
    if (!this.#held.has(domain)) this.#held.set(domain, []);
  }

  /** Answers what was held back, as things are now. */
  release(domain: string): void {
    const waiting = this.#held.get(domain) ?? [];
    this.#held.delete(domain);
    for (const go of waiting) go();
  }

  /** Answers the question held back longest; the others wait on. */
  releaseOne(domain: string): void {
    this.#held.get(domain)?.shift()?.();
  }

  count(domain: string): number {
    return this.asked.filter((name) => name === domain).length;
  }

  protected async ask(domain: string, signal: AbortSignal | undefined): Promise<T> {
    this.asked.push(domain);
    this.mostOpen = Math.max(this.mostOpen, ++this.open);
    try {
      const queue = this.#held.get(domain);
      if (queue)
        await new Promise<void>((resolve) => {
          queue.push(resolve);
          signal?.addEventListener("abort", () => resolve(), { once: true });
        });
      if (signal?.aborted) return this.#whenAborted;
      const answer = this.#answers.get(domain);
      return answer ? answer() : this.#byDefault(domain);
    } finally {
      this.open--;
    }
  }
}

type TxtOutcome = DnsOutcome<Uint8Array>;

/** The TXT side of the DNS. Unless told otherwise every name is NXDOMAIN with a negative TTL of 300 s. */
export class ScriptedDns extends Scripted<TxtOutcome> {
  constructor() {
    const nobody: TxtOutcome = { kind: "none", reason: "nxdomain", ttl: 300, secure: false };
    super(() => nobody, { kind: "failed", reason: "aborted", detail: "given up" });
  }

  txt(name: string, signal?: AbortSignal): Promise<TxtOutcome> {
    if (!name.startsWith("_mta-sts.")) throw new Error(`asked for ${name}`);
    return this.ask(name.slice("_mta-sts.".length), signal);
  }

  publish(domain: string, id: string, ttl = 300): void {
    this.records(domain, [`v=STSv1; id=${id};`], ttl);
  }

  records(domain: string, texts: readonly string[], ttl = 300): void {
    this.set(domain, () => ({ kind: "records", records: texts.map(txtRdata), ttl, secure: false }));
  }

  absent(domain: string, reason: "nxdomain" | "nodata" = "nxdomain", ttl = 300): void {
    this.set(domain, () => ({ kind: "none", reason, ttl, secure: false }));
  }

  fail(domain: string, reason: DnsFailure = "servfail", detail = "SERVFAIL from 127.0.0.1:53"): void {
    this.set(domain, () => ({ kind: "failed", reason, detail }));
  }
}

/** Every policy host. Unless told otherwise nothing can be connected to. */
export class ScriptedFetcher extends Scripted<PolicyFetch> {
  constructor() {
    super(() => ({ ok: false, failure: "connect", detail: "connection refused" }), {
      ok: false,
      failure: "aborted",
      detail: "given up",
    });
  }

  fetch(domain: string, signal?: AbortSignal): Promise<PolicyFetch> {
    return this.ask(domain, signal);
  }

  serve(domain: string, body: string, contentType: string | null = "text/plain"): void {
    const peer = { address: "192.0.2.1", tlsVersion: "TLSv1.3", certificateFingerprint: "00" };
    this.set(domain, () => ({ ok: true, body: new TextEncoder().encode(body), contentType, peer }));
  }

  fail(domain: string, failure: FetchFailure = "connect", detail = "connection refused"): void {
    this.set(domain, () => ({ ok: false, failure, detail }));
  }
}

/** A policy body. `maxAge` in seconds. */
export function policy(mode: "enforce" | "testing" | "none", maxAge = 604_800, mx = ["mail.example.com"]): string {
  const lines = ["version: STSv1", `mode: ${mode}`, ...mx.map((name) => `mx: ${name}`), `max_age: ${maxAge}`];
  return `${lines.join("\r\n")}\r\n`;
}
