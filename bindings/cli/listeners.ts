import { mkdirSync } from "node:fs";
import type { Server } from "node:net";
import { dirname, resolve } from "node:path";
import { formatAddress } from "../../host/config/addresses.ts";
import type { ListenAddress, Listener, MtaKind, MtaListener } from "../../host/config/config.ts";
import { type ListenTarget, listenOn, portOf } from "../../host/listen/listen.ts";
import type { UnixTarget } from "../../host/listen/unix-socket.ts";
import { printable } from "../../host/observe/printable.ts";
import { CommandFailure, EXIT } from "./exit-codes.ts";

/** "postfix 127.0.0.1:8461", "control unix:/run/mta-sts/control.sock": for the log and for messages. */
export function listenerName({ kind, address }: Listener, port?: number): string {
  const shown = address.transport === "tcp" && port !== undefined ? { ...address, port } : address;
  return `${kind} ${formatAddress(shown)}`;
}

/** An address of the configuration as a server takes it. */
export function targetOf(address: ListenAddress): ListenTarget {
  return address.transport === "tcp" ? { kind: "tcp", host: address.host, port: address.port } : unixTarget(address);
}

function unixTarget({ path, mode, group }: Extract<ListenAddress, { transport: "unix" }>): UnixTarget {
  return { kind: "unix", path, mode, ...(group === null ? {} : { group }) };
}

/** Opens a server on its address; returns what undoes that, and the TCP port. */
export async function openServer(
  server: Server,
  address: ListenAddress,
): Promise<{ readonly cleanUp: () => Promise<void>; readonly port: number | undefined }> {
  const cleanUp = await listenOn(server, targetOf(address));
  return { cleanUp, port: portOf(server) };
}

/** The control socket lies in a directory of the daemon's own, so it is made here; others belong to the MTA. */
export function prepareControlDirectory(path: string): void {
  mkdirSync(dirname(resolve(path)), { recursive: true, mode: 0o755 });
}

/** Two listeners of a kind with the same deadline share answers and the cap on connections. */
export function byDeadline(kind: MtaKind, listeners: readonly Listener[]): Map<number, MtaListener[]> {
  const groups = new Map<number, MtaListener[]>();
  for (const listener of listeners)
    if (listener.kind === kind && "deadline" in listener)
      groups.set(listener.deadline, [...(groups.get(listener.deadline) ?? []), listener]);
  return groups;
}

const REASONS: Readonly<Record<string, string>> = {
  EADDRINUSE: "another program, perhaps another mta-sts, has this address; stop it or choose another address",
  EACCES: "permission denied; ports below 1024 and directories of others need root",
  EADDRNOTAVAIL: "no interface of this machine has this address; choose one of its own, such as 127.0.0.1",
  ENOTFOUND: "the host name has no address; write an IP address",
};

/** Why the daemon does not start: which address, why, what to do. */
export function cannotListen(listeners: readonly Listener[], error: unknown): CommandFailure {
  const { code, message, address, port } = error as NodeJS.ErrnoException & { address?: string; port?: number };
  const found = listeners.find(
    (listener) =>
      listener.address.transport === "tcp" && listener.address.host === address && listener.address.port === port,
  );
  const names = (found ? [found] : listeners).map((listener) => listenerName(listener)).join(", ");
  const why = REASONS[code ?? ""] ?? printable(message, 300);
  const advice = `then start again; listeners are set by "listen" in the configuration (docs/configuration.md)`;
  return new CommandFailure(EXIT.temporary, `cannot listen on ${names}: ${why}; ${advice}`, { cause: error });
}
