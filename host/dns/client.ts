import { setMaxListeners } from "node:events";
import { Deadline } from "./deadline.ts";
import { type FoundRecords, type LookupContext, type LookupFailure, lookUp } from "./lookup.ts";
import { toPresentation, toWireName } from "./names.ts";
import { type RecordData, TYPE } from "./rdata.ts";
import { resolvConfServers } from "./resolv-conf.ts";
import { type DnsServer, isLoopback, parseServer, sameAddress } from "./server.ts";
import { Transport } from "./transport.ts";
import type { DnsClient, DnsFailed, DnsNone, DnsOutcome, MxRecord } from "./types.ts";

export interface DnsClientOptions {
  /** "192.0.2.1", "192.0.2.1:5353", "[2001:db8::1]:53". Default: all of /etc/resolv.conf, followed as it changes. */
  readonly servers?: readonly string[] | undefined;
  /** Milliseconds to wait for one server before the next is asked. Default 2000. */
  readonly timeoutMs?: number | undefined;
  /** Rounds over all servers. Default 2. */
  readonly attempts?: number | undefined;
  /** Milliseconds for one question with all its servers and aliases. Default 10000. */
  readonly deadlineMs?: number | undefined;
  /** Addresses of the resolvers whose AD bit is believed. Default: those on loopback (R-7672-2.1.1-02). */
  readonly trustAd?: readonly string[] | undefined;
  /** Ask no other resolvers than those: what they cannot answer has failed and is not "insecure". Default false. */
  readonly onlyTrusted?: boolean | undefined;
  /** Ask for DNSSEC signatures too (the DO bit); some old resolvers say AD only then. Default false. */
  readonly dnssecOk?: boolean | undefined;
  /** Exchanges under way at once. Default 256. */
  readonly maxOutstanding?: number | undefined;
  /** Exchanges waiting for their turn; beyond that a question fails at once. Default 4096. */
  readonly maxWaiting?: number | undefined;
  /** Instead of /etc/resolv.conf, when `servers` is not given. */
  readonly resolvConf?: string | undefined;
}

const ROOT = Uint8Array.of(0);

/** Characters; a detail may end up in a mail log line. */
const MAX_DETAIL = 400;

/**
 * A stub resolver: it asks recursive servers and believes no more of an answer than it must.
 * @throws TypeError when `servers` or `trustAd` holds something that is not an address, or is an empty server list.
 */
export function createDnsClient(options: DnsClientOptions = {}): DnsClient {
  const transport = new Transport({
    timeoutMs: options.timeoutMs ?? 2000,
    dnssecOk: options.dnssecOk ?? false,
    maxOutstanding: options.maxOutstanding ?? 256,
    maxWaiting: options.maxWaiting ?? 4096,
  });
  const trusts = adTrust(options.trustAd);
  const all = serverSource(options);
  const servers = options.onlyTrusted ? () => all().filter(trusts) : all;
  const context = { transport, servers, attempts: options.attempts ?? 2, trusts };
  return new StubClient(context, options.deadlineMs ?? 10_000);
}

/**
 * Whose AD bit counts. A resolver across the network proves nothing with it: the bit is not signed.
 * @throws TypeError when the list holds something that is not an address.
 */
export function adTrust(addresses: readonly string[] | undefined): (server: DnsServer) => boolean {
  if (addresses === undefined) return (server) => isLoopback(server.address);
  const trusted = addresses.map((text) => requireServer(text).address);
  return (server) => trusted.some((address) => sameAddress(address, server.address));
}

class StubClient implements DnsClient {
  readonly #context: LookupContext;
  readonly #deadlineMs: number;
  readonly #closing = new AbortController();

