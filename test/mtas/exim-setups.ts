import { describe } from "vitest";
import { Exim } from "./exim.ts";
import { bookworm, trixie, whyNoMta } from "./mta.ts";
import { type MtaSite, type MtaSiteOptions, openMtaSite } from "./mta-site.ts";

/** Each Exim asks over another kind of socket. */
const setups = [
  ["Exim 4.96", bookworm, (directory: string) => ({ path: `unix:${directory}/exim.sock`, mode: "0666" })],
  ["Exim 4.98", trixie, () => eximAddress],
] as const;

/** Where the daemon answers an Exim that asks over TCP. */
export const eximPort = 8463;
const eximAddress = `127.0.0.1:${eximPort}`;

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
