// What dns-packet, an independent decoder, reads in a message, beside what ours reads.
import { type Answer, decode } from "dns-packet";
import { toPresentation } from "../../../host/dns/names.ts";
import type { Message, ResourceRecord } from "../../../host/dns/wire.ts";

/** What a message says, in text that both decoders can write. */
export function summary(read: Message) {
  return {
    rcode: read.rcode,
    flags: [read.authoritative, read.recursionAvailable, read.authenticData],
    answers: read.answers.map(show),
    authority: read.authority.map(show),
  };
}

export function show({ owner, ttl, data }: ResourceRecord): string {
  const head = `${toPresentation(owner)} ${ttl}`;
  if (data.kind === "address") return `${head} ADDRESS ${data.address}`;
  if (data.kind === "cname") return `${head} CNAME ${toPresentation(data.target)}`;
  if (data.kind === "mx") return `${head} MX ${data.preference} ${toPresentation(data.exchange)}`;
  if (data.kind === "txt") return `${head} TXT ${Buffer.from(data.rdata).toString("hex")}`;
  return data.kind === "soa" ? `${head} SOA ${data.minimum}` : `${head} other`;
}

/** The same summary by an independent decoder. */
export function dnsPacketSummary(bytes: Buffer) {
  const read = decode(bytes);
  return {
    rcode: ["NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED"].indexOf(
      (read as { rcode?: string }).rcode ?? "",
    ),
    flags: [read.flag_aa, read.flag_ra, read.flag_ad],
    answers: (read.answers ?? []).map(showOracle),
    authority: (read.authorities ?? []).map(showOracle),
  };
}

function showOracle(answer: Answer): string {
  const head = `${answer.name} ${"ttl" in answer ? answer.ttl : "?"}`;
  switch (answer.type) {
    case "A":
      return `${head} ADDRESS ${answer.data}`;
    case "AAAA":
      return `${head} ADDRESS ${canonicalIpv6(answer.data)}`;
    case "CNAME":
      return `${head} CNAME ${answer.data}`;
    case "MX":
      return `${head} MX ${answer.data.preference} ${answer.data.exchange}`;
    case "TXT": {
      const strings = answer.data as Buffer[];
      return `${head} TXT ${Buffer.concat(strings.map((part) => Buffer.concat([Buffer.from([part.length]), part]))).toString("hex")}`;
    }
    case "SOA":
      return `${head} SOA ${answer.data.minimum}`;
    default:
      return `${head} other`;
  }
}

/** The URL parser writes RFC 5952 but for the mixed form of ::ffff:0:0/96. */
function canonicalIpv6(address: string): string {
  const text = new URL(`http://[${address}]/`).hostname.slice(1, -1);
  const mapped = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(text);
  if (!mapped) return text;
  const [high, low] = [Number.parseInt(mapped[1] ?? "", 16), Number.parseInt(mapped[2] ?? "", 16)];
  return `::ffff:${[high >> 8, high & 255, low >> 8, low & 255].join(".")}`;
}
