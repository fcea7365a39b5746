import { X509Certificate } from "node:crypto";
import { connect as connectTcp, isIPv6, type Socket } from "node:net";
import { connect as connectTls, type PeerCertificate, type SecureContext, type TLSSocket } from "node:tls";
import { dnsIdsOf } from "../tls/certificate.ts";
import { codeOf, FetchError } from "./failure.ts";
import type { PolicyPeer } from "./types.ts";
import { MeteredWire } from "./wire.ts";

/** Octets one connection may send us, TLS handshake and all framing included (attack A-29). */
const WIRE_BUDGET = 128 * 1024;
/** Addresses tried for one fetch, and how long one of them may take to answer the TCP handshake. */
const MAX_ADDRESSES = 6;
const MAX_CONNECT_MS = 10_000;

/** True when one of the DNS-IDs a certificate presents names `host` (RFC 9525 §6.3); the decision core's function. */
export type MatchesDnsId = (names: readonly string[], host: string) => boolean;

export interface ConnectOptions {
  /** The policy host: SNI and reference identity. */
  readonly host: string;
  /** Checked addresses, at least one; nothing else is dialled (R-8461-3.3-21). */
  readonly addresses: readonly string[];
  readonly port: number;
  readonly trust: SecureContext;
  readonly matchesDnsId: MatchesDnsId;
  /** Ends everything, with the FetchError to report as its reason. */
  readonly signal: AbortSignal;
  /** Milliseconds all addresses together may take; shared out so that a silent one leaves time for the next. */
  readonly timeoutMs: number;
  /** Told what is being waited for, for the log line of a timeout. */
  readonly onStep: (step: string) => void;
}

/** An authenticated TLS connection to the policy host. */
export interface PolicyConnection {
  readonly socket: TLSSocket;
  readonly peer: PolicyPeer;
  /** True when the peer ended the TLS stream itself (close_notify); false while it is open, or was cut. */
  endedByPeer(): boolean;
}

/**
 * Dials the addresses in turn until one accepts, then makes the TLS handshake with that one. Only the TCP handshake moves
 * on to the next address: a server that answers and then fails is the answer.
 * @throws FetchError connect, tls, certificate or too-large, or the reason of the signal
 */
export async function connectToPolicyHost(options: ConnectOptions): Promise<PolicyConnection> {
  const { host, signal, onStep } = options;
  const addresses = alternateFamilies(options.addresses).slice(0, MAX_ADDRESSES);
  const patience = Math.min(MAX_CONNECT_MS, options.timeoutMs / addresses.length);
  const failures: string[] = [];
  for (const address of addresses) {
    onStep(`connecting to ${address}`);
    const tcp = await dial(address, options.port, patience, signal).catch((error: unknown) => {
      if (error instanceof FetchError) throw error;
      failures.push(`${address} ${codeOf(error)}`);
    });
    if (tcp === undefined) continue;
    onStep(`waiting for the TLS handshake of ${address}`);
    return handshake(tcp, address, options);
  }
  throw new FetchError("connect", `no address of ${host} accepts a connection: ${failures.join(", ")}`);
}

/** RFC 8305 §4: the families take turns, so that one broken family costs one attempt before the other is tried. */
function alternateFamilies(addresses: readonly string[]): string[] {
  const [first] = addresses;
  if (first === undefined) return [];
  const same = addresses.filter((address) => isIPv6(address) === isIPv6(first));
  const other = addresses.filter((address) => isIPv6(address) !== isIPv6(first));
  return same.flatMap((address, index) => [address, ...other.slice(index, index + 1)]).concat(other.slice(same.length));
}

function dial(address: string, port: number, patienceMs: number, signal: AbortSignal): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const tcp = connectTcp({ host: address, port, noDelay: true });
    const timer = setTimeout(() => tcp.destroy(new Error("no answer")), patienceMs);
    const onAbort = () => tcp.destroy(signal.reason);
    const settle = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", onAbort);
    };
    tcp.once("connect", () => {
      settle();
      tcp.removeListener("error", reject);
      resolve(tcp);
    });
    tcp.once("error", reject);
    tcp.once("close", settle);
    signal.addEventListener("abort", onAbort, { once: true });
    if (signal.aborted) onAbort();
  });
}

function handshake(tcp: Socket, address: string, options: ConnectOptions): Promise<PolicyConnection> {
  const { host, signal, trust } = options;
  const name = `${host} [${address}]`;
  return new Promise((resolve, reject) => {
    const wire = new MeteredWire(tcp, WIRE_BUDGET, name);
    const socket = connectTls({
      socket: wire,
      servername: host,
      secureContext: trust,
      ALPNProtocols: ["http/1.1"],
      rejectUnauthorized: true,
      checkServerIdentity: (_host, certificate) => identityError(certificate, name, options),
    });
    wire.on("error", (error) => socket.destroy(error));
    const onAbort = () => socket.destroy(signal.reason);
    socket.once("close", () => {
      signal.removeEventListener("abort", onAbort);
      wire.destroy();
    });
    signal.addEventListener("abort", onAbort, { once: true });
    if (signal.aborted) onAbort();

    let endedByPeer = false;
    socket.once("end", () => {
      endedByPeer = !wire.finPassedOn;
    });
    // Stays for the life of the socket: after the handshake an error is for whoever reads from it, and never uncaught.
    socket.on("error", (error) => reject(handshakeFailure(error, socket, name)));
    socket.once("secureConnect", () =>
      resolve({ socket, peer: peerOf(socket, address), endedByPeer: () => endedByPeer }),
    );
  });
}

/** The identity check of RFC 8461 §3.3 in place of Node's, which accepts a CN and partial wildcards. */
function identityError(
  certificate: PeerCertificate,
  name: string,
  { host, matchesDnsId }: ConnectOptions,
): FetchError | undefined {
  const names = dnsIdsOf(certificate.raw);
  if (matchesDnsId(names, host)) return undefined;
  const others = names.length === 0 ? "it has no DNS name in its subjectAltName" : `it names ${names.join(", ")}`;
  return new FetchError("certificate", `the certificate of ${name} is not for ${host}: ${others}`);
}

function handshakeFailure(error: Error, socket: TLSSocket, name: string): FetchError {
  // Octets before the certificate is proven are anybody's: too many of them say nothing about the domain.
  if (error instanceof FetchError && error.failure === "too-large") return new FetchError("tls", error.message);
  if (error instanceof FetchError) return error;
  const code = codeOf(error);
  // Node sets authorizationError when, and only when, the certificate is what it refused.
  if (socket.authorizationError) {
    // After a semicolon newer Nodes advise options of theirs, which have no effect here.
    const [why] = error.message.split(";");
    return new FetchError("certificate", `the certificate of ${name} is not trusted: ${why} (${code})`, {
      cause: error,
    });
  }
  return new FetchError("tls", `the TLS handshake with ${name} failed: ${code}`, { cause: error });
}

function peerOf(socket: TLSSocket, address: string): PolicyPeer {
  const leaf = new X509Certificate(socket.getPeerCertificate().raw);
  return {
    address,
    tlsVersion: socket.getProtocol() ?? "unknown",
    certificateFingerprint: leaf.fingerprint256.replaceAll(":", "").toLowerCase(),
  };
}
