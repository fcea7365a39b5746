import { createSocket, type Socket as UdpSocket } from "node:dgram";
import { once } from "node:events";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { decode } from "dns-packet";
import { FLAGS, type MessageParts, message } from "./message-builder.ts";

export interface SeenQuery {
  readonly transport: "udp" | "tcp";
  readonly id: number;
  readonly name: string;
  readonly type: string;
  readonly sourcePort: number;
  readonly bytes: Buffer;
  /** The question section as it was sent. */
  readonly question: Buffer;
}

/** What to send back: message parts (id and question are filled in), whole messages as they are, or nothing. */
export type Reply = MessageParts | Buffer | null;
export type Script = (query: SeenQuery) => Reply | Reply[] | Promise<Reply | Reply[]>;

/** A DNS server on loopback, UDP and TCP on one port, that says what its script says and remembers what it was asked. */
export class ScriptedServer {
  readonly queries: SeenQuery[] = [];
  readonly #udp: UdpSocket;
  readonly #tcp: Server;
  readonly #connections = new Set<Socket>();
  readonly #script: Script;

  private constructor(udp: UdpSocket, tcp: Server, script: Script) {
    this.#udp = udp;
    this.#tcp = tcp;
    this.#script = script;
    udp.on("message", async (bytes, from) => {
      for (const reply of await this.#replies("udp", bytes, from.port)) udp.send(reply, from.port, from.address);
    });
    tcp.on("connection", (socket) => {
      this.#connections.add(socket);
      socket.on("error", () => {});
      socket.on("data", async (frame) => {
        for (const reply of await this.#replies("tcp", frame.subarray(2), socket.remotePort ?? 0)) {
          const length = Buffer.alloc(2);
          length.writeUInt16BE(reply.length);
          socket.write(Buffer.concat([length, reply]));
        }
      });
    });
  }

  static async start(script: Script, address = "127.0.0.1"): Promise<ScriptedServer> {
    const { udp, tcp } = await listenOnOnePort(address);
    return new ScriptedServer(udp, tcp, script);
  }

  get text(): string {
    const { address, port } = this.#udp.address();
    return `${address}:${port}`;
  }

  /** Questions in order, as "TXT name", UDP and TCP alike. */
  get asked(): string[] {
    return this.queries.map((query) => `${query.type} ${query.name}`);
  }

  async stop(): Promise<void> {
    for (const socket of this.#connections) socket.destroy();
    this.#udp.close();
    this.#tcp.close();
    await once(this.#tcp, "close");
  }

  async #replies(transport: "udp" | "tcp", bytes: Buffer, sourcePort: number): Promise<Buffer[]> {
    const packet = decode(bytes);
    const [asked] = packet.questions ?? [];
    if (asked === undefined) throw new Error("query without a question");
    const question = bytes.subarray(12, bytes.length - 11);
    const query = { transport, id: packet.id ?? 0, name: asked.name, type: asked.type, sourcePort, bytes, question };
    this.queries.push(query);
    const said = await this.#script(query);
    const replies = Array.isArray(said) ? said : [said];
    return replies.flatMap((reply) => {
      if (reply === null) return [];
      return Buffer.isBuffer(reply) ? [reply] : [message({ id: query.id, question, flags: FLAGS.answer, ...reply })];
    });
  }
}

/** UDP and TCP on the same ephemeral port, as DNS needs it. */
export async function listenOnOnePort(address: string): Promise<{ udp: UdpSocket; tcp: Server; text: string }> {
  for (;;) {
    const tcp = createServer();
    tcp.listen(0, address);
    await once(tcp, "listening");
    const { port } = tcp.address() as AddressInfo;
    const udp = createSocket("udp4");
    try {
      udp.bind(port, address);
      await once(udp, "listening");
      return { udp, tcp, text: `${address}:${port}` };
    } catch {
      // Somebody else has that port for UDP: take another.
      tcp.close();
      udp.close();
    }
  }
}

/** A port on loopback where nothing listens: bound once and let go. */
export async function silentPort(): Promise<string> {
  const socket = createSocket("udp4");
  socket.bind(0, "127.0.0.1");
  await once(socket, "listening");
  const { port } = socket.address();
  socket.close();
  return `127.0.0.1:${port}`;
}
