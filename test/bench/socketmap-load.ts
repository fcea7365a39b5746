import { connect, type Socket } from "node:net";
import type { LoadOrder, LoadResult } from "./load-order.ts";

/**
 * The load generator, a process of its own: takes one LoadOrder as JSON on its command line, prints one LoadResult.
 * It does as little as it can for each reply: no streams, no buffers made, one write for all requests that are due.
 */

const BUCKETS_PER_MICROSECOND = 2;
const BUCKETS = 1_000_000;
const CONNECT_PATIENCE_MS = 20_000;
const CONNECT_PAUSE_MS = 50;

const COLON = 0x3a;
const ZERO = 0x30;

/** Latencies in half microseconds; the last bucket holds whatever took longer. */
const histogram = new Uint32Array(BUCKETS);

function percentile(share: number, total: number): number {
  let left = Math.ceil(share * total);
  for (let i = 0; i < BUCKETS; i++) {
    left -= histogram[i] ?? 0;
    if (left <= 0) return i / BUCKETS_PER_MICROSECOND;
  }
  return Number.POSITIVE_INFINITY;
}

class Client {
  readonly #requests: readonly Buffer[];
  readonly #depth: number;
  readonly #counts: Record<string, number>;
  readonly #socket: Socket;
  /** When each request under way was sent, in order; replies come in the same order. */
  readonly #sent: Float64Array;
  #oldest = 0;
  #next: number;
  /** Bytes of the current reply still to come; -1 while its length is read. */
  #left = -1;
  #length = 0;
  #stopped = false;

  private constructor(
    socket: Socket,
    order: LoadOrder,
    requests: readonly Buffer[],
    first: number,
    counts: Record<string, number>,
  ) {
    this.#socket = socket;
    this.#requests = requests;
    this.#depth = order.depth;
    this.#counts = counts;
    this.#sent = new Float64Array(order.depth);
    this.#next = first;
  }

  static async open(
    order: LoadOrder,
    requests: readonly Buffer[],
    first: number,
    counts: Record<string, number>,
  ): Promise<Client> {
    let client: Client | null = null;
    const onread = {
      buffer: Buffer.allocUnsafeSlow(65536),
      callback: (size: number, buffer: Uint8Array) => {
        client?.received(buffer, size);
        return true;
      },
    };
    const until = performance.now() + CONNECT_PATIENCE_MS;
    for (;;) {
      const socket = connect({ host: order.host, port: order.port, noDelay: true, onread } as never);
      const error = await new Promise<Error | null>((resolve) => {
        socket.once("connect", () => resolve(null)).once("error", resolve);
      });
      if (error === null) {
        socket.on("error", fail).on("close", () => client?.closed());
        client = new Client(socket, order, requests, first, counts);
        return client;
      }
      if (performance.now() > until) throw error;
      await new Promise((resolve) => setTimeout(resolve, CONNECT_PAUSE_MS));
    }
  }

  /** Sends as many requests as may be under way at once. */
  start(): void {
    this.#send(this.#depth);
  }

  stop(): void {
    this.#stopped = true;
    this.#socket.destroy();
  }

  closed(): void {
    if (!this.#stopped) fail(new Error("the server closed a connection"));
  }

  received(bytes: Uint8Array, size: number): void {
    let done = 0;
    for (let at = 0; at < size; ) {
      if (this.#left < 0) {
        const octet = bytes[at++] as number;
        if (octet !== COLON) this.#length = this.#length * 10 + (octet - ZERO);
        else {
          this.#left = this.#length + 1;
          this.#length = 0;
        }
        continue;
      }
      if (this.#left > 0 && this.#isFirst) this.#count(bytes[at] as number);
      const taken = Math.min(this.#left, size - at);
      this.#left -= taken;
      at += taken;
      if (this.#left > 0) continue;
      this.#left = -1;
      this.#isFirst = true;
      done++;
    }
    if (done > 0) this.#finished(done);
  }

  #isFirst = true;

  /** The first letter tells OK, NOTFOUND, TEMP and PERM apart. */
  #count(letter: number): void {
    this.#isFirst = false;
    const key = String.fromCharCode(letter);
    this.#counts[key] = (this.#counts[key] ?? 0) + 1;
  }

  #finished(replies: number): void {
    const now = performance.now();
    for (let i = 0; i < replies; i++) {
      const took = (now - (this.#sent[this.#oldest] as number)) * 1000 * BUCKETS_PER_MICROSECOND;
      const bucket = Math.min(BUCKETS - 1, Math.floor(took));
      histogram[bucket] = (histogram[bucket] as number) + 1;
      this.#oldest = (this.#oldest + 1) % this.#depth;
    }
    if (!this.#stopped) this.#send(replies);
  }

  #send(count: number): void {
    const now = performance.now();
    const batch: Buffer[] = [];
    for (let i = 0; i < count; i++) {
      batch.push(this.#requests[this.#next] as Buffer);
      this.#next = (this.#next + 1) % this.#requests.length;
      this.#sent[(this.#oldest + this.#depth - count + i) % this.#depth] = now;
    }
    this.#socket.write(count === 1 ? (batch[0] as Buffer) : Buffer.concat(batch));
  }
}

function fail(error: Error): void {
  console.error(`load: ${error.message}`);
  process.exit(1);
}

async function main(order: LoadOrder): Promise<void> {
  const requests = order.keys.map((key) => {
    const payload = `${order.map} ${key}`;
    return Buffer.from(`${payload.length}:${payload},`);
  });
  const counts: Record<string, number> = {};
  const clients = await Promise.all(
    Array.from({ length: order.connections }, (_, i) =>
      Client.open(order, requests, Math.floor((i * requests.length) / order.connections), counts),
    ),
  );
  const cpu = process.cpuUsage();
  const started = performance.now();
  for (const client of clients) client.start();
  await new Promise((resolve) => setTimeout(resolve, order.milliseconds));
  const seconds = (performance.now() - started) / 1000;
  const used = process.cpuUsage(cpu);
  for (const client of clients) client.stop();
  const total = histogram.reduce((sum, n) => sum + n, 0);
  const result: LoadResult = {
    perSecond: total / seconds,
    p50: percentile(0.5, total),
    p99: percentile(0.99, total),
    replies: counts,
    clientCpu: (used.user + used.system) / 1e6 / seconds,
  };
  console.log(JSON.stringify(result));
  process.exit(0);
}

main(JSON.parse(process.argv[2] ?? "{}") as LoadOrder).catch(fail);
