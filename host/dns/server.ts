import { isIP, isIPv6 } from "node:net";

/** A recursive resolver to ask. */
export interface DnsServer {
  /** IP address as text; an IPv6 address may carry a zone ("fe80::1%eth0"). */
  readonly address: string;
  readonly port: number;
  /** For logs: the address, with the port when it is not 53. */
  readonly text: string;
}

const DNS_PORT = 53;

/**
 * Reads "192.0.2.1", "192.0.2.1:5353", "2001:db8::1", "[2001:db8::1]:5353" and zoned IPv6 addresses. Null for
 * anything else, host names included: a resolver that has to be resolved is no start.
 */
export function parseServer(text: string): DnsServer | null {
  const bracketed = /^\[([^\]]*)\](?::(\d{1,5}))?$/.exec(text);
  if (bracketed) return isIPv6(bracketed[1] ?? "") ? server(bracketed[1] ?? "", bracketed[2]) : null;
  if (isIP(text) !== 0) return server(text, undefined);
  const withPort = /^([0-9.]+):(\d{1,5})$/.exec(text);
  return withPort && isIP(withPort[1] ?? "") === 4 ? server(withPort[1] ?? "", withPort[2]) : null;
}

/** True for 127.0.0.0/8 and ::1: the answer cannot be changed on its way to us. */
export function isLoopback(address: string): boolean {
  return isIP(address) === 4 ? address.startsWith("127.") : sameAddress(address, "::1");
}

/** Compares addresses, not their spelling: "::1" is "0:0:0:0:0:0:0:1". */
export function sameAddress(a: string, b: string): boolean {
  return canonicalAddress(a) === canonicalAddress(b);
}

function canonicalAddress(address: string): string {
  if (!isIPv6(address)) return address;
  const [bare = "", zone] = address.split("%");
  const canonical = new URL(`http://[${bare}]/`).hostname;
  return zone === undefined ? canonical : `${canonical}%${zone}`;
}

function server(address: string, portText: string | undefined): DnsServer | null {
  const port = portText === undefined ? DNS_PORT : Number(portText);
  if (port < 1 || port > 65535) return null;
  const bare = port === DNS_PORT;
  return { address, port, text: bare ? address : isIPv6(address) ? `[${address}]:${port}` : `${address}:${port}` };
}
