import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
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
}

/** A network namespace with the lab as the rest of the Internet, for one Haraka after the other. */
export class HarakaSite {
  readonly world: RemoteWorld;
  readonly namespace: Namespace;
  readonly door: NamespaceDoor;
  readonly directory: string;
  /** The lab's CA. */
  readonly caFile: string;
  readonly #lab: Lab;
  #made = 0;
  #instances: HarakaInstance[] = [];

  private constructor(namespace: Namespace, door: NamespaceDoor, lab: Lab, directory: string) {
    this.namespace = namespace;
    this.door = door;
    this.#lab = lab;
    this.world = lab.world;
    this.directory = directory;
    this.caFile = join(directory, "ca.pem");
    writeFileSync(this.caFile, lab.ready.caPem);
  }

  static async open({ domains, ttl }: HarakaSiteOptions): Promise<HarakaSite> {
    const namespace = await Namespace.create();
    const directory = makeWorkDirectory();
    const ports = { dnsPort: 53, httpsPort: 443, smtpPort: 25 };
    const [door, lab] = await Promise.all([
      openDoor(namespace),
      startLab({ ...ports, domains, ...(ttl === undefined ? {} : { ttl }) }, namespace),
    ]);
    return new HarakaSite(namespace, door, lab, directory);
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
    return { https: { ca_file: this.caFile, allow_private_addresses: true }, mx: { ca_file: this.caFile }, ...more };
  }

  async close(): Promise<void> {
    for (const instance of this.#instances) await instance.stop("SIGKILL");
    this.door.close();
    await this.#lab.close();
    await this.namespace.close();
    removeWorkDirectory(this.directory);
  }
}
