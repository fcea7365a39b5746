import { existsSync } from "node:fs";
import type { Namespace } from "../lab/namespace.ts";
import { namespaceObstacle } from "../lab/namespace.ts";
import { whyNoDaemon } from "../postfix/daemon-process.ts";

const roots = process.env.MTA_STS_MTA_ROOTS ?? "/var/cache/mta-sts-engine";

/** The roots made by roots.sh. */
export const bookworm = `${roots}/mtas-bookworm`;
export const trixie = `${roots}/mtas-trixie`;

/** What the MTA made of the first attempt at a message; what the MX hosts took is for them to say. */
export interface Attempt {
  readonly status: "sent" | "deferred" | "returned";
  /** Everything the MTA logged of the message. */
  readonly log: string;
}

/** A real MTA of a sending site, the distribution's unchanged program. */
export interface Mta {
  /** Sends one message with this subject, by which the lab knows it, and waits for the first attempt. */
  send(to: string, subject: string): Promise<Attempt>;
  stop(): Promise<void>;
}

/** What an MTA may build on: a namespace with the lab in it, a directory of its own, the running daemon. */
export interface MtaSurroundings {
  readonly namespace: Namespace;
  /** Seen under the same path inside the root. */
  readonly directory: string;
  readonly caFile: string;
  /** The daemon's configuration. */
  readonly configFile: string;
}

/** Why an MTA cannot run here, for the name of a skipped suite; undefined when it can. `program`: a path in `root`. */
export function whyNoMta(root: string, program: string): string | undefined {
  const obstacle = namespaceObstacle();
  if (obstacle !== null) return obstacle;
  if (!existsSync(`${root}/etc/mtas-complete`) || !existsSync(`${root}${program}`))
    return `no ${program} in ${root}: run test/mtas/roots.sh`;
  return whyNoDaemon();
}
