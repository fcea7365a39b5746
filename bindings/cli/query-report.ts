import type { DnsFailure } from "../../host/dns/types.ts";
import type { Decision } from "../../host/engine/decision.ts";
import type { FetchFailure } from "../../host/https/types.ts";
import { printable } from "../../host/observe/printable.ts";
import { NO_MATCH } from "../postfix/policy-line.ts";
import { type DomainView, describeView, styledMode } from "./domain-view.ts";
import { EXIT, type ExitCode } from "./exit-codes.ts";
import { characterStrings, type LiveLookup, type MxVerdict } from "./live-lookup.ts";
import { labelled, styled } from "./output.ts";
import { daneJson, daneMeaning, daneText } from "./query-dane.ts";
import { duration, octets, placeOf } from "./wording.ts";

/** What the daemon said, or why it said nothing. */
export type DaemonAnswer =
  | { readonly reached: true; readonly socket: string; readonly view: DomainView | null }
  | { readonly reached: false; readonly socket: string | null; readonly why: string };

/** Failures that another try may not meet again; the others stay until the publisher repairs something. */
const PASSING: readonly FetchFailure[] = ["dns", "connect", "timeout", "incomplete", "aborted"];

/** 0: a valid policy, usable as it stands. 1: no policy, or one that nobody can deliver under. 3: cannot be said now. */
export function exitCodeOf({ decision, fetched, replies }: LiveLookup): ExitCode {
  if (replies.postfix.startsWith("TEMP")) return EXIT.temporary;
  if (decision.verdict === "policy") return isUnmatched(replies.postfix) ? EXIT.no : EXIT.good;
  if (decision.status === "record-failed") return EXIT.temporary;
  return fetched?.ok === false && PASSING.includes(fetched.failure) ? EXIT.temporary : EXIT.no;
}

const isUnmatched = (line: string): boolean => line.includes(`match=${NO_MATCH} `);

/** The report as `--json` writes it; docs/commands.md explains each field. */
export function toJson(found: LiveLookup, daemon: DaemonAnswer) {
  const { domain, verdict, status, resultType, reason, detail } = found.decision;
  return {
    version: 1,
    domain,
    verdict,
    status,
    resultType,
    reason,
    detail,
    exitCode: exitCodeOf(found),
    record: recordJson(found),
    policy: policyJson(found),
    mx: mxJson(found),
    dane: daneJson(found.dane),
    postfix: found.replies,
    daemon,
  } as const;
}

function recordJson({ domain, record, selected }: LiveLookup) {
  const name = `_mta-sts.${domain}`;
  if (record === null) return { name, outcome: "not-asked" };
  if (record.kind === "failed") return { name, outcome: "failed", reason: record.reason, detail: record.detail };
  if (record.kind === "none") return { name, outcome: record.reason, ttl: record.ttl };
  const texts = record.records.map(recordText);
  return { name, outcome: "records", ttl: record.ttl, texts, selected };
}

const recordText = (rdata: Uint8Array): string => octets(Buffer.concat(characterStrings(rdata)), 1000);

function policyJson({ domain, fetched, parsed }: LiveLookup) {
  if (fetched === null) return null;
  const url = policyUrl(domain);
  if (!fetched.ok) return { url, fetched: false, failure: fetched.failure, detail: fetched.detail };
  const { contentType, peer, body } = fetched;
  const type = contentType === null ? null : printable(contentType);
  return { url, fetched: true, contentType: type, octets: body.length, peer, parsed };
}

function mxJson({ mx, hosts }: LiveLookup) {
  if (mx.kind === "failed") return { outcome: "failed", reason: mx.reason, detail: mx.detail, hosts };
  return { outcome: mx.kind === "none" ? mx.reason : "records", ttl: mx.ttl, hosts };
}

const policyUrl = (domain: string): string => `https://mta-sts.${domain}/.well-known/mta-sts.txt`;

/** The report in plain words, step by step. */
export function toText(found: LiveLookup, daemon: DaemonAnswer): string {
  return [
    styled("bold", found.domain),
    labelled("TXT record", recordSection(found)),
    ...(found.fetched === null ? [] : [labelled("Policy", policyText(found))]),
    labelled("MX hosts", mxText(found)),
    labelled("DANE", daneText(found.dane)),
    labelled("Meaning", meaning(found)),
    labelled("Postfix", postfixText(found)),
    labelled("Daemon", daemonText(daemon)),
  ].join("\n");
}

const DNS_WORDS: Partial<Record<DnsFailure, string>> = {
  servfail: "the resolver says SERVFAIL",
  refused: "the resolver refuses to answer",
  timeout: "no answer in time",
  network: "the resolver cannot be reached",
};

