import { once } from "node:events";
import { connect, type Socket } from "node:net";

/** A socketmap client as plain as Postfix's: writes netstrings, reads netstrings, in order. */
export class SocketmapClient {
  #received = "";
  #wake: (() => void) | null = null;
  #ended = false;

  private constructor(readonly socket: Socket) {
    socket.on("data", (chunk: Buffer) => this.#changed(() => (this.#received += chunk.toString("latin1"))));
    socket.on("close", () => this.#changed(() => (this.#ended = true)));
    socket.on("error", () => socket.destroy());
  }

  static async open(to: number | string): Promise<SocketmapClient> {
    const socket = typeof to === "number" ? connect(to, "127.0.0.1") : connect(to);
    const client = new SocketmapClient(socket);
    await once(socket, "connect");
    return client;
  }

  send(bytes: string | Buffer): void {
    this.socket.write(bytes);
  }

  /** The next reply, or null when the connection is closed instead. */
  async reply(): Promise<string | null> {
    for (;;) {
      const found = /^(\d+):/.exec(this.#received);
      const start = found?.[0].length ?? 0;
      const end = start + Number(found?.[1]);
      if (found !== null && this.#received.length > end) {
        const payload = this.#received.slice(start, end);
        this.#received = this.#received.slice(end + 1);
        return payload;
      }
      if (this.#ended) return null;
      await new Promise<void>((wake) => {
        this.#wake = wake;
      });
    }
  }

  async ask(request: string): Promise<string | null> {
    this.send(frame(request));
    return this.reply();
  }

  async closed(): Promise<void> {
    // A reset is a close too; once() would reject with it.
    if (!this.#ended) await new Promise<void>((closed) => this.socket.once("close", () => closed()));
  }

  #changed(change: () => void): void {
    change();
    this.#wake?.();
    this.#wake = null;
  }
}

export function frame(request: string): string {
  return `${Buffer.byteLength(request)}:${request},`;
}
