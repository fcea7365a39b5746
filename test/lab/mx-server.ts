import { randomBytes, X509Certificate } from "node:crypto";
import { createServer, type Server, type Socket } from "node:net";
import { createSecureContext, createServer as createTlsServer, type TLSSocket, type TlsOptions } from "node:tls";
import type { CertificateSpec, TestCa } from "./ca.ts";
import { Journal } from "./journal.ts";

/** How one MX host behaves. Everything left out is as it should be. */
export interface MxBehaviour {
  /**
   * "stripped": not offered, refused when asked for. "masked": a middlebox overwrites the keyword with X. "refused": 454.
   * "injected": plaintext replies hidden in the packet of the 220, which a client must throw away (RFC 3207 §6).
   * "garbage": 220, then no TLS. "reset": 220, then the connection is reset. "tls1.0", "tls1.1": the only version spoken.
   */
  readonly starttls?:
    | "offered"
    | "stripped"
    | "masked"
    | "refused"
    | "injected"
    | "garbage"
    | "reset"
    | "tls1.0"
    | "tls1.1";
  /** Default "good". */
  readonly certificate?: CertificateSpec;
  /** Shown only to clients that send this MX host's name as SNI; the others get `certificate`. */
  readonly sniCertificate?: CertificateSpec;
  /** The reply to the connection, EHLO, STARTTLS, MAIL, RCPT or the end of DATA, for example "451 4.7.1 try later". */
  readonly replies?: {
    readonly greeting?: string;
    readonly ehlo?: string;
    readonly starttls?: string;
    readonly mail?: string;
    readonly rcpt?: string;
    readonly data?: string;
  };
}

export interface Delivery {
  readonly mx: string;
  readonly tls: boolean;
  readonly tlsVersion: string | null;
  readonly sni: string | null;
  /** The certificate that was shown, null without TLS. A delivery under a bad kind was not verified. */
  readonly certificate: CertificateSpec | null;
  readonly from: string;
  readonly to: readonly string[];
  /** As sent, dots unstuffed, lines ending in CRLF. */
  readonly data: string;
}

/** One TCP connection. Changed in place as it goes on. */
export interface MxSession {
  readonly mx: string;
  /** Verbs, in order, for example ["EHLO", "STARTTLS", "EHLO", "MAIL"]. */
  readonly commands: string[];
  tls: "none" | "pending" | "established" | "failed";
  /** The client took up a TLS session of an earlier connection. */
  resumed: boolean;
  /** Why the handshake failed, in OpenSSL's words. */
  error: string | null;
  closed: boolean;
}

const ONLY = (version: "TLSv1" | "TLSv1.1"): TlsOptions => ({
  minVersion: version,
  maxVersion: version,
  ciphers: "DEFAULT@SECLEVEL=0",
});

/** SMTP with STARTTLS on one address and port, for one MX host. */
export class MxServer {
  readonly name: string;
  readonly deliveries = new Journal<Delivery>("delivery");
  readonly sessions = new Journal<MxSession>("SMTP session");
  readonly #server: Server;
  readonly #ca: TestCa;
  readonly #sockets = new Set<Socket>();
  // One set of keys for all connections: sessions can be resumed, as with most servers.
  readonly #ticketKeys = randomBytes(48);
  #behaviour: MxBehaviour = {};
  #certificatePem = "";
  #tlsOptions: TlsOptions = {};

