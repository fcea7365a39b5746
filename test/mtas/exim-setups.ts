import { EventEmitter } from "node:events";
import { chmodSync } from "node:fs";
import { createServer } from "node:net";
import { describe } from "vitest";
import { Exim } from "./exim.ts";
import { bookworm, trixie, whyNoMta } from "./mta.ts";
import { type MtaSite, type MtaSiteOptions, openMtaSite } from "./mta-site.ts";

/** Each Exim asks over another kind of socket. */
const setups = [
  ["Exim 4.96", bookworm, (directory: string) => ({ path: `unix:${socketIn(directory)}`, mode: "0666" })],
  ["Exim 4.98", trixie, () => eximAddress],
] as const;

const socketIn = (directory: string) => `${directory}/exim.sock`;
const eximPort = 8463;
const eximAddress = `127.0.0.1:${eximPort}`;

/** A server where Exim looks for the daemon, which must have been stopped: on both kinds of socket. */
export async function listenAsDaemon(site: MtaSite<Exim>): Promise<EventEmitter & { close(): void }> {
  const both = [await site.door.listen(eximPort), createServer({ allowHalfOpen: true })] as const;
  const path = socketIn(site.directory);
  await new Promise<void>((done) => both[1].listen(path, done));
  chmodSync(path, 0o666);
  const heard = new EventEmitter();
  for (const server of both) server.on("connection", (socket) => heard.emit("connection", socket));
  return Object.assign(heard, {
    close: () => {
      for (const server of both) server.close();
    },
  });
}

/** Runs a suite with each Exim, or skips it by name and says why. */
export function onEachExim(
  what: string,
  suite: (open: (options: Pick<MtaSiteOptions<Exim>, "domains">) => Promise<MtaSite<Exim>>) => void,
): void {
  for (const [name, root, socket] of setups) {
    const reason = whyNoMta(root, "/usr/sbin/exim4");
    const title = `${name}, ${what}`;
    describe.skipIf(reason)(reason === undefined ? title : `${title} [${reason}]`, () =>
      suite((options) =>
        openMtaSite({
          ...options,
          listeners: (directory) => [{ exim: socket(directory) }],
          start: (around) => Exim.start(root, around),
        }),
      ),
    );
  }
}
