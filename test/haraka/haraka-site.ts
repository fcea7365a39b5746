import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ISLAND, LAB_DNS, SignedWorld } from "../dane/signed-world.ts";
import { BOGUS, type DaneDomain, publishTlsa, specsOf, zonesOf } from "../dane/signed-zones.ts";
import type { DomainSpec } from "../lab/domain-spec.ts";
import { type Lab, type RemoteWorld, startLab } from "../lab/lab-client.ts";
import { Namespace } from "../lab/namespace.ts";
import { type NamespaceDoor, openDoor } from "../postfix/namespace-door.ts";
import { makeWorkDirectory, removeWorkDirectory } from "../postfix/work-directory.ts";
import { HarakaInstance, type Ini, type InstanceOptions } from "./haraka-instance.ts";

export type HarakaSpec = Pick<InstanceOptions, "release" | "modules"> & Partial<Omit<InstanceOptions, "namespace">>;

export interface HarakaSiteOptions {
  readonly domains: Readonly<Record<string, DomainSpec>>;
  readonly ttl?: number;
  /** Domains in signed zones; the resolver is then one that validates. */
  readonly signed?: readonly DaneDomain[];
}

/** A network namespace with the lab as the rest of the Internet, for one Haraka after the other. */
export class HarakaSite {
  readonly world: RemoteWorld;
  readonly namespace: Namespace;
  readonly door: NamespaceDoor;
  readonly directory: string;
  /** The lab's CA. */
  readonly caFile: string;
  /** The signed zones, null without. */
  readonly signed: SignedWorld | null;
  readonly #lab: Lab;
  #made = 0;
  #instances: HarakaInstance[] = [];

  private constructor(
    namespace: Namespace,
    door: NamespaceDoor,
    lab: Lab,
    signed: SignedWorld | null,
    directory: string,
  ) {
    this.namespace = namespace;
    this.door = door;
    this.#lab = lab;
    this.signed = signed;
    this.world = lab.world;
    this.directory = directory;
    this.caFile = join(directory, "ca.pem");
    writeFileSync(this.caFile, lab.ready.caPem);
  }

  static async open({ domains, ttl, signed }: HarakaSiteOptions): Promise<HarakaSite> {
    const namespace = await Namespace.create();
    const directory = makeWorkDirectory();
    const where = {
      dnsPort: 53,
      httpsPort: 443,
      smtpPort: 25,
      ...(signed === undefined ? {} : { dnsAddress: LAB_DNS }),
    };
    const all = { ...domains, ...specsOf(signed ?? []) };
    const [door, lab] = await Promise.all([
      openDoor(namespace),
      startLab({ ...where, domains: all, ...(ttl === undefined ? {} : { ttl }) }, namespace),
    ]);
    const zones = signed && (await HarakaSite.#sign(signed, { namespace, directory, world: lab.world }));
    return new HarakaSite(namespace, door, lab, zones ?? null, directory);
  }

  static async #sign(
    domains: readonly DaneDomain[],
    where: { namespace: Namespace; directory: string; world: RemoteWorld },
  ): Promise<SignedWorld> {
    await publishTlsa(where.world, domains);
    return SignedWorld.start({ ...where, zones: zonesOf(domains) });
  }

  /** A Haraka that trusts the lab's CA, ready to start; its mta-sts.ini can be replaced by `config`. */
  haraka(spec: HarakaSpec): HarakaInstance {
    const directory = join(this.directory, `haraka-${++this.#made}`);
    mkdirSync(directory);
    const config = { "mta-sts.ini": this.mtaStsIni(), ...spec.config };
    const instance = new HarakaInstance({
      directory,
      namespace: this.namespace,
      door: this.door,
      ...spec,
      config,
    });
    this.#instances.push(instance);
    return instance;
  }

  /** What mta-sts.ini needs to live in the lab, and more sections. */
  mtaStsIni(more: Ini = {}): Ini {
    // Without signed zones there is nobody to ask for a bogus one, and DANE stays off.
    const names = this.signed === null ? {} : { dane: { signed_names: ISLAND, bogus_names: BOGUS } };
    return {
      https: { ca_file: this.caFile, allow_private_addresses: true },
      mx: { ca_file: this.caFile },
      ...names,
      ...more,
    };
  }

  async close(): Promise<void> {
    for (const instance of this.#instances) await instance.stop("SIGKILL");
    this.door.close();
    await this.signed?.close();
    await this.#lab.close();
    await this.namespace.close();
    removeWorkDirectory(this.directory);
  }
}
