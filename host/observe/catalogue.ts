import type { Listener } from "../config/config.ts";
import type { ResultType } from "../core/names.ts";
import type { DnsFailure } from "../dns/types.ts";
import type { DecisionReason, LookupStatus, PolicyMode } from "../engine/decision.ts";
import type { FetchFailure } from "../https/types.ts";
import type { StoreFailure } from "../store/types.ts";
import { EVENT_NAMES } from "./events.ts";

/**
 * One metric: what it counts, when to worry, and every value its labels can have. The lists are closed: a domain, a
 * host name or any other text from the network never becomes a label value (it would be shown as "other").
 */
export interface MetricDescription {
  readonly kind: "counter" | "gauge" | "histogram";
  readonly meaning: string;
  readonly alert: string;
  readonly labels: Readonly<Record<string, readonly string[]>>;
}

/** Lists every member of a union; the compiler refuses a list that is not complete. */
const every = <Member extends string>(members: Readonly<Record<Member, true>>): readonly Member[] =>
  Object.keys(members) as Member[];

const VERDICTS = ["policy", "none", "temp", "error"] as const;
const CLOSE_CAUSES = ["malformed", "half-request", "never-reads", "idle", "evicted", "refused"] as const;
const EXIM_OUTCOMES = ["delivered", "no-starttls", "tls-failed", "dane-failed", "deferred"] as const;
const DNS_TYPES = ["txt", "mx"] as const;
const MODES = every<PolicyMode>({ enforce: true, testing: true, none: true });

const LISTENERS = every<Exclude<Listener["kind"], "http">>({
  postfix: true,
  exim: true,
  opensmtpd: true,
  control: true,
});

const STATUSES = every<LookupStatus>({
  cached: true,
  fetched: true,
  "no-record": true,
  "record-invalid": true,
  "record-failed": true,
  "fetch-failed": true,
  "policy-invalid": true,
  pending: true,
  "store-failed": true,
});

const REASONS = every<DecisionReason | "mx-lookup-failed" | "answer-too-long">({
  "discovery-pending": true,
  "discovery-failed": true,
  "store-unavailable": true,
  overloaded: true,
  "internal-error": true,
  "shutting-down": true,
  "mx-lookup-failed": true,
  "answer-too-long": true,
});

const FETCH_RESULTS = every<"ok" | FetchFailure | "policy-invalid">({
  ok: true,
  dns: true,
  "address-forbidden": true,
  connect: true,
  tls: true,
  certificate: true,
  timeout: true,
  status: true,
  redirect: true,
  "too-large": true,
  incomplete: true,
  encoding: true,
  protocol: true,
  aborted: true,
  "policy-invalid": true,
});

const DNS_OUTCOMES = every<"records" | "nxdomain" | "nodata" | DnsFailure>({
  records: true,
  nxdomain: true,
  nodata: true,
  servfail: true,
  refused: true,
  timeout: true,
  network: true,
  overloaded: true,
  malformed: true,
  "cname-loop": true,
  rcode: true,
  aborted: true,
});

const STORE_FAILURES = every<StoreFailure>({
  io: true,
  full: true,
  "read-only": true,
  busy: true,
  corrupt: true,
  closed: true,
  "damaged-row": true,
  replaced: true,
  unsupported: true,
});

/** Why mail left less protected than the domain asked for, or may have asked for. */
const FAIL_OPEN_REASONS = [
  "record-failed",
  "record-invalid",
  "fetch-failed",
  "policy-invalid",
  "policy-expired",
  "report-only",
  "tlsrpt-report",
] as const;

/** What a session with an MX host is measured against. */
const SESSION_MODES = ["enforce", "testing", "report-only"] as const;

const SESSION_RESULTS = every<"success" | "none" | NonNullable<ResultType>>({
  success: true,
  none: true,
  "starttls-not-supported": true,
  "certificate-host-mismatch": true,
  "certificate-expired": true,
  "certificate-not-trusted": true,
  "validation-failure": true,
  "tlsa-invalid": true,
  "dnssec-invalid": true,
  "dane-required": true,
  "sts-policy-fetch-error": true,
  "sts-policy-invalid": true,
  "sts-webpki-invalid": true,
});

