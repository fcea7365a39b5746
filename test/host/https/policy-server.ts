import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { createSecureContext, type SecureContextOptions, TLSSocket } from "node:tls";
import type { Credentials } from "./certificates.ts";

/** One connection as the server sees it. */
export interface ServerConnection {
  readonly tls: TLSSocket;
  /** Ends the TCP connection in an orderly way and says nothing in TLS: what an attacker on the path can do. */
  cut(): void;
  /** Resets the TCP connection. */
  reset(): void;
}

export interface ServerOptions {
  readonly credentials: Credentials;
  /** Gets the whole request head, once. */
  readonly respond?: (connection: ServerConnection, head: string) => void;
  /** Runs as soon as the TLS handshake is done, for servers that speak first. */
  readonly greet?: (connection: ServerConnection) => void;
  readonly tls?: SecureContextOptions;
  readonly alpn?: string[];
  readonly address?: string;
  readonly port?: number;
}

/** A TLS server on loopback whose answers are raw octets, and which remembers what it was asked. */
export interface PolicyServer {
  readonly port: number;
  /** TCP connections accepted. */
  readonly connections: number;
  /** Request heads received, verbatim. */
  readonly requests: readonly string[];
  /** SNI of each ClientHello that had one. */
  readonly serverNames: readonly string[];
  readonly alpnProtocols: readonly (string | false | null)[];
  /** Resolves when every connection there is has closed. */
  idle(): Promise<void>;
  close(): Promise<void>;
}

export async function startPolicyServer(options: ServerOptions): Promise<PolicyServer> {
  const seen = {
    connections: 0,
    requests: [] as string[],
    serverNames: [] as string[],
    alpnProtocols: [] as (string | false | null)[],
  };
  const open = new Set<Socket>();
  const secureContext = createSecureContext({ ...options.credentials, ...options.tls });
  const server = createServer((tcp) => {
    seen.connections += 1;
    open.add(tcp);
    tcp.once("close", () => open.delete(tcp));
    tcp.on("error", () => {});
    const tls = new TLSSocket(tcp, {
      isServer: true,
      secureContext,
      ALPNProtocols: options.alpn ?? ["http/1.1"],
      SNICallback: (name, done) => {
        seen.serverNames.push(name);
        done(null, secureContext);
      },
    });
    tls.on("error", () => {});
    const connection = { tls, cut: () => void tcp.end(), reset: () => void tcp.resetAndDestroy() };
    tls.once("secure", () => {
      seen.alpnProtocols.push(tls.alpnProtocol);
      options.greet?.(connection);
    });
    let head = "";
    tls.on("data", (chunk: Buffer) => {
      const complete = head.includes("\r\n\r\n");
      head += chunk.toString("latin1");
      if (complete || !head.includes("\r\n\r\n")) return;
      seen.requests.push(head);
      options.respond?.(connection, head);
    });
  });
  server.listen(options.port ?? 0, options.address ?? "127.0.0.1");
  await once(server, "listening");

  return {
    port: (server.address() as AddressInfo).port,
    get connections() {
      return seen.connections;
    },
    requests: seen.requests,
    serverNames: seen.serverNames,
    alpnProtocols: seen.alpnProtocols,
    idle: async () => {
      while (open.size > 0) await Promise.all([...open].map((tcp) => once(tcp, "close")));
    },
    close: async () => {
      for (const tcp of open) tcp.destroy();
      server.close();
      await once(server, "close");
    },
  };
}

export const POLICY = "version: STSv1\nmode: enforce\nmx: mail.example.com\nmax_age: 604800\n";

/** A complete HTTP/1.1 response; Content-Length fits the body unless `headers` says otherwise. */
export function response(body: string | Buffer = POLICY, { status = "200 OK", headers = {} } = {}): Buffer {
  const fields: Record<string, string> = {
    "Content-Type": "text/plain",
    "Content-Length": String(Buffer.byteLength(body)),
    ...headers,
  };
  const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}\r\n`);
  return Buffer.concat([Buffer.from(`HTTP/1.1 ${status}\r\n${lines.join("")}\r\n`, "latin1"), Buffer.from(body)]);
}

/** Answers every request with these octets and ends the connection as TLS prescribes. */
export const answerWith = (octets: Buffer | string) => (connection: ServerConnection) => {
  connection.tls.end(octets);
};
