import { createSocket } from "node:dgram";
import { type AddressInfo, isIPv6 } from "node:net";
import type { DnsServer } from "./server.ts";
import type { ExchangeFailure } from "./transport.ts";
import { matchReply, type Query } from "./wire.ts";

/** Datagrams that are not the answer before the exchange moves to TCP, where nobody off the path can speak. */
const MAX_STRAYS = 32;

export type UdpReply =
  | { readonly kind: "reply"; readonly bytes: Uint8Array }
  /** Ask again over TCP: the answer did not fit, or somebody is guessing ids. */
  | { readonly kind: "use-tcp" }
  | ExchangeFailure;

/**
 * One query in one datagram, from a socket of its own: the kernel picks a fresh source port and lets nothing in that
 * does not come from the server (RFC 5452 §9.2). What does not match id and question is dropped and the wait goes on.
 */
export function askOverUdp(server: DnsServer, query: Query, timeoutMs: number, signal: AbortSignal): Promise<UdpReply> {
  return new Promise((resolve) => {
    const socket = createSocket(isIPv6(server.address) ? "udp6" : "udp4");
    let open = true;
    let strays = 0;
    let peer: AddressInfo | null = null;
    const finish = (reply: UdpReply) => {
      if (!open) return;
      open = false;
      clearTimeout(timer);
      signal.removeEventListener("abort", onAbort);
      socket.close();
      resolve(reply);
    };
    const onAbort = () => finish({ kind: "failed", reason: "aborted", detail: "" });
    const fail = (error: Error) => finish({ kind: "failed", reason: "network", detail: `${errorCode(error)} from` });
    const timer = setTimeout(() => finish(timedOut(timeoutMs, strays)), timeoutMs);
    signal.addEventListener("abort", onAbort, { once: true });
    socket.on("error", fail);
    socket.on("message", (bytes, from) => {
      if (!open) return;
      // The socket is bound and connected in two steps: what came in between may be from anyone.
      const fromServer = from.port === peer?.port && from.address === peer.address;
      const match = fromServer ? matchReply(bytes, query) : "other";
      if (match === "answer") finish({ kind: "reply", bytes });
      else if (match === "truncated" || ++strays >= MAX_STRAYS) finish({ kind: "use-tcp" });
    });
    socket.on("connect", () => {
      if (!open) return;
      peer = socket.remoteAddress();
      socket.send(query.bytes, (error) => error && fail(error));
    });
    socket.connect(server.port, server.address);
  });
}

/** The system's own name of a socket error ("ECONNREFUSED"): printable, short, and what an operator can look up. */
export function errorCode(error: Error): string {
  const { code } = error as NodeJS.ErrnoException;
  return typeof code === "string" && /^[A-Z0-9_]{1,40}$/.test(code) ? code : "socket error";
}

function timedOut(timeoutMs: number, strays: number): ExchangeFailure {
  const dropped = strays === 0 ? "" : ` (${strays} that did not answer the question dropped)`;
  return { kind: "failed", reason: "timeout", detail: `no reply within ${timeoutMs} ms${dropped} from` };
}
