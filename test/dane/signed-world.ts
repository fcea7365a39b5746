import { spawnSync } from "node:child_process";
import type { RemoteWorld } from "../lab/lab-client.ts";
import { type Namespace, namespaceObstacle } from "../lab/namespace.ts";
import { ADDRESSES } from "./addresses.ts";
import { DnsDaemon, nsdConfig, unboundConfig } from "./dns-daemon.ts";
import { type SignedZoneFile, ZoneSigner, type ZoneToSign } from "./zone-signer.ts";
import { absolute, zoneLines } from "./zone-text.ts";

/** One domain below the island: what the lab says of it, signed as described here, and lines of its own. */
export interface SignedZone extends Partial<Pick<ZoneToSign, "signing" | "nsec3" | "tampered">> {
  /** Lines of a master file to add, names relative to the domain: CNAMEs, wildcards, delegations. */
  readonly lines?: readonly string[];
}

export interface SignedWorldOptions {
  readonly namespace: Namespace;
  readonly directory: string;
  /** A world whose DNS server listens at `LAB_DNS`. */
  readonly world: RemoteWorld;
  /** By name; each is a child of the island. */
  readonly zones: Readonly<Record<string, SignedZone>>;
}

/** The parent of the signed domains and the only trust anchor the resolver has: an island of security (RFC 4033 §2). */
export const ISLAND = "dane.test";
/** Where a lab has to listen to leave 127.0.0.1 to the resolver (`WorldOptions.dnsAddress`). */
export const LAB_DNS = ADDRESSES.lab;
/** Lines that delegate a name of a signed zone, without DS, to the lab: what is below answers as the lab is told to. */
export const delegationToLab = (owner: string): string[] => [
  `${owner} IN NS ns.${owner}`,
  `ns.${owner} IN A ${ADDRESSES.lab}`,
];

/** Why no signed world can be made here, for the message of a skipped test; null when nothing stands in the way. */
export function signedWorldObstacle(): string | null {
  for (const [command, name] of [
    ["unbound", "unbound"],
    ["nsd", "nsd"],
    ["ldns-signzone", "ldnsutils"],
  ] as const)
    if (spawnSync(command, ["-h"]).error !== undefined) return `${command} is missing (Debian package ${name})`;
  return namespaceObstacle();
}

/**
 * DNSSEC for a lab: NSD with zones signed at the start, and Unbound as the resolver of the namespace, which validates
 * them from a trust anchor of the test. Names outside the island are answered by the lab itself and are not secure.
 */
export class SignedWorld {
  readonly #options: SignedWorldOptions;
  readonly #signer: ZoneSigner;
  readonly #zones: Map<string, SignedZone>;
  readonly #unsigned = new Set<string>();
  #daemons: DnsDaemon[] = [];

  private constructor(options: SignedWorldOptions) {
    this.#options = options;
    this.#signer = new ZoneSigner(options.directory);
    this.#zones = new Map(Object.entries(options.zones));
  }

  static async start(options: SignedWorldOptions): Promise<SignedWorld> {
    const signed = new SignedWorld(options);
    try {
      await signed.publish();
    } catch (error) {
      await signed.close();
      throw error;
    }
    return signed;
  }

  /** Describes a zone anew, signs everything as the lab says it now, and starts both servers with empty caches. */
  async publish(name?: string, zone: SignedZone = {}): Promise<void> {
    if (name !== undefined) this.#zones.set(name, zone);
    const children = await Promise.all([...this.#zones].map((entry) => this.#sign(...entry)));
    const parent = this.#signer.sign({
      apex: ISLAND,
      lines: children.flatMap(({ apex, ds }) => delegation(apex, ds, this.#unsigned.has(apex))),
      signing: "signed",
    });
    await this.#restart([parent, ...children.filter(({ apex }) => !this.#unsigned.has(apex))]);
  }

  async close(): Promise<void> {
    await Promise.all(this.#daemons.splice(0).map((daemon) => daemon.stop()));
  }

  async #sign(apex: string, { signing = "signed", lines = [], ...how }: SignedZone): Promise<SignedZoneFile> {
    if (signing === "unsigned") {
      // The lab's own server speaks for it, so that it can be forged while it runs.
      this.#unsigned.add(apex);
      return { apex, file: "", ds: [] };
    }
    this.#unsigned.delete(apex);
    const truth = zoneLines(await this.#options.world.rrsets(apex));
    return this.#signer.sign({ apex, signing, lines: [...truth, ...lines], ...how });
  }

  async #restart(zones: readonly SignedZoneFile[]): Promise<void> {
    await this.close();
    const { namespace, directory } = this.#options;
    const anchor = zones[0]?.ds[0]?.replace(/\s+;.*$/, "") ?? "";
    const common = { namespace, directory };
    this.#daemons = [
      new DnsDaemon({ ...common, name: "nsd", config: nsdConfig(directory, zones) }),
      new DnsDaemon({ ...common, name: "unbound", config: unboundConfig(directory, ISLAND, anchor) }),
    ];
    await Promise.all(this.#daemons.map((daemon) => daemon.untilListening()));
    await this.#untilVouchedFor();
  }

  async #untilVouchedFor(): Promise<void> {
    const { stdout } = await this.#options.namespace.run("drill", ["-D", `@${ADDRESSES.resolver}`, ISLAND, "SOA"]);
    if (/flags:.* ad[ ;]/.test(stdout)) return;
    throw new Error(`lab: no validated answer: ${stdout}${this.#daemons.map(({ output }) => output).join("\n")}`);
  }
}

/** What the parent says of a child (RFC 4035 §2.4): where it is served and, when it is signed, its DS. */
function delegation(apex: string, ds: readonly string[], unsigned: boolean): string[] {
  const zone = absolute(apex);
  return [`${zone} IN NS ns.${zone}`, `ns.${zone} IN A ${unsigned ? ADDRESSES.lab : ADDRESSES.signed}`, ...ds];
}
