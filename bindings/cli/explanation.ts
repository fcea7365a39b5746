import type { Decision } from "../../host/engine/decision.ts";
import type { Explained } from "../../host/engine/explained.ts";
import { type DomainView, describeView, domainView } from "./domain-view.ts";
import { labelled, styled } from "./output.ts";
import { duration } from "./wording.ts";

/**
 * Why a domain is answered as it is, as the control socket and `explain --json` show it. Each mechanism has a member of
 * its own. Version 1 may get further fields and members; those it has keep their names and meanings (docs/commands.md).
 */
export interface Explanation {
  readonly version: 1;
  readonly domain: string;
  readonly mtaSts: {
    /** What would be answered now; null: the caller waits while a lookup runs. */
    readonly answer: DomainView | null;
    readonly facts: Explained["facts"];
    readonly querying: boolean;
    readonly fetching: boolean;
    readonly waiting: number;
    readonly storeFault: string;
    readonly lastTrouble: string;
    /** The sentence for people. */
    readonly why: string;
  };
}

export function explanation(explained: Explained): Explanation {
  const { domain, decision, stored, facts, querying, fetching, waiting, storeFault, lastTrouble } = explained;
  const answer = decision && domainView(decision, stored);
  const mtaSts = { answer, facts, querying, fetching, waiting, storeFault, lastTrouble, why: why(explained) };
  return { version: 1, domain, mtaSts };
}

function why({ decision, facts, storeFault }: Explained): string {
  if (decision === null) return "nothing that is known can be relied on now, so the next mail waits for a lookup";
  if (decision.verdict === "policy") return whyPolicy(decision, facts);
  if (decision.reason === "store-unavailable")
    return `the stored state cannot be read (${storeFault || decision.detail}) and may hold an enforce policy, so mail waits`;
  if (decision.verdict === "temp") return "it cannot be said yet whether there is a policy, so mail waits";
  switch (decision.status) {
    case "no-record":
      return "DNS says that the domain has no MTA-STS record, and nothing was held before";
    case "record-invalid":
      return "the domain's records are not one valid MTA-STS record, which counts as none (RFC 8461 §3.1)";
    case "record-failed":
      return "the lookup of the record has failed for too long to hold mail any longer; it is tried again with each mail";
    default:
      return "no policy could be fetched, and none was held before (RFC 8461 §3.3)";
  }
}

function whyPolicy({ policy }: Decision, facts: Explained["facts"]): string {
  const left = duration(policy?.expiresIn ?? 0);
  if ((facts?.failures ?? 0) > 0)
    return `a fetched policy counts until max_age is over, whatever fails meanwhile (RFC 8461 §5.1): ${left} left`;
  return `the policy was fetched over a valid certificate and has not expired: ${left} left`;
}

const EFFECT = {
  enforce: "mail goes only to permitted MX hosts over TLS that verifies",
  testing: "mail is delivered as without MTA-STS, failures are reported",
  none: "mail is delivered as without MTA-STS",
} as const;

/** The explanation for people. */
export function explanationText({ domain, mtaSts }: Explanation): string {
  const { answer, why } = mtaSts;
  return [
    styled("bold", domain),
    labelled("Known", answer ? describeView(answer) : "nothing that can be relied on"),
    labelled("Last tried", lastTried(mtaSts)),
    labelled("Next", next(mtaSts)),
    labelled("Answer now", answerNow(answer)),
    labelled("Why", why),
  ].join("\n");
}

function answerNow(answer: DomainView | null): string {
  if (answer === null) return "the mail waits while the domain is looked up";
  if (answer.policy) return `${answer.policy.mode}: ${EFFECT[answer.policy.mode]}`;
  return answer.verdict === "temp" ? `mail stays queued (${answer.reason})` : EFFECT.none;
}

function lastTried({ facts, lastTrouble, storeFault }: Explanation["mtaSts"]): string {
  const lines: string[] = [];
  if (facts?.fetchedAgo != null) lines.push(`policy fetched ${duration(facts.fetchedAgo)} ago`);
  if (facts?.idSeenAgo != null) lines.push(`its id last seen in DNS ${duration(facts.idSeenAgo)} ago`);
  if (facts?.lastFailure)
    lines.push(
      `fetch failed ${duration(facts.lastFailure.ago)} ago (${facts.lastFailure.cause ?? facts.lastFailure.status})`,
    );
  if (facts?.failures)
    lines.push(`${facts.failures} failed ${facts.failures === 1 ? "fetch" : "fetches"} since the last good one`);
  if (facts?.discoveryFailingFor != null) lines.push(`TXT lookups fail since ${duration(facts.discoveryFailingFor)}`);
  if (lastTrouble !== "") lines.push(`last trouble: ${lastTrouble}`);
  if (storeFault !== "") lines.push(`store: ${storeFault}`);
  return lines.length === 0 ? "nothing yet" : lines.join("\n");
}

function next({ facts, querying, fetching, waiting }: Explanation["mtaSts"]): string {
  const lines: string[] = [];
  if (querying) lines.push(`asking for the TXT record now, ${waiting} wait`);
  if (fetching) lines.push(`fetching the policy now, ${waiting} wait`);
  if (facts?.lastFailure)
    lines.push(`no fetch for the same id for ${duration(facts.lastFailure.nextTryIn)} (RFC 8461 §3.3)`);
  if (facts?.refreshIn != null) lines.push(dueIn("refresh of the policy", facts.refreshIn));
  if (facts?.idCheckIn != null) lines.push(`${dueIn("look at the id", facts.idCheckIn)} with the next mail`);
  if (facts?.negative) lines.push(`"no policy" is given again for ${duration(facts.negative.goodFor)} without asking`);
  return lines.length === 0 ? "a lookup with the next mail" : lines.join("\n");
}

const dueIn = (what: string, seconds: number): string =>
  seconds === 0 ? `${what} is due` : `${what} in ${duration(seconds)},`.replace(/,$/, "");
