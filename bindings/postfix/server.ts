import type { Socket } from "node:net";
import type { ListenTarget, TcpTarget } from "../../host/listen/listen.ts";
import { Listeners } from "../../host/listen/listeners.ts";
import { type Answer, Connection, type ConnectionLimits, type ConnectionState, linger } from "./connection.ts";
import type { CloseCause, PostfixObserver } from "./observer.ts";
import { overloadedConnectionReply } from "./reply.ts";

/** Loopback: the port has no authentication, it only ever answers. */
export const DEFAULT_LISTEN: TcpTarget = { kind: "tcp", host: "127.0.0.1", port: 8461 };

/** Times in milliseconds. */
export interface ServerLimits extends ConnectionLimits {
  readonly maxConnections: number;
  /** At the cap, a connection that has never asked, sent half a request or does not read is closed after this. */
  readonly stuckTime: number;
  /** At the cap, one that is idle for longer than Postfix ever is. */
  readonly quietTime: number;
}

export const DEFAULT_LIMITS: ServerLimits = {
  maxConnections: 4096,
  maxPending: 64,
  requestTime: 30_000,
  readTime: 30_000,
  idleTime: 3_600_000,
  lingerTime: 1_000,
  stuckTime: 1_000,
  quietTime: 120_000,
};

export interface PostfixServerOptions {
  readonly listen: readonly ListenTarget[];
  readonly answer: Answer;
  readonly observer?: PostfixObserver;
  readonly limits?: Partial<ServerLimits>;
}

/** Refused clients that may be waiting to read why; beyond them a connection is dropped without a word. */
const MAX_LINGERING = 64;
const STUCK: readonly ConnectionState[] = ["fresh", "partial", "blocked"];

/** The socketmap listeners of one daemon. They answer questions and can change nothing. */
export class PostfixServer {
  readonly #answer: Answer;
  readonly #limits: ServerLimits;
  readonly #closed: (cause: CloseCause) => void;
  readonly #connections = new Map<Connection, Socket>();
  #listeners: Listeners | null = null;
  #lingering = 0;

  /**
   * Listens on every target, or on none.
   * @throws Error when one of them cannot be listened on.
   */
  static async start(options: PostfixServerOptions): Promise<PostfixServer> {
    const started = new PostfixServer(options);
    started.#listeners = await Listeners.open({
      targets: options.listen,
      accept: (socket) => started.#accept(socket),
      lost: () => started.#closed("refused"),
      maxConnections: started.#limits.maxConnections + MAX_LINGERING,
    });
    return started;
  }

  private constructor(options: PostfixServerOptions) {
    this.#answer = options.answer;
    this.#limits = { ...DEFAULT_LIMITS, ...options.limits };
    this.#closed = (cause) => options.observer?.closed?.(cause);
  }

  /** Connections open now. */
  get connections(): number {
    return this.#connections.size;
  }

  /** TCP ports listened on, in the order of the targets. */
  get ports(): number[] {
    return this.#listeners?.ports ?? [];
  }

  /** Stops accepting, answers what is pending, and after `grace` milliseconds destroys what is left. */
  async close(grace = 5_000): Promise<void> {
    const cut = () => {
      for (const socket of this.#connections.values()) socket.destroy();
    };
    await this.#listeners?.close(grace, cut, () => {
      for (const connection of this.#connections.keys()) connection.end();
    });
  }

  #accept(socket: Socket): void {
    if (this.#connections.size >= this.#limits.maxConnections && !this.#makeRoom()) {
      this.#refuse(socket);
      return;
    }
    const connection = new Connection(socket, this.#answer, this.#limits, this.#closed);
    this.#connections.set(connection, socket);
    socket.once("close", () => this.#connections.delete(connection));
  }

  /** Closes the connection that has kept us waiting longest without being a working Postfix. */
  #makeRoom(): boolean {
    const now = performance.now();
    let oldest: Connection | null = null;
    for (const connection of this.#connections.keys()) {
      const patience = STUCK.includes(connection.state) ? this.#limits.stuckTime : this.#limits.quietTime;
      const waits = connection.state !== "answering" && connection.age(now) >= patience;
      if (waits && (oldest === null || connection.age(now) > oldest.age(now))) oldest = connection;
    }
    if (oldest === null) return false;
    this.#connections.delete(oldest);
    oldest.drop("evicted");
    return true;
  }

  #refuse(socket: Socket): void {
    this.#closed("refused");
    socket.on("error", () => socket.destroy());
    if (this.#lingering >= MAX_LINGERING) {
      socket.destroy();
      return;
    }
    this.#lingering++;
    socket.once("close", () => this.#lingering--);
    linger(socket, overloadedConnectionReply(this.#limits.maxConnections).bytes, this.#limits.lingerTime);
  }
}
