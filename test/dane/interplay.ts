import type { Outcome } from "../postfix/delivery-cases.ts";
import {
  DANE_STATES,
  type DaneColumn,
  nameOf,
  type PostfixCase,
  postfixCell,
  STS_STATES,
  type StsColumn,
} from "./postfix-cases.ts";

/** One row of the table in docs/dane.md: a DANE state, an MTA-STS state, and the tests that show what becomes of mail. */
export interface InterplayRow {
  readonly dane: DaneColumn;
  readonly sts: StsColumn;
  readonly postfix: PostfixCase;
  /** Name of a case of test/haraka/dane-cases.ts. */
  readonly haraka: string;
  /** Title of a test of test/mtas/exim-dane.test.ts; null: not run as a row of its own. */
  readonly exim: string | null;
}

const EXIM = {
  alone: "uses DANE where there is no policy: delivers on a match, defers on a mismatch (R-7672-2.2-01)",
  match: "lets DANE verify the certificate of a host that has TLSA records (R-MIX-04, R-7672-2.2-01)",
  unlisted: "does not use a host that the policy does not permit, though DANE verifies it (R-MIX-04)",
  mismatch: "defers when TLSA records do not match, though the policy is met (R-8461-2-01)",
  failed: "defers while TLSA records cannot be looked up (R-MIX-01, R-7672-2.2-04)",
} as const;

/** The rows that Exim's own DANE was run for. */
const byExim: Readonly<Partial<Record<string, string>>> = {
  "match, none": EXIM.alone,
  "match, enforce, listed": EXIM.match,
  "match, enforce, not listed": EXIM.unlisted,
  "mismatch, none": EXIM.alone,
  "mismatch, enforce, listed": EXIM.mismatch,
  "failed, enforce, listed": EXIM.failed,
};

export const rows: readonly InterplayRow[] = DANE_STATES.flatMap((dane) =>
  STS_STATES.map((sts) => {
    const postfix = postfixCell(dane, sts);
    return { dane, sts, postfix, haraka: nameOf(postfix), exim: byExim[`${dane}, ${sts}`] ?? null };
  }),
);

/** What becomes of the mail, in a few words. */
export function fateOf({ dane, postfix: { outcome } }: InterplayRow): string {
  const one: Outcome = "postfix" in outcome ? outcome.postfix : outcome;
  if ("kept" in one) return "waits";
  if (one.tls === "unverified") return dane === "unusable" ? "delivered, over TLS only" : "delivered, TLS if offered";
  return dane === "match" ? "delivered, proven by TLSA" : "delivered, proven by PKIX";
}

/** The table as it stands in docs/dane.md. */
export function table(): string[] {
  const cells = rows.map((row) => [
    row.dane,
    row.sts,
    fateOf(row),
    row.postfix.title,
    `\`${row.haraka}\``,
    row.exim ?? "",
  ]);
  const head = [
    "TLSA",
    "MTA-STS",
    "the mail",
    "Postfix: test/dane/postfix.test.ts",
    "Haraka: test/haraka/dane.test.ts",
    "Exim: test/mtas/exim-dane.test.ts",
  ];
  return [head, head.map(() => "---"), ...cells].map((row) => `| ${row.join(" | ")} |`);
}
