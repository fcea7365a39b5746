import { createSocket, type RemoteInfo, type Socket as UdpSocket } from "node:dgram";
import { connect, createServer, type Server, type Socket } from "node:net";
import type { Endpoint } from "../lab/world.ts";
import { seeded } from "./random.ts";

/** How often each fault strikes: a share of the packets, or of the pieces of a stream, in [0, 1]. */
export interface Faults {
  /** Held back for up to `longest` milliseconds; datagrams so overtake each other. */
  readonly delay?: number;
  readonly longest?: number;
  readonly drop?: number;
  readonly duplicate?: number;
  /** A datagram loses its end; a stream ends in the middle, without TLS knowing. */
  readonly truncate?: number;
  /** A stream is reset. */
  readonly reset?: number;
}

export type FaultKind = "delay" | "drop" | "duplicate" | "truncate" | "reset";

/** Carries UDP and TCP between a client and a server of the lab, and spoils it. One seed, one order of faults. */
export class FaultProxy {
  faults: Faults = {};
  readonly struck: Record<FaultKind, number> = { delay: 0, drop: 0, duplicate: 0, truncate: 0, reset: 0 };
  readonly address: string;
  readonly port: number;
  readonly #upstream: Endpoint;
  readonly #random: () => number;
  readonly #udp: UdpSocket | null;
  readonly #tcp: Server;
  readonly #sockets = new Set<Socket>();
  readonly #peers = new Map<string, UdpSocket>();
  readonly #timers = new Set<NodeJS.Timeout>();

  private constructor(seed: number, upstream: Endpoint, at: Endpoint, udp: UdpSocket | null, tcp: Server) {
    this.address = at.address;
    this.port = at.port;
    this.#upstream = upstream;
    this.#random = seeded(seed);
    this.#udp = udp;
    this.#tcp = tcp;
    udp?.on("message", (packet, client) => this.#onDatagram(packet, client));
    tcp.on("connection", (socket) => this.#onConnection(socket));
  }

  /** For DNS: UDP and TCP on one free port of loopback. */
  static async forDns(seed: number, upstream: Endpoint): Promise<FaultProxy> {
    for (let attempt = 1; ; attempt++) {
      const udp = createSocket("udp4");
      await new Promise<void>((resolve) => udp.bind(0, "127.0.0.1", resolve));
      const { port } = udp.address();
      try {
        return new FaultProxy(seed, upstream, { address: "127.0.0.1", port }, udp, await listening("127.0.0.1", port));
      } catch (error) {
        udp.close();
        if (attempt === 20) throw error; // that port may be taken for TCP
      }
    }
  }

  /** For HTTPS: the same port as the server, on another address. */
  static async forHttps(seed: number, upstream: Endpoint, address: string): Promise<FaultProxy> {
    const { port } = upstream;
    return new FaultProxy(seed, upstream, { address, port }, null, await listening(address, port));
  }

  async close(): Promise<void> {
    for (const timer of this.#timers) clearTimeout(timer);
    for (const socket of this.#sockets) socket.destroy();
    for (const peer of this.#peers.values()) peer.close();
    this.#udp?.close();
    await new Promise((resolve) => this.#tcp.close(resolve));
  }

  #strikes(kind: FaultKind): boolean {
    if (this.#random() >= (this.faults[kind] ?? 0)) return false;
    this.struck[kind]++;
    return true;
  }

  /** Faults of one datagram. */
  #carry(packet: Buffer, send: (packet: Buffer) => void): void {
    if (this.#strikes("drop")) return;
    const whole = this.#strikes("truncate") ? packet.subarray(0, Math.floor(this.#random() * packet.length)) : packet;
    const copies = this.#strikes("duplicate") ? 2 : 1;
    for (let i = 0; i < copies; i++) this.#later(() => send(whole));
  }

  #later(act: () => void): void {
    if (!this.#strikes("delay")) {
      act();
      return;
    }
    const timer = setTimeout(
      () => {
        this.#timers.delete(timer);
        act();
      },
      this.#random() * (this.faults.longest ?? 100),
    );
    this.#timers.add(timer);
  }

  #onDatagram(packet: Buffer, client: RemoteInfo): void {
    const { address, port } = this.#upstream;
    const peer = this.#peer(client);
    this.#carry(packet, (bytes) => peer.send(bytes, port, address, () => undefined));
  }

  /** One socket upstream for each of the client's, so that answers find their way back. */
  #peer(client: RemoteInfo): UdpSocket {
    const key = `${client.address}:${client.port}`;
    const known = this.#peers.get(key);
    if (known !== undefined) return known;
    const peer = createSocket("udp4");
    peer.on("error", () => undefined);
    peer.on("message", (packet) =>
      this.#carry(packet, (bytes) => this.#udp?.send(bytes, client.port, client.address, () => undefined)),
    );
    this.#peers.set(key, peer);
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      if (this.#peers.delete(key)) peer.close();
    }, 10_000);
    this.#timers.add(timer);
    return peer;
  }

  #onConnection(client: Socket): void {
    const server = connect(this.#upstream.port, this.#upstream.address);
    for (const [from, to] of [
      [client, server],
      [server, client],
    ] as const) {
      this.#sockets.add(from);
      from.on("error", () => from.destroy());
      from.on("close", () => {
        this.#sockets.delete(from);
        to.destroy();
      });
      from.on("end", () => to.end());
      from.on("data", (piece) => void this.#carryPiece(piece, from, to));
    }
  }

  /** Faults of one piece of a stream; a drop is a stall that never ends. */
  async #carryPiece(piece: Buffer, from: Socket, to: Socket): Promise<void> {
    from.pause();
    if (this.#strikes("reset")) {
      from.resetAndDestroy();
      to.resetAndDestroy();
      return;
    }
    if (this.#strikes("drop")) return;
    if (this.#strikes("truncate")) {
      to.end(piece.subarray(0, Math.floor(this.#random() * piece.length)));
      return;
    }
    await new Promise<void>((resolve) => this.#later(resolve));
    if (!to.destroyed) to.write(piece);
    from.resume();
  }
}

function listening(address: string, port: number): Promise<Server> {
  const server = createServer({ allowHalfOpen: true });
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, address, () => resolve(server));
  });
}
