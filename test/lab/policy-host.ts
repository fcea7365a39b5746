import { createServer, type Server, type Socket } from "node:net";
import { createServer as createTlsServer, type TLSSocket, type TlsOptions } from "node:tls";
import type { CertificateSpec, TestCa } from "./ca.ts";
import { type ClientHello, peekClientHello } from "./client-hello.ts";
import { Journal } from "./journal.ts";
import { behave, type PolicyBehaviour, type PolicyWire } from "./policy-behaviour.ts";

/** How one policy host behaves below HTTP and in it. */
export interface PolicyHostSpec {
  /** Default "good". */
  readonly certificate?: CertificateSpec;
  /**
   * Default "modern" (1.2 and 1.3). "reset" and "silent": as soon as the ClientHello is read. "plain": an HTTP answer
   * without TLS. "smtp-banner": a good handshake, then SMTP.
   */
  readonly tls?: "modern" | "1.2" | "1.1" | "1.0" | "reset" | "silent" | "plain" | "smtp-banner";
  /** Protocols the host speaks, in order; default ["http/1.1"], [] for none. */
  readonly alpn?: readonly string[];
  /** Default: 404 for everything. Only /.well-known/mta-sts.txt is answered so, every other path is a 404. */
  readonly behaviour?: PolicyBehaviour;
}

/** One TCP connection to the server. Changed in place as it goes on. */
export interface SeenConnection {
  readonly at: number;
  sni: string | null;
  alpnOffered: readonly string[];
  tls: "pending" | "established" | "failed";
  /** Why the handshake failed, in OpenSSL's words. */
  error: string | null;
  closed: boolean;
  /** Octets of TLS and HTTP that were sent, known once it is closed. */
  bytesSent: number;
}

export interface SeenRequest {
  readonly at: number;
  readonly method: string;
  readonly path: string;
  readonly httpVersion: string;
  /** Names in lower case; several headers of one name are joined with ", ". */
  readonly headers: Readonly<Record<string, string>>;
  readonly sni: string | null;
  /** The protocol that ALPN came to. */
  readonly alpn: string | null;
  readonly tlsVersion: string | null;
}

interface Host {
  readonly spec: PolicyHostSpec;
  readonly tlsOptions: TlsOptions;
}

const OLD = (version: "TLSv1" | "TLSv1.1"): TlsOptions => ({
  minVersion: version,
  maxVersion: version,
  // OpenSSL 3 refuses both versions above security level 0.
  ciphers: "DEFAULT@SECLEVEL=0",
});
const VERSIONS: Partial<Record<NonNullable<PolicyHostSpec["tls"]>, TlsOptions>> = {
  "1.0": OLD("TLSv1"),
  "1.1": OLD("TLSv1.1"),
  "1.2": { minVersion: "TLSv1.2", maxVersion: "TLSv1.2" },
};
const POLICY_PATH = "/.well-known/mta-sts.txt";

/** HTTPS on one address and port for any number of policy hosts, told apart by SNI. */
export class PolicyServer {
  readonly connections = new Journal<SeenConnection>("connection to a policy host");
  readonly requests = new Journal<SeenRequest>("HTTPS request");
  readonly #ca: TestCa;
  readonly #server: Server;
  readonly #hosts = new Map<string, Host>();
  readonly #held = new Map<string, Set<() => void>>();
  readonly #sockets = new Set<Socket>();

