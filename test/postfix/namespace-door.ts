import type { ChildProcess } from "node:child_process";
import type { Socket as UdpSocket } from "node:dgram";
import type { Server, Socket } from "node:net";
import type { Namespace } from "../lab/namespace.ts";

/**
 * Sockets inside a network namespace, for this process. A socket belongs to the namespace it was made in, whoever
 * holds it: a child that lives in the namespace makes the socket and hands it over. So a test scripts its servers in
 * plain code, beside its assertions, while an unchanged MTA in the namespace talks to them on ports 25, 53 or 443.
 */
export interface NamespaceDoor {
  /** A listening TCP server; the caller adds the "connection" listener and closes it. */
  listen(port: number, host?: string): Promise<Server>;
  /** A bound UDP socket (IPv4); the caller adds the "message" listener and closes it. */
  bind(port: number, host?: string): Promise<UdpSocket>;
  /** A connected TCP socket, paused: add listeners, then `resume()`. */
  connect(port: number, host?: string): Promise<Socket>;
  /** Ends the child. Sockets already handed over stay open. */
  close(): Promise<void>;
}

// Each socket is handed over before anything is read from it, and the child's own copy is closed.
const childSource = `
const net = require("net"), dgram = require("dgram");
const fail = (id) => (e) => process.send({ id, error: e.code + " " + e.message });
const make = {
  listen({ id, port, host }) {
    const s = net.createServer();
    s.once("error", fail(id));
    s.listen(port, host, () => process.send({ id }, s, () => s.close()));
  },
  bind({ id, port, host }) {
    const s = dgram.createSocket("udp4");
    s.once("error", fail(id));
    s.bind(port, host, () => process.send({ id }, s, () => s.close()));
  },
  connect({ id, port, host }) {
    const s = net.connect({ port, host });
    s.pause();
    s.once("error", fail(id));
    s.once("connect", () => process.send({ id }, s));
  },
};
process.on("message", (m) => make[m.make](m));
process.on("disconnect", () => process.exit());
process.send({ id: 0 });
`;

interface Answer {
  readonly id: number;
  readonly error?: string;
}
type Waiting = { resolve(handle: unknown): void; reject(error: Error): void };

/** Opens the door of an existing namespace; resolves when the child is ready (about 60 ms). */
export async function openDoor(namespace: Namespace): Promise<NamespaceDoor> {
  const child = namespace.spawn(process.execPath, ["-e", childSource], {
    stdio: ["ignore", "inherit", "inherit", "ipc"],
  });
  const waiting = new Map<number, Waiting>();
  child.on("message", (answer: Answer, handle: unknown) => {
    const { resolve, reject } = waiting.get(answer.id) ?? {};
    waiting.delete(answer.id);
    if (answer.error !== undefined) reject?.(new Error(`in namespace ${namespace.name}: ${answer.error}`));
    else resolve?.(handle);
  });
  // Not "close": after a handle was passed it does not come.
  const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  void ended.then(() => {
    for (const { reject } of waiting.values()) reject(new Error(`the door of namespace ${namespace.name} has closed`));
  });

  let last = 0;
  const ask = <T>(make: string, port: number, host: string): Promise<T> =>
    new Promise((resolve, reject) => {
      const id = ++last;
      waiting.set(id, { resolve: (handle) => resolve(handle as T), reject });
      child.send({ id, make, port, host });
    });
  await new Promise((resolve, reject) => waiting.set(0, { resolve, reject }));
  return {
    listen: (port, host = "127.0.0.1") => ask<Server>("listen", port, host),
    bind: (port, host = "127.0.0.1") => ask<UdpSocket>("bind", port, host),
    connect: (port, host = "127.0.0.1") => ask<Socket>("connect", port, host),
    close: () => closeChild(child, ended),
  };
}

async function closeChild(child: ChildProcess, ended: Promise<void>): Promise<void> {
  if (child.connected) child.disconnect();
  await ended;
}
