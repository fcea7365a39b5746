import type { Server } from "node:net";
import { listenUnix, type UnixTarget } from "./unix-socket.ts";

export interface TcpTarget {
  readonly kind: "tcp";
  readonly host: string;
  /** 0 picks a free one. */
  readonly port: number;
}

export type ListenTarget = TcpTarget | UnixTarget;

/** Listens; returns what undoes it beside closing the server. Rejects when the target cannot be listened on. */
export async function listenOn(server: Server, target: ListenTarget): Promise<() => Promise<void>> {
  if (target.kind === "unix") return listenUnix(server, target);
  await new Promise<void>((done, failed) => {
    server.once("error", failed);
    server.listen(target.port, target.host, () => {
      server.off("error", failed);
      done();
    });
  });
  return async () => {};
}

/** The TCP port of a listening server; undefined for a unix socket. */
export function portOf(server: Server): number | undefined {
  const address = server.address();
  return address !== null && typeof address === "object" ? address.port : undefined;
}
