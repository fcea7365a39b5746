import { createSocket, type RemoteInfo, type Socket as UdpSocket } from "node:dgram";
import { createServer, type Server, type Socket } from "node:net";
import { type DnsName, nameKey, nameText } from "./dns-name.ts";
import {
  type DnsMessage,
  type DnsQuery,
  type DnsRecord,
  decodeQuery,
  encodeMessage,
  type RecordType,
  TYPE_NUMBERS,
} from "./dns-wire.ts";
import { type DnsOutcome, type DnsReply, DnsZone } from "./dns-zone.ts";
import { Journal } from "./journal.ts";

export interface SeenQuery {
  /** Presentation form in lower case. */
  readonly name: string;
  /** As the client spelt it. */
  readonly asked: string;
  /** "TXT", or "TYPE64" for a type that the lab does not know. */
  readonly type: string;
  readonly transport: "udp" | "tcp";
  readonly dnssecOk: boolean;
  readonly at: number;
}

const RCODES = { records: 0, empty: 0, referral: 0, formerr: 1, servfail: 2, nxdomain: 3, notimp: 4, refused: 5 };
const TYPE_NAMES = new Map<number, RecordType>(
  Object.entries(TYPE_NUMBERS).map(([name, number]) => [number, name as RecordType]),
);
// Not the server's own address: a client that compares the source (RFC 5452 §9.1) ignores what comes from here.
const FORGER_ADDRESS = "127.66.66.66";

/** A DNS server on one address and port, UDP and TCP. Several servers may share a zone. */
export class DnsServer {
  readonly zone: DnsZone;
  readonly queries = new Journal<SeenQuery>("DNS query");
  readonly #udp: UdpSocket;
  readonly #tcp: Server;
  readonly #connections = new Set<Socket>();
  readonly #timers = new Set<NodeJS.Timeout>();

  private constructor(zone: DnsZone, udp: UdpSocket, tcp: Server) {
    this.zone = zone;
    this.#udp = udp;
    this.#tcp = tcp;
    udp.on("message", (packet, client) => this.#onDatagram(packet, client));
    tcp.on("connection", (socket) => this.#onConnection(socket));
  }

  /** Binds UDP and TCP to the same port; port 0 picks a free one. */
  static async listen(options: { address?: string; port?: number; zone?: DnsZone } = {}): Promise<DnsServer> {
    const { address = "127.0.0.1", port = 0, zone = new DnsZone() } = options;
    for (let attempt = 1; ; attempt++) {
      const udp = await bindUdp(address, port);
      const tcp = createServer({ allowHalfOpen: true });
      try {
        await new Promise<void>((resolve, reject) => {
          tcp.once("error", reject);
          tcp.listen(udp.address().port, address, resolve);
        });
        return new DnsServer(zone, udp, tcp);
      } catch (error) {
        udp.close();
        // The free UDP port may be taken for TCP; with port 0 there are others.
        if (port !== 0 || attempt === 20) throw error;
      }
    }
  }

  get address(): string {
    return this.#udp.address().address;
  }

  get port(): number {
    return this.#udp.address().port;
  }

  /** How often a name was asked for, over both transports. */
  count(name: DnsName, type: RecordType): number {
    return this.queries.where((query) => query.name === nameKey(name) && query.type === type).length;
  }

  /** Resolves once a name was asked for `times` times. */
  async waitForQuery(name: DnsName, type: RecordType, times = 1): Promise<void> {
    await this.queries.until((query) => query.name === nameKey(name) && query.type === type, times);
  }

  async close(): Promise<void> {
    for (const timer of this.#timers) clearTimeout(timer);
    for (const socket of this.#connections) socket.destroy();
    await Promise.all([
      new Promise<void>((resolve) => this.#udp.close(() => resolve())),
      new Promise((resolve) => this.#tcp.close(resolve)),
    ]);
  }

  #onDatagram(packet: Buffer, client: RemoteInfo): void {
    const query = decodeQuery(packet);
    if (query === null) return;
    const outcome = this.#resolve(query, "udp");
    const { reply } = outcome;
    this.#after(outcome.delay, () => {
      if (reply.forged !== undefined) this.#forge(query, outcome, client);
      if (outcome.kind === "drop" || reply.forged?.alone === true) return;
      this.#send(datagram(query, outcome), client);
    });
  }

  #send(packet: Buffer, client: RemoteInfo): void {
    this.#udp.send(packet, client.port, client.address, () => undefined);
  }

  #forge(query: DnsQuery, outcome: DnsOutcome, client: RemoteInfo): void {
    const { forged } = outcome.reply;
    if (forged === undefined) return;
    const type = TYPE_NAMES.get(query.type) ?? "A";
    const answers = (forged.records ?? []).map((data): DnsRecord => ({ name: query.labels, type, ttl: 300, data }));
    const packet = forgery(forged.as, message(query, { ...outcome, kind: "records", answers, authority: [] }));
    if (forged.as !== "wrong-source") {
      this.#send(packet, client);
      return;
    }
    const stranger = createSocket("udp4");
    stranger.bind(0, FORGER_ADDRESS, () => stranger.send(packet, client.port, client.address, () => stranger.close()));
  }

  #onConnection(socket: Socket): void {
    this.#connections.add(socket);
    socket.on("close", () => this.#connections.delete(socket));
    socket.on("error", () => socket.destroy());
    socket.on("end", () => socket.end());
    let pending = Buffer.alloc(0);
    socket.on("data", (chunk) => {
      pending = Buffer.concat([pending, chunk]);
      while (pending.length >= 2 && pending.length >= 2 + pending.readUInt16BE(0)) {
        const query = decodeQuery(Buffer.from(pending.subarray(2, 2 + pending.readUInt16BE(0))));
        pending = pending.subarray(2 + pending.readUInt16BE(0));
        if (query !== null) this.#answerTcp(socket, query);
      }
    });
  }

  #answerTcp(socket: Socket, query: DnsQuery): void {
    const outcome = this.#resolve(query, "tcp");
    const fault = outcome.reply.tcp;
    this.#after(outcome.delay, () => {
      if (outcome.kind === "drop" || socket.destroyed) return;
      const packet = encodeMessage(message(query, outcome));
      const framed = Buffer.concat([Buffer.of(packet.length >>> 8, packet.length & 0xff), packet]);
      if (fault === "close") socket.destroy();
      else if (fault === "cut") socket.end(framed.subarray(0, framed.length - 5));
      else if (fault === "dribble") this.#dribble(socket, framed);
      else socket.write(framed);
    });
  }

  #dribble(socket: Socket, rest: Buffer): void {
    if (rest.length === 0 || socket.destroyed) return;
    socket.setNoDelay(true);
    socket.write(rest.subarray(0, 1), () => setImmediate(() => this.#dribble(socket, rest.subarray(1))));
  }

  #resolve(query: DnsQuery, transport: SeenQuery["transport"]): DnsOutcome {
    const type = TYPE_NAMES.get(query.type) ?? null;
    const asked = nameText(query.labels);
    this.queries.add({
      name: asked.toLowerCase(),
      asked,
      type: type ?? `TYPE${query.type}`,
      transport,
      dnssecOk: query.edns?.dnssecOk ?? false,
      at: Date.now(),
    });
    return this.zone.resolve(query.labels, type);
  }

  #after(delay: number, act: () => void): void {
    if (delay === 0) {
      act();
      return;
    }
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      act();
    }, delay);
    this.#timers.add(timer);
  }
}

