import { type DnsName, labelsOf, nameKey, nameText } from "./dns-name.ts";
import type { DnsRecord, RecordData, RecordType, SoaData } from "./dns-wire.ts";

export interface StrayRecord {
  readonly name: DnsName;
  readonly type: RecordType;
  readonly data: RecordData;
  /** Seconds. */
  readonly ttl?: number;
}

/** What one question comes to. Everything is optional: `{ records }` alone is an honest answer. */
export interface DnsReply<T extends RecordType = RecordType> {
  /**
   * Default "records". "referral" points upward to the root, "empty" is NOERROR with nothing in it: two ways in which
   * a lame server speaks. "drop" says nothing at all.
   */
  readonly answer?:
    | "records"
    | "nxdomain"
    | "nodata"
    | "servfail"
    | "refused"
    | "formerr"
    | "notimp"
    | "referral"
    | "empty"
    | "drop";
  readonly records?: readonly RecordData<T>[];
  /** Records that were not asked for, put behind the answer; any owner. */
  readonly extra?: readonly StrayRecord[];
  /** Seconds. */
  readonly ttl?: number;
  /** The SOA of a negative answer (seconds); false leaves it out (RFC 2308 §5). */
  readonly soa?: { readonly ttl: number; readonly minimum: number } | false;
  /** Authenticated: the AD bit, for clients that set AD or DO (RFC 6840 §5.7). */
  readonly secure?: boolean;
  /** Milliseconds before the reply is sent. */
  readonly delay?: number;
  /** Over UDP: TC and no record, or TC and the first record only. TCP gets all. */
  readonly truncate?: "empty" | "partial";
  /** Over TCP: close instead of answering, close in the middle, or send one octet at a time. */
  readonly tcp?: "close" | "cut" | "dribble";
  /** Over UDP: answer FORMERR, without OPT, when the query has an OPT record. */
  readonly refuseEdns?: boolean;
  /** False: a CNAME is answered alone, its target is not looked up. */
  readonly chase?: boolean;
  /** A packet that a client must not believe, sent just before the reply. */
  readonly forged?: {
    readonly as: "wrong-id" | "wrong-question" | "wrong-source" | "query" | "garbage";
    readonly records?: readonly RecordData<T>[];
    /** True: the reply itself is not sent. */
    readonly alone?: boolean;
  };
  /** One reply per question, in turn; the last one stays. Everything else in this object is then ignored. */
  readonly sequence?: readonly DnsReply<T>[];
}

/** One RRset as the zone tells the truth about it. */
export interface ZoneRrset {
  /** Presentation form without trailing dot. */
  readonly name: string;
  readonly type: RecordType;
  /** Seconds. */
  readonly ttl: number;
  readonly records: readonly RecordData[];
}

/** What the zone makes of a question, before it is put on the wire. */
export interface DnsOutcome {
  readonly kind: Exclude<NonNullable<DnsReply["answer"]>, "nodata">;
  readonly answers: readonly DnsRecord[];
  readonly authority: readonly DnsRecord[];
  readonly secure: boolean;
  /** Milliseconds, summed over the CNAME chain. */
  readonly delay: number;
  /** The reply whose transport faults count: that of the name asked for. */
  readonly reply: DnsReply;
}

type Replies = Map<string, Map<RecordType | "*", DnsReply>>;
const DEFAULT_TTL = 300;
const LONGEST_CHAIN = 16;

/**
 * Zone data that may be changed at any time. There are two layers, the truth and what an attacker forges over it, so
 * that an attack can be lifted without knowing what was there before.
 */
export class DnsZone {
  readonly #truth: Replies = new Map();
  readonly #forged: Replies = new Map();
  #outage: DnsReply | null = null;

