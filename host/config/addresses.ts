import { isIP } from "node:net";

export interface TcpAddress {
  readonly transport: "tcp";
  /** An IP address without brackets, or a host name. */
  readonly host: string;
  /** 0 lets the system choose. */
  readonly port: number;
}

export interface UnixAddress {
  readonly transport: "unix";
  readonly path: string;
}

/** Why a text is no address: a clause that follows the quoted text ("has no port"). */
export interface AddressFault {
  readonly fault: string;
}

/** sockaddr_un.sun_path is 108 bytes on Linux, the last of them NUL. */
const LONGEST_SOCKET_PATH = 107;
const HOST_NAME = /^(?!-)[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63})*$/;

/** "host:port", "[IPv6]:port" or "unix:/path". */
export function parseListenAddress(text: string): TcpAddress | UnixAddress | AddressFault {
  return text.startsWith("unix:") ? parseSocketPath(text) : parseTcpAddress(text);
}

/** The path of a unix socket, with or without "unix:" before it. */
export function parseSocketPath(text: string): UnixAddress | AddressFault {
  const path = text.startsWith("unix:") ? text.slice("unix:".length) : text;
  if (path === "") return { fault: "has no path" };
  if (path.includes("\0")) return { fault: "holds a NUL byte" };
  if (path.endsWith("/")) return { fault: "is a directory; name the socket inside it" };
  if (Buffer.byteLength(path) > LONGEST_SOCKET_PATH)
    return { fault: `is longer than the ${LONGEST_SOCKET_PATH} bytes a unix socket path may have` };
  return { transport: "unix", path };
}

/** "host:port" or "[IPv6]:port"; an IPv6 address without brackets cannot be told from its port. */
export function parseTcpAddress(text: string): TcpAddress | AddressFault {
  const colon = text.lastIndexOf(":");
  if (colon < 0) return { fault: "has no port" };
  const port = parsePort(text.slice(colon + 1));
  if (port === null) return { fault: "has a port that is not a number from 0 to 65535" };
  const host = parseHost(text.slice(0, colon));
  return typeof host === "string" ? { transport: "tcp", host, port } : host;
}

/** One spelling for each address, to find two listeners on the same one. */
export function formatAddress(address: TcpAddress | UnixAddress): string {
  if (address.transport === "unix") return `unix:${address.path}`;
  return `${isIP(address.host) === 6 ? `[${address.host}]` : address.host}:${address.port}`;
}

function parseHost(host: string): string | AddressFault {
  if (host.startsWith("[") && host.endsWith("]")) {
    const inner = host.slice(1, -1);
    return isIP(inner) === 6 ? inner : { fault: "has no IPv6 address between its brackets" };
  }
  if (isIP(host) === 6) return { fault: `needs brackets around its IPv6 address: [${host}]` };
  if (host === "*") return { fault: "names no host; every address is 0.0.0.0 or [::]" };
  if (host === "") return { fault: "names no host; this machine alone is 127.0.0.1" };
  if (/^[0-9.]+$/.test(host)) return isIP(host) === 4 ? host : { fault: "has an IPv4 address that is none" };
  return HOST_NAME.test(host) ? host : { fault: "has neither an IP address nor a host name" };
}

function parsePort(text: string): number | null {
  if (!/^(0|[1-9][0-9]{0,4})$/.test(text)) return null;
  const port = Number(text);
  return port <= 65_535 ? port : null;
}
