import { createServer, type Server, type Socket } from "node:net";
import { type ListenTarget, listenOn, portOf } from "./listen.ts";

export interface ListenersOptions {
  readonly targets: readonly ListenTarget[];
  /** Every socket is half-open: the client's end of the connection does not end ours. */
  readonly accept: (socket: Socket) => void;
  /** A client was lost before it could be accepted: out of file descriptors. */
  readonly lost: () => void;
  /** For each target; beyond them the kernel's connections are closed at once. Default: no bound here. */
  readonly maxConnections?: number;
}

/** The listening sockets of one server, opened and closed together. */
export class Listeners {
  readonly #servers: Server[] = [];
  readonly #cleanups: (() => Promise<void>)[] = [];

  /** Listens on every target, or on none. Rejects when one of them cannot be listened on. */
  static async open(options: ListenersOptions): Promise<Listeners> {
    const listeners = new Listeners();
    try {
      for (const target of options.targets) await listeners.#listen(target, options);
    } catch (error) {
      // Not waited for: a client that was quick may hold its connection for as long as it likes.
      await listeners.#stop();
      throw error;
    }
    return listeners;
  }

  private constructor() {}

  /** TCP ports listened on, in the order of the targets. */
  get ports(): number[] {
    return this.#servers.flatMap((server) => portOf(server) ?? []);
  }

  /** Stops accepting and waits for the last connection; after `grace` milliseconds `cut` must destroy what is left. */
  async close(grace: number, cut: () => void, drain: () => void = () => undefined): Promise<void> {
    const stopped = await this.#stop();
    drain();
    const timer = setTimeout(cut, grace);
    await stopped.last;
    clearTimeout(timer);
  }

  /** No newcomers, no socket files; `last` resolves when the last connection has ended. */
  async #stop(): Promise<{ readonly last: Promise<unknown> }> {
    const last = Promise.all(this.#servers.map((server) => new Promise<void>((done) => server.close(() => done()))));
    await Promise.all(this.#cleanups.splice(0).map((cleanup) => cleanup()));
    return { last };
  }

  async #listen(target: ListenTarget, { accept, lost, maxConnections }: ListenersOptions): Promise<void> {
    const server = createServer({ allowHalfOpen: true, noDelay: true }, accept);
    if (maxConnections !== undefined) server.maxConnections = maxConnections;
    this.#cleanups.push(await listenOn(server, target));
    server.on("error", lost);
    this.#servers.push(server);
  }
}
