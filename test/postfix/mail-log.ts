import { closeSync, type FSWatcher, openSync, readSync, watch } from "node:fs";

/** What one delivery attempt came to, for one recipient. */
export interface Delivery {
  readonly queueId: string;
  readonly to: string;
  readonly status: "sent" | "deferred" | "bounced" | string;
  /** Enhanced status code, "4.7.5". */
  readonly dsn: string;
  /** The words in parentheses at the end of the line. */
  readonly text: string;
  /** `mx.good.test[127.0.0.1]:25`, or "none". */
  readonly relay: string;
  /** What Postfix says of the TLS session: Verified, Trusted, Untrusted, Anonymous; undefined when there was none. */
  readonly tls: string | undefined;
  /** All lines of this delivery agent process since its previous delivery, this one's included. */
  readonly lines: readonly string[];
}

export interface WaitOptions {
  /** Milliseconds; default 30,000. */
  readonly timeoutMs?: number;
}

const deliveryLine =
  /^([0-9A-Za-z]+): to=<([^>]*)>, (?:.*?, )?relay=([^,]+), .*?dsn=(\d\.\d+\.\d+), .*?status=(\w+) \((.*)\)$/;
const agentLine = /^\w+ +\d+ \S+ \S+ ([^\s[]+\[\d+\]): (.*)$/;
const tlsLine = /(\w+) TLS connection established to /;

/** Follows a maillog file from its start. It is told of each write by the kernel: no polling, nothing missed. */
export class MailLog {
  /** Every complete line so far. */
  readonly lines: string[] = [];
  readonly #file: number;
  readonly #watcher: FSWatcher;
  readonly #deliveries: Delivery[] = [];
  readonly #taken = new Set<Delivery>();
  readonly #agents = new Map<string, string[]>();
  readonly #waiters = new Set<() => void>();
  #closed = false;
  #rest = Buffer.alloc(0);

  /** Creates the file when it is not there yet. */
  constructor(path: string) {
    this.#file = openSync(path, "a+");
    this.#watcher = watch(path, () => this.#read());
    this.#read();
  }

  /** A place in the log, for `waitForLine`: lines that come after now. */
  mark(): number {
    this.#read();
    return this.lines.length;
  }

  /** The first line at or after `since` that matches. */
  waitForLine(pattern: RegExp, since = 0, options?: WaitOptions): Promise<string> {
    return this.#until(() => this.lines.slice(since).find((line) => pattern.test(line)), `${pattern}`, options);
  }

  /** The next attempt at a message that no earlier call has returned. With several recipients name the one meant. */
  async waitForDelivery(queueId: string, to?: string, options?: WaitOptions): Promise<Delivery> {
    const delivery = await this.#until(
      () => this.#deliveries.find((d) => d.queueId === queueId && !this.#taken.has(d) && (!to || d.to === to)),
      `a delivery status of ${queueId}`,
      options,
    );
    this.#taken.add(delivery);
    return delivery;
  }

  /** Safe to call twice. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#watcher.close();
    closeSync(this.#file);
  }

  #until<T>(find: () => T | undefined, wanted: string, { timeoutMs = 30_000 }: WaitOptions = {}): Promise<T> {
    this.#read();
    const there = find();
    if (there !== undefined) return Promise.resolve(there);
    return new Promise((resolve, reject) => {
      const settle = () => {
        const found = find();
        if (found === undefined) return;
        clearTimeout(timer);
        this.#waiters.delete(settle);
        resolve(found);
      };
      const timer = setTimeout(() => {
        this.#waiters.delete(settle);
        const tail = this.lines.slice(-15).join("\n  ");
        reject(new Error(`the maillog did not show ${wanted} within ${timeoutMs} ms; it ends with\n  ${tail}`));
      }, timeoutMs);
      this.#waiters.add(settle);
    });
  }

  #read(): void {
    if (this.#closed) return;
    const chunk = Buffer.alloc(65_536);
    let read = readSync(this.#file, chunk, 0, chunk.length, null);
    if (read === 0) return;
    for (; read > 0; read = readSync(this.#file, chunk, 0, chunk.length, null))
      this.#rest = Buffer.concat([this.#rest, chunk.subarray(0, read)]);
    const end = this.#rest.lastIndexOf(0x0a);
    if (end < 0) return;
    const complete = this.#rest.subarray(0, end).toString("utf8");
    this.#rest = this.#rest.subarray(end + 1);
    for (const line of complete.split("\n")) this.#take(line);
    for (const settle of [...this.#waiters]) settle();
  }

  #take(line: string): void {
    this.lines.push(line);
    const [, agent, words] = agentLine.exec(line) ?? [];
    if (agent === undefined || words === undefined) return;
    const before = this.#agents.get(agent) ?? [];
    before.push(line);
    const [, queueId, to, relay, dsn, status, text] = deliveryLine.exec(words) ?? [];
    if (queueId === undefined) this.#agents.set(agent, before);
    else this.#deliver({ queueId, to, relay, dsn, status, text } as Delivery, agent, before);
  }

  #deliver(found: Delivery, agent: string, lines: readonly string[]): void {
    const tls = lines.map((line) => tlsLine.exec(line)?.[1]).findLast((level) => level !== undefined);
    this.#deliveries.push({ ...found, tls, lines });
    this.#agents.delete(agent);
  }
}
