import type { HonouredPolicy } from "../../host/engine/decision.ts";
import { isHostName, isWildcard } from "../../host/mx/host-name.ts";
import { type MatchesMx, type MxCandidates, permittedHosts } from "../../host/mx/mx-candidates.ts";

/** The socketmap names we answer to; each is a form of the answer. docs/postfix.md is their contract. */
export const FLAVOURS = ["postfix", "postfix310", "sts"] as const;
export type Flavour = (typeof FLAVOURS)[number];

/** What postfix-tlspol called its maps, so that a main.cf written for it goes on working. */
const ALIASES: Readonly<Record<string, Flavour>> = { QUERY: "postfix", QUERYwithTLSRPT: "postfix310" };

/** The form of the answer that a map name asks for; null for a name that is not ours. */
export function flavourOf(name: string): Flavour | null {
  return (
    FLAVOURS.find((flavour) => flavour === name) ?? (Object.hasOwn(ALIASES, name) ? (ALIASES[name] ?? null) : null)
  );
}

/** A name that no certificate can carry (RFC 6761 §6.4): "nobody may take this mail", in a form that defers. */
export const NO_MATCH = "mta-sts-no-match.invalid";

/** TLS 1.2 at least. Exclusions, because `>=TLSv1.2` is unknown to Postfix 3.4 and 3.5, which then defer all mail. */
const PROTOCOLS = "protocols=!SSLv2:!SSLv3:!TLSv1:!TLSv1.1";

/** A socketmap reply that is longer is refused by Postfix ("input exceeds size limit"). "OK " counts. */
const MAX_REPLY_BYTES = 100_000;
const MAX_LINE_BYTES = MAX_REPLY_BYTES - "OK ".length;

export interface NextHop {
  readonly domain: string;
  readonly bracketed: boolean;
}

export type EnforcedPolicy = Pick<HonouredPolicy, "mode" | "mx" | "maxAge">;

export type PolicyLine =
  | {
      readonly kind: "line";
      readonly line: string;
      /** False when MX hosts the policy permits may be missing, because their lookup failed. */
      readonly complete: boolean;
    }
  | {
      readonly kind: "temp";
      readonly reason: "mx-lookup-failed" | "answer-too-long" | "internal-error";
      readonly detail: string;
    };

/**
 * True when the line cannot be written without the MX set: a wildcard for an MTA that cannot apply it itself
 * (Postfix before 3.10.5 and Sendmail read `.example.com` as any depth, RFC 8461 §4.1 means one label).
 */
export function needsMxSet(flavour: Flavour, hop: NextHop, policy: EnforcedPolicy): boolean {
  return flavour !== "postfix310" && !hop.bracketed && policy.mx.some(isWildcard);
}

/**
 * Writes an enforce policy as a line of smtp_tls_policy_maps. Every value is checked, written anew and the whole line
 * checked again: nothing from DNS or from a policy file can start an attribute of its own.
 * `candidates` is read only where `needsMxSet` asks for it.
 */
export function policyLine(
  flavour: Flavour,
  hop: NextHop,
  policy: EnforcedPolicy,
  candidates: MxCandidates | null,
  matchesMx: MatchesMx,
): PolicyLine {
  if (flavour === "postfix310") return checked(line310(hop, policy), true);
  const exact = policy.mx.filter(isMatchName);
  if (hop.bracketed) {
    return checked(lineOf(flavour, permittedHosts(policy.mx, [hop.domain], matchesMx)), true);
  }
  if (!needsMxSet(flavour, hop, policy)) return checked(lineOf(flavour, exact), true);
  if (candidates === null || candidates.kind === "failed") {
    // The exact names hold whatever DNS says; without any the answer would rest on a lookup that did not happen.
    if (exact.length > 0) return checked(lineOf(flavour, exact), false);
    const detail = candidates?.detail ?? `MX ${hop.domain}: not looked up`;
    return { kind: "temp", reason: "mx-lookup-failed", detail };
  }
  return checked(lineOf(flavour, [...exact, ...permittedHosts(policy.mx, candidates.hosts, matchesMx)]), true);
}

/**
 * True for a host name that may stand in `match=`. A name of one label never may: `hostname`, `nexthop` and
 * `dot-nexthop` are keywords there, and `match=hostname` would let any MX host through that forged DNS names.
 */
export function isMatchName(name: string): boolean {
  return name.includes(".") && isHostName(name);
}

function lineOf(flavour: "postfix" | "sts", hosts: readonly string[]): string {
  const names = [...new Set(hosts.filter(isMatchName))];
  // Nothing can pass, so there is no session whose protocol would need pinning.
  if (names.length === 0) return `secure match=${NO_MATCH} servername=hostname`;
  const line = `secure match=${names.join(":")} servername=hostname`;
  return flavour === "sts" ? line : `${line} ${PROTOCOLS}`;
}

/**
 * Postfix >= 3.10.5 compares MX names with `mx_host_pattern` and certificates with the MX name, and puts its own value
 * in place of `match=`. What `match=` says counts where that is off or unknown, so it permits no more than the policy.
 */
function line310(hop: NextHop, policy: EnforcedPolicy): string {
  const patterns = [...new Set(policy.mx)].filter((pattern) => isWildcard(pattern) || isMatchName(pattern));
  // Without a pattern Postfix would not check MX names at all.
  if (patterns.length === 0 || !isHostName(hop.domain)) return lineOf("postfix", []);
  const exact = patterns.filter((pattern) => !isWildcard(pattern));
  const match = hop.bracketed ? exact.filter((name) => name === hop.domain) : exact;
  return [
    `secure match=${match.length > 0 ? match.join(":") : NO_MATCH} servername=hostname ${PROTOCOLS}`,
    `policy_type=sts policy_domain=${hop.domain}`,
    ...patterns.map((pattern) => `mx_host_pattern=${pattern}`),
    ...policyStrings(policy, patterns).map((text) => `{ policy_string = ${text} }`),
  ].join(" ");
}

/** The policy's lines for TLSRPT (RFC 8460 §4.4 policy-string), written from what was parsed, never copied. */
function policyStrings(policy: EnforcedPolicy, patterns: readonly string[]): string[] {
  return [
    "version: STSv1",
    `mode: ${policy.mode}`,
    ...patterns.map((pattern) => `mx: ${pattern}`),
    `max_age: ${policy.maxAge}`,
  ];
}

const NAME = "[a-z0-9][a-z0-9.-]*";
const PATTERN = `(?:\\*\\.)?${NAME}`;
const STRING = `(?:version: STSv1|mode: enforce|mx: ${PATTERN}|max_age: [0-9]{1,8})`;
const WHOLE_LINE = new RegExp(
  `^secure match=${NAME}(?::${NAME})* servername=hostname` +
    `(?: ${PROTOCOLS.replaceAll(".", "\\.")}(?: policy_type=sts policy_domain=${NAME}` +
    `(?: mx_host_pattern=${PATTERN})+(?: \\{ policy_string = ${STRING} \\})+)?)?$`,
);

/** True when the line is one of the forms this file writes, and nothing else. */
export function isPolicyLine(line: string): boolean {
  return WHOLE_LINE.test(line);
}

function checked(line: string, complete: boolean): PolicyLine {
  if (line.length > MAX_LINE_BYTES) {
    const detail = `the answer would have ${line.length} bytes, Postfix takes ${MAX_LINE_BYTES}`;
    return { kind: "temp", reason: "answer-too-long", detail };
  }
  if (!isPolicyLine(line)) {
    return { kind: "temp", reason: "internal-error", detail: "the policy line failed its last check" };
  }
  return { kind: "line", line, complete };
}
