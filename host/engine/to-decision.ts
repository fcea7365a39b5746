import type { Core } from "../core/core.ts";
import type { StepAnswer } from "../core/step.ts";
import type { Decision, DecisionReason, HonouredPolicy, PolicyResultType } from "./decision.ts";
import type { DomainEntry } from "./domain-entry.ts";

type Parsed = Pick<HonouredPolicy, "mx" | "lines">;

const decoder = new TextDecoder();

/** RFC 8461 §3.2: LF or CRLF ends a line, the last one need not be ended. */
function linesOf(text: Uint8Array): string[] {
  const lines = decoder.decode(text).split(/\r?\n/);
  if (lines.at(-1) === "") lines.pop();
  return lines;
}

/** Patterns and lines of a policy the core has already accepted; made once for each text. */
function parse(core: Core, entry: DomainEntry, text: Uint8Array, answer: StepAnswer): Parsed {
  if (entry.parsed && Buffer.compare(entry.parsed.text, text) === 0) return entry.parsed.policy;
  const parsed = core.parsePolicy(text, answer.policy?.leniencies);
  if (!parsed.ok) throw new Error(`the core refuses the policy it holds for ${entry.domain}: ${parsed.reason}`);
  const policy = { mx: parsed.mx, lines: linesOf(text) };
  entry.parsed = { text, policy };
  return policy;
}

function honoured(core: Core, entry: DomainEntry, state: Uint8Array, answer: StepAnswer): HonouredPolicy | null {
  if (!answer.policy) return null;
  const { mode, id, maxAge, age, expiresIn, leniencies, offset, length } = answer.policy;
  const { mx, lines } = parse(core, entry, state.subarray(offset, offset + length), answer);
  const source = answer.status === "fetched" ? "fetch" : "cache";
  return { mode, id, mx, maxAge, age, expiresIn, source, leniencies, lines };
}

/** What failed, for the log and for mail.log. */
function detailOf(entry: DomainEntry, { status, reason }: StepAnswer): string {
  if (reason === "store-unavailable") return entry.storeFault;
  return status === "cached" || status === "fetched" ? "" : entry.detail;
}

/** The core's answer in the words of the host. `state` is the state that holds after the step. */
export function toDecision(core: Core, entry: DomainEntry, state: Uint8Array, answer: StepAnswer): Decision {
  return {
    domain: entry.domain,
    verdict: answer.verdict,
    status: answer.status,
    resultType: answer.resultType as PolicyResultType | null,
    reason: answer.reason,
    detail: detailOf(entry, answer),
    policy: honoured(core, entry, state, answer),
    reuse: answer.reuse,
    recheck: answer.recheck,
  };
}

const NOTHING = { resultType: null, detail: "", policy: null, reuse: 0, recheck: false } as const;

/** A TEMP that does not come from the core: the host itself cannot go on. */
export function temporary(domain: string, reason: DecisionReason, detail: string): Decision {
  const status = reason === "store-unavailable" ? "store-failed" : "pending";
  return { ...NOTHING, domain, verdict: "temp", status, reason, detail };
}

/** A domain so long that no _mta-sts label fits in front of it cannot publish a record. */
export function withoutRecord(domain: string): Decision {
  return { ...NOTHING, domain, verdict: "none", status: "no-record", reason: null, reuse: 60 };
}
