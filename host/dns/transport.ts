import { Slots } from "../slots.ts";
import type { DnsServer } from "./server.ts";
import { askOverTcp } from "./tcp.ts";
import type { DnsFailure } from "./types.ts";
import { askOverUdp } from "./udp.ts";
import { decodeMessage, encodeQuery, type Message, matchReply, type Query, type Question } from "./wire.ts";
import { WireError } from "./wire-name.ts";

/** `detail` is a printable clause that ends where the server's name follows ("ECONNREFUSED from"). */
export interface ExchangeFailure {
  readonly kind: "failed";
  readonly reason: DnsFailure;
  readonly detail: string;
}

export type ExchangeResult = { readonly kind: "message"; readonly message: Message } | ExchangeFailure;

export interface TransportOptions {
  /** Milliseconds to wait for one server over UDP, and again over TCP. */
  readonly timeoutMs: number;
  /** Ask for DNSSEC signatures (the DO bit). */
  readonly dnssecOk: boolean;
  /** Exchanges under way at once, each with a socket. */
  readonly maxOutstanding: number;
  /** Exchanges that may wait for a slot. */
  readonly maxWaiting: number;
}

/** Carries one question to one server and brings back one decoded message, over UDP or where that will not do, TCP. */
export class Transport {
  readonly #options: TransportOptions;
  readonly #slots: Slots;

  constructor(options: TransportOptions) {
    this.#options = options;
    this.#slots = new Slots(options.maxOutstanding, options.maxWaiting);
  }

  async exchange(server: DnsServer, question: Question, signal: AbortSignal): Promise<ExchangeResult> {
    const wasAborted = signal.aborted;
    const slot = await this.#slots.acquire(signal);
    // Time spent in our own queue, to its very end, says no more about the domain than a queue that was full.
    if (slot === "full" || (slot === "aborted" && !wasAborted)) return overloaded(this.#options);
    if (slot === "aborted") return { kind: "failed", reason: "aborted", detail: "" };
    try {
      return await this.#ask(server, question, signal);
    } finally {
      this.#slots.release();
    }
  }

  async #ask(server: DnsServer, question: Question, signal: AbortSignal): Promise<ExchangeResult> {
    const { timeoutMs, dnssecOk } = this.#options;
    const query = encodeQuery(question, dnssecOk);
    const udp = await askOverUdp(server, query, timeoutMs, signal);
    if (udp.kind === "reply") return decode(udp.bytes);
    if (udp.kind === "failed") return udp;
    const retry = encodeQuery(question, dnssecOk);
    const tcp = await askOverTcp(server, retry, timeoutMs, signal);
    return tcp.kind === "failed" ? tcp : decodeTcp(tcp.bytes, retry);
  }
}

/** Over TCP there are no strays to wait out: a message that is not the whole answer is a broken server. */
function decodeTcp(bytes: Uint8Array, query: Query): ExchangeResult {
  const match = matchReply(bytes, query);
  if (match === "answer") return decode(bytes);
  const what = match === "truncated" ? "truncated reply over TCP from" : "reply over TCP to another question from";
  return { kind: "failed", reason: "malformed", detail: what };
}

function decode(bytes: Uint8Array): ExchangeResult {
  try {
    return { kind: "message", message: decodeMessage(bytes) };
  } catch (error) {
    if (!(error instanceof WireError)) throw error;
    return { kind: "failed", reason: "malformed", detail: `malformed reply (${error.message}) from` };
  }
}

function overloaded({ maxOutstanding, maxWaiting }: TransportOptions): ExchangeFailure {
  const detail = `too many DNS questions at once (${maxOutstanding} under way, ${maxWaiting} waiting), not sent to`;
  return { kind: "failed", reason: "overloaded", detail };
}
