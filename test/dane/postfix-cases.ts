import type { DomainSpec, MxEntry, PolicySpec } from "../lab/domain-spec.ts";
import type { RemoteWorld } from "../lab/lab-client.ts";
import { type Expected, enforce, type Outcome } from "../postfix/delivery-cases.ts";
import { delegationToLab, type SignedZone } from "./signed-world.ts";
import { type DaneDomain, type DaneDomainOptions, daneDomain, daneDomains, under } from "./signed-zones.ts";

/** One signed domain and what becomes of mail to it, whichever Postfix sends. */
export interface PostfixCase extends DaneDomain {
  readonly title: string;
  readonly outcome: Expected;
}

export const DANE_STATES = [
  "match",
  "mismatch",
  "unusable",
  "absent",
  "insecure",
  "failed",
  "forged",
  "bogus",
] as const;
export const STS_STATES = ["none", "testing", "enforce, listed", "enforce, not listed"] as const;
export type DaneColumn = (typeof DANE_STATES)[number];
export type StsColumn = (typeof STS_STATES)[number];

/** DANE is switched off for this one. */
export const EXEMPT = "exempt";

const mx = (label: string) => `mx.${under(label)}`;
const waits = (text = /./): Outcome => ({ kept: "4.7.5", text });
const encrypted = (label: string): Outcome => ({ sentTo: mx(label), tls: "unverified" });
const authenticated = (label: string): Outcome => ({ sentTo: mx(label), tls: "verified" });
/** Postfix looks the MX records up before it asks for a policy. */
const noMx: Outcome = { kept: "4.4.3", text: /type=MX/ };
const noTls: Outcome = { kept: "4.7.4", text: /^TLS is required, but was not offered/ };
const notListed: Expected = {
  postfix: waits(/^Server certificate not verified$/),
  postfix310: { kept: "4.3.0", text: /server unavailable or unable to receive mail/ },
};

const unusableRecord = [{ usage: 1, selector: 1, matching: 1, of: "leaf" }] as const;
interface Made {
  readonly zone?: SignedZone;
  readonly tlsa?: NonNullable<DaneDomainOptions["tlsa"]> | null;
  /** Publishes what no option can say. */
  readonly publish?: (world: RemoteWorld) => Promise<void>;
}

const servfail = (label: string): Made => ({
  zone: { lines: delegationToLab("_tcp.mx") },
  tlsa: null,
  publish: (world) => world.setDns(`_25._tcp.${mx(label)}`, "TLSA", { answer: "servfail" }),
});

/** How each DANE state is made. Only where DANE is to deliver is the certificate one that no PKIX client takes. */
const made: Readonly<Record<DaneColumn, (label: string) => Made>> = {
  match: () => ({}),
  mismatch: () => ({ tlsa: "other" }),
  unusable: () => ({ tlsa: unusableRecord }),
  absent: () => ({ tlsa: null }),
  insecure: () => ({ zone: { signing: "unsigned" }, tlsa: "other" }),
  failed: servfail,
  forged: () => ({ zone: { tampered: "TLSA" } }),
  bogus: () => ({ zone: { signing: "wrong-ds" } }),
};

function policyFor(sts: StsColumn, label: string): PolicySpec | undefined {
  if (sts === "none") return undefined;
  if (sts === "testing") return { mode: "testing", mx: [`mx9.${under(label)}`], maxAge: 604_800 };
  return enforce(sts === "enforce, listed" ? mx(label) : `mx9.${under(label)}`);
}

/** Section J of docs/requirements.md, as one answer for the domain lets Postfix do it. */
function outcomeOf(dane: DaneColumn, sts: StsColumn, label: string): Expected {
  if (dane === "bogus") return noMx;
  if (dane === "failed" || dane === "forged") return waits(/^client TLS configuration problem$/);
  if (sts === "enforce, not listed") return notListed;
  if (dane === "mismatch") return waits(/^Server certificate not (verified|trusted)$/);
  if (dane === "match" || sts === "enforce, listed") return authenticated(label);
  return encrypted(label);
}

/** One DANE state with one MTA-STS state. */
export function postfixCell(dane: DaneColumn, sts: StsColumn): PostfixCase {
  const label = `${dane}-${sts.replaceAll(/, |\s/g, "-")}`;
  const { publish, ...options } = made[dane](label);
  const policy = policyFor(sts, label);
  const host: MxEntry = { exchange: mx(label), ...(dane === "match" ? { certificate: "self-signed" } : {}) };
  const spec: DomainSpec = { mx: [host], ...(policy === undefined ? {} : { policy }) };
  const title = `TLSA ${dane}, MTA-STS ${sts}`;
  const domain = daneDomain(label, { ...options, spec });
  return { ...domain, ...(publish ? { tlsa: publish } : {}), title, outcome: outcomeOf(dane, sts, label) };
}