function recordSection({ domain, record, selected }: LiveLookup): string {
  const name = `_mta-sts.${domain}`;
  if (record === null) return `${name} would be longer than a DNS name can be`;
  if (record.kind === "failed")
    return `${name}: ${styled("red", "failed")}, ${DNS_WORDS[record.reason] ?? record.reason}\n${record.detail}`;
  if (record.kind === "none")
    return `${name}: none (${record.reason === "nxdomain" ? "no such name" : "no TXT record"})`;
  const texts = record.records.map((rdata) => `"${recordText(rdata)}"`);
  const verdict = selected?.ok
    ? `${styled("green", "valid")}, id ${selected.id}, TTL ${record.ttl} s`
    : `${selected?.code === "no-record" ? "none that is for MTA-STS" : `${styled("red", "not valid")}: ${selected?.reason}`}`;
  return [`${name}: ${verdict}`, ...texts].join("\n");
}

function policyText({ domain, decision, fetched, parsed }: LiveLookup): string {
  const url = policyUrl(domain);
  if (fetched === null || !fetched.ok)
    return `${url}\n${styled("red", "not fetched")} (${fetched?.failure}): ${fetched?.detail}`;
  const { address, tlsVersion } = fetched.peer;
  const served = `served by ${printable(address)} over ${printable(tlsVersion)}, ${fetched.body.length} octets`;
  if (parsed === null || !parsed.ok) {
    const place = placeOf(fetched.body, parsed?.offset ?? 0);
    const where = `line ${place.line}, column ${place.column}: ${place.text}`;
    return [url, served, `${styled("red", "not valid")}: ${parsed?.reason} (${parsed?.code})`, where].join("\n");
  }
  // The grammar is not all: the core also judges the Content-Type.
  if (decision.verdict !== "policy")
    return [url, served, `${styled("red", "not accepted")}: ${decision.detail}`].join("\n");
  const lenient = parsed.leniencies.length === 0 ? [] : [`accepted only with leniency ${parsed.leniencies.join(", ")}`];
  return [
    url,
    served,
    `${styled("green", "valid")}, mode ${styledMode(parsed.mode)}, max_age ${parsed.maxAge} s (${duration(parsed.maxAge)})`,
    ...parsed.mx.map((pattern) => `mx ${printable(pattern)}`),
    ...lenient,
  ].join("\n");
}

function mxText({ decision, mx, hosts }: LiveLookup): string {
  if (mx.kind === "failed") return `${styled("red", "failed")}, ${DNS_WORDS[mx.reason] ?? mx.reason}\n${mx.detail}`;
  const note =
    mx.kind === "none" ? [mx.reason === "nodata" ? "none; the domain itself is its MX host" : "no such name"] : [];
  const lines = hosts.map((host) => hostText(host, decision));
  return [...note, ...(lines.length === 0 && note.length === 0 ? ["none"] : lines)].join("\n");
}

function hostText({ host, permittedBy }: MxVerdict, { policy }: Decision): string {
  // Presentation form already: letters, digits, "-", "_", "." and \\DDD.
  const name = host === "" ? ". (the domain takes no mail)" : host;
  if (policy === null || policy.mode === "none") return name;
  if (permittedBy !== null) return `${name}  ${styled("green", "permitted")} by mx ${printable(permittedBy)}`;
  return `${name}  ${styled("red", "not permitted")} by the policy`;
}

function meaning({ decision, replies, hosts }: LiveLookup): string {
  const dane = daneMeaning(replies.postfix);
  if (dane !== null) return dane;
  if (decision.verdict === "temp")
    return "it cannot be said now whether there is a policy; mail stays queued and is tried again";
  switch (decision.policy?.mode) {
    case "enforce":
      return isUnmatched(replies.postfix)
        ? "the policy permits none of the MX hosts: mail stays queued until that is repaired"
        : "mail goes only to permitted MX hosts, over TLS with a certificate that verifies; else it stays queued";
    case "testing": {
      const refused = hosts.filter(({ permittedBy }) => permittedBy === null).length;
      const count =
        refused === 0 ? "all MX hosts would be permitted" : `${refused} of ${hosts.length} MX hosts would be refused`;
      return `mail is delivered as without MTA-STS; in mode enforce ${count}`;
    }
    case "none":
      return "the domain says it does without MTA-STS; mail is delivered as without it";
    default:
      return decision.status === "no-record"
        ? "the domain does not use MTA-STS; mail is delivered as without it"
        : "there is no usable policy; mail is delivered as without MTA-STS, unless the daemon holds an earlier one";
  }
}

function postfixText({ replies }: LiveLookup): string {
  if (replies.postfix === replies.postfix310) return replies.postfix;
  return `${replies.postfix}\n${styled("dim", "postfix310:")} ${replies.postfix310}`;
}

function daemonText(daemon: DaemonAnswer): string {
  if (!daemon.reached) return daemon.why;
  if (daemon.view === null) return "knows nothing of this domain yet";
  const held = describeView(daemon.view);
  return daemon.view.policy === null ? held : `${held}\nit honours this policy, whatever the live lookup above says`;
}