  /** Sets one RRset: its records, or a reply. Type "*" speaks for every type of the name. */
  set<T extends RecordType>(name: DnsName, type: T, what: readonly RecordData<T>[] | DnsReply<T>): void;
  set(name: DnsName, type: "*", what: DnsReply): void;
  set(name: DnsName, type: RecordType | "*", what: readonly RecordData[] | DnsReply): void {
    put(this.#truth, name, type, what);
  }

  /** Like `set`, over the truth. */
  forge<T extends RecordType>(name: DnsName, type: T, what: readonly RecordData<T>[] | DnsReply<T>): void;
  forge(name: DnsName, type: "*", what: DnsReply): void;
  forge(name: DnsName, type: RecordType | "*", what: readonly RecordData[] | DnsReply): void {
    put(this.#forged, name, type, what);
  }

  /** Removes an RRset, or the whole name. */
  delete(name: DnsName, type?: RecordType | "*"): void {
    drop(this.#truth, name, type);
  }

  /** Lifts what was forged for an RRset, or for the whole name. */
  unforge(name: DnsName, type?: RecordType | "*"): void {
    drop(this.#forged, name, type);
  }

  /** The RRsets at a name and below it, without what is forged, for another server to publish. */
  rrsets(apex: DnsName): ZoneRrset[] {
    const top = nameKey(apex);
    const found: ZoneRrset[] = [];
    for (const [name, node] of this.#truth) {
      if (name !== top && !name.endsWith(`.${top}`)) continue;
      for (const [type, { records, ttl = DEFAULT_TTL }] of node)
        if (type !== "*" && records !== undefined) found.push({ name, type, ttl, records });
    }
    return found;
  }

  /** One reply for every question, whatever the zone holds; null ends the outage. */
  setAll(reply: DnsReply | null): void {
    this.#outage = reply;
  }

  /** Answers as a validating recursive resolver would: CNAMEs are followed, and one insecure link makes all insecure. */
  resolve(asked: readonly Buffer[], type: RecordType | null): DnsOutcome {
    const answers: DnsRecord[] = [];
    const visited = new Set<string>();
    let name = [...asked];
    let secure = true;
    let delay = 0;
    let first: DnsReply | null = null;
    for (;;) {
      const found = this.#find(name, type);
      first ??= found.reply;
      secure &&= found.reply.secure ?? false;
      delay += found.reply.delay ?? 0;
      const kind = found.reply.answer ?? "records";
      const ttl = found.reply.ttl ?? DEFAULT_TTL;
      const end = (kind: DnsOutcome["kind"], authority: readonly DnsRecord[] = []): DnsOutcome => ({
        kind,
        answers,
        authority,
        secure,
        delay,
        reply: first ?? found.reply,
      });
      if (kind === "nxdomain") return end(kind, this.#soa(name, found.reply));
      if (kind === "nodata") return end("records", this.#soa(name, found.reply));
      if (kind === "referral") return end(kind, [{ name: [], type: "NS", ttl, data: "a.root-servers.lab" }]);
      if (kind !== "records") return end(kind);

      for (const data of found.reply.records ?? []) answers.push({ name, type: found.type, ttl, data });
      for (const stray of found.reply.extra ?? []) answers.push({ ttl, ...stray, name: labelsOf(stray.name) });
      if (found.type !== "CNAME" || type === "CNAME" || found.reply.chase === false) return end("records");
      visited.add(nameText(name).toLowerCase());
      const target = found.reply.records?.[0] as DnsName | undefined;
      if (target === undefined || visited.has(nameKey(target)) || visited.size >= LONGEST_CHAIN) return end("records");
      name = labelsOf(target);
    }
  }

  /** The reply for a name and type: outage, forged layer, truth; then a CNAME; then NODATA or NXDOMAIN. */
  #find(name: readonly Buffer[], type: RecordType | null): { reply: DnsReply; type: RecordType } {
    const asked = type ?? "A";
    if (this.#outage !== null) return { reply: inTurn(this.#outage), type: asked };
    const key = nameText(name).toLowerCase();
    for (const layer of [this.#forged, this.#truth]) {
      const node = layer.get(key);
      const reply = (type === null ? undefined : node?.get(type)) ?? node?.get("*");
      if (reply !== undefined) return { reply: inTurn(reply), type: asked };
      const alias = node?.get("CNAME");
      if (alias !== undefined) return { reply: inTurn(alias), type: "CNAME" };
    }
    return { reply: { answer: this.#exists(key) ? "nodata" : "nxdomain" }, type: asked };
  }

  /** True for a name with data and for an empty non-terminal above one (RFC 8020). */
  #exists(key: string): boolean {
    for (const [name, node] of this.#truth)
      if (node.size > 0 && (name === key || key === "" || name.endsWith(`.${key}`))) return true;
    return false;
  }

  #soa(name: readonly Buffer[], reply: DnsReply): DnsRecord[] {
    if (reply.soa === false) return [];
    const numbers = reply.soa ?? { ttl: DEFAULT_TTL, minimum: DEFAULT_TTL };
    for (let i = 0; i < name.length; i++) {
      const apex = name.slice(i);
      const held = this.#truth.get(nameText(apex).toLowerCase())?.get("SOA");
      const data = held?.records?.[0];
      if (data === undefined) continue;
      const soa = reply.soa === undefined ? (data as SoaData) : { ...(data as SoaData), minimum: numbers.minimum };
      return [{ name: apex, type: "SOA", ttl: reply.soa?.ttl ?? held?.ttl ?? DEFAULT_TTL, data: soa }];
    }
    const data = { mname: "ns.lab", rname: "hostmaster.lab", minimum: numbers.minimum };
    return [{ name: name.slice(-1), type: "SOA", ttl: numbers.ttl, data }];
  }
}

// The turn of a sequence is kept beside the reply, so that replies stay plain data.
const turns = new WeakMap<DnsReply, number>();

function inTurn(reply: DnsReply): DnsReply {
  const { sequence } = reply;
  if (sequence === undefined) return reply;
  const turn = turns.get(reply) ?? 0;
  turns.set(reply, turn + 1);
  return sequence[Math.min(turn, sequence.length - 1)] ?? reply;
}

function put(layer: Replies, name: DnsName, type: RecordType | "*", what: readonly RecordData[] | DnsReply): void {
  const key = nameKey(name);
  const node = layer.get(key) ?? new Map<RecordType | "*", DnsReply>();
  // A copy: setting the same object again starts its sequence anew.
  node.set(type, "length" in what ? { records: [...what] } : { ...what });
  layer.set(key, node);
}

function drop(layer: Replies, name: DnsName, type: RecordType | "*" | undefined): void {
  if (type === undefined) layer.delete(nameKey(name));
  else layer.get(nameKey(name))?.delete(type);
}
