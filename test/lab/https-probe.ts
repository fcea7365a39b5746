import { type ConnectionOptions, connect, type TLSSocket } from "node:tls";
import type { World } from "./world.ts";

/** A raw HTTPS client, to see exactly what a policy host sends. It checks nothing and says what it saw. */

export interface Answered {
  readonly text: string;
  /** What ended it: the server closed, an error code, or we had enough. */
  readonly end: string;
  readonly tls: TLSSocket;
}

/** A GET of the policy, or of another path. */
export const REQUEST = (host: string, path = "/.well-known/mta-sts.txt") =>
  `GET ${path} HTTP/1.1\r\nHost: ${host}\r\n\r\n`;

/** Connects, sends a request, and reads until the server closes or `enough` says so. */
export function get(
  world: World,
  domain: string,
  enough: (text: string) => boolean = () => false,
  options: ConnectionOptions & { request?: string } = {},
): Promise<Answered> {
  const host = `mta-sts.${domain}`;
  const { port, address } = world.https;
  return new Promise((resolve) => {
    const tls = connect({
      port,
      host: address,
      servername: host,
      ca: world.caPem,
      rejectUnauthorized: false,
      ...options,
    });
    let text = "";
    const end = (reason: string) => {
      resolve({ text, end: reason, tls });
      tls.destroy();
    };
    tls.on("secureConnect", () => tls.write(options.request ?? REQUEST(host)));
    tls.on("data", (chunk) => {
      text += chunk.toString("latin1");
      if (enough(text)) end("enough");
    });
    tls.on("end", () => end("end"));
    tls.on("close", () => end("close"));
    tls.on("error", (error) => end((error as NodeJS.ErrnoException).code ?? error.message));
  });
}

/** Enough: so many octets were read. */
export const octets =
  (count: number) =>
  (text: string): boolean =>
    text.length >= count;
/** Enough: this text was read. */
export const has =
  (part: string) =>
  (text: string): boolean =>
    text.includes(part);