/** Every metric, by its name less the prefix `mta_sts_`. Names and labels are stable. */
export const METRICS = {
  answers_total: {
    kind: "counter",
    meaning: "Answers given to an MTA or a client; by kind of listener.",
    alert:
      'a share of verdict="temp" above 5 % for 15 min: mail is waiting; verdict="error" above 0: an MTA asks for a map, or with a request, that does not exist; compare its configuration with docs/.',
    labels: { listener: LISTENERS, verdict: VERDICTS },
  },
  temp_total: {
    kind: "counter",
    meaning: "Answers that make the MTA try again later, by reason.",
    alert:
      "any increase of internal-error, store-unavailable or overloaded; discovery-failed rising for 15 min: check the resolver.",
    labels: { reason: REASONS },
  },
  lookups_total: {
    kind: "counter",
    meaning: "Lookups by what was learned; what was answered is another matter (a held policy outlives failures).",
    alert: "record-failed above 10 % of all for 15 min: check the resolver.",
    labels: { status: STATUSES },
  },
  fetches_total: {
    kind: "counter",
    meaning: "Policy fetches (HTTPS GET) by result.",
    alert:
      "ok below half of all for 1 h: port 443, the CA list or DNS of this machine; single failures are the publishers' business.",
    labels: { result: FETCH_RESULTS },
  },
  fetch_seconds: {
    kind: "histogram",
    meaning: "Duration of policy fetches in seconds, from the lookup of the policy host to the last byte.",
    alert: "95th percentile above 20 s for 1 h: first mail to new domains is delayed by a retry.",
    labels: {},
  },
  dns_queries_total: {
    kind: "counter",
    meaning: 'TXT and MX questions by outcome; the addresses of policy hosts count as fetches_total{result="dns"}.',
    alert: "servfail, timeout, network and refused together above 10 % for 15 min: the resolver.",
    labels: { type: DNS_TYPES, outcome: DNS_OUTCOMES },
  },
  notices_total: {
    kind: "counter",
    meaning: "Log events by name, also those below the log level; the table of events says what each one asks for.",
    alert: "any increase of an event of level error.",
    labels: { event: EVENT_NAMES },
  },
  refresh_failing: {
    kind: "gauge",
    meaning: "Held policies, mode none left out, whose last refresh failed.",
    alert:
      "more than a tenth of mta_sts_policies for 1 h: this machine cannot fetch; protection ends as policies expire.",
    labels: {},
  },
  policies: {
    kind: "gauge",
    meaning: "Unexpired policies held, by mode.",
    alert: "a drop by half within an hour: policies were lost or cannot be refreshed.",
    labels: { mode: MODES },
  },
  cache_memory_domains: {
    kind: "gauge",
    meaning: "Domains held in memory, those without a policy included.",
    alert: "nothing by itself; it is bounded.",
    labels: {},
  },
  store_persisting: {
    kind: "gauge",
    meaning: "1 while everything acknowledged is on disk, 0 while some of it is in memory only.",
    alert: "0 for 1 min: a restart now loses policies.",
    labels: {},
  },
  store_errors_total: {
    kind: "counter",
    meaning: "Store operations that failed, by failure.",
    alert: "any increase, busy left out.",
    labels: { failure: STORE_FAILURES },
  },
  fail_open_total: {
    kind: "counter",
    meaning: "Times mail was let out less protected than the domain asked for, or may have asked for.",
    alert: "any increase above what is usual for your mail: an attacker on the path looks like this.",
    labels: { reason: FAIL_OPEN_REASONS },
  },
  testing_mismatch_total: {
    kind: "counter",
    meaning: "Answers for testing policies that would have refused an MX host, had they been enforced.",
    alert: "nothing; it is the publisher's concern.",
    labels: {},
  },
  sessions_total: {
    kind: "counter",
    meaning:
      "Attempts at an MX host of a domain with a policy, by what the policy was applied as and RFC 8460 result type; only inside an MTA.",
    alert:
      'mode="enforce" with any result but success above what is usual: a broken recipient, or an attacker on the path.',
    labels: { mode: SESSION_MODES, result: SESSION_RESULTS },
  },
  deferrals_total: {
    kind: "counter",
    meaning: "Attempts at a message that ended because no MX host met an enforce policy; only inside an MTA.",
    alert:
      "rising for many domains at once: check the CA list and the clock of this machine; for one domain: its postmaster.",
    labels: {},
  },
  exim_outcomes_total: {
    kind: "counter",
    meaning:
      "What became of attempts at MX hosts under an enforced policy, as Exim reports them; a DANE failure is reported as dane-failed and again as what it led to.",
    alert:
      "no-starttls and tls-failed together above a tenth of delivered for 1 h: publishers' mistakes, or somebody on the path.",
    labels: { outcome: EXIM_OUTCOMES },
  },
  connections_closed_total: {
    kind: "counter",
    meaning: "Connections of MTAs that the daemon closed, by cause.",
    alert:
      "malformed: something else than an MTA talks to the port; refused or evicted: more connections than expected.",
    labels: { cause: CLOSE_CAUSES },
  },
  flights: {
    kind: "gauge",
    meaning: "Discoveries under way.",
    alert: "at its limit for 5 min: answers become TEMP overloaded.",
    labels: {},
  },
  build_info: {
    kind: "gauge",
    meaning: "Always 1; the version is in the label.",
    alert: "nothing; for joins.",
    labels: { version: [] },
  },
} as const satisfies Record<string, MetricDescription>;
