import type { DnsOutcome, MxRecord } from "../../../host/dns/types.ts";
import type { Decision, HonouredPolicy, PolicyMode, Resolver } from "../../../host/engine/decision.ts";

/** RFC 8461 §4.1 in one line, for tests of the binding; the core's own matcher has its own tests. */
export const matchesMx = (pattern: string, host: string): boolean =>
  pattern.startsWith("*.")
    ? /^[^.]+$/.test(host.slice(0, 1 - pattern.length)) && host.endsWith(pattern.slice(1))
    : pattern === host;

export function policy(mode: PolicyMode, mx: readonly string[], maxAge = 86400): HonouredPolicy {
  return { mode, id: "1", mx, maxAge, age: 0, expiresIn: maxAge, source: "cache", leniencies: [], lines: [] };
}

export function honour(domain: string, honoured: HonouredPolicy, reuse = 60): Decision {
  return { ...none(domain, reuse), verdict: "policy", status: "cached", policy: honoured };
}

export function none(domain: string, reuse = 60): Decision {
  return {
    domain,
    verdict: "none",
    status: "no-record",
    resultType: null,
    reason: null,
    detail: "",
    policy: null,
    reuse,
    recheck: false,
  };
}

export function temp(domain: string, detail: string): Decision {
  return { ...none(domain, 0), verdict: "temp", status: "record-failed", reason: "discovery-failed", detail };
}

export function mxRecords(hosts: readonly string[], ttl = 300): DnsOutcome<MxRecord> {
  const records = hosts.map((exchange, i) => ({ preference: (i + 1) * 10, exchange }));
  return { kind: "records", records, ttl, secure: false };
}

export const mxNone = (reason: "nxdomain" | "nodata", ttl = 300): DnsOutcome<MxRecord> => ({
  kind: "none",
  reason,
  ttl,
  secure: false,
});

export const mxFailed = (detail: string): DnsOutcome<MxRecord> => ({ kind: "failed", reason: "servfail", detail });

/** A resolver and an MX source that say what the test wrote down, and remember what they were asked. */
export class ScriptedWorld implements Resolver {
  readonly decisions = new Map<string, Decision | Promise<Decision>>();
  readonly mx = new Map<string, DnsOutcome<MxRecord> | Promise<DnsOutcome<MxRecord>>>();
  readonly asked: string[] = [];

  async resolve(domain: string): Promise<Decision> {
    this.asked.push(`policy ${domain}`);
    return this.decisions.get(domain) ?? none(domain);
  }

  readonly lookupMx = async (domain: string): Promise<DnsOutcome<MxRecord>> => {
    this.asked.push(`MX ${domain}`);
    return this.mx.get(domain) ?? mxNone("nxdomain");
  };
}