  private constructor(ca: TestCa, server: Server) {
    this.#ca = ca;
    this.#server = server;
    server.on("connection", (socket) => this.#onConnection(socket));
  }

  static async listen(ca: TestCa, options: { address?: string; port?: number } = {}): Promise<PolicyServer> {
    const server = createServer();
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(options.port ?? 0, options.address ?? "127.0.0.1", resolve);
    });
    return new PolicyServer(ca, server);
  }

  get address(): string {
    return (this.#server.address() as { address: string }).address;
  }

  get port(): number {
    return (this.#server.address() as { port: number }).port;
  }

  /** Changes a host, or adds it; what is left out keeps its value. */
  async setHost(name: string, spec: PolicyHostSpec): Promise<void> {
    const before = this.#hosts.get(name);
    const keep = spec.certificate === undefined ? before?.tlsOptions : undefined;
    await this.#putHost(name, { ...before?.spec, ...spec }, keep);
  }

  /** Describes a host anew: what is left out gets its default. */
  async replaceHost(name: string, spec: PolicyHostSpec): Promise<void> {
    await this.#putHost(name, spec, undefined);
  }

  /** Lets the held requests of a host (behaviour "hold") go on. */
  release(name: string): void {
    for (const go of this.#held.get(name) ?? []) go();
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #putHost(name: string, spec: PolicyHostSpec, held: TlsOptions | undefined): Promise<void> {
    const issued = held === undefined ? await this.#ca.issueFor(name, spec.certificate ?? "good") : null;
    const { key, cert } = issued === null ? (held ?? {}) : { key: issued.keyPem, cert: issued.certPem };
    const alpn = spec.alpn ?? ["http/1.1"];
    const protocols = alpn.length > 0 ? { ALPNProtocols: [...alpn] } : {};
    this.#hosts.set(name, { spec, tlsOptions: { key, cert, ...VERSIONS[spec.tls ?? "modern"], ...protocols } });
  }

  async #onConnection(socket: Socket): Promise<void> {
    this.#sockets.add(socket);
    const seen = this.connections.add({
      at: Date.now(),
      sni: null,
      alpnOffered: [],
      tls: "pending",
      error: null,
      closed: false,
      bytesSent: 0,
    });
    socket.on("error", () => socket.destroy());
    socket.on("close", () => {
      this.#sockets.delete(socket);
      seen.closed = true;
      if (seen.tls === "pending") seen.tls = "failed";
      seen.bytesSent = socket.bytesWritten;
      this.connections.changed();
    });
    const hello = await peekClientHello(socket);
    seen.sni = hello?.sni ?? null;
    seen.alpnOffered = hello?.alpn ?? [];
    this.connections.changed();
    // A name that no policy host has gets no answer at all: there is no default host to fall back on.
    const host = hello?.sni == null ? undefined : this.#hosts.get(hello.sni);
    if (host === undefined || hello === null) socket.destroy();
    else this.#handshake(socket, hello, host, seen);
  }

  #handshake(socket: Socket, hello: ClientHello, host: Host, seen: SeenConnection): void {
    const { tls } = host.spec;
    if (tls === "reset") socket.resetAndDestroy();
    else if (tls === "plain") socket.end("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
    if (tls === "reset" || tls === "plain" || tls === "silent") return;

    const server = createTlsServer(host.tlsOptions);
    server.once("tlsClientError", (error) => {
      seen.tls = "failed";
      seen.error = error.message;
      socket.destroy();
    });
    server.once("secureConnection", (secure) => {
      seen.tls = "established";
      this.connections.changed();
      if (tls === "smtp-banner") secure.write("220 mx.lab.test ESMTP\r\n");
      this.#serve(secure, socket, hello);
    });
    server.emit("connection", socket);
  }

  #serve(secure: TLSSocket, socket: Socket, hello: ClientHello): void {
    const closed = new AbortController();
    secure.on("error", () => socket.destroy());
    secure.on("close", () => {
      closed.abort();
      socket.destroy();
    });
    let pending = "";
    let busy = false;
    const next = async (): Promise<void> => {
      const end = pending.indexOf("\r\n\r\n");
      if (busy || end < 0) return;
      const request = readRequest(pending.slice(0, end), secure, hello);
      pending = pending.slice(end + 4);
      busy = true;
      this.requests.add(request);
      // The behaviour is read now, not at the handshake: a connection kept alive sees the host as it is.
      const behaviour = this.#hosts.get(hello.sni ?? "")?.spec.behaviour;
      const honest = behaviour !== undefined && request.path === POLICY_PATH;
      busy = !(await behave(
        honest ? behaviour : { kind: "status", status: 404 },
        this.#wire(secure, socket, hello.sni ?? "", closed.signal),
      ));
      if (!busy) await next();
    };
    secure.on("data", (chunk) => {
      pending += chunk.toString("latin1");
      void next();
    });
  }

  #wire(secure: TLSSocket, socket: Socket, host: string, closed: AbortSignal): PolicyWire {
    /** Waits for `done`, or for the end of the connection; `start` returns what is to be cleaned up then. */
    const unlessClosed = (start: (done: () => void) => (() => unknown) | undefined) =>
      new Promise<void>((resolve) => {
        if (closed.aborted) {
          resolve();
          return;
        }
        let cleanUp: (() => unknown) | undefined;
        const done = () => {
          closed.removeEventListener("abort", done);
          cleanUp?.();
          resolve();
        };
        closed.addEventListener("abort", done);
        cleanUp = start(done);
      });
    return {
      closed,
      // The immediate lets a client in this very process read; after an error "close" is what ends the wait.
      write: (data) =>
        unlessClosed((done) => {
          secure.write(data, (error) => (error == null ? setImmediate(done) : undefined));
          return undefined;
        }),
      end: () => secure.end(),
      reset: () => socket.resetAndDestroy(),
      pause: (milliseconds) =>
        unlessClosed((done) => {
          const timer = setTimeout(done, milliseconds);
          return () => clearTimeout(timer);
        }),
      released: () =>
        unlessClosed((done) => {
          const held = this.#held.get(host) ?? new Set();
          this.#held.set(host, held.add(done));
          return () => held.delete(done);
        }),
    };
  }
}

function readRequest(text: string, secure: TLSSocket, hello: ClientHello): SeenRequest {
  const [first = "", ...lines] = text.split("\r\n");
  const [method = "", path = "", version = ""] = first.split(" ");
  const headers: Record<string, string> = {};
  for (const line of lines) {
    const name = line.slice(0, line.indexOf(":")).toLowerCase();
    const value = line.slice(line.indexOf(":") + 1).trim();
    headers[name] = headers[name] === undefined ? value : `${headers[name]}, ${value}`;
  }
  return {
    at: Date.now(),
    method,
    path,
    httpVersion: version.replace("HTTP/", ""),
    headers,
    sni: hello.sni,
    alpn: typeof secure.alpnProtocol === "string" ? secure.alpnProtocol : null,
    tlsVersion: secure.getProtocol(),
  };
}