  private constructor(name: string, ca: TestCa, server: Server) {
    this.name = name;
    this.#ca = ca;
    this.#server = server;
    server.on(
      "connection",
      (socket) => new SmtpSession(this, socket, this.#behaviour, this.#tlsOptions, this.#sockets),
    );
  }

  static async listen(
    name: string,
    ca: TestCa,
    options: MxBehaviour & { address?: string; port?: number } = {},
  ): Promise<MxServer> {
    const { address = "127.0.0.1", port = 0, ...behaviour } = options;
    const server = createServer();
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(port, address, resolve);
    });
    const mx = new MxServer(name, ca, server);
    await mx.behave(behaviour);
    return mx;
  }

  get address(): string {
    return (this.#server.address() as { address: string }).address;
  }

  get port(): number {
    return (this.#server.address() as { port: number }).port;
  }

  get behaviour(): MxBehaviour {
    return this.#behaviour;
  }

  /** The certificate it shows without SNI. */
  get certificate(): X509Certificate {
    return new X509Certificate(this.#certificatePem);
  }

  /** From the next connection on. */
  async behave(behaviour: MxBehaviour): Promise<void> {
    const { certPem, keyPem } = await this.#ca.issueFor(this.name, behaviour.certificate ?? "good");
    this.#certificatePem = certPem;
    const { starttls } = behaviour;
    const version = starttls === "tls1.0" ? ONLY("TLSv1") : starttls === "tls1.1" ? ONLY("TLSv1.1") : {};
    this.#tlsOptions = { cert: certPem, key: keyPem, ticketKeys: this.#ticketKeys, ...version };
    if (behaviour.sniCertificate !== undefined) {
      const named = await this.#ca.issueFor(this.name, behaviour.sniCertificate);
      const context = createSecureContext({ cert: named.certPem, key: named.keyPem });
      this.#tlsOptions.SNICallback = (sni, done) => done(null, sni === this.name ? context : undefined);
    }
    this.#behaviour = behaviour;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

class SmtpSession {
  readonly #mx: MxServer;
  readonly #behaviour: MxBehaviour;
  readonly #tlsOptions: TlsOptions;
  readonly #socket: Socket;
  readonly #seen: MxSession;
  #secure: TLSSocket | null = null;
  #pending = "";
  #from: string | null = null;
  #to: string[] = [];
  #inData = false;

  constructor(mx: MxServer, socket: Socket, behaviour: MxBehaviour, tlsOptions: TlsOptions, open: Set<Socket>) {
    this.#mx = mx;
    this.#socket = socket;
    this.#behaviour = behaviour;
    this.#tlsOptions = tlsOptions;
    this.#seen = mx.sessions.add({
      mx: mx.name,
      commands: [],
      tls: "none",
      resumed: false,
      error: null,
      closed: false,
    });
    open.add(socket);
    socket.on("error", () => socket.destroy());
    socket.on("close", () => {
      open.delete(socket);
      if (this.#seen.tls === "pending") this.#seen.tls = "failed";
      this.#seen.closed = true;
      mx.sessions.changed();
    });
    socket.on("data", this.#onData);
    this.#reply(behaviour.replies?.greeting ?? `220 ${mx.name} ESMTP`);
  }

  readonly #onData = (chunk: Buffer): void => {
    this.#pending += chunk.toString("latin1");
    for (;;) {
      const end = this.#pending.indexOf(this.#inData ? "\r\n.\r\n" : "\r\n");
      if (end < 0 || this.#seen.tls === "pending") return;
      const text = this.#pending.slice(0, end);
      this.#pending = this.#pending.slice(end + (this.#inData ? 5 : 2));
      if (this.#inData) this.#accept(text);
      else this.#command(text);
    }
  };

  #reply(line: string): void {
    (this.#secure ?? this.#socket).write(`${line}\r\n`);
  }

  #command(line: string): void {
    const verb = line.split(" ")[0]?.toUpperCase() ?? "";
    const path = /<([^>]*)>/.exec(line)?.[1] ?? "";
    const { replies = {} } = this.#behaviour;
    this.#seen.commands.push(verb);
    this.#mx.sessions.changed();
    if (verb === "EHLO") this.#ehlo();
    else if (verb === "HELO") this.#reply(`250 ${this.#mx.name}`);
    else if (verb === "STARTTLS") this.#starttls();
    else if (verb === "MAIL") {
      this.#from = path;
      this.#to = [];
      this.#reply(replies.mail ?? "250 2.1.0 ok");
    } else if (verb === "RCPT") {
      if (replies.rcpt === undefined) this.#to.push(path);
      this.#reply(replies.rcpt ?? "250 2.1.5 ok");
    } else if (verb === "DATA") {
      this.#inData = this.#to.length > 0;
      this.#reply(this.#inData ? "354 go on" : "503 5.5.1 no recipients");
    } else if (verb === "RSET" || verb === "NOOP") this.#reply("250 2.0.0 ok");
    else if (verb === "QUIT") {
      this.#reply("221 2.0.0 bye");
      (this.#secure ?? this.#socket).end();
    } else this.#reply("502 5.5.2 what?");
  }

  #ehlo(): void {
    const { starttls = "offered", replies } = this.#behaviour;
    const offer = starttls === "stripped" ? [] : starttls === "masked" ? ["XXXXXXXA"] : ["STARTTLS"];
    const lines = [this.#mx.name, "PIPELINING", "8BITMIME", "SMTPUTF8", ...(this.#secure === null ? offer : [])];
    const whole = lines.map((line, i) => `250${i === lines.length - 1 ? " " : "-"}${line}`).join("\r\n");
    this.#reply(replies?.ehlo ?? whole);
  }

  #starttls(): void {
    const { starttls = "offered", replies } = this.#behaviour;
    if (replies?.starttls !== undefined) this.#reply(replies.starttls);
    else if (this.#secure !== null) this.#reply("503 5.5.1 already under TLS");
    else if (starttls === "stripped" || starttls === "masked") this.#reply("502 5.5.1 not implemented");
    else if (starttls === "refused") this.#reply("454 4.7.0 TLS not available due to a local problem");
    else if (starttls === "injected") this.#upgrade("220 2.0.0 go ahead\r\n250 injected\r\n250 injected");
    else if (starttls === "garbage") {
      this.#reply("220 2.0.0 go ahead\r\nthis is no ServerHello");
      this.#socket.end();
    } else if (starttls === "reset") {
      this.#reply("220 2.0.0 go ahead");
      this.#socket.resetAndDestroy();
    } else this.#upgrade("220 2.0.0 go ahead");
  }

  #upgrade(reply: string): void {
    this.#seen.tls = "pending";
    // What the client pipelined behind STARTTLS in clear is thrown away (RFC 3207 §6).
    this.#pending = "";
    this.#socket.off("data", this.#onData);
    const server = createTlsServer(this.#tlsOptions);
    server.once("tlsClientError", (error) => {
      this.#seen.tls = "failed";
      this.#seen.error = error.message;
      this.#socket.destroy();
    });
    server.once("secureConnection", (secure) => {
      this.#seen.tls = "established";
      this.#seen.resumed = secure.isSessionReused();
      this.#secure = secure;
      this.#from = null;
      this.#mx.sessions.changed();
      secure.on("error", () => this.#socket.destroy());
      secure.on("close", () => this.#socket.destroy());
      secure.on("data", this.#onData);
    });
    this.#socket.write(`${reply}\r\n`);
    server.emit("connection", this.#socket);
  }

  #accept(text: string): void {
    this.#inData = false;
    const { certificate = "good", sniCertificate, replies = {} } = this.#behaviour;
    // Node says false for "no SNI", the types do not say so.
    const sni = (this.#secure as { servername?: string | false } | null)?.servername || null;
    const shown = sni === this.#mx.name && sniCertificate !== undefined ? sniCertificate : certificate;
    if (replies.data === undefined)
      this.#mx.deliveries.add({
        mx: this.#mx.name,
        tls: this.#secure !== null,
        tlsVersion: this.#secure?.getProtocol() ?? null,
        sni,
        certificate: this.#secure === null ? null : shown,
        from: this.#from ?? "",
        to: this.#to,
        data: `${text.replace(/(^|\r\n)\.\./g, "$1.")}\r\n`,
      });
    this.#reply(replies.data ?? "250 2.0.0 accepted");
  }
}
