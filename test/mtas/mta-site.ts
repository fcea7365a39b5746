import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { DomainSpec } from "../lab/domain-spec.ts";
import { type Lab, startLab } from "../lab/lab-client.ts";
import type { Delivery } from "../lab/mx-server.ts";
import { Namespace } from "../lab/namespace.ts";
import { DaemonProcess } from "../postfix/daemon-process.ts";
import { type NamespaceDoor, openDoor } from "../postfix/namespace-door.ts";
import { makeWorkDirectory, removeWorkDirectory } from "../postfix/work-directory.ts";
import type { Attempt, Mta, MtaSurroundings } from "./mta.ts";

export interface MtaSiteOptions<M extends Mta> {
  readonly domains: Readonly<Record<string, DomainSpec>>;
  /** Entries of `listen` in the daemon's configuration; `directory` is for unix sockets. */
  readonly listeners?: (directory: string) => readonly object[];
  readonly start: (surroundings: MtaSurroundings) => Promise<M>;
}

/** A first attempt, and what the MX hosts took of it. */
export interface Sent extends Attempt {
  readonly accepted: readonly Delivery[];
}

/** A sending site in a network namespace of its own: one real MTA, the real daemon, the lab as the rest of the world. */
export interface MtaSite<M extends Mta> {
  readonly mta: M;
  readonly world: Lab["world"];
  readonly daemon: DaemonProcess;
  readonly door: NamespaceDoor;
  readonly directory: string;
  send(to: string): Promise<Sent>;
  accepted(subject: string): Promise<Delivery[]>;
  close(): Promise<void>;
}

let messages = 0;

/** A subject that no other message has. */
export const nextSubject = (): string => `message ${++messages} of ${process.pid}.`;

export async function openMtaSite<M extends Mta>(options: MtaSiteOptions<M>): Promise<MtaSite<M>> {
  const cleanup: (() => unknown)[] = [];
  const close = async () => {
    for (const step of cleanup.splice(0).reverse()) await step();
  };
  try {
    return { ...(await assemble(options, cleanup)), close };
  } catch (error) {
    await close().catch(() => undefined);
    throw error;
  }
}

async function assemble<M extends Mta>(
  { domains, listeners, start }: MtaSiteOptions<M>,
  cleanup: (() => unknown)[],
): Promise<Omit<MtaSite<M>, "close">> {
  const directory = makeWorkDirectory();
  cleanup.push(() => removeWorkDirectory(directory));
  // It takes with it what an MTA left running.
  const namespace = await Namespace.create();
  cleanup.push(() => namespace.close());
  // TTL 0: no answer is kept, so every message sees the world as it is.
  const description = { dnsPort: 53, httpsPort: 443, smtpPort: 25, domains, ttl: 0 };
  const [door, lab] = await Promise.all([openDoor(namespace), startLab(description, namespace)]);
  cleanup.push(
    () => door.close(),
    () => lab.close(),
  );
  const caFile = join(directory, "ca.pem");
  writeFileSync(caFile, lab.ready.caPem);
  const own = join(directory, "daemon");
  mkdirSync(own);
  const more = listeners === undefined ? {} : { listeners: listeners(directory) };
  const daemon = new DaemonProcess({ namespace, door, directory: own, caFile, sockets: [], ...more });
  cleanup.push(() => daemon.kill());
  await daemon.start();
  const mta = await start({ namespace, directory, caFile, configFile: daemon.configFile });
  cleanup.push(() => mta.stop());
  const accepted = async (subject: string) =>
    (await lab.world.deliveries()).filter(({ data }) => data.includes(`Subject: ${subject}\r\n`));
  const send = async (to: string) => {
    const subject = nextSubject();
    return { ...(await mta.send(to, subject)), accepted: await accepted(subject) };
  };
  return { mta, world: lab.world, daemon, door, directory, send, accepted };
}
