import type { Socket } from "node:net";
import type { ListenTarget } from "./listen.ts";
import { Listeners } from "./listeners.ts";

/** Answers one request, without its line end (Latin-1: every octet is one character); must not reject. */
export type AnswerLine = (line: string) => Promise<string>;

/** Times in milliseconds. */
export interface LineLimits {
  readonly maxConnections: number;
  readonly maxRequestBytes: number;
  /** From the connection to the end of the request. */
  readonly requestTime: number;
  /** From our last byte to the client's end of the connection. */
  readonly lingerTime: number;
}

export const DEFAULT_LINE_LIMITS: LineLimits = {
  maxConnections: 1024,
  maxRequestBytes: 4096,
  requestTime: 5_000,
  lingerTime: 1_000,
};

/** Connections beyond the maximum that are told so before they are closed; the rest are closed without a word. */
const TOLD = 64;

/** Why a connection got no answer. */
export type LineFault = "malformed" | "half-request" | "evicted" | "refused";

export interface LineServerOptions {
  readonly listen: readonly ListenTarget[];
  readonly answer: AnswerLine;
  /** The reply to bytes that are no request; it must make the client fail closed. */
  readonly malformed: string;
  /** The reply to a client there is no room for; it must make the client try again later. */
  readonly overloaded: string;
  readonly closed?: (cause: LineFault) => void;
  readonly limits?: Partial<LineLimits>;
}

/**
 * One request for each connection: a line in, the bytes of the answer out, then we close. The client may have
 * closed its half before the answer is there, as Exim's ${readsocket} does.
 */
export class LineServer {
  readonly #options: LineServerOptions;
  readonly #limits: LineLimits;
  readonly #sockets = new Set<Socket>();
  /** Those whose request is not complete, the longest waited for first. */
  readonly #silent = new Set<Socket>();
  #listeners: Listeners | null = null;

  /** Listens on every target, or on none. Rejects when one of them cannot be listened on. */
  static async start(options: LineServerOptions): Promise<LineServer> {
    const started = new LineServer(options);
    started.#listeners = await Listeners.open({
      targets: options.listen,
      accept: (socket) => started.#accept(socket),
      lost: () => options.closed?.("refused"),
    });
    return started;
  }

  private constructor(options: LineServerOptions) {
    this.#options = options;
    this.#limits = { ...DEFAULT_LINE_LIMITS, ...options.limits };
  }

  /** Connections open now. */
  get connections(): number {
    return this.#sockets.size;
  }

  /** TCP ports listened on, in the order of the targets. */
  get ports(): number[] {
    return this.#listeners?.ports ?? [];
  }

  /** Stops accepting, lets what is asked be answered, and after `grace` milliseconds destroys what is left. */
  async close(grace = 5_000): Promise<void> {
    await this.#listeners?.close(grace, () => {
      for (const socket of this.#sockets) socket.destroy();
    });
  }

  #accept(socket: Socket): void {
    const { maxConnections } = this.#limits;
    if (this.#sockets.size >= maxConnections) this.#evict();
    const full = this.#sockets.size >= maxConnections;
    if (full) this.#options.closed?.("refused");
    if (this.#sockets.size >= maxConnections + TOLD) {
      socket.destroy();
      return;
    }
    this.#sockets.add(socket);
    socket.on("error", () => socket.destroy());
    socket.on("close", () => this.#sockets.delete(socket));
    if (full) this.#say(socket, this.#options.overloaded);
    else void this.#converse(socket);
  }

  /** An MTA asks as soon as it is connected: who has been silent longest makes room, never one that has asked. */
  #evict(): void {
    const [silent] = this.#silent;
    if (silent === undefined) return;
    this.#options.closed?.("evicted");
    this.#silent.delete(silent);
    this.#sockets.delete(silent);
    silent.destroy();
  }

  async #converse(socket: Socket): Promise<void> {
    this.#silent.add(socket);
    const line = await this.#request(socket);
    this.#silent.delete(socket);
    if (line === null) return;
    if (typeof line === "string") this.#options.closed?.(line);
    this.#say(socket, typeof line === "string" ? this.#options.malformed : await this.#options.answer(line.text));
  }

  #say(socket: Socket, reply: string): void {
    // What is still sent is read and dropped: closing with unread input would reset the connection and lose the reply.
    socket.on("end", () => socket.destroy());
    // Not the socket's own timeout: that one starts anew with each octet a client drips.
    const linger = setTimeout(() => socket.destroy(), this.#limits.lingerTime);
    socket.once("close", () => clearTimeout(linger));
    socket.end(reply, "latin1", () => {
      if (socket.readableEnded) socket.destroy();
    });
    socket.resume();
  }

  /** The first line, or all there is when the client ends without a line end; null when the client went away. */
  #request(socket: Socket): Promise<{ readonly text: string } | "malformed" | "half-request" | null> {
    return new Promise((resolve) => {
      let bytes = Buffer.alloc(0);
      const done = (outcome: { readonly text: string } | "malformed" | "half-request" | null) => {
        clearTimeout(timer);
        socket.removeAllListeners("data").removeAllListeners("end");
        resolve(outcome);
      };
      const timer = setTimeout(() => done("half-request"), this.#limits.requestTime);
      socket.once("close", () => done(null));
      socket.on("end", () => done(bytes.length > 0 ? { text: bytes.toString("latin1") } : "malformed"));
      socket.on("data", (chunk: Buffer) => {
        bytes = Buffer.concat([bytes, chunk]);
        const end = bytes.indexOf(0x0a);
        if ((end < 0 ? bytes.length : end) > this.#limits.maxRequestBytes) done("malformed");
        else if (end >= 0) done({ text: bytes.subarray(0, end).toString("latin1") });
      });
    });
  }
}
