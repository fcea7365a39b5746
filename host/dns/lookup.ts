import { type AliasChain, type Answer, readAnswer, startChain } from "./answer.ts";
import { toPresentation } from "./names.ts";
import type { DnsServer } from "./server.ts";
import type { ExchangeFailure, Transport } from "./transport.ts";
import type { DnsFailure, DnsNone } from "./types.ts";
import type { ResourceRecord } from "./wire.ts";
import type { WireName } from "./wire-name.ts";

/** The RRset at the end of the alias chain, still undressed. */
export interface FoundRecords {
  readonly kind: "records";
  readonly records: readonly ResourceRecord[];
  readonly ttl: number;
  /** Where the alias chain ended; absent without an alias. */
  readonly canonical?: string;
  readonly secure: boolean;
}

export interface LookupFailure {
  readonly kind: "failed";
  readonly reason: DnsFailure;
  /** What each server did, in order, without repeats. */
  readonly details: readonly string[];
}

export interface LookupContext {
  readonly transport: Transport;
  /** Servers in order of preference, read anew for every question. */
  readonly servers: () => readonly DnsServer[];
  /** Rounds over all servers. */
  readonly attempts: number;
  /** Does the AD bit of this server count? */
  readonly trusts: (server: DnsServer) => boolean;
}

type Definite = { readonly answer: Exclude<Answer, { kind: "failed" }>; readonly secure: boolean };

/** One question to its end: over as many servers, attempts and aliases as it takes and the signal allows. */
export async function lookUp(
  context: LookupContext,
  name: WireName,
  type: number,
  signal: AbortSignal,
): Promise<FoundRecords | DnsNone | LookupFailure> {
  let chain = startChain(name);
  let secure = true;
  for (;;) {
    const asked = await askServers(context, chain, type, signal);
    if ("kind" in asked) return aliasedFailure(asked, chain);
    // RFC 7672 §2.1.3: one insecure link makes all after it insecure, so a later AD bit heals nothing.
    secure &&= asked.secure;
    const { answer } = asked;
    if (answer.kind === "follow") chain = answer.chain;
    else if (answer.kind === "records") return { ...found(answer), secure };
    else return { ...answer, secure };
  }
}

function found({ end, ...answer }: Extract<Answer, { kind: "records" }>): Omit<FoundRecords, "secure"> {
  return end.seen.length === 1 ? answer : { ...answer, canonical: toPresentation(end.end) };
}

/** Goes round the servers until one gives a definite answer. */
async function askServers(
  context: LookupContext,
  chain: AliasChain,
  type: number,
  signal: AbortSignal,
): Promise<Definite | LookupFailure> {
  const failures = new Map<string, DnsFailure>();
  let maybeForged = false;
  for (let round = 0; round < context.attempts; round++) {
    for (const server of context.servers()) {
      const trusted = context.trusts(server);
      // A SERVFAIL of a resolver we trust may mean forged data: nobody we trust less is asked to answer after it.
      if (maybeForged && !trusted) continue;
      const asked = await askOne(context, server, chain, type, signal);
      if ("answer" in asked) return asked;
      if (asked.reason === "aborted") return { kind: "failed", reason: "aborted", details: [...failures.keys()] };
      noteFailure(failures, asked, server);
      if (asked.reason === "cname-loop") return lookupFailure(failures);
      maybeForged ||= trusted && asked.reason === "servfail";
    }
  }
  return lookupFailure(failures);
}

async function askOne(
  { transport, trusts }: LookupContext,
  server: DnsServer,
  chain: AliasChain,
  type: number,
  signal: AbortSignal,
): Promise<Definite | ExchangeFailure> {
  const result = await transport.exchange(server, { name: chain.end, type }, signal);
  if (result.kind === "failed") return result;
  const answer = readAnswer(result.message, type, chain);
  if (answer.kind === "failed") return answer;
  return { answer, secure: result.message.authenticData && trusts(server) };
}

/** The last failure of all is the one that counts, so it is kept at the end. */
function noteFailure(failures: Map<string, DnsFailure>, { reason, detail }: ExchangeFailure, server: DnsServer): void {
  const text = `${detail} ${server.text}`;
  failures.delete(text);
  failures.set(text, reason);
}

function lookupFailure(failures: ReadonlyMap<string, DnsFailure>): LookupFailure {
  if (failures.size === 0) return { kind: "failed", reason: "network", details: ["there is no resolver to ask"] };
  return { kind: "failed", reason: [...failures.values()].at(-1) ?? "network", details: [...failures.keys()] };
}

function aliasedFailure(failure: LookupFailure, chain: AliasChain): LookupFailure {
  const isAlias = chain.seen.length > 1;
  return isAlias
    ? { ...failure, details: [...failure.details, `asked for its alias ${toPresentation(chain.end)}`] }
    : failure;
}
