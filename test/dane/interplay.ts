import type { Outcome } from "../postfix/delivery-cases.ts";
import { type DaneColumn, type PostfixCase, postfixCell, type StsColumn } from "./postfix-cases.ts";

/** One row of the table in docs/dane.md: a DANE state, an MTA-STS state, and the tests that show what becomes of mail. */
export interface InterplayRow {
  readonly dane: DaneColumn;
  readonly sts: StsColumn;
  readonly postfix: PostfixCase;
  /** Name of a case of test/haraka/dane-cases.ts; null: not run as a row of its own. */
  readonly haraka: string | null;
  /** Title of a test of test/mtas/exim-dane.test.ts. */
  readonly exim: string | null;
}

type Elsewhere = readonly [haraka: string | null, exim?: string];

const EXIM = {
  alone: "uses DANE where there is no policy: delivers on a match, defers on a mismatch (R-7672-2.2-01)",
  match: "lets DANE verify the certificate of a host that has TLSA records (R-MIX-04, R-7672-2.2-01)",
  unlisted: "does not use a host that the policy does not permit, though DANE verifies it (R-MIX-04)",
  mismatch: "defers when TLSA records do not match, though the policy is met (R-8461-2-01)",
  failed: "defers while TLSA records cannot be looked up (R-MIX-01, R-7672-2.2-04)",
} as const;

/** Where else each row is shown. */
const elsewhere: Readonly<Record<DaneColumn, Readonly<Record<StsColumn, Elsewhere>>>> = {
  match: {
    none: ["secure", EXIM.alone],
    testing: ["testing-match"],
    "enforce, listed": ["both-match", EXIM.match],
    "enforce, not listed": ["both-unlisted", EXIM.unlisted],
  },
  mismatch: {
    none: ["mismatch", EXIM.alone],
    testing: ["testing-mismatch"],
    "enforce, listed": ["both-mismatch", EXIM.mismatch],
    "enforce, not listed": [null],
  },
  unusable: {
    none: ["unusable"],
    testing: [null],
    "enforce, listed": ["both-unusable"],
    "enforce, not listed": [null],
  },
  absent: {
    none: ["absent"],
    testing: [null],
    "enforce, listed": ["both-absent"],
    "enforce, not listed": [null],
  },
  insecure: {
    none: ["insecure"],
    testing: [null],
    "enforce, listed": [null],
    "enforce, not listed": [null],
  },
  failed: {
    none: ["servfail"],
    testing: [null],
    "enforce, listed": ["both-servfail", EXIM.failed],
    "enforce, not listed": [null],
  },
  forged: {
    none: ["tampered-tlsa"],
    testing: [null],
    "enforce, listed": [null],
    "enforce, not listed": [null],
  },
  bogus: {
    none: ["bogus"],
    testing: [null],
    "enforce, listed": [null],
    "enforce, not listed": [null],
  },
};

export const rows: readonly InterplayRow[] = (Object.keys(elsewhere) as DaneColumn[]).flatMap((dane) =>
  (Object.keys(elsewhere[dane]) as StsColumn[]).map((sts) => {
    const [haraka, exim = null] = elsewhere[dane][sts];
    return { dane, sts, postfix: postfixCell(dane, sts), haraka, exim };
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
    row.haraka === null ? "" : `\`${row.haraka}\``,
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
