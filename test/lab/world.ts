import { type CertificateSpec, createCa, type TestCa } from "./ca.ts";
import { type DnsName, labelsOf, nameText } from "./dns-name.ts";
import { DnsServer, type SeenQuery } from "./dns-server.ts";
import type { RecordData, RecordType } from "./dns-wire.ts";
import type { DnsReply, ZoneRrset } from "./dns-zone.ts";
import { type DomainSpec, type MxEntry, type PolicySpec, policyBody, type WorldOptions } from "./domain-spec.ts";
import { type Delivery, type MxBehaviour, MxServer, type MxSession } from "./mx-server.ts";
import type { PolicyBehaviour } from "./policy-behaviour.ts";
import { type PolicyHostSpec, PolicyServer, type SeenConnection, type SeenRequest } from "./policy-host.ts";
import { type TlsaSpec, tlsaRecord } from "./tlsa.ts";

export type ForgedNames = "record" | "policy-host" | "mx" | "all";

interface Domain {
  readonly spec: DomainSpec;
  readonly policyServer: PolicyServer | null;
}

// Nothing listens here: a connection is refused at once.
const NOBODY = "127.99.99.99";

/**
 * DNS, policy hosts, MX hosts and a CA on loopback addresses, described by domain, changed at any time. Its methods
 * take and return plain data, so that a world in another process is steered the same way (lab-client.ts).
 */
export class World {
  readonly ca: TestCa;
  readonly dns: DnsServer;
  readonly #options: WorldOptions;
  readonly #domains = new Map<string, Domain>();
  readonly #policyServers = new Map<string, PolicyServer>();
  readonly #mxServers = new Map<string, MxServer>();
  #mxCount = 0;

  constructor(ca: TestCa, dns: DnsServer, https: PolicyServer, options: WorldOptions) {
    this.ca = ca;
    this.dns = dns;
    this.#options = options;
    this.#policyServers.set(https.address, https);
  }

  get caPem(): string {
    return this.ca.caPem;
  }

