import { once } from "node:events";
import { connect as connectTcp, type Socket } from "node:net";
import { type ConnectionOptions, connect as connectTls, type TLSSocket } from "node:tls";

/** A raw SMTP client: one command, one reply. It takes any certificate. */
export class SmtpProbe {
  socket: Socket;
  #pending = "";
  constructor(port: number, host: string) {
    this.socket = connectTcp(port, host);
  }

  async reply(): Promise<string> {
    const last = /^(?:\d{3}-.*\r\n)*\d{3} .*\r\n/;
    for (;;) {
      const found = last.exec(this.#pending)?.[0];
      if (found !== undefined) {
        this.#pending = this.#pending.slice(found.length);
        return found;
      }
      this.#pending += (await once(this.socket, "data"))[0];
    }
  }

  async say(line: string): Promise<string> {
    this.socket.write(`${line}\r\n`);
    return this.reply();
  }

  async startTls(options: ConnectionOptions): Promise<TLSSocket> {
    const tls = connectTls({ socket: this.socket, rejectUnauthorized: false, ...options });
    await once(tls, "secureConnect");
    this.socket = tls;
    this.#pending = "";
    return tls;
  }

  async deliver(data: string): Promise<string> {
    await this.say("MAIL FROM:<a@from.test>");
    const answer = await this.say("RCPT TO:<b@to.test>");
    if (!answer.startsWith("250")) return answer;
    await this.say("DATA");
    return this.say(`${data}\r\n.`);
  }
}
