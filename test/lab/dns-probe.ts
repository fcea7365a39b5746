import { createSocket, type RemoteInfo } from "node:dgram";
import { connect } from "node:net";
import dnsPacket from "dns-packet";
import type { Endpoint } from "./world.ts";

/** A raw DNS client, to see exactly what a server sends. */

export interface Datagram {
  readonly packet: Buffer;
  readonly from: RemoteInfo;
}

type Flags = { id: number; rcode: string; flag_tc: boolean; flag_ad: boolean; flag_ra: boolean; flag_qr: boolean };
/** A message as dns-packet reads it. Not for names with odd labels: dns-packet flattens a dot inside a label. */
export const decode = (packet: Buffer) => dnsPacket.decode(packet) as dnsPacket.DecodedPacket & Flags;

function encode(name: string, type: string, edns: { dnssecOk: boolean; udpPayloadSize: number } | null): Buffer {
  const opt = { type: "OPT", name: ".", udpPayloadSize: edns?.udpPayloadSize, flags: edns?.dnssecOk ? 0x8000 : 0 };
  return dnsPacket.encode({
    id: 4711,
    type: "query",
    flags: dnsPacket.RECURSION_DESIRED,
    questions: [{ name, type: type as "TXT" }],
    additionals: edns === null ? [] : ([{ ...opt, options: [] }] as unknown as dnsPacket.Answer[]),
  });
}

/** Sends one packet. The datagrams that come back until `count` of them are there, or `patience` ms are over. */
export async function exchange(dns: Endpoint, packet: Buffer, count: number, patience: number): Promise<Datagram[]> {
  const socket = createSocket("udp4");
  const got: Datagram[] = [];
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, patience);
    socket.on("message", (packet, from) => {
      got.push({ packet, from });
      if (got.length < count) return;
      clearTimeout(timer);
      resolve();
    });
    socket.send(packet, dns.port, dns.address);
  });
  socket.close();
  return got;
}

/** Like `exchange`, for a question. */
export function askUdp(dns: Endpoint, name: string, type = "TXT", how: AskOptions = {}): Promise<Datagram[]> {
  const { count = 1, patience = 5000, edns = { dnssecOk: true, udpPayloadSize: 1232 } } = how;
  return exchange(dns, encode(name, type, edns), count, patience);
}

export interface AskOptions {
  readonly count?: number;
  readonly patience?: number;
  readonly edns?: { dnssecOk: boolean; udpPayloadSize: number } | null;
}

/** One question over UDP, one answer. */
export async function ask(dns: Endpoint, name: string, type = "TXT", how: AskOptions = {}) {
  const [datagram] = await askUdp(dns, name, type, how);
  if (datagram === undefined) throw new Error(`no answer for ${name}`);
  return decode(datagram.packet);
}

/** One question over TCP. Everything that comes back over TCP until the server has sent a whole message or closed. */
export async function askTcp(dns: Endpoint, name: string, type = "TXT"): Promise<Buffer> {
  const socket = connect(dns.port, dns.address);
  const query = encode(name, type, null);
  socket.write(Buffer.concat([Buffer.of(query.length >> 8, query.length & 0xff), query]));
  let got = Buffer.alloc(0);
  for await (const chunk of socket) {
    got = Buffer.concat([got, chunk as Buffer]);
    if (got.length >= 2 && got.length >= 2 + got.readUInt16BE(0)) break;
  }
  socket.destroy();
  return got;
}

/** The TXT records of an answer, the character-strings of each joined. */
export const txt = (packet: dnsPacket.DecodedPacket) =>
  (packet.answers ?? []).map((answer) => Buffer.concat([(answer as { data: Buffer[] }).data].flat()).toString());