  /** The server of the policy hosts without an address of their own. */
  get https(): PolicyServer {
    return [...this.#policyServers.values()][0] as PolicyServer;
  }

  /** Adds a domain, or describes it anew: what its earlier description set is replaced. */
  async domain(name: string, spec: DomainSpec): Promise<void> {
    const ttl = this.#options.ttl ?? 300;
    const secure = spec.secure ?? false;
    const common = { ttl, secure };
    const policyServer = await this.#policyHost(name, spec);
    this.#domains.set(name, { spec, policyServer });
    const { zone } = this.dns;
    zone.set(name, "SOA", {
      ...common,
      records: [{ mname: `ns.${name}`, rname: `hostmaster.${name}`, minimum: ttl }],
    });
    const id = spec.id === undefined ? (policyServer === null ? null : "1") : spec.id;
    if (spec.txt !== undefined)
      zone.set(`_mta-sts.${name}`, "TXT", isReply(spec.txt) ? spec.txt : { ...common, records: spec.txt });
    else if (id === null) zone.delete(`_mta-sts.${name}`);
    else await this.setId(name, id);
    const addresses = spec.policyHost?.dnsAddresses ?? (policyServer === null ? [] : [policyServer.address]);
    zone.delete(`mta-sts.${name}`);
    this.#setAddresses(`mta-sts.${name}`, addresses, common);
    await this.setMx(name, spec.mx ?? [`mx.${name}`]);
  }

  /** What the policy host serves from now on, also after mending. The record keeps its id: change it with `setId`. */
  async setPolicy(name: string, policy: PolicySpec): Promise<void> {
    const policyServer = this.#policyServer(name);
    const { behaviour: _, ...policyHost } = this.#domains.get(name)?.spec.policyHost ?? {};
    this.#domains.set(name, { spec: { ...this.#domains.get(name)?.spec, policy, policyHost }, policyServer });
    await policyServer.setHost(`mta-sts.${name}`, { behaviour: { kind: "ok", body: policyBody(policy) } });
  }

  /** Publishes a record with this id. */
  async setId(name: string, id: string): Promise<void> {
    const common = { ttl: this.#options.ttl ?? 300, secure: this.#domains.get(name)?.spec.secure ?? false };
    this.dns.zone.set(`_mta-sts.${name}`, "TXT", { ...common, records: [`v=STSv1; id=${id};`] });
  }

  /** Publishes this MX RRset, [] for none, and starts the servers it names that are not there yet. */
  async setMx(name: string, entries: readonly (string | MxEntry)[]): Promise<void> {
    const common = { ttl: this.#options.ttl ?? 300, secure: this.#domains.get(name)?.spec.secure ?? false };
    if (entries.length === 0) this.dns.zone.delete(name, "MX");
    else this.dns.zone.set(name, "MX", { ...common, records: await this.#mxRecords(entries, common) });
  }

  /** How an MX host behaves from the next connection on. */
  async setMxBehaviour(exchange: DnsName, behaviour: MxBehaviour): Promise<void> {
    const server = this.#mxServers.get(nameText(labelsOf(exchange)));
    if (server === undefined) throw new Error(`lab: no MX host ${nameText(labelsOf(exchange))}`);
    await server.behave(behaviour);
  }

  /**
   * Publishes authenticated TLSA records for an MX host (RFC 7672): "own" and "other" are one DANE-EE record, of the key
   * it has now or of another one.
   * @param owner default `_25._tcp.` and the host
   */
  async setTlsa(mx: string, what: "own" | "other" | readonly TlsaSpec[], owner = `_25._tcp.${mx}`): Promise<void> {
    const server = this.#mxServers.get(mx);
    if (server === undefined) throw new Error(`lab: no MX host ${mx}`);
    const ee = { usage: 3, selector: 1, matching: 1 };
    const specs = typeof what === "string" ? [{ ...ee, of: what === "own" ? "leaf" : "nobody" } as const] : what;
    const records = specs.map((spec) => tlsaRecord(spec, { leaf: server.certificate.raw, ca: this.ca.caPem }));
    this.dns.zone.set(owner, "TLSA", { records, ttl: this.#options.ttl ?? 300, secure: true });
  }

  /** Changes how the policy host behaves, or makes its address one where nobody listens. */
  async breakPolicyHost(name: string, how: PolicyHostSpec | "down"): Promise<void> {
    if (how === "down") this.dns.zone.forge(`mta-sts.${name}`, "A", [NOBODY]);
    else await this.#policyServer(name).setHost(`mta-sts.${name}`, how);
  }

  /** Undoes `breakPolicyHost`: the policy host is as the domain's description says. */
  async mendPolicyHost(name: string): Promise<void> {
    this.dns.zone.unforge(`mta-sts.${name}`);
    await this.#policyHost(name, this.#domains.get(name)?.spec ?? {});
  }

  /** Lets the requests go on that the behaviour "hold" keeps. */
  async releasePolicyHost(name: string): Promise<void> {
    this.#policyServer(name).release(`mta-sts.${name}`);
  }

  /** An attacker on the path says that a name does not exist. */
  async forgeNxdomain(name: string, names: ForgedNames = "record"): Promise<void> {
    await this.forgeReply(name, { answer: "nxdomain" }, names);
  }

  /** Any reply in place of the truth, for example SERVFAIL or silence. */
  async forgeReply(name: string, reply: DnsReply, names: ForgedNames = "record"): Promise<void> {
    const { zone } = this.dns;
    if (names === "record" || names === "all") zone.forge(`_mta-sts.${name}`, "*", reply);
    if (names === "policy-host" || names === "all") zone.forge(`mta-sts.${name}`, "*", reply);
    if (names === "all") zone.forge(name, "*", reply);
    if (names === "mx") zone.forge(name, "MX", reply as DnsReply<"MX">);
  }

  /** An attacker answers with an MX RRset of his own; his hosts exist and take mail. */
  async forgeMx(name: string, entries: readonly (string | MxEntry)[]): Promise<void> {
    const records = await this.#mxRecords(entries, { ttl: this.#options.ttl ?? 300, secure: false });
    this.dns.zone.forge(name, "MX", records);
  }

  /** Lifts every forgery for a domain. */
  async unforge(name: string): Promise<void> {
    for (const forged of [name, `_mta-sts.${name}`, `mta-sts.${name}`]) this.dns.zone.unforge(forged);
  }

  /** Sets any RRset, as DnsZone.set does. */
  async setDns(name: DnsName, type: RecordType | "*", what: readonly RecordData[] | DnsReply): Promise<void> {
    this.dns.zone.set(name, type as "A", what as DnsReply<"A">);
  }

  /** One reply to every question, null to end it. */
  async setDnsOutage(reply: DnsReply | null): Promise<void> {
    this.dns.zone.setAll(reply);
  }

  /** The RRsets of a domain as they truly are, for a server that signs them. */
  async rrsets(apex: string): Promise<ZoneRrset[]> {
    return this.dns.zone.rrsets(apex);
  }

  async deliveries(mx?: string): Promise<Delivery[]> {
    const all = [...this.#mxServers.values()].flatMap((server) => server.deliveries.all());
    return mx === undefined ? all : all.filter((delivery) => delivery.mx === mx);
  }

  async sessions(mx: string): Promise<MxSession[]> {
    return [...(this.#mxServers.get(mx)?.sessions.all() ?? [])];
  }

  async requests(host?: string): Promise<SeenRequest[]> {
    const all = [...this.#policyServers.values()].flatMap((server) => server.requests.all());
    return host === undefined ? all : all.filter((request) => request.sni === host);
  }

  async connections(host?: string): Promise<SeenConnection[]> {
    const all = [...this.#policyServers.values()].flatMap((server) => server.connections.all());
    return host === undefined ? all : all.filter((connection) => connection.sni === host);
  }

  async queries(name?: DnsName, type?: RecordType): Promise<SeenQuery[]> {
    const wanted = name === undefined ? null : nameText(labelsOf(name)).toLowerCase();
    return this.dns.queries.where(
      (query) => (wanted === null || query.name === wanted) && (type === undefined || query.type === type),
    );
  }

  async waitForQuery(name: DnsName, type: RecordType, times = 1): Promise<void> {
    await this.dns.waitForQuery(name, type, times);
  }

  /** Resolves once a policy host got `times` requests. */
  async waitForRequest(domain: string, times = 1): Promise<void> {
    await this.#policyServer(domain).requests.until((request) => request.sni === `mta-sts.${domain}`, times);
  }

  async waitForDelivery(mx: string, times = 1): Promise<void> {
    const server = this.#mxServers.get(mx);
    if (server === undefined) throw new Error(`lab: no MX host ${mx}`);
    await server.deliveries.until(() => true, times);
  }

  /** Forgets what was seen so far: queries, requests, connections, sessions, deliveries. */
  async forgetSeen(): Promise<void> {
    this.dns.queries.clear();
    for (const server of this.#policyServers.values())
      for (const journal of [server.requests, server.connections]) journal.clear();
    for (const server of this.#mxServers.values())
      for (const journal of [server.deliveries, server.sessions]) journal.clear();
  }

  /** Where the servers listen; MX hosts by name. */
  async endpoints(): Promise<Endpoints> {
    const at = ({ address, port }: Endpoint): Endpoint => ({ address, port });
    return {
      dns: at(this.dns),
      https: at(this.https),
      mx: Object.fromEntries([...this.#mxServers].map(([name, server]) => [name, at(server)])),
    };
  }

  async close(): Promise<void> {
    const servers = [this.dns, ...this.#policyServers.values(), ...this.#mxServers.values()];
    await Promise.all(servers.map((server) => server.close()));
  }

  #policyServer(name: string): PolicyServer {
    const server = this.#domains.get(name)?.policyServer;
    if (server == null) throw new Error(`lab: ${name} has no policy host; describe it with world.domain first`);
    return server;
  }

  /** The policy host of a description, started where it has an address of its own. */
  async #policyHost(name: string, spec: DomainSpec): Promise<PolicyServer | null> {
    if (spec.policy == null && spec.policyHost === undefined) return null;
    const { address = this.https.address, dnsAddresses: _, ...host } = spec.policyHost ?? {};
    const held = this.#policyServers.get(address);
    const server = held ?? (await PolicyServer.listen(this.ca, { address, port: this.#options.httpsPort ?? 0 }));
    this.#policyServers.set(address, server);
    const behaviour: PolicyBehaviour =
      spec.policy == null ? { kind: "status", status: 404 } : { kind: "ok", body: policyBody(spec.policy) };
    await server.replaceHost(`mta-sts.${name}`, { behaviour, ...host });
    return server;
  }

  #setAddresses(name: DnsName, addresses: readonly string[], common: { ttl: number; secure: boolean }): void {
    const v4 = addresses.filter((address) => !address.includes(":"));
    const v6 = addresses.filter((address) => address.includes(":"));
    if (v4.length > 0) this.dns.zone.set(name, "A", { ...common, records: v4 });
    if (v6.length > 0) this.dns.zone.set(name, "AAAA", { ...common, records: v6 });
  }

  async #mxRecords(
    entries: readonly (string | MxEntry)[],
    common: { ttl: number; secure: boolean },
  ): Promise<{ preference: number; exchange: DnsName }[]> {
    const whole = entries.map((entry) => (typeof entry === "string" ? { exchange: entry } : entry));
    for (const entry of whole) await this.#mxHost(entry, common);
    return whole.map(({ exchange, preference }, i) => ({ exchange, preference: preference ?? 10 * (i + 1) }));
  }

  async #mxHost(entry: MxEntry, common: { ttl: number; secure: boolean }): Promise<void> {
    const { exchange, preference: _, server: wanted, ...behaviour } = entry;
    const name = nameText(labelsOf(exchange));
    const held = this.#mxServers.get(name);
    if (held !== undefined && Object.keys(behaviour).length > 0) await held.behave(behaviour);
    if (name === "" || wanted === false || held !== undefined) return;
    // One address per MX host, because all of them share one port inside a namespace.
    const number = this.#mxCount++;
    const address = `127.25.${number >>> 8}.${(number & 0xff) + 1}`;
    const port = this.#options.smtpPort ?? 0;
    const certificate = behaviour.certificate ?? certificateFor(name);
    this.#mxServers.set(name, await MxServer.listen(name, this.ca, { ...behaviour, certificate, address, port }));
    this.#setAddresses(exchange, [address], common);
  }
}

export interface Endpoint {
  readonly address: string;
  readonly port: number;
}

export interface Endpoints {
  readonly dns: Endpoint;
  readonly https: Endpoint;
  readonly mx: Readonly<Record<string, Endpoint>>;
}

// A name that is no host name cannot stand in a certificate; its owner shows one for a name of his own.
const certificateFor = (name: string): CertificateSpec =>
  /^[a-z0-9.-]+$/i.test(name) ? "good" : { names: ["mx.attacker.test"] };

const isReply = <T extends RecordType>(what: readonly unknown[] | DnsReply<T>): what is DnsReply<T> =>
  !Array.isArray(what);

/** Starts an empty world. */
export async function createWorld(options: WorldOptions = {}): Promise<World> {
  const { dnsAddress = "127.0.0.1", dnsPort = 0, httpsAddress = "127.0.0.1", httpsPort = 0 } = options;
  const ca = await createCa();
  const dns = await DnsServer.listen({ address: dnsAddress, port: dnsPort });
  const https = await PolicyServer.listen(ca, { address: httpsAddress, port: httpsPort });
  return new World(ca, dns, https, options);
}
