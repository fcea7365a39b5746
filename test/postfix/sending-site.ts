import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ISLAND, LAB_DNS, SignedWorld } from "../dane/signed-world.ts";
import { type DaneDomain, publishTlsa, specsOf, under, zonesOf } from "../dane/signed-zones.ts";
import type { DomainSpec } from "../lab/domain-spec.ts";
import { type Lab, type RemoteWorld, startLab } from "../lab/lab-client.ts";
import type { Delivery as Accepted } from "../lab/mx-server.ts";
import { Namespace } from "../lab/namespace.ts";
import { DaemonProcess, policyAddress } from "./daemon-process.ts";
import type { PostfixFlavour } from "./flavour.ts";
import type { Delivery } from "./mail-log.ts";
import { openDoor } from "./namespace-door.ts";
import { type PolicyServer, PostfixInstance } from "./postfix-instance.ts";
import type { Message } from "./submission.ts";
import { makeWorkDirectory, removeWorkDirectory } from "./work-directory.ts";

/** One Postfix of a site, jailed as Debian has it. */
export interface InstanceSpec {
  /** The name at the end of smtp_tls_policy_maps. */
  readonly map: string;
  /** How it asks the daemon; default "inet". */
  readonly over?: "inet" | "unix";
  /** More main.cf lines. */
  readonly parameters?: Readonly<Record<string, string>>;
}

export interface SiteOptions<Name extends string> {
  readonly flavour: PostfixFlavour;
  /** The rest of the world: recipient domains, their policies and MX hosts. */
  readonly domains: Readonly<Record<string, DomainSpec>>;
  /** Seconds; TTL of the lab's records. Short ones keep warm answers short. Default 300. */
  readonly ttl?: number;
  /** How long the daemon lets Postfix wait for a discovery, for example "1s". */
  readonly deadline?: string;
  readonly instances: Readonly<Record<Name, InstanceSpec>>;
  /** Domains in signed zones; with any, a validating resolver stands before the lab and the daemon goes by DANE. */
  readonly signed?: readonly DaneDomain[];
  /** More of the daemon's configuration, by section. */
  readonly settings?: Readonly<Record<string, object>>;
}

/** A message, what Postfix logged of its first attempt, and what the MX hosts of the world took of it. */
export interface Sent extends Delivery {
  readonly accepted: readonly Accepted[];
}

/**
 * A sending site in a network namespace of its own: the real daemon, one or more real Postfix instances that ask it,
 * and the lab as the rest of the Internet on ports 53, 443 and 25.
 */
export class SendingSite<Name extends string = string> {
  readonly world: RemoteWorld;
  readonly daemon: DaemonProcess;
  /** The validating resolver and its zones, where there are signed domains. */
  readonly signed: SignedWorld | null;
  readonly #postfixes: Readonly<Record<string, PostfixInstance>>;
  readonly #cleanup: (() => unknown)[];

  /** Use `openSite`. */
  constructor(
    world: RemoteWorld,
    daemon: DaemonProcess,
    postfixes: Readonly<Record<string, PostfixInstance>>,
    signed: SignedWorld | null,
    cleanup: (() => unknown)[],
  ) {
    this.world = world;
    this.daemon = daemon;
    this.#postfixes = postfixes;
    this.signed = signed;
    this.#cleanup = cleanup;
  }

  postfix(name: Name): PostfixInstance {
    return this.#postfixes[name] as PostfixInstance;
  }

  /** Sends one message and waits for Postfix's first attempt at it. */
  async send(name: Name, message: Pick<Message, "to"> & Partial<Message>): Promise<Sent> {
    const postfix = this.postfix(name);
    const queueId = await postfix.send({ from: "a@sender.lab.test", subject: "Hello", ...message });
    return this.attempt(name, queueId);
  }

  /** Has a deferred message tried again now and waits for that attempt. */
  async retry(name: Name, queueId: string): Promise<Sent> {
    await this.postfix(name).requeue(queueId);
    return this.attempt(name, queueId);
  }

  /** The attempt at a message that is under way. */
  async attempt(name: Name, queueId: string): Promise<Sent> {
    const delivery = await this.postfix(name).waitForStatus(queueId);
    return { ...delivery, accepted: await this.acceptedBy(queueId) };
  }

  /** Which MX hosts took a message, found by the queue id in its Received header. */
  async acceptedBy(queueId: string): Promise<Accepted[]> {
    const id = new RegExp(`\\bid ${queueId}\\b`);
    return (await this.world.deliveries()).filter(({ data }) => id.test(data));
  }

