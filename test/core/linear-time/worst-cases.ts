// For every export the inputs that cost most an octet, of any size up to the limits of docs/abi.md.
import * as abi from "../../../assembly/abi.ts";
import { list, octets } from "../frames.ts";
import type { Call } from "./fuel.ts";
import {
  body,
  certificates,
  danePlanOf,
  fill,
  framed,
  HEAD,
  HOST,
  judgeRequest,
  lookup,
  NEARLY,
  ONE_MX,
  pair,
  planOf,
  policy,
  policyEvent,
  recordEvent,
  recordOf,
  rrset,
  stateWith,
  string,
  tlsa,
  tlsaMatchOf,
} from "./requests.ts";

export interface Family {
  /** Without `mtasts_`. */
  readonly export: string;
  readonly name: string;
  /** Octets of the largest request. */
  readonly limit: number;
  /** Instructions an octet of the request that no member exceeds, beside what a call costs at all. */
  readonly ceiling: number;
  /** What the largest one comes to: it was not turned away early. */
  readonly status: number;
  /** A request of about `size` octets. */
  readonly build: (size: number) => Call;
}

const IN = abi.IN_CAPACITY;
const POLICY = abi.POLICY_LIMIT;
/** As many of the shortest hosts as have an entry in OUT. */
const PLANNED = 3 * Math.floor((abi.OUT_CAPACITY - abi.OUT_HEADER) / abi.PLAN_ENTRY);

const TLSA = abi.TLSA_LIMIT;
const usable = (size: number, record: Uint8Array): Call => framed("mtasts_tlsa_usable", fill(size, list([record])));
/** Equal but for the last octet to what is compared with it. */
const NEARLY_ZERO = Buffer.alloc(64).fill(1, 63);
const OTHER_KEY = tlsa(3, 1, 2, NEARLY_ZERO);
export const OTHER_ISSUER = tlsa(2, 1, 2, NEARLY_ZERO);

type Row = readonly [name: string, limit: number, ceiling: number, status: number, build: (size: number) => Call];

