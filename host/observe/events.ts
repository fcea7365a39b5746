/** What one stable event name means. Names are never reused; sentences and advice may be improved at any time. */
export interface EventDescription {
  readonly level: "info" | "warn" | "error";
  /** Logged as `msg`; {field} is replaced by that field of the line. */
  readonly sentence: string;
  /** What an operator should do, logged as `todo`; null when there is nothing to do. */
  readonly todo: string | null;
}

/**
 * Every event the log can hold, for docs/configuration.md and for alerts on mta_sts_notices_total. Fields named
 * `outcome` say what was done with the mail: "the held policy is honoured", "no policy", "TEMP".
 */
export const EVENTS = {
  "daemon-started": { level: "info", sentence: "mta-sts {version} listens on {listeners}", todo: null },
  "daemon-stopped": { level: "info", sentence: "stopped ({cause})", todo: null },
  "dane-on": {
    level: "info",
    sentence: "DANE is on: the resolver validates ({detail})",
    todo: null,
  },
  "dane-off": {
    level: "error",
    sentence: "DANE IS OFF, MTA-STS alone decides: {detail}",
    todo: "run a validating resolver on this machine and name it in dns.servers, or say dane.mode: off (docs/dane.md)",
  },
  "dane-disabled": {
    level: "warn",
    sentence: "DANE is switched off: a secure answer replaces Postfix's own dane level for that destination",
    todo: "if you rely on DANE, say dane.mode: auto",
  },
  "dane-deviation": {
    level: "info",
    sentence: "{domain}: answered dane-only, {detail}",
    todo: null,
  },
  "policy-new": {
    level: "info",
    sentence: "{domain}: new policy {id}, mode {mode}, valid for {maxAge} s, is honoured from now on",
    todo: null,
  },
  "policy-changed": {
    level: "info",
    sentence: "{domain}: policy {id}, mode {mode}, replaces the one held before",
    todo: null,
  },
  "policy-weakened": {
    level: "warn",
    sentence: "{domain}: policy {id} weakens what was held, mode is now {mode}; it is valid and honoured",
    todo: "if the domain did not announce it, look its policy host up in Certificate Transparency and ask its postmaster",
  },
  "policy-expired": {
    level: "warn",
    sentence:
      "{domain}: the policy held expired without a successful refresh; mail leaves without MTA-STS until one is fetched",
    todo: "run: mta-sts query {domain}",
  },
  "refresh-failed": {
    level: "warn",
    sentence: "{domain}: refresh failed ({detail}); the held policy is honoured for {expiresIn} s more",
    todo: "nothing while it recovers; else run: mta-sts query {domain}",
  },
  "refresh-failing-50": {
    level: "warn",
    sentence: "{domain}: no refresh for half of max_age ({detail}); the held policy is honoured for {expiresIn} s more",
    todo: "run: mta-sts query {domain}; if others fail too, check DNS and port 443 of this machine",
  },
  "refresh-failing-75": {
    level: "error",
    sentence: "{domain}: no refresh for 75 % of max_age ({detail}); the held policy is honoured for {expiresIn} s more",
    todo: "run: mta-sts query {domain}; tell its postmaster that the policy host does not serve its policy",
  },
  "refresh-failing-90": {
    level: "error",
    sentence: "{domain}: no refresh for 90 % of max_age ({detail}); protection ends in {expiresIn} s",
    todo: "run: mta-sts query {domain}; to keep TLS beyond that, name the domain in a static policy map",
  },
  "record-missing": {
    level: "warn",
    sentence: "{domain}: the TXT record is gone but an unexpired policy is held and honoured",
    todo: "a domain that opts out serves mode none first; else its DNS is broken or forged: run: mta-sts query {domain}",
  },
  "record-invalid": {
    level: "warn",
    sentence: "{domain}: TXT record not valid ({detail}); {outcome}",
    todo: "tell the postmaster of {domain}; nothing can be repaired on this side",
  },
  "record-failed": {
    level: "warn",
    sentence: "{domain}: TXT lookup failed ({detail}); {outcome}",
    todo: "if many domains fail, check the resolver; else the domain's DNS is broken",
  },
  "fetch-failed": {
    level: "warn",
    sentence: "{domain}: policy not fetched ({detail}); {outcome}",
    todo: "run: mta-sts query {domain}; if many domains fail, check port 443 and the CA list of this machine",
  },
  "policy-invalid": {
    level: "warn",
    sentence: "{domain}: policy fetched but not valid ({detail}); {outcome}",
    todo: "tell the postmaster of {domain}; named leniencies are in docs/configuration.md",
  },
  "discovery-open": {
    level: "warn",
    sentence: "{domain}: discovery still fails ({detail}); mail now leaves as without MTA-STS",
    todo: "check the resolver; policy.on-discovery-failure: defer keeps such mail in the queue",
  },
  "id-churn": {
    level: "warn",
    sentence: "{domain}: the id changes faster than policies are fetched; {outcome}",
    todo: "a broken publisher, or somebody forging DNS answers: compare with another resolver",
  },
  "clock-ahead": {
    level: "error",
    sentence: "the clock jumped {seconds} s ahead; it is believed, so policies may have expired at once",
    todo: "check time synchronisation; if the jump was wrong, set the clock right and restart",
  },
  "clock-behind": {
    level: "error",
    sentence: "the clock is {seconds} s behind a time this store has seen; that time is used instead",
    todo: "check time synchronisation",
  },
  "leniency-used": {
    level: "warn",
    sentence: "{domain}: accepted only with leniency {leniency}",
    todo: "tell the postmaster of {domain}: other senders refuse it",
  },
  "store-quarantined": {
    level: "error",
    sentence: "policies were lost, the store starts empty: {detail}",
    todo: "check the disk; policies return as mail is sent, failures mean TEMP until then",
  },
  "store-row-damaged": {
    level: "error",
    sentence: "{domain}: stored policy damaged and treated as unreadable: {detail}",
    todo: "check the disk; mail waits until its policy is fetched anew; if it has none: mta-sts cache forget {domain}",
  },
  "store-read-only": {
    level: "error",
    sentence: "the store can be read but not written: {detail}",
    todo: "check owner, mode and mount of the store's directory",
  },
  "store-not-persisting": {
    level: "error",
    sentence: "the store cannot write, policies learned from now on are held in memory only: {detail}",
    todo: "free disk space or repair the disk before the next restart; writing resumes by itself",
  },
  "store-recovered": { level: "info", sentence: "the store writes again: {detail}", todo: null },
  "store-unwritten": {
    level: "error",
    sentence: "policies held in memory were not written: {detail}",
    todo: "nothing now; they are learned again as mail is sent",
  },
  "store-read-failed": {
    level: "error",
    sentence: "the store could not be read ({detail}); {outcome}",
    todo: "check the disk and the store's file",
  },
  "record-ended": {
    level: "warn",
    sentence: "decisions are no longer recorded in {path}: {detail}",
    todo: "to go on, restart with --record and a new file",
  },
  "answer-temp": {
    level: "warn",
    sentence: "{domain}: answered TEMP, {reason} ({detail}); the mail stays queued and is tried again",
    todo: "run: mta-sts query {domain}",
  },
  "answer-no-match": {
    level: "warn",
    sentence: "{domain}: no MX host is permitted by policy {id}; the mail stays queued",
    todo: "an MX forged or not yet in the policy: run: mta-sts query {domain} and tell its postmaster",
  },
  "host-not-permitted": {
    level: "warn",
    sentence: "{domain}: MX host {host} is not permitted by policy {id}; the MTA was told not to use it",
    todo: "an MX forged or not yet in the policy: run: mta-sts query {domain} and tell its postmaster",
  },
  "host-failed": {
    level: "warn",
    sentence:
      "{domain}: MX host {host} did not meet the policy, {outcome} ({detail}); the mail goes to another host or stays queued",
    todo: "run: mta-sts query {domain}; tell its postmaster, unless other senders reach the host: then look for somebody on the path",
  },
  "testing-mismatch": {
    level: "info",
    sentence: "{domain}: the testing policy does not permit {hosts}; the mail is delivered all the same",
    todo: null,
  },
  "config-error": {
    level: "error",
    sentence: "the configuration cannot be used: {detail}",
    todo: "repair the place named and start again; docs/configuration.md lists every key",
  },
  "internal-error": {
    level: "error",
    sentence: "a fault in mta-sts itself in {where}: {detail}; {outcome}",
    todo: "please report it with this line",
  },
} as const satisfies Record<string, EventDescription>;

export type EventName = keyof typeof EVENTS;

export const EVENT_NAMES = Object.keys(EVENTS) as readonly EventName[];
