import { toPresentation } from "./names.ts";
import { CLASS_IN, TYPE } from "./rdata.ts";
import type { DnsFailure } from "./types.ts";
import { type Message, RCODE, type ResourceRecord } from "./wire.ts";
import { isAtOrAbove, nameKey, type WireName } from "./wire-name.ts";

/** CNAME links followed for one question, over all messages it takes. */
export const MAX_ALIASES = 8;

/** How far a question has been followed: from the name asked for to the name it stands for now. */
export interface AliasChain {
  readonly end: WireName;
  /** Keys of every name on the way, `end` included. */
  readonly seen: readonly string[];
  /** Seconds: the smallest TTL of the links, Infinity before the first. */
  readonly ttl: number;
}

export type Answer =
  | {
      readonly kind: "records";
      readonly records: readonly ResourceRecord[];
      readonly ttl: number;
      readonly end: AliasChain;
    }
  | { readonly kind: "none"; readonly reason: "nxdomain" | "nodata"; readonly ttl: number }
  /** The message led to another name and says nothing about it: ask for that one (R-8461-3.1-24). */
  | { readonly kind: "follow"; readonly chain: AliasChain }
  | { readonly kind: "failed"; readonly reason: DnsFailure; readonly detail: string };

export function startChain(name: WireName): AliasChain {
  return { end: name, seen: [nameKey(name)], ttl: Number.POSITIVE_INFINITY };
}

/** What a message says about `type` at the end of `chain`. Records of any other owner count for nothing (R-8461-3.1-27). */
export function readAnswer(message: Message, type: number, chain: AliasChain): Answer {
  const { rcode } = message;
  if (rcode !== RCODE.NOERROR && rcode !== RCODE.NXDOMAIN) return failedCode(rcode);
  const byOwner = groupByOwner(message.answers);
  let end = chain;
  for (;;) {
    const here = byOwner.get(nameKey(end.end)) ?? [];
    const wanted = here.filter((record) => record.type === type);
    if (wanted.length > 0) {
      if (rcode === RCODE.NXDOMAIN) return failed("malformed", "NXDOMAIN together with the records asked for from");
      return { kind: "records", records: wanted, ttl: Math.min(end.ttl, ...wanted.map((record) => record.ttl)), end };
    }
    const aliases = here.filter((record) => record.type === TYPE.CNAME);
    if (aliases.length === 0) return readAbsence(message, end, end !== chain);
    const next = followAlias(end, aliases);
    if ("kind" in next) return next;
    end = next;
  }
}

function groupByOwner(records: readonly ResourceRecord[]): Map<string, ResourceRecord[]> {
  const groups = new Map<string, ResourceRecord[]>();
  for (const record of records) {
    if (record.class !== CLASS_IN) continue;
    const key = nameKey(record.owner);
    const group = groups.get(key);
    if (group) group.push(record);
    else groups.set(key, [record]);
  }
  return groups;
}

function followAlias(chain: AliasChain, aliases: readonly ResourceRecord[]): AliasChain | Answer {
  const targets = new Map<string, WireName>();
  for (const { data } of aliases) if (data.kind === "cname") targets.set(nameKey(data.target), data.target);
  const [target] = targets;
  // RFC 2181 §10.1: a name has one canonical name.
  if (target === undefined || targets.size > 1) return failed("malformed", "several CNAMEs at one name from");
  const [key, end] = target;
  if (chain.seen.includes(key)) return failed("cname-loop", `CNAME loop at ${toPresentation(end)} from`);
  if (chain.seen.length > MAX_ALIASES) return failed("cname-loop", `more than ${MAX_ALIASES} CNAMEs in a row from`);
  const ttl = Math.min(chain.ttl, ...aliases.map((record) => record.ttl));
  return { end, seen: [...chain.seen, key], ttl };
}

/**
 * No records at the end of the chain: does it not exist, is it empty, must it be asked for, or has the server no idea?
 * RFC 2308 §2: the SOA marks a negative answer, and only that of a zone which holds the name can speak for it.
 */
function readAbsence(message: Message, chain: AliasChain, moved: boolean): Answer {
  const soa = message.authority.find(
    (record) => record.class === CLASS_IN && record.type === TYPE.SOA && isAtOrAbove(record.owner, chain.end),
  );
  const ttl = soa?.data.kind === "soa" ? Math.min(chain.ttl, soa.ttl, soa.data.minimum) : 0;
  if (message.rcode === RCODE.NXDOMAIN) return { kind: "none", reason: "nxdomain", ttl };
  if (soa !== undefined) return { kind: "none", reason: "nodata", ttl };
  if (moved) return { kind: "follow", chain };
  const delegates = message.authority.some((record) => record.type === TYPE.NS);
  const knows = message.recursionAvailable || (message.authoritative && !delegates);
  if (knows) return { kind: "none", reason: "nodata", ttl };
  // RFC 2308 §2.2, "referral response": not a statement about the name.
  return failed("refused", "referral instead of an answer (this server does not recurse for us) from");
}

function failedCode(rcode: number): Answer {
  if (rcode === RCODE.SERVFAIL) return failed("servfail", "SERVFAIL from");
  if (rcode === RCODE.REFUSED) return failed("refused", "REFUSED from");
  const name = rcode === RCODE.FORMERR ? "FORMERR" : rcode === RCODE.NOTIMP ? "NOTIMP" : `RCODE ${rcode}`;
  return failed("rcode", `${name} from`);
}

function failed(reason: DnsFailure, detail: string): Answer {
  return { kind: "failed", reason, detail };
}
