import { styleText } from "node:util";
import type { Why } from "../../host/core/names.ts";
import type { Scenario } from "./demo-scenarios.ts";
import type { Delivery } from "./mx-server.ts";
import type { Attempt, SendResult } from "./sender.ts";

type Style = "bold" | "dim" | "green" | "red" | "yellow";

const COLUMNS = 100;
const LABEL = 16;

const WHY: Readonly<Record<Why, string>> = {
  compliant: "permitted by the policy, certificate verified",
  "not-in-policy": "is not named by the policy",
  "not-a-host-name": "is not a host name",
  temporary: "cannot be judged now",
  "not-connected": "does not take the message",
  "no-starttls": "offers no STARTTLS",
  "starttls-refused": "refuses STARTTLS",
  "handshake-failed": "fails the TLS handshake",
  "tls-version": "speaks no TLS 1.2 or later",
  "no-certificate": "shows no certificate",
  expired: "shows an expired certificate",
  "not-yet-valid": "shows a certificate that is not valid yet",
  untrusted: "shows a certificate of nobody we trust",
  "chain-invalid": "shows a certificate that does not verify",
  "name-mismatch": "shows a certificate for another name",
  "dane-no-match": "shows a certificate that its TLSA records do not name",
  "tlsa-unusable": "has TLSA records none of which can be used",
  "no-address": "has no address",
  "address-failed": "has an address that cannot be looked up now",
  "tlsa-failed": "has TLSA records that cannot be looked up now",
  "dane-required": "has no TLSA records, which are required here",
};

const coloured = process.stdout.isTTY === true && !process.env.NO_COLOR && process.env.TERM !== "dumb";
const styled = (style: Style, text: string): string => (coloured ? styleText(style, text) : text);

/** A label and a text, broken at spaces, with the further lines under the first. */
function lines(label: string, text: string, style: (line: string) => string = (line) => line): string {
  const broken: string[] = [];
  for (const word of text.split(" ")) {
    const last = broken.at(-1);
    if (last !== undefined && last.length + word.length < COLUMNS - LABEL) broken.push(`${broken.pop()} ${word}`);
    else broken.push(word);
  }
  return broken.map((line, i) => `  ${(i === 0 ? label : "").padEnd(LABEL - 2)}${style(line)}`).join("\n");
}

/** Was the message safe on its way? The MX server's own record says. */
export function wentAstray({ rightHosts }: Scenario, { tls, certificate, mx }: Delivery): boolean {
  return !tls || certificate !== "good" || !rightHosts.includes(mx);
}

function howTaken(scenario: Scenario, delivery: Delivery): string {
  if (!scenario.rightHosts.includes(delivery.mx)) return `sent it to the attacker's ${delivery.mx}`;
  if (!delivery.tls) return `sent it in the clear to ${delivery.mx}`;
  const shown = delivery.certificate === "good" ? "" : " whose certificate proves nothing";
  return `sent it over TLS to ${delivery.mx}${shown}, unverified`;
}

function refusals(attempts: readonly Attempt[]): string {
  const texts = attempts
    .filter(({ judged, evaluated }) => evaluated && !judged.compliant)
    .map(({ host, judged }) => `${host} ${WHY[judged.why]} (${judged.why})`);
  return [...new Set(texts)].join("; ");
}

/** `finding`: what the engine found wrong when it looked for a newer policy. */
function whatHappened(result: SendResult, finding: string): string {
  const { decision, attempts } = result;
  const refused = refusals(attempts);
  if (result.status === "held") {
    const kept = finding === "" ? "" : `; the policy learned before stays in force, although: ${finding}`;
    return `HELD in the queue: ${refused || result.detail}${kept}`;
  }
  const host = attempts.at(-1)?.host ?? "";
  const policy = decision?.policy ?? null;
  if (policy === null) return `DELIVERED to ${host} as without MTA-STS: the domain has no policy`;
  if (policy.mode === "none") return `DELIVERED to ${host} as without MTA-STS: the newer policy says mode none`;
  if (policy.mode === "testing")
    return `DELIVERED to ${host}, and counted as a failure of the testing policy: ${refused}`;
  const before = refused === "" ? "" : `; before that: ${refused}`;
  return `DELIVERED to ${host} over verified TLS, policy ${policy.id}${before}`;
}

/** One scenario as a postmaster would tell it. */
export function scenarioText(
  number: number,
  scenario: Scenario,
  ours: SendResult,
  ordinary: readonly Delivery[],
  finding: string,
): string {
  const colour = ours.status === "delivered" ? "green" : "yellow";
  return [
    styled("bold", `${String(number).padStart(2)}. ${scenario.title}`) + styled("dim", `  ${scenario.domain}`),
    lines(scenario.attack ? "attacker" : "what happens", scenario.story),
    lines("ordinary MTA", ordinary.map((delivery) => howTaken(scenario, delivery)).join("; ") || "sent nothing"),
    lines("here", whatHappened(ours, finding), (line) => styled(colour, line)),
    "",
  ].join("\n");
}

export interface Summary {
  readonly attacks: number;
  /** Attacks after which a message lay where it must not, in the clear or at a wrong host. */
  readonly oursAstray: number;
  readonly ordinaryAstray: number;
  readonly legitimate: number;
  readonly legitimateDelivered: number;
  /** Sessions that broke a testing policy. */
  readonly testingFailures: number;
  readonly failures: readonly string[];
}

export function summaryText(summary: Summary): string {
  const { attacks, oursAstray, ordinaryAstray, legitimate, legitimateDelivered, testingFailures, failures } = summary;
  const verdict = `${attacks} attacks, ${oursAstray} messages sent in the clear or to a wrong host`;
  return [
    styled(oursAstray === 0 ? "green" : "red", verdict),
    `the same MTA without mta-sts-engine: ${ordinaryAstray} of ${attacks}`,
    `without an attack: ${legitimateDelivered} of ${legitimate} messages delivered, ${testingFailures} failure of a testing policy counted`,
    "(counted from what the MX servers recorded)",
    ...failures.map((failure) => styled("red", `NOT AS EXPECTED: ${failure}`)),
  ].join("\n");
}