function bindUdp(address: string, port: number): Promise<UdpSocket> {
  const udp = createSocket("udp4");
  return new Promise((resolve, reject) => {
    udp.once("error", reject);
    udp.bind(port, address, () => {
      udp.off("error", reject);
      // A client that closed its socket makes the kernel report "connection refused" here; that is no fault of the lab.
      udp.on("error", () => undefined);
      resolve(udp);
    });
  });
}

function forgery(as: NonNullable<DnsReply["forged"]>["as"], honest: DnsMessage): Buffer {
  if (as === "garbage") return Buffer.from("not a DNS message");
  if (as === "wrong-id") return encodeMessage({ ...honest, id: honest.id ^ 0x5555 });
  if (as === "wrong-question" && honest.question !== null) {
    const labels = [Buffer.from("another"), ...honest.question.labels.slice(1)];
    return encodeMessage({ ...honest, question: { ...honest.question, labels } });
  }
  const packet = encodeMessage(honest);
  if (as === "query") packet.writeUInt16BE(packet.readUInt16BE(2) & 0x7fff, 2);
  return packet;
}

function message(query: DnsQuery, outcome: DnsOutcome): DnsMessage {
  const lame = outcome.kind === "referral" || outcome.kind === "empty";
  const asksForAd = query.ad || (query.edns?.dnssecOk ?? false);
  return {
    id: query.id,
    rcode: outcome.kind === "drop" ? 0 : RCODES[outcome.kind],
    aa: !lame,
    tc: false,
    rd: query.rd,
    ra: !lame,
    ad: outcome.secure && asksForAd,
    cd: query.cd,
    question: query,
    answers: outcome.answers,
    authority: outcome.authority,
    edns: query.edns,
  };
}

/** The reply as it fits into one datagram: TC where asked for, and where it is larger than the client takes. */
function datagram(query: DnsQuery, outcome: DnsOutcome): Buffer {
  const whole = message(query, outcome);
  const { reply } = outcome;
  if (reply.refuseEdns === true && query.edns !== null)
    return encodeMessage({ ...whole, rcode: 1, answers: [], authority: [], ad: false, edns: null });
  const cut = { ...whole, tc: true, authority: [] };
  if (reply.truncate === "partial") return encodeMessage({ ...cut, answers: whole.answers.slice(0, 1) });
  if (reply.truncate === "empty") return encodeMessage({ ...cut, answers: [] });
  const packet = encodeMessage(whole);
  const room = Math.max(512, query.edns?.udpSize ?? 512);
  return packet.length <= room ? packet : encodeMessage({ ...cut, answers: [] });
}
