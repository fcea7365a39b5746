import type { Socket } from "node:net";
import { NetstringDecoder } from "./netstring.ts";
import type { CloseCause } from "./observer.ts";
import { malformedReply, type Reply } from "./reply.ts";

/** Times in milliseconds. */
export interface ConnectionLimits {
  /** Requests of one connection that may be unanswered or unwritten; more stay in the kernel. */
  readonly maxPending: number;
  /** From the first byte of a request to its last. */
  readonly requestTime: number;
  /** How long written bytes may wait for a client that does not read. */
  readonly readTime: number;
  /** Between two requests. Postfix closes by itself after 10 s idle and after 100 s at the latest. */
  readonly idleTime: number;
  /** How long a connection we closed is drained, so that the last reply is not lost to a reset. */
  readonly lingerTime: number;
}

/** What a connection is doing: "fresh" has never asked, "partial" sent part of a request, "blocked" does not read. */
export type ConnectionState = "fresh" | "idle" | "partial" | "answering" | "blocked";

export type Answer = (request: Buffer) => Reply | Promise<Reply> | null;

interface Slot {
  bytes: Buffer | null;
}

/** Replies are joined up to this size into one write. */
const WRITE_BATCH = 64 * 1024;

/**
 * One socketmap client: requests in, replies out in the same order. What it can cost is bounded: one chunk of unread
 * input, `maxPending` replies, one write batch. While a bound is reached nothing more is read from it.
 */
export class Connection {
  readonly #socket: Socket;
  readonly #answer: Answer;
  readonly #limits: ConnectionLimits;
  readonly #closed: (cause: CloseCause) => void;
  readonly #decoder = new NetstringDecoder();
  readonly #slots: Slot[] = [];
  #timer: NodeJS.Timeout | null = null;
  #state: ConnectionState = "fresh";
  #since = performance.now();
  #blocked = false;
  #asked = false;
  /** No more requests are taken; the connection ends when the last reply is written. */
  #ending = false;

  constructor(socket: Socket, answer: Answer, limits: ConnectionLimits, closed: (cause: CloseCause) => void) {
    this.#socket = socket;
    this.#answer = answer;
    this.#limits = limits;
    this.#closed = closed;
    socket.setNoDelay(true);
    socket.setTimeout(limits.idleTime, () => this.drop("idle"));
    socket.on("data", (chunk: Buffer) => this.#received(chunk));
    socket.on("drain", () => this.#unblocked());
    socket.on("end", () => this.end());
    // A client that goes away is not an event: Postfix closes its connections whenever it likes.
    socket.on("error", () => socket.destroy());
    socket.on("close", () => this.#stopTimer());
  }

  get state(): ConnectionState {
    return this.#state;
  }

  /** Milliseconds in this state. */
  age(now: number): number {
    return now - this.#since;
  }

  /** Answer what was received, then close. */
  end(): void {
    this.#ending = true;
    this.#pump();
  }

  drop(cause: CloseCause): void {
    this.#closed(cause);
    this.#socket.destroy();
  }

  #received(chunk: Buffer): void {
    this.#decoder.feed(chunk);
    this.#pump();
  }

  #unblocked(): void {
    this.#blocked = false;
    this.#pump();
  }

  #pump(): void {
    if (this.#socket.destroyed) return;
    let completed = 0;
    let more = true;
    while (more) {
      completed += this.#takeRequests();
      const full = this.#slots.length >= this.#limits.maxPending;
      this.#writeReplies();
      more = full && this.#hasRoom();
    }
    this.#settle(completed > 0);
  }

  #hasRoom(): boolean {
    return !this.#blocked && this.#slots.length < this.#limits.maxPending;
  }

  /** Takes requests while there is room; returns how many. */
  #takeRequests(): number {
    let taken = 0;
    while (this.#hasRoom()) {
      const request = this.#decoder.next();
      if (request === null) break;
      const answer = typeof request === "string" ? null : this.#answer(request);
      if (answer === null) {
        this.#giveUp(typeof request === "string" ? request : "no key");
        break;
      }
      this.#queue(answer);
      taken++;
    }
    return taken;
  }

  #queue(answer: Reply | Promise<Reply>): void {
    if (!(answer instanceof Promise)) {
      this.#slots.push({ bytes: answer.bytes });
      return;
    }
    const slot: Slot = { bytes: null };
    this.#slots.push(slot);
    const answered = (reply: Reply) => {
      slot.bytes = reply.bytes;
      this.#pump();
    };
    // An answerer turns its own failures into TEMP. Should one slip through, no reply is better than a wrong order.
    answer.then(answered, () => this.#socket.destroy());
  }

  /** Framing is lost: what was asked before is answered, then the error, then nothing. */
  #giveUp(fault: string): void {
    this.#closed("malformed");
    this.#decoder.stop();
    this.#slots.push({ bytes: malformedReply(fault).bytes });
    this.#ending = true;
  }

  #writeReplies(): void {
    while (!this.#blocked && this.#slots[0]?.bytes) {
      const batch: Buffer[] = [];
      let size = 0;
      while (size < WRITE_BATCH && this.#slots[0]?.bytes) {
        const bytes = this.#slots[0].bytes;
        this.#slots.shift();
        batch.push(bytes);
        size += bytes.length;
      }
      this.#blocked = !this.#socket.write(batch.length === 1 ? (batch[0] as Buffer) : Buffer.concat(batch, size));
    }
  }

  /** After any change: what are we waiting for, and for how long? */
  #settle(progressed: boolean): void {
    this.#asked ||= progressed;
    const state = this.#now();
    if (this.#ending && this.#slots.length === 0 && !this.#blocked) {
      this.#finish();
      return;
    }
    if (this.#ending || !this.#hasRoom()) this.#socket.pause();
    else this.#socket.resume();
    if (state === this.#state && !progressed) return;
    this.#state = state;
    this.#since = performance.now();
    this.#stopTimer();
    if (state === "partial") this.#startTimer(this.#limits.requestTime, "half-request");
    if (state === "blocked") this.#startTimer(this.#limits.readTime, "never-reads");
  }

  #now(): ConnectionState {
    if (this.#blocked) return "blocked";
    if (this.#slots.length > 0) return "answering";
    if (this.#decoder.held > 0) return "partial";
    return this.#asked ? "idle" : "fresh";
  }

  #finish(): void {
    this.#stopTimer();
    linger(this.#socket, null, this.#limits.lingerTime);
  }

  #startTimer(time: number, cause: CloseCause): void {
    this.#timer = setTimeout(() => this.drop(cause), time);
  }

  #stopTimer(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }
}

/**
 * Sends a last reply and our end of the connection, then reads and drops what still comes: closing with unread input
 * would reset the connection, and the client might lose the reply that tells why.
 */
export function linger(socket: Socket, lastReply: Buffer | null, time: number): void {
  socket.removeAllListeners("data");
  socket.removeAllListeners("end");
  const timer = setTimeout(() => socket.destroy(), time);
  socket.on("end", () => socket.destroy());
  socket.on("close", () => clearTimeout(timer));
  if (lastReply === null) socket.end();
  else socket.end(lastReply);
  socket.resume();
}
