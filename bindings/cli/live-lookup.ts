import type { Config } from "../../host/config/config.ts";
import type { Core, ParsedPolicy, SelectedRecord } from "../../host/core/core.ts";
import { loadCore } from "../../host/core/load.ts";
import type { Dane } from "../../host/dane/dane.ts";
import type { DnsClient, DnsOutcome, MxRecord } from "../../host/dns/types.ts";
import type { Decision } from "../../host/engine/decision.ts";
import { createEngine } from "../../host/engine/engine.ts";
import type { PolicyFetch } from "../../host/https/types.ts";
import { mxCandidates } from "../../host/mx/mx-candidates.ts";
import { MemoryStore } from "../../host/store/memory.ts";
import { Answerer } from "../postfix/answer.ts";
import type { Flavour } from "../postfix/policy-line.ts";
import { progress } from "./output.ts";
import { daneFor, dnsClientFor, fetcherFor } from "./outside.ts";
import type { DaneLook } from "./query-dane.ts";

/** Everything one look at a domain found, and what Postfix would be told by a daemon that knew nothing before. */
export interface LiveLookup {
  readonly domain: string;
  readonly decision: Decision;
  /** Null when the question was never asked: a name too long to carry a record. */
  readonly record: DnsOutcome<Uint8Array> | null;
  /** What the core makes of the records. */
  readonly selected: SelectedRecord | null;
  readonly fetched: PolicyFetch | null;
  readonly parsed: ParsedPolicy | null;
  readonly mx: DnsOutcome<MxRecord>;
  readonly hosts: readonly MxVerdict[];
  readonly dane: DaneLook;
  /** The socketmap reply for each flavour that Postfix uses. */
  readonly replies: Readonly<Record<"postfix" | "postfix310", string>>;
}

export interface MxVerdict {
  readonly host: string;
  /** The first pattern that permits the host; null when none does, or when there is no policy. */
  readonly permittedBy: string | null;
}

/** TXT lookup and what else comes before and after the fetch, milliseconds. */
const BESIDE_FETCH = 30_000;

/**
 * Looks a domain up with the daemon's own rooms and an empty memory: the same engine, core and answers, but nothing
 * held from before and nothing kept. It never opens the store.
 */
export async function lookUpLive(domain: string, config: Config): Promise<LiveLookup> {
  const core = await loadCore();
  const dns = dnsClientFor(config.dns);
  const dane = daneFor(config, core);
  const fetcher = fetcherFor(config.https, core, dns);
  const seen = new Journal(dns, fetcher);
  const engine = await createEngine({
    core,
    dns: seen,
    fetcher: seen,
    store: new MemoryStore({ now: () => Math.floor(Date.now() / 1000) }),
    leniency: config.policy.leniency,
    onDiscoveryFailure: config.policy.onDiscoveryFailure,
  });
  try {
    const decision = await engine.resolve(domain, { deadline: config.https.timeout + BESIDE_FETCH });
    progress(`asking for the MX records of ${domain}`);
    const mx = await dns.mx(domain);
    const { record, fetched } = seen;
    const selected = record?.kind === "records" ? select(core, record.records, config) : null;
    const parsed = fetched?.ok ? core.parsePolicy(fetched.body, config.policy.leniency) : null;
    progress("testing whether the resolver validates, and looking for TLSA records");
    await dane?.start();
    const late = AbortSignal.timeout(BESIDE_FETCH);
    const findings = (await dane?.find({ domain, port: 25, bracketed: false }, late)) ?? null;
    const look = { state: dane?.text ?? "off", findings };
    const replies = await repliesTo(decision, mx, core, dane);
    return {
      domain,
      decision,
      record,
      selected,
      fetched,
      parsed,
      mx,
      hosts: judge(decision, mx, core),
      dane: look,
      replies,
    };
  } finally {
    await engine.close();
    await fetcher.close();
    dane?.close();
    dns.close();
  }
}

/** Lets the engine's questions pass and remembers what came back. */
class Journal {
  record: DnsOutcome<Uint8Array> | null = null;
  fetched: PolicyFetch | null = null;
  readonly #dns: DnsClient;
  readonly #fetcher: ReturnType<typeof fetcherFor>;

  constructor(dns: DnsClient, fetcher: ReturnType<typeof fetcherFor>) {
    this.#dns = dns;
    this.#fetcher = fetcher;
  }

  async txt(name: string, signal?: AbortSignal): Promise<DnsOutcome<Uint8Array>> {
    progress(`asking for the TXT record of ${name}`);
    this.record = await this.#dns.txt(name, signal);
    return this.record;
  }

  async fetch(domain: string, signal?: AbortSignal): Promise<PolicyFetch> {
    progress(`fetching the policy from mta-sts.${domain}`);
    this.fetched = await this.#fetcher.fetch(domain, signal);
    return this.fetched;
  }
}

function select(core: Core, rrset: readonly Uint8Array[], config: Config): SelectedRecord {
  return core.selectRecord(rrset.map(characterStrings), config.policy.leniency);
}

/** The character-strings of TXT RDATA (RFC 1035 §3.3.14). */
export function characterStrings(rdata: Uint8Array): Uint8Array[] {
  const strings: Uint8Array[] = [];
  for (let at = 0; at < rdata.length; at += 1 + (rdata[at] ?? 0))
    strings.push(rdata.subarray(at + 1, at + 1 + (rdata[at] ?? 0)));
  return strings;
}

function judge(decision: Decision, mx: DnsOutcome<MxRecord>, core: Core): MxVerdict[] {
  const candidates = mxCandidates(decision.domain, mx);
  if (candidates.kind === "failed") return [];
  const patterns = decision.policy?.mx ?? [];
  return candidates.hosts.map((host) => ({
    host,
    permittedBy: patterns.find((pattern) => core.matchesMx(pattern, host)) ?? null,
  }));
}

/** What the binding makes of the decision: the bytes a Postfix would read, less the netstring around them. */
async function repliesTo(
  decision: Decision,
  mx: DnsOutcome<MxRecord>,
  core: Core,
  dane: Dane | null,
): Promise<LiveLookup["replies"]> {
  const answerer = new Answerer({
    resolver: { resolve: async () => decision },
    lookupMx: async () => mx,
    matchesMx: (pattern, host) => core.matchesMx(pattern, host),
    ...(dane === null ? {} : { dane: { find: dane.find, core } }),
  });
  const ask = async (flavour: Flavour): Promise<string> => {
    const reply = await answerer.answer(Buffer.from(`${flavour} ${decision.domain}`));
    const bytes = reply?.bytes ?? Buffer.alloc(0);
    return bytes.subarray(bytes.indexOf(0x3a) + 1, -1).toString("latin1");
  };
  return { postfix: await ask("postfix"), postfix310: await ask("postfix310") };
}