  constructor(context: LookupContext, deadlineMs: number) {
    this.#context = context;
    this.#deadlineMs = deadlineMs;
    // One listener per question under way; Node's warning at eleven would be a false alarm.
    setMaxListeners(0, this.#closing.signal);
  }

  txt(name: string, signal?: AbortSignal): Promise<DnsOutcome<Uint8Array>> {
    return this.#ask("TXT", name, signal, rawText);
  }

  mx(name: string, signal?: AbortSignal): Promise<DnsOutcome<MxRecord>> {
    return this.#ask("MX", name, signal, mailExchange);
  }

  async addresses(name: string, signal?: AbortSignal): Promise<DnsOutcome<string>> {
    const families = await Promise.all([
      this.#ask("A", name, signal, addressText),
      this.#ask("AAAA", name, signal, addressText),
    ]);
    return bothFamilies(families);
  }

  tlsa(name: string, signal?: AbortSignal): Promise<DnsOutcome<Uint8Array>> {
    return this.#ask("TLSA", name, signal, rawTlsa);
  }

  cname(name: string, signal?: AbortSignal): Promise<DnsOutcome<string>> {
    return this.#ask("CNAME", name, signal, aliasTarget);
  }

  soa(name: string, signal?: AbortSignal): Promise<DnsOutcome<number>> {
    return this.#ask("SOA", name, signal, negativeTtl);
  }

  close(): void {
    this.#closing.abort();
  }

  async #ask<T>(
    type: "TXT" | "MX" | "A" | "AAAA" | "TLSA" | "CNAME" | "SOA",
    name: string,
    signal: AbortSignal | undefined,
    read: (data: RecordData) => Keyed<T> | null,
  ): Promise<DnsOutcome<T>> {
    const wireName = type === "SOA" && name === "." ? ROOT : toWireName(name);
    const sources = signal === undefined ? [this.#closing.signal] : [this.#closing.signal, signal];
    const deadline = new Deadline(this.#deadlineMs, sources);
    try {
      const found = await lookUp(this.#context, wireName, TYPE[type], deadline.signal);
      if (found.kind === "none") return found;
      if (found.kind === "records") return { ...found, records: distinct(found, read) };
      return this.#failed(`${type} ${name}`, found, deadline);
    } finally {
      deadline.release();
    }
  }

  #failed(question: string, failure: LookupFailure, deadline: Deadline): DnsFailed {
    const givenUp = deadline.signal.aborted && deadline.cause === "aborted";
    const cut = failure.reason === "aborted" || givenUp;
    const reason = cut ? deadline.cause : failure.reason;
    const causes = cut && reason === "timeout" ? [`no answer within ${this.#deadlineMs} ms`] : cut ? ["given up"] : [];
    const detail = `${question}: ${[...causes, ...failure.details].join("; ")}`;
    return {
      kind: "failed",
      reason,
      detail: detail.length > MAX_DETAIL ? `${detail.slice(0, MAX_DETAIL - 3)}...` : detail,
    };
  }
}

/** A record as the caller wants it, and the text in which two equal records are equal. */
interface Keyed<T> {
  readonly key: string;
  readonly value: T;
}

/** An RRset holds no duplicates (RFC 2181 §5), whatever the answer says (R-8461-3.1-27). */
function distinct<T>({ records }: FoundRecords, read: (data: RecordData) => Keyed<T> | null): T[] {
  const byKey = new Map<string, T>();
  for (const { data } of records) {
    const record = read(data);
    if (record !== null && !byKey.has(record.key)) byKey.set(record.key, record.value);
  }
  return [...byKey.values()];
}

function rawText(data: RecordData): Keyed<Uint8Array> | null {
  return data.kind === "txt" ? { key: Buffer.from(data.rdata).toString("latin1"), value: data.rdata } : null;
}

function rawTlsa(data: RecordData): Keyed<Uint8Array> | null {
  return data.kind === "tlsa" ? { key: Buffer.from(data.rdata).toString("latin1"), value: data.rdata } : null;
}

function aliasTarget(data: RecordData): Keyed<string> | null {
  if (data.kind !== "cname") return null;
  const target = toPresentation(data.target);
  return { key: target, value: target };
}

function negativeTtl(data: RecordData): Keyed<number> | null {
  return data.kind === "soa" ? { key: String(data.minimum), value: data.minimum } : null;
}

function mailExchange(data: RecordData): Keyed<MxRecord> | null {
  if (data.kind !== "mx") return null;
  const exchange = toPresentation(data.exchange);
  return { key: `${data.preference} ${exchange}`, value: { preference: data.preference, exchange } };
}

function addressText(data: RecordData): Keyed<string> | null {
  return data.kind === "address" ? { key: data.address, value: data.address } : null;
}

/** A family that failed hides nothing when the other has addresses, and everything when it has none. */
function bothFamilies(families: readonly DnsOutcome<string>[]): DnsOutcome<string> {
  const definite = families.filter((outcome) => outcome.kind !== "failed");
  const secure = definite.every((outcome) => outcome.secure);
  const found = definite.filter((outcome) => outcome.kind === "records");
  if (found.length > 0) {
    const records = found.flatMap((outcome) => outcome.records);
    const ttl = Math.min(...found.map((outcome) => outcome.ttl));
    const canonical = found[0]?.canonical;
    return { kind: "records", records, ttl, ...(canonical === undefined ? {} : { canonical }), secure };
  }
  const failure = families.find((outcome) => outcome.kind === "failed");
  if (failure !== undefined) return failure;
  const none = definite.filter((outcome): outcome is DnsNone => outcome.kind === "none");
  const reason = none.every((outcome) => outcome.reason === "nxdomain") ? "nxdomain" : "nodata";
  return { kind: "none", reason, ttl: Math.min(...none.map((outcome) => outcome.ttl)), secure };
}

function serverSource(options: DnsClientOptions): () => readonly DnsServer[] {
  if (options.servers === undefined) return resolvConfServers({ path: options.resolvConf });
  const servers = options.servers.map(requireServer);
  if (servers.length === 0) throw new TypeError("the list of DNS servers is empty");
  return () => servers;
}

function requireServer(text: string): DnsServer {
  const server = parseServer(text);
  if (server === null) throw new TypeError(`not an IP address with optional port: ${JSON.stringify(text)}`);
  return server;
}