  async close(): Promise<void> {
    await undo(this.#cleanup);
  }
}

/** Starts everything; what was started is ended again when a part fails. */
export async function openSite<Name extends string>(options: SiteOptions<Name>): Promise<SendingSite<Name>> {
  const cleanup: (() => unknown)[] = [];
  try {
    return await assemble(options, cleanup);
  } catch (error) {
    await undo(cleanup).catch(() => undefined);
    throw error;
  }
}

async function assemble<Name extends string>(
  { flavour, domains, ttl, deadline, instances, signed = [], settings = {} }: SiteOptions<Name>,
  cleanup: (() => unknown)[],
): Promise<SendingSite<Name>> {
  const namespace = await Namespace.create();
  cleanup.push(() => namespace.close());
  const directory = makeWorkDirectory();
  cleanup.push(() => removeWorkDirectory(directory));
  const [door, lab] = await Promise.all([openDoor(namespace), openLab(namespace, domains, ttl, signed)]);
  cleanup.push(
    () => door.close(),
    () => lab.close(),
  );
  const caFile = join(directory, "ca.pem");
  writeFileSync(caFile, lab.ready.caPem);

  const zones = await signZones(namespace, directory, lab.world, signed);
  cleanup.push(() => zones?.close());

  const postfixes: Record<string, PostfixInstance> = {};
  const servers = new Map<PostfixInstance, { server: PolicyServer; map: string }>();
  for (const [name, { map, over = "inet", parameters = {} }] of Object.entries<InstanceSpec>(instances)) {
    const postfix = new PostfixInstance({ flavour, namespace, door, jailed: true, caFile, parameters });
    cleanup.push(() => postfix.remove());
    postfixes[name] = postfix;
    servers.set(postfix, { map, server: over === "inet" ? { inet: policyAddress } : { unix: socketOf(postfix) } });
  }
  const sockets = [...servers.values()].flatMap(({ server }) => ("unix" in server ? [server.unix] : []));
  const daemon = new DaemonProcess({
    namespace,
    door,
    directory,
    caFile,
    sockets,
    deadline,
    settings: { ...(zones && { dane: SELF_TEST }), ...settings },
  });
  cleanup.push(() => daemon.kill());
  await daemon.start();
  await Promise.all([...servers].map(([postfix, { server, map }]) => startPostfix(postfix, server, map)));
  return new SendingSite<Name>(lab.world, daemon, postfixes, zones, cleanup);
}

function openLab(
  namespace: Namespace,
  domains: SiteOptions<string>["domains"],
  ttl: number | undefined,
  signed: readonly DaneDomain[],
): Promise<Lab> {
  const ports = { dnsPort: 53, httpsPort: 443, smtpPort: 25 };
  const place = signed.length === 0 ? {} : { dnsAddress: LAB_DNS };
  const all = { ...domains, ...specsOf(signed) };
  return startLab({ ...ports, ...place, domains: all, ...(ttl === undefined ? {} : { ttl }) }, namespace);
}

async function signZones(
  namespace: Namespace,
  directory: string,
  world: RemoteWorld,
  signed: readonly DaneDomain[],
): Promise<SignedWorld | null> {
  if (signed.length === 0) return null;
  await publishTlsa(world, signed);
  return SignedWorld.start({ namespace, directory, world, zones: zonesOf(signed) });
}

/** For a self-test in a world without a root zone. */
export const SELF_TEST = { "signed-names": [ISLAND], "bogus-names": [under("bogus")] };

// Where README puts it: inside the queue directory, the only place that a jailed smtp(8) sees.
function socketOf(postfix: PostfixInstance): string {
  const directory = join(postfix.queueDirectory, "mta-sts");
  mkdirSync(directory);
  return join(directory, "policy.sock");
}

async function startPostfix(postfix: PostfixInstance, server: PolicyServer, map: string): Promise<void> {
  await postfix.configure({ smtp_tls_policy_maps: postfix.policyMap(server, map) });
  await postfix.start();
}

async function undo(cleanup: (() => unknown)[]): Promise<void> {
  const faults: unknown[] = [];
  for (const step of cleanup.splice(0).reverse())
    try {
      await step();
    } catch (fault) {
      faults.push(fault);
    }
  if (faults.length > 0) throw new AggregateError(faults, "the site was not left clean");
}
