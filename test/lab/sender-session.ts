import { once } from "node:events";
import { connect as connectTcp, type Socket } from "node:net";
import { connect as connectTls, type TLSSocket } from "node:tls";
import type { Chain } from "../../host/core/names.ts";
import { dnsIdsOf } from "../../host/tls/certificate.ts";

/** What a TLS handshake came to, in the words of `core.judge`. */
export interface TlsFacts {
  /** Wire version number, 0x0303 for TLS 1.2. */
  readonly tlsVersion: number;
  readonly chain: Chain;
  /** DNS-IDs of the certificate. */
  readonly names: readonly string[];
}

const VERSIONS: Readonly<Record<string, number>> = { "TLSv1.2": 0x0303, "TLSv1.3": 0x0304 };
const WHOLE_REPLY = /^(?:\d{3}-[^\r\n]*\r\n)*\d{3}(?: [^\r\n]*)?\r\n/;
const LIMIT_MS = 5_000;

/** OpenSSL's verdict on the chain, as Node names it. The name of the host is not part of it. */
function chainOf(socket: TLSSocket): Chain {
  if (socket.authorized) return "valid";
  const error = String(socket.authorizationError);
  if (error === "CERT_HAS_EXPIRED") return "expired";
  if (error === "CERT_NOT_YET_VALID") return "not-yet-valid";
  return /SELF_SIGNED|ISSUER|VERIFY_LEAF/.test(error) ? "untrusted" : "invalid";
}

/** The client side of one SMTP connection: one command, one reply. Every method rejects when the peer does not play. */
export class SenderSession {
  #socket: Socket;
  #pending = "";
  #keywords = new Set<string>();

  private constructor(socket: Socket) {
    this.#use(socket);
    this.#socket = socket;
  }

  /** Connects and greets. */
  static async open(address: string, port: number): Promise<SenderSession> {
    const session = new SenderSession(connectTcp(port, address));
    await session.#expect("2");
    await session.#greet();
    return session;
  }

  get offersStartTls(): boolean {
    return this.#keywords.has("STARTTLS");
  }

  /** False: the server refuses. Rejects when the handshake fails. The certificate is described, not judged. */
  async startTls(host: string, caPem: string): Promise<TlsFacts | null> {
    if (!(await this.#say("STARTTLS")).startsWith("220")) return null;
    const socket = this.#socket;
    socket.removeAllListeners("data");
    // What came in clear behind the 220 is thrown away (RFC 3207 §6).
    this.#pending = "";
    const options = { socket, servername: host, ca: caPem, rejectUnauthorized: false };
    const secure = connectTls({ ...options, checkServerIdentity: () => undefined });
    await within(once(secure, "secureConnect"), secure);
    this.#use(secure);
    await this.#greet();
    const der = secure.getPeerX509Certificate()?.raw;
    return {
      tlsVersion: VERSIONS[secure.getProtocol() ?? ""] ?? 0,
      chain: der === undefined ? "no-certificate" : chainOf(secure),
      names: der === undefined ? [] : dnsIdsOf(der),
    };
  }

  /** Hands the message over; rejects with the reply that refused it. */
  async deliver(from: string, to: string, text: string): Promise<void> {
    await this.#expect("2", `MAIL FROM:<${from}>`);
    await this.#expect("2", `RCPT TO:<${to}>`);
    await this.#expect("3", "DATA");
    await this.#expect("2", `${text.replace(/^\./gm, "..")}\r\n.`);
  }

  close(): void {
    this.#socket.end("QUIT\r\n");
    this.#socket.destroySoon();
  }

  #use(socket: Socket): void {
    this.#socket = socket;
    socket.setEncoding("latin1");
    socket.on("error", () => socket.destroy());
    socket.on("data", (text: string) => {
      this.#pending += text;
    });
  }

  async #greet(): Promise<void> {
    const reply = await this.#expect("2", "EHLO sender.test");
    this.#keywords = new Set(reply.split("\r\n").map((line) => line.slice(4).split(" ")[0] ?? ""));
  }

  async #expect(first: string, command?: string): Promise<string> {
    const reply = command === undefined ? await this.#reply() : await this.#say(command);
    if (!reply.startsWith(first)) throw new Error(`the host says ${reply.trim()}`);
    return reply;
  }

  #say(command: string): Promise<string> {
    this.#socket.write(`${command}\r\n`);
    return this.#reply();
  }

  async #reply(): Promise<string> {
    for (;;) {
      const whole = WHOLE_REPLY.exec(this.#pending)?.[0];
      if (whole !== undefined) {
        this.#pending = this.#pending.slice(whole.length);
        return whole;
      }
      await within(once(this.#socket, "data"), this.#socket);
    }
  }
}

/** `event`, or a rejection when the connection ends or the time is over first. */
function within<T>(event: Promise<T>, socket: Socket): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => socket.destroy(), LIMIT_MS);
    const gone = () => reject(new Error("the connection was lost"));
    if (socket.destroyed) gone();
    socket.once("close", gone);
    event.then(resolve, reject).finally(() => {
      clearTimeout(timer);
      socket.off("close", gone);
    });
  });
}
