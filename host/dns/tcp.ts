import { connect } from "node:net";
import type { DnsServer } from "./server.ts";
import type { ExchangeFailure } from "./transport.ts";
import { errorCode } from "./udp.ts";
import type { Query } from "./wire.ts";

export type TcpReply = { readonly kind: "reply"; readonly bytes: Uint8Array } | ExchangeFailure;

/** One query on a connection of its own; a message is preceded by its length in two octets (RFC 7766 §8). */
export function askOverTcp(server: DnsServer, query: Query, timeoutMs: number, signal: AbortSignal): Promise<TcpReply> {
  return new Promise((resolve) => {
    const socket = connect({ host: server.address, port: server.port, noDelay: true });
    const frame = new FrameReader();
    let open = true;
    const finish = (reply: TcpReply) => {
      if (!open) return;
      open = false;
      clearTimeout(timer);
      signal.removeEventListener("abort", onAbort);
      socket.destroy();
      resolve(reply);
    };
    const fail = (reason: ExchangeFailure["reason"], detail: string) => finish({ kind: "failed", reason, detail });
    const onAbort = () => fail("aborted", "");
    const timer = setTimeout(() => fail("timeout", `no reply over TCP within ${timeoutMs} ms from`), timeoutMs);
    signal.addEventListener("abort", onAbort, { once: true });
    socket.on("error", (error) => fail("network", `${errorCode(error)} over TCP from`));
    socket.on("close", () => fail("network", "TCP connection closed before the reply was complete by"));
    socket.on("data", (chunk) => {
      const message = frame.push(chunk);
      if (message !== null) finish({ kind: "reply", bytes: message });
    });
    socket.on("connect", () => socket.write(framed(query.bytes)));
  });
}

function framed(message: Uint8Array): Uint8Array {
  const frame = new Uint8Array(2 + message.length);
  new DataView(frame.buffer).setUint16(0, message.length);
  frame.set(message, 2);
  return frame;
}

/** Collects one frame from a stream cut anywhere; never holds more than the announced length. */
class FrameReader {
  #length = 0;
  #lengthOctets = 0;
  #message: Uint8Array | null = null;
  #filled = 0;

  /** The message once it is complete; later octets are ignored. */
  push(chunk: Uint8Array): Uint8Array | null {
    let at = 0;
    while (this.#lengthOctets < 2 && at < chunk.length) {
      this.#length = this.#length * 0x100 + (chunk[at++] ?? 0);
      this.#lengthOctets++;
    }
    if (this.#lengthOctets < 2) return null;
    this.#message ??= new Uint8Array(this.#length);
    const part = chunk.subarray(at, at + this.#length - this.#filled);
    this.#message.set(part, this.#filled);
    this.#filled += part.length;
    return this.#filled === this.#length ? this.#message : null;
  }
}
