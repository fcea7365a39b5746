import { txtRdata } from "../../host/core/core.ts";
import type { DnsFailure, DnsOutcome } from "../../host/dns/types.ts";
import type { FetchFailure, PolicyFetch } from "../../host/https/types.ts";
import { BAD_BODIES, FETCH_FAILURES, type Publication } from "./publication.ts";
import type { Publisher } from "./publisher.ts";
import type { Random } from "./random.ts";
import type { World } from "./world.ts";

export type Txt = DnsOutcome<Uint8Array>;

/** What DNS says to one question: after how long, and the id that is in it for one who follows RFC 8461 §3.1. */
export interface DnsAct {
  readonly delayMs: number;
  /** Null: the client itself throws. */
  readonly answer: Txt | null;
  readonly id: string | null;
}

/** What one GET comes to. `valid` is the policy that was served whole, over a valid certificate, as text/plain. */
export interface HostAct {
  readonly delayMs: number;
  readonly answer: PolicyFetch | null;
  readonly valid: Publication | null;
}

/** How the outside behaves just now. */
export interface Weather {
  dns(world: World, publisher: Publisher): DnsAct;
  host(world: World, publisher: Publisher): HostAct;
}

const encoder = new TextEncoder();
const PEER = { address: "192.0.2.1", tlsVersion: "TLSv1.3", certificateFingerprint: "00" };

const rdata = new Map<string, Uint8Array>();

function rdataOf(text: string): Uint8Array {
  const known = rdata.get(text);
  if (known) return known;
  const made = txtRdata(text);
  rdata.set(text, made);
  return made;
}

export const records = (texts: readonly string[], ttl: number): Txt => ({
  kind: "records",
  records: texts.map(rdataOf),
  ttl,
  secure: false,
});

export const nothing = (reason: "nxdomain" | "nodata", ttl: number): Txt => ({
  kind: "none",
  reason,
  ttl,
  secure: false,
});

export const noAnswer = (reason: DnsFailure): Txt => ({ kind: "failed", reason, detail: `simulated ${reason}` });

export const noPolicy = (failure: FetchFailure): PolicyFetch => ({
  ok: false,
  failure,
  detail: `simulated ${failure}`,
});

export const served = (body: Uint8Array, contentType: string | null = "text/plain"): PolicyFetch => ({
  ok: true,
  body,
  contentType,
  peer: PEER,
});

export function honestDns(random: Random, { id, ttl }: Publisher): DnsAct {
  const delayMs = random.below(50);
  if (id === null) return { delayMs, answer: nothing("nxdomain", 300), id: null };
  return { delayMs, answer: records([`v=STSv1; id=${id};`], ttl), id };
}

export function honestHost(random: Random, { current }: Publisher): HostAct {
  const delayMs = random.between(5, 500);
  if (!current) return { delayMs, answer: noPolicy("status"), valid: null };
  return { delayMs, answer: served(current.body), valid: current };
}

export const CLEAR: Weather = {
  dns: ({ random }, publisher) => honestDns(random, publisher),
  host: ({ random }, publisher) => honestHost(random, publisher),
};

const DNS_FAILURES: readonly DnsFailure[] = [
  "servfail",
  "refused",
  "timeout",
  "network",
  "overloaded",
  "malformed",
  "cname-loop",
  "rcode",
  "aborted",
];
const TTLS = [0, 1, 60, 300, 86_400, 4_294_967_295];