const rows: Readonly<Record<string, readonly Row[]>> = {
  record_select: [
    ["one record of many short fields", POLICY, 78, 1, (n) => rrset(recordOf(n, "v=STSv1; id=a1;", "a=b;"))],
    ["one record of one long value", POLICY, 40, 1, (n) => rrset(recordOf(n, "v=STSv1; id=a1; x=", "y"))],
    ["empty RRs", IN, 51, 0, (n) => rrset(fill(n, list([""])))],
    ["RRs of one octet", IN, 45, 0, (n) => rrset(fill(n, list([string("v")])))],
    ["RRs of empty character-strings", IN, 51, 0, (n) => rrset(fill(n, list([fill(1000, "\0")])))],
    [
      "RRs that begin with blanks, leniently",
      IN,
      51,
      0,
      (n) => rrset(fill(n, list([string(` ${"v=STSv1:".repeat(20)}`)])), 1),
    ],
    ["many MTA-STS records", IN, 34, abi.E_RECORD_SEVERAL, (n) => rrset(fill(n, list([string("v=STSv1;")])))],
  ],
  policy_parse: [
    ["short mx lines", POLICY, 104, 1, (n) => policy(body(n, "mx:a\n"))],
    ["long mx lines", POLICY, 70, 1, (n) => policy(body(n, `mx:*.${HOST.slice(2)}\n`))],
    ["repeated keys", POLICY, 72, 1, (n) => policy(body(n, "max_age:1\n"))],
    ["the shortest lines", POLICY, 86, 1, (n) => policy(body(n, "a:b\n"))],
    [
      "one long UTF-8 value",
      POLICY,
      61,
      1,
      (n) => policy(Buffer.concat([octets(HEAD), octets("x:"), fill(Math.min(n, POLICY) - HEAD.length - 2, "é")])),
    ],
    ["blank lines, leniently", POLICY, 43, 1, (n) => policy(body(n, "\r\n"), abi.LENIENT_BLANK_LINES)],
    [
      "lines of blanks, leniently",
      POLICY,
      40,
      1,
      (n) => policy(body(n, " ".repeat(999).concat("\n")), abi.LENIENT_BLANK_LINES),
    ],
  ],
  mx_match: [
    [
      "the longest names, equal but for the last octet",
      506,
      76,
      0,
      () => pair("mtasts_mx_match", octets(HOST), octets(NEARLY)),
    ],
    [
      "a wildcard over the longest name",
      444,
      75,
      0,
      () => pair("mtasts_mx_match", octets(`*.${NEARLY.slice(64)}`), octets(HOST)),
    ],
    ["a host of any length", IN - 100, 1, 0, (n) => pair("mtasts_mx_match", octets("a.example"), fill(n, "1"))],
  ],
  dnsid_match: [
    ["names of one octet", IN - 300, 44, 0, (n) => pair("mtasts_dnsid_match", fill(n, list(["a"])), octets(HOST))],
    ["empty names", IN - 300, 31, 0, (n) => pair("mtasts_dnsid_match", fill(n, list([""])), octets(HOST))],
    [
      "the shortest wildcards",
      IN - 300,
      186,
      0,
      (n) => pair("mtasts_dnsid_match", fill(n, list(["*.a.b"])), octets(HOST)),
    ],
    [
      "the longest names, equal but for the last octet",
      IN - 300,
      96,
      0,
      (n) => pair("mtasts_dnsid_match", fill(n, list([NEARLY])), octets(HOST)),
    ],
    [
      "wildcards that nearly cover the longest name",
      IN - 300,
      106,
      0,
      (n) => pair("mtasts_dnsid_match", fill(n, list([`*.${NEARLY.slice(64)}`])), octets(HOST)),
    ],
  ],
  step: [
    [
      "record: RRs of empty character-strings",
      IN - 300,
      51,
      2,
      (n) => framed("mtasts_step", recordEvent(fill(n, list([fill(1000, "\0")])))),
    ],
    ["policy: short mx lines", POLICY, 113, 5, (n) => framed("mtasts_step", policyEvent({ data: body(n, "mx:a\n") }))],
    [
      "policy: long mx lines",
      POLICY,
      81,
      5,
      (n) => framed("mtasts_step", policyEvent({ data: body(n, `mx:*.${HOST.slice(2)}\n`) })),
    ],
    [
      "policy: another one replaces a held one",
      2 * POLICY,
      61,
      5,
      (n) =>
        framed("mtasts_step", policyEvent({ data: body(n / 2, "mx:a\n"), state: stateWith(body(n / 2, "mx:b\n")) })),
    ],
    [
      "policy: a Content-Type of blanks",
      IN - 1000,
      22,
      5,
      (n) =>
        framed(
          "mtasts_step",
          policyEvent({ data: body(0, ""), type: Buffer.concat([octets("text/plain"), fill(n, " ")]) }),
        ),
    ],
    [
      "lookup: a held policy of any length",
      POLICY,
      21,
      4,
      (n) => framed("mtasts_step", lookup(stateWith(body(n, "mx:a\n")))),
    ],
    [
      "lookup: a damaged state",
      POLICY,
      8,
      abi.E_STATE,
      (n) => framed("mtasts_step", lookup(stateWith(body(n, "mx:a\n")).fill(1, 400, 401))),
    ],
  ],
  plan: [
    ["many hosts, one pattern", PLANNED, 110, 0, (n) => planOf(ONE_MX, fill(n, list(["a"])))],
    ["many hosts with TLSA records", PLANNED, 75, 0, (n) => danePlanOf(ONE_MX, n, abi.DANE_USABLE)],
    ["one host, many patterns", POLICY, 235, 0, (n) => planOf(body(n, "mx:*.a\n"), list([HOST]))],
  ],
  judge: [
    [
      "the shortest wildcards",
      IN - 400,
      186,
      abi.JUDGE_NEXT_HOST,
      (n) => framed("mtasts_judge", judgeRequest(fill(n, list(["*.a.b"])))),
    ],
    [
      "the longest names, equal but for the last octet",
      IN - 400,
      96,
      abi.JUDGE_NEXT_HOST,
      (n) => framed("mtasts_judge", judgeRequest(fill(n, list([NEARLY])))),
    ],
  ],
  tlsa_usable: [
    ["records without data", TLSA, 18, 0, (n) => usable(n, tlsa(3, 1, 1, octets("")))],
    ["SHA-256 of keys", TLSA, 5, 3542, (n) => usable(n, tlsa(3, 1, 1, Buffer.alloc(32)))],
    ["SHA-512 of keys", TLSA, 3, 1899, (n) => usable(n, tlsa(3, 1, 2, Buffer.alloc(64)))],
    ["the shortest certificates", TLSA, 31, 18724, (n) => usable(n, tlsa(2, 0, 0, Uint8Array.of(0x30, 0)))],
  ],
  tlsa_match: [
    ["one certificate, many records", TLSA, 22, 0, (n) => tlsaMatchOf(fill(n, list([OTHER_KEY])), certificates(1))],
    ["many certificates, one record", IN - 300, 7, 0, (n) => tlsaMatchOf(list([OTHER_ISSUER]), certificates(n / 204))],
  ],
};

export const families: readonly Family[] = Object.entries(rows).flatMap(([name, list]) =>
  list.map(([family, limit, ceiling, status, build]) => ({
    export: name,
    name: family,
    limit,
    ceiling,
    status,
    build,
  })),
);
