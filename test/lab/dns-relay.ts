import { createSocket, type Socket as UdpSocket } from "node:dgram";
import { connect, createServer, type Server, type Socket } from "node:net";
import type { Endpoint } from "./world.ts";

export interface RelayedQuery {
  readonly transport: "udp" | "tcp";
  readonly bytes: Buffer;
  readonly sourcePort: number;
}

/** A datagram as it is, or one from a socket that the client did not ask. */
export type Sent = Buffer | { readonly bytes: Buffer; readonly from: "another-port" | "another-address" };

/** What the client gets for a query, in order, in place of the honest reply. */
export type Tamper = (honest: Buffer, query: RelayedQuery) => Sent | readonly Sent[];

const STRANGER = "127.66.66.66";

/** Somebody on the path between a client and a DNS server, who sees each query and answers in the server's name. */
export class DnsRelay {
  readonly queries: RelayedQuery[] = [];
  tamper: Tamper = (honest) => honest;
  readonly #upstream: Endpoint;
  readonly #udp: UdpSocket;
  readonly #tcp: Server;
  readonly #strangers: readonly UdpSocket[];
  readonly #connections = new Set<Socket>();

  private constructor(upstream: Endpoint, udp: UdpSocket, tcp: Server, strangers: readonly UdpSocket[]) {
    this.#upstream = upstream;
    this.#udp = udp;
    this.#tcp = tcp;
    this.#strangers = strangers;
    for (const socket of [udp, ...strangers]) socket.on("error", () => undefined);
    udp.on("message", (bytes, { port, address }) => {
      const query: RelayedQuery = { transport: "udp", bytes, sourcePort: port };
      this.queries.push(query);
      this.#ask(query, (sent) => {
        const [from, packet] = Buffer.isBuffer(sent) ? [udp, sent] : [this.#stranger(sent.from), sent.bytes];
        from.send(packet, port, address);
      });
    });
    tcp.on("connection", (socket) => this.#onConnection(socket));
  }

  static async listen(upstream: Endpoint): Promise<DnsRelay> {
    for (let attempt = 1; ; attempt++) {
      const udp = await bound("127.0.0.1", 0);
      const tcp = createServer();
      try {
        await new Promise<void>((resolve, reject) => {
          tcp.once("error", reject);
          tcp.listen(udp.address().port, "127.0.0.1", resolve);
        });
        const strangers = [await bound("127.0.0.1", 0), await bound(STRANGER, 0)];
        return new DnsRelay(upstream, udp, tcp, strangers);
      } catch (error) {
        udp.close();
        if (attempt === 20) throw error; // the free UDP port may be taken for TCP
      }
    }
  }

  /** As dns.servers of a configuration wants it. */
  get text(): string {
    return `127.0.0.1:${this.#udp.address().port}`;
  }

  async close(): Promise<void> {
    for (const socket of this.#connections) socket.destroy();
    for (const socket of [this.#udp, ...this.#strangers]) socket.close();
    await new Promise((resolve) => this.#tcp.close(resolve));
  }

  #stranger(from: "another-port" | "another-address"): UdpSocket {
    return this.#strangers[from === "another-port" ? 0 : 1] as UdpSocket;
  }

  #onConnection(client: Socket): void {
    this.#connections.add(client);
    client.on("close", () => this.#connections.delete(client));
    client.on("error", () => client.destroy());
    onFrame(client, (bytes) => {
      const query: RelayedQuery = { transport: "tcp", bytes, sourcePort: client.remotePort ?? 0 };
      this.queries.push(query);
      this.#ask(query, (sent) => client.write(framed(Buffer.isBuffer(sent) ? sent : sent.bytes)));
    });
  }

  /** The honest answer comes over TCP, so that it is whole. A server that says nothing leaves the client waiting. */
  #ask(query: RelayedQuery, send: (sent: Sent) => void): void {
    const server = connect(this.#upstream.port, this.#upstream.address, () => server.write(framed(query.bytes)));
    this.#connections.add(server);
    server.on("close", () => this.#connections.delete(server));
    server.on("error", () => server.destroy());
    onFrame(server, (honest) => {
      server.destroy();
      const sent = this.tamper(honest, query);
      void sendAll(Array.isArray(sent) ? (sent as readonly Sent[]) : [sent as Sent], send);
    });
  }
}

const AT_ONCE = 500;

/** A flood leaves room for what else this process serves. */
async function sendAll(all: readonly Sent[], send: (sent: Sent) => void): Promise<void> {
  for (const [i, one] of all.entries()) {
    if (i > 0 && i % AT_ONCE === 0) await new Promise(setImmediate);
    send(one);
  }
}

function bound(address: string, port: number): Promise<UdpSocket> {
  const socket = createSocket("udp4");
  return new Promise((resolve, reject) => {
    socket.once("error", reject);
    socket.bind(port, address, () => resolve(socket.off("error", reject)));
  });
}

/** RFC 7766 §8: a message over TCP has its length before it. */
function framed(message: Buffer): Buffer {
  return Buffer.concat([Buffer.of(message.length >>> 8, message.length & 0xff), message]);
}

function onFrame(socket: Socket, take: (message: Buffer) => void): void {
  let pending = Buffer.alloc(0);
  socket.on("data", (chunk: Buffer) => {
    pending = Buffer.concat([pending, chunk]);
    while (pending.length >= 2 && pending.length >= 2 + pending.readUInt16BE(0)) {
      const end = 2 + pending.readUInt16BE(0);
      take(Buffer.from(pending.subarray(2, end)));
      pending = pending.subarray(end);
    }
  });
}
