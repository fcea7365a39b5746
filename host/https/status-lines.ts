const HTTP = "HTTP/1.";
const STATUS = /^HTTP\/1\.[0-9] ([0-9])/;
const HEAD_END = /\r?\n\r?\n/;

/**
 * The status lines of one connection: those of interim responses (RFC 9110 §15.2) and that of the final one. The parser
 * also takes RTSP and ICE status lines and other versions of HTTP, in any of them. A server of another protocol that
 * holds a fitting certificate must not be taken for the policy host (ALPACA, attack A-36).
 */
export class StatusLines {
  /** From the start of the response that is being looked at; the budget of the connection bounds it. */
  #text = "";

  /** "final": there is no more to look at; "foreign": this is not HTTP/1. */
  feed(octets: Buffer): "more" | "final" | "foreign" {
    this.#text += octets.toString("latin1");
    for (;;) {
      if (!HTTP.startsWith(this.#text.slice(0, HTTP.length))) return "foreign";
      const status = STATUS.exec(this.#text)?.[1];
      if (status === undefined) return "more";
      if (status !== "1") return "final";
      const end = HEAD_END.exec(this.#text);
      if (end === null) return "more";
      this.#text = this.#text.slice(end.index + end[0].length);
    }
  }
}
