/** Builds DNS messages octet by octet, so that a test can also say what no library would write. */

export const FLAGS = {
  answer: 0x8180,
  authoritative: 0x8400,
  truncated: 0x8380,
  authentic: 0x81a0,
  stub: 0x8000,
} as const;
export const TYPES = { A: 1, NS: 2, CNAME: 5, SOA: 6, MX: 15, TXT: 16, AAAA: 28, DNAME: 39, OPT: 41 } as const;

export interface MessageParts {
  id?: number;
  flags?: number;
  rcode?: number;
  question?: Buffer;
  answers?: Buffer[];
  authority?: Buffer[];
  additional?: Buffer[];
}

export function message(parts: MessageParts): Buffer {
  const { id = 0, flags = FLAGS.answer, rcode = 0, answers = [], authority = [], additional = [] } = parts;
  const asked = parts.question ?? question("example.com", TYPES.TXT);
  const counts = [1, answers.length, authority.length, additional.length];
  return Buffer.concat([u16(id, flags | rcode, ...counts), asked, ...answers, ...authority, ...additional]);
}

export function question(name: string, type: number): Buffer {
  return Buffer.concat([dottedName(name), u16(type, 1)]);
}

export function record(owner: string | Buffer, type: number, ttl: number, rdata: Buffer, recordClass = 1): Buffer {
  const name = typeof owner === "string" ? dottedName(owner) : owner;
  return Buffer.concat([name, u16(type, recordClass), u32(ttl), u16(rdata.length), rdata]);
}

/** "" or "." is the root. Every dot is a label border. */
export function dottedName(name: string): Buffer {
  return wireName(...name.split(".").filter((label) => label !== ""));
}

/** Labels as they are, dots and NULs included. */
export function wireName(...labels: string[]): Buffer {
  const parts = labels.map((label) => Buffer.concat([Buffer.from([label.length]), Buffer.from(label, "latin1")]));
  return Buffer.concat([...parts, Buffer.from([0])]);
}

export function pointer(offset: number): Buffer {
  return u16(0xc000 | offset);
}

export function txtData(...strings: string[]): Buffer {
  return Buffer.concat(strings.map((text) => Buffer.concat([Buffer.from([text.length]), Buffer.from(text, "latin1")])));
}

export function mxData(preference: number, exchange: string | Buffer): Buffer {
  return Buffer.concat([u16(preference), typeof exchange === "string" ? dottedName(exchange) : exchange]);
}

export function soaData(minimum: number): Buffer {
  return Buffer.concat([dottedName("ns.example"), dottedName("root.example"), u32(1, 2, 3, 4, minimum)]);
}

export const txt = (owner: string, ttl: number, ...strings: string[]) =>
  record(owner, TYPES.TXT, ttl, txtData(...strings));
export const cname = (owner: string, ttl: number, target: string) =>
  record(owner, TYPES.CNAME, ttl, dottedName(target));
export const soa = (owner: string, ttl: number, minimum: number) => record(owner, TYPES.SOA, ttl, soaData(minimum));
export const ns = (owner: string, target: string) => record(owner, TYPES.NS, 60, dottedName(target));
export const mx = (owner: string, ttl: number, preference: number, exchange: string | Buffer) =>
  record(owner, TYPES.MX, ttl, mxData(preference, exchange));
export const a = (owner: string, ttl: number, address: string) =>
  record(owner, TYPES.A, ttl, Buffer.from(address.split(".").map(Number)));
export const aaaa = (owner: string, ttl: number, hex: string) =>
  record(owner, TYPES.AAAA, ttl, Buffer.from(hex.replaceAll(" ", ""), "hex"));

export function u16(...values: number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 2);
  for (const [i, value] of values.entries()) bytes.writeUInt16BE(value, i * 2);
  return bytes;
}

export function u32(...values: number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 4);
  for (const [i, value] of values.entries()) bytes.writeUInt32BE(value, i * 4);
  return bytes;
}