/** The label of a case's domain, by which the tests of other MTAs call it. */
export const nameOf = ({ domain }: DaneDomain): string => domain.slice(0, domain.indexOf("."));

/** Every DANE state with every MTA-STS state: the interplay table of docs/dane.md. */
export const interplay: readonly PostfixCase[] = DANE_STATES.flatMap((dane) =>
  STS_STATES.map((sts) => postfixCell(dane, sts)),
);

const known = (label: string, title: string, outcome: Expected): PostfixCase => ({
  ...(daneDomains.find(({ domain }) => domain === under(label)) as DaneDomain),
  title,
  outcome,
});

const two = (label: string, first: Partial<MxEntry>, second: Partial<MxEntry> = {}): MxEntry[] => [
  { exchange: `mx1.${under(label)}`, ...first },
  { exchange: `mx2.${under(label)}`, ...second },
];

/** What the table does not show: chains, denials, wildcards, several hosts. */
export const further: readonly PostfixCase[] = [
  known("nsec3", "delivers by TLSA in a zone with NSEC3 (R-7672-2.2-01)", authenticated("nsec3")),
  known("absent-nsec3", "takes an NSEC3 denial of TLSA for what it is (R-7672-2.1.1-03)", encrypted("absent-nsec3")),
  known("expired", "waits while the zone's signatures have expired (R-7672-2.1.2-01)", noMx),
  known("tampered-mx", "waits while the MX records are forged (R-7672-2.1.2-01)", noMx),
  known("ta", "delivers by a TLSA record of the issuer (R-7672-3.1.2-01)", authenticated("ta")),
  known("wildcard", "delivers by a wildcard TLSA record (R-7672-2.2.3-02)", authenticated("wildcard")),
  known("alias-out", "delivers as without DANE over an alias into an unsigned zone (R-7672-2.2.2-05)", {
    sentTo: mx("alias-out"),
    tls: "unverified",
    aliasOf: mx("insecure"),
  }),
  {
    ...daneDomain("stripped", { spec: { mx: [{ exchange: mx("stripped"), starttls: "stripped" }] } }),
    title: "waits when STARTTLS is stripped from a host with TLSA records (R-7672-2.2.3-04)",
    outcome: noTls,
  },
  {
    ...daneDomain("unusable-clear", {
      spec: { mx: [{ exchange: mx("unusable-clear"), starttls: "stripped" }] },
      tlsa: unusableRecord,
    }),
    title: "waits when a host with unusable TLSA records offers no TLS (R-7672-2.2-02)",
    outcome: noTls,
  },
  {
    ...daneDomain("mixed", { spec: { mx: two("mixed", { certificate: "self-signed" }) }, tlsa: null }),
    tlsa: (world: RemoteWorld) => world.setTlsa(`mx1.${under("mixed")}`, "own"),
    title: "without a policy uses both kinds of hosts, each by its own rule (R-7672-2.2.1-01)",
    outcome: { sentTo: `mx1.${under("mixed")}`, tls: "verified" },
  },
  {
    ...daneDomain("mixed-enforce", {
      spec: { mx: two("mixed-enforce", {}), policy: enforce(`*.${under("mixed-enforce")}`) },
      tlsa: null,
    }),
    tlsa: (world: RemoteWorld) => world.setTlsa(`mx1.${under("mixed-enforce")}`, "other"),
    title:
      "under enforce leaves a host without TLSA records unused rather than one that fails them used (R-8461-2-01, R-MIX-03)",
    outcome: waits(),
  },
  {
    ...daneDomain(EXEMPT, { spec: { policy: enforce(mx(EXEMPT)) }, tlsa: "other" }),
    title: "goes by MTA-STS alone where the operator says so (dane.not-for)",
    outcome: authenticated(EXEMPT),
  },
  {
    ...daneDomain("one-broken", {
      spec: { mx: two("one-broken", {}, { certificate: "self-signed" }) },
      zone: { lines: delegationToLab("_tcp.mx1") },
      tlsa: null,
    }),
    tlsa: async (world: RemoteWorld) => {
      await world.setTlsa(`mx2.${under("one-broken")}`, "own");
      await world.setDns(`_25._tcp.mx1.${under("one-broken")}`, "TLSA", { answer: "servfail" });
    },
    title: "goes on to the next host when the TLSA lookup of one fails (R-7672-2.1.2-02, R-7672-2.1.2-03)",
    outcome: { sentTo: `mx2.${under("one-broken")}`, tls: "verified" },
  },
];
