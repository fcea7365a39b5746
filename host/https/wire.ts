import type { Socket } from "node:net";
import { Duplex } from "node:stream";
import { FetchError } from "./failure.ts";

/**
 * The TCP connection as the TLS layer sees it, with two things a socket handed to Node's TLS directly does not tell:
 *
 * - how many octets came in, handshake, record overhead and chunk framing included. Limits on decoded bytes do not see a
 *   flood of 1xx responses, chunk extensions or empty TLS records.
 * - whether the peer said goodbye in TLS. The end of the TCP connection is passed on one turn of the event loop after
 *   the last octet: a TLS stream that ends while `finPassedOn` is false was ended by close_notify, and nobody on the path
 *   can forge that (RFC 9112 §9.8).
 */
export class MeteredWire extends Duplex {
  /** True once the TLS layer has been told of the end of the TCP connection. */
  finPassedOn = false;
  #octetsLeft: number;
  readonly #tcp: Socket;

  /** @param budget octets this connection may receive in all; one more destroys it with FetchError "too-large" */
  constructor(tcp: Socket, budget: number, peer: string) {
    super();
    this.#tcp = tcp;
    this.#octetsLeft = budget;
    tcp.on("data", (chunk: Buffer) => {
      this.#octetsLeft -= chunk.length;
      if (this.#octetsLeft < 0)
        this.destroy(new FetchError("too-large", `${peer} sent more than ${budget} octets on the connection`));
      else if (!this.push(chunk)) tcp.pause();
    });
    tcp.once("end", () => this.#passFinOn());
    tcp.once("error", (error) => this.destroy(error));
    tcp.once("close", () => {
      if (!tcp.readableEnded) this.destroy();
    });
  }

  #passFinOn(): void {
    setImmediate(() => {
      if (this.destroyed) return;
      if (this.readableLength > 0) return this.#passFinOn();
      this.finPassedOn = true;
      this.push(null);
    });
  }

  override _read(): void {
    this.#tcp.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#tcp.write(chunk, done);
  }

  override _final(done: () => void): void {
    this.#tcp.end(done);
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#tcp.destroy();
    done(error);
  }
}