const DNS_TROUBLES: Readonly<Record<string, (random: Random, publisher: Publisher) => Omit<DnsAct, "delayMs">>> = {
  "forged NXDOMAIN": (random) => ({ answer: nothing("nxdomain", random.pick(TTLS)), id: null }),
  "forged NODATA": (random) => ({ answer: nothing("nodata", random.pick(TTLS)), id: null }),
  "forged id": (random) => {
    const id = `evil${random.below(5)}`;
    return { answer: records([`v=STSv1; id=${id};`], random.pick(TTLS)), id };
  },
  "stale id": (random) => ({ answer: records(["v=STSv1; id=id1;"], random.pick(TTLS)), id: "id1" }),
  "forged TTL": (random, { id }) => ({
    answer: id === null ? nothing("nxdomain", 86_400) : records([`v=STSv1; id=${id};`], random.pick(TTLS)),
    id,
  }),
  "several records": (random) => ({
    answer: records(["v=STSv1; id=a;", "v=STSv1; id=b;"], random.pick(TTLS)),
    id: null,
  }),
  "invalid record": (random) => ({ answer: records(["v=STSv1; id=no-good;"], random.pick(TTLS)), id: null }),
  "foreign records": (random) => ({ answer: records(["v=spf1 -all"], random.pick(TTLS)), id: null }),
  "client throws": () => ({ answer: null, id: null }),
};

function troubledDns(world: World, publisher: Publisher): DnsAct {
  const { random, tally } = world;
  const slow = random.chance(0.1) ? random.between(1000, 40_000) : random.below(50);
  if (random.chance(0.4)) {
    const reason = random.pick(DNS_FAILURES);
    tally.hit(`fault: DNS ${reason}`);
    return { delayMs: reason === "timeout" ? 6000 : slow, answer: noAnswer(reason), id: null };
  }
  if (slow >= 1000) tally.hit("fault: DNS is slow");
  const kind = random.pick(Object.keys(DNS_TROUBLES));
  tally.hit(`fault: DNS ${kind}`);
  const act = DNS_TROUBLES[kind] as (typeof DNS_TROUBLES)[string];
  return { delayMs: slow, ...act(random, publisher) };
}

const TYPES: readonly (string | null)[] = [null, "", "text/html", "text/plain-old", "application/octet-stream"];
const badBodies = Object.entries(BAD_BODIES).map(([why, text]) => [why, encoder.encode(text)] as const);

/** A policy of before, or of somebody else, over a valid certificate: it counts (RFC 8461 §10.4). */
function lyingHost({ random, tally }: World, publisher: Publisher): Omit<HostAct, "delayMs"> {
  const isOld = random.chance(0.5) && publisher.published.size > 0;
  tally.hit(isOld ? "fault: host serves an old policy" : "fault: host is taken over, with a valid certificate");
  const valid = isOld ? (random.pick([...publisher.published.values()]) as Publication) : publisher.hijack();
  return { answer: served(valid.body), valid };
}

function troubledHost(world: World, publisher: Publisher): HostAct {
  const { random, tally } = world;
  const delayMs = random.chance(0.15) ? random.between(1000, 59_000) : random.between(5, 500);
  if (delayMs >= 1000) tally.hit("fault: host is slow");
  const kind = random.below(10);
  if (kind < 5) {
    const failure = random.pick(FETCH_FAILURES);
    tally.hit(`fault: host ${failure}`);
    return { delayMs: failure === "timeout" ? 60_000 : delayMs, answer: noPolicy(failure), valid: null };
  }
  if (kind < 7) {
    const [why, body] = random.pick(badBodies);
    tally.hit(`fault: host body ${why}`);
    return { delayMs, answer: served(body), valid: null };
  }
  if (kind === 7) {
    tally.hit("fault: host wrong media type");
    const body = publisher.current?.body ?? publisher.hijack().body;
    return { delayMs, answer: served(body, random.pick(TYPES)), valid: null };
  }
  if (kind === 8) return { delayMs, ...lyingHost(world, publisher) };
  tally.hit("fault: host client throws");
  return { delayMs, answer: null, valid: null };
}

/** Trouble as often as the world's options say, of every kind, drawn for each question alone. */
export const MIXED: Weather = {
  dns: (world, publisher) =>
    !world.isHealed && world.random.chance(world.options.dnsTrouble)
      ? troubledDns(world, publisher)
      : honestDns(world.random, publisher),
  host: (world, publisher) =>
    !world.isHealed && world.random.chance(world.options.hostTrouble)
      ? troubledHost(world, publisher)
      : honestHost(world.random, publisher),
};
