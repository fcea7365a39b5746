import {
  DANE_STATES,
  type DaneColumn,
  nameOf,
  postfixCell,
  STS_STATES,
  type StsColumn,
} from "../dane/postfix-cases.ts";
import { delegationToLab } from "../dane/signed-world.ts";
import { type DaneDomain, type DaneDomainOptions, daneDomain, daneDomains, under } from "../dane/signed-zones.ts";
import type { DomainSpec, MxEntry, PolicySpec } from "../lab/domain-spec.ts";
import { enforce } from "../postfix/delivery-cases.ts";
import { type Fate, sent } from "./matrix-cases.ts";

/** One signed domain, what stock Haraka does with mail to it, and what Haraka with the plugin does. */
export interface DaneCase extends DaneDomain {
  readonly name: string;
  readonly title: string;
  readonly stock: Fate;
  readonly plugin: Fate;
  /** Result types of the outcomes the plugin tells of, in order; null is success. Left out: not looked at. */
  readonly outcomes?: readonly (string | null)[];
}

const deferred = (reason: RegExp): Fate => ({ deferred: reason });
const mx = (name: string) => `mx.${under(name)}`;
const selfSigned = (name: string, more: Partial<MxEntry> = {}): DomainSpec => ({
  mx: [{ exchange: mx(name), certificate: "self-signed", ...more }],
});
const stripped = (name: string): DomainSpec => ({ mx: [{ exchange: mx(name), starttls: "stripped" }] });
const withPolicy = (policy: PolicySpec, spec: DomainSpec = {}): DomainSpec => ({ ...spec, policy });
const testing = (...patterns: string[]): PolicySpec => ({ mode: "testing", mx: patterns, maxAge: 604_800 });

type Rest = Pick<DaneCase, "title" | "plugin"> & Partial<DaneCase>;

/** By default it delivers to mx.<domain> as it comes: stock Haraka knows no DANE. */
const made = (name: string, options: DaneDomainOptions, rest: Rest): DaneCase => ({
  ...daneDomain(name, options),
  name,
  stock: sent(mx(name)),
  ...rest,
});

/** A domain of the signed world's own list. */
const known = (name: string, rest: Rest): DaneCase => ({
  ...(daneDomains.find(({ domain }) => domain === under(name)) as DaneDomain),
  name,
  stock: sent(mx(name)),
  ...rest,
});

const bogus = deferred(/queryMx E(SERVFAIL|TIMEOUT)/);
const unusableRecord = [{ usage: 1, selector: 1, matching: 1, of: "leaf" }] as const;
const lastOf = (name: string): MxEntry[] => [{ exchange: `mx2.${under(name)}`, certificate: "self-signed" }];
const two = (name: string, first: Partial<MxEntry>): DomainSpec => ({
  mx: [{ exchange: `mx1.${under(name)}`, ...first }, ...lastOf(name)],
});

/** DANE alone, no policy anywhere. */
const alone: readonly DaneCase[] = [
  known("secure", {
    title: "matching records and a self-signed certificate: delivered (R-7672-2.2-01, R-7672-3.1.1-01)",
    plugin: sent(mx("secure")),
    outcomes: [null],
  }),
  known("nsec3", { title: "the same in a zone with NSEC3", plugin: sent(mx("nsec3")), outcomes: [null] }),
  known("mismatch", {
    title: "records of another key: deferred although PKIX would pass (R-7672-3.2-01)",
    plugin: deferred(/^DANE mismatch\.dane\.test: mx\.mismatch\.dane\.test: .*dane-no-match/),
  }),
  known("tampered-tlsa", {
    title: "records that do not validate: no connection (R-7672-2.1.2-03, R-7672-10-01)",
    plugin: deferred(/mx\.tampered-tlsa\.dane\.test: dnssec-invalid: tlsa-failed/),
  }),
  known("servfail", {
    title: "records that cannot be had: no connection (R-7672-2.1.2-03, R-7672-2.2-04)",
    plugin: deferred(/mx\.servfail\.dane\.test: dnssec-invalid: tlsa-failed/),
    outcomes: ["dnssec-invalid"],
  }),
  known("bogus", { title: "a bogus zone: deferred (R-7672-2.1.2-01)", stock: bogus, plugin: deferred(/^DANE .*MX/) }),
  known("expired", { title: "signatures that have expired: deferred", stock: bogus, plugin: deferred(/^DANE .*MX/) }),
  known("tampered-mx", { title: "forged MX records: deferred", stock: bogus, plugin: deferred(/^DANE .*MX/) }),
  made(
    "insecure",
    { zone: { signing: "unsigned" }, tlsa: "other" },
    {
      title: "records that nobody signed are not looked at (R-7672-2.2-03)",
      plugin: sent(mx("insecure")),
      outcomes: [],
    },
  ),
  made(
    "absent",
    { tlsa: null, spec: stripped("absent") },
    {
      title: "proof that there are no records: as ever, in clear too (R-7672-2.2-03)",
      stock: sent(mx("absent"), false),
      plugin: sent(mx("absent"), false),
      outcomes: [],
    },
  ),
  known("absent-nsec3", { title: "the same by NSEC3", plugin: sent(mx("absent-nsec3")), outcomes: [] }),
  known("unusable", {
    title: "records of which none is usable: TLS is enough (R-7672-2.2-02, R-7672-3.1.3-01)",
    plugin: sent(mx("unusable")),
    outcomes: ["tlsa-invalid"],
  }),
  made(
    "unusable-selfsigned",
    { tlsa: unusableRecord, spec: selfSigned("unusable-selfsigned") },
    {
      title: "records of which none is usable: anybody's TLS (R-7672-2.2-02)",
      plugin: sent(mx("unusable-selfsigned")),
    },
  ),
  made(
    "unusable-stripped",
    { tlsa: unusableRecord, spec: stripped("unusable-stripped") },
    {
      title: "records of which none is usable, and no TLS: deferred (R-7672-2.2-02, R-7672-2.2.3-04)",
      stock: sent(mx("unusable-stripped"), false),
      plugin: deferred(/mx\.unusable-stripped\.dane\.test: starttls-not-supported/),
    },
  ),
  made(
    "stripped",
    { spec: stripped("stripped") },
    {
      title: "matching records, STARTTLS stripped: deferred (R-7672-2.2-01)",
      stock: sent(mx("stripped"), false),
      plugin: deferred(/mx\.stripped\.dane\.test: starttls-not-supported/),
    },
  ),
  known("ta", { title: "the record holds the issuer (R-7672-3.1.2-01)", plugin: sent(mx("ta")), outcomes: [null] }),
  made(
    "ta-wrong-name",
    {
      tlsa: [{ usage: 2, selector: 0, matching: 0, of: "ca" }],
      spec: { mx: [{ exchange: mx("ta-wrong-name"), certificate: "wrong-name" }] },
    },
    {
      title: "the right issuer, another name: deferred (R-7672-3.1.2-01)",
      plugin: deferred(/mx\.ta-wrong-name\.dane\.test: certificate-host-mismatch/),
    },
  ),
  made(
    "ta-next-hop",
    {
      tlsa: [{ usage: 2, selector: 0, matching: 0, of: "ca" }],
      spec: { mx: [{ exchange: mx("ta-next-hop"), certificate: { names: [under("ta-next-hop")] } }] },
    },
    {
      title: "the name of the next hop will do where the MX is signed (R-7672-3.2.2-01)",
      plugin: sent(mx("ta-next-hop")),
    },
  ),
  made(
    "ta-expired",
    {
      tlsa: [{ usage: 2, selector: 0, matching: 0, of: "ca" }],
      spec: { mx: [{ exchange: mx("ta-expired"), certificate: "expired" }] },
    },
    {
      title: "the right issuer, expired: deferred (R-7672-3.1.2-01)",
      plugin: deferred(/mx\.ta-expired\.dane\.test: certificate-expired/),
    },
  ),
  known("alias", {
    title: "the MX host is a signed alias: its target's records and name (R-7672-2.2.2-06, R-7672-8.1-01)",
    stock: sent(mx("secure")),
    plugin: sent(mx("secure")),
    outcomes: [null],
  }),
  known("alias-out", {
    title: "the MX host is an alias into an unsigned zone, itself without records: as ever (R-7672-2.2.2-05)",
    stock: sent(mx("insecure")),
    plugin: sent(mx("insecure")),
    outcomes: [],
  }),
  known("wildcard", { title: "a wildcard record (R-7672-2.2.3-02)", plugin: sent(mx("wildcard")), outcomes: [null] }),
  made(
    "mismatch-then-good",
    {
      spec: two("mismatch-then-good", {}),
      tlsa: null,
    },
    {
      title: "a host that fails is left for the next (R-BIND-HAR-01, R-7672-2.2.1-01)",
      stock: sent("mx1.mismatch-then-good.dane.test"),
      plugin: sent("mx2.mismatch-then-good.dane.test"),
      tlsa: async (world) => {
        await world.setTlsa("mx1.mismatch-then-good.dane.test", "other");
        await world.setTlsa("mx2.mismatch-then-good.dane.test", "own");
      },
    },
  ),
  made(
    "absent-then-dane",
    { spec: two("absent-then-dane", { certificate: "self-signed" }), tlsa: null },
    {
      title: "order is that of the MX records, not of security (R-7672-2.2.1-02)",
      stock: sent("mx1.absent-then-dane.dane.test"),
      plugin: sent("mx1.absent-then-dane.dane.test"),
      tlsa: (world) => world.setTlsa("mx2.absent-then-dane.dane.test", "own"),
    },
  ),
  {
    ...made(
      "unsigned-mx",
      { zone: { signing: "unsigned" }, spec: { mx: [{ exchange: mx("named"), server: false }] }, tlsa: null },
      {
        title: "an unsigned MX record may name whom an attacker likes: his records are not looked at (R-7672-2.2.1-03)",
        stock: sent(mx("named")),
        plugin: sent(mx("named")),
        outcomes: [],
      },
    ),
  },
  {
    ...made(
      "dead-then-good",
      {
        spec: { mx: [{ exchange: "mx1.dead-then-good.dane.test", server: false }, ...lastOf("dead-then-good")] },
        zone: { lines: delegationToLab("mx1") },
      },
      {
        title: "one host whose address cannot be had does not hold up the others (R-7672-2.1.2-02)",
        stock: sent("mx2.dead-then-good.dane.test"),
        plugin: sent("mx2.dead-then-good.dane.test"),
      },
    ),
    tlsa: async (world) => {
      await world.setTlsa("mx2.dead-then-good.dane.test", "own");
      await world.setDns("mx1.dead-then-good.dane.test", "*", { answer: "servfail" });
    },
  },
  {
    ...made(
      "implicit",
      { spec: { mx: [] } },
      {
        title: "no MX record, securely so: the domain itself is the host (R-5321-5.1-03, R-7672-2.2.1-01)",
        stock: sent(under("implicit")),
        plugin: sent(under("implicit")),
        outcomes: [null],
      },
    ),
    tlsa: (world) => world.setTlsa(under("implicit"), "own"),
  },
];

/** DANE and MTA-STS together: section J of docs/requirements.md. */
const together: readonly DaneCase[] = [
  made(
    "both-absent-selfsigned",
    { spec: withPolicy(enforce(mx("both-absent-selfsigned")), selfSigned("both-absent-selfsigned")), tlsa: null },
    {
      title: "enforce, no records, self-signed: deferred (R-MIX-03)",
      plugin: deferred(/mx\.both-absent-selfsigned\.dane\.test: certificate-not-trusted/),
    },
  ),
  made(
    "both-unusable-selfsigned",
    {
      spec: withPolicy(enforce(mx("both-unusable-selfsigned")), selfSigned("both-unusable-selfsigned")),
      tlsa: unusableRecord,
    },
    {
      title: "enforce, no usable record, self-signed: deferred (R-MIX-02)",
      plugin: deferred(/mx\.both-unusable-selfsigned\.dane\.test: certificate-not-trusted/),
    },
  ),
  made(
    "testing-unusable",
    { spec: withPolicy(testing(mx("testing-unusable")), stripped("testing-unusable")), tlsa: unusableRecord },
    {
      title: "testing relaxes no TLS that unusable records ask (R-MIX-02)",
      stock: sent(mx("testing-unusable"), false),
      plugin: deferred(/mx\.testing-unusable\.dane\.test: starttls-not-supported/),
    },
  ),
  {
    ...made(
      "both-mixed",
      { spec: withPolicy(enforce("*.both-mixed.dane.test"), two("both-mixed", { certificate: "self-signed" })) },
      {
        title: "enforce governs the host without records, DANE the one with them (R-MIX-03)",
        stock: sent("mx1.both-mixed.dane.test"),
        plugin: sent("mx2.both-mixed.dane.test"),
        outcomes: ["certificate-not-trusted", null],
      },
    ),
    tlsa: (world) => world.setTlsa("mx2.both-mixed.dane.test", "own"),
  },
  {
    ...made(
      "testing-mixed",
      { spec: withPolicy(testing("*.testing-mixed.dane.test"), two("testing-mixed", { certificate: "self-signed" })) },
      {
        title: "testing watches the host without records and changes nothing about it (R-MIX-03)",
        stock: sent("mx1.testing-mixed.dane.test"),
        plugin: sent("mx1.testing-mixed.dane.test"),
        outcomes: ["certificate-not-trusted"],
      },
    ),
    tlsa: (world) => world.setTlsa("mx2.testing-mixed.dane.test", "own"),
  },
  {
    ...made(
      "unknown-match",
      { spec: selfSigned("unknown-match"), zone: { lines: delegationToLab("_mta-sts") } },
      {
        title: "whether there is a policy cannot be found out: a host that DANE proves need not wait",
        plugin: sent(mx("unknown-match")),
        outcomes: [null],
      },
    ),
    tlsa: async (world) => {
      await world.setTlsa(mx("unknown-match"), "own");
      await world.setDns(`_mta-sts.${under("unknown-match")}`, "TXT", { answer: "servfail" });
    },
  },
  {
    ...made(
      "unknown-absent",
      { zone: { lines: delegationToLab("_mta-sts") } },
      {
        title: "whether there is a policy cannot be found out, and there is no DANE: deferred briefly (AMB-10)",
        plugin: deferred(/^MTA-STS unknown-absent\.dane\.test: discovery-failed/),
        outcomes: [],
      },
    ),
    tlsa: (world) => world.setDns(`_mta-sts.${under("unknown-absent")}`, "TXT", { answer: "servfail" }),
  },
];

/** Every DANE state with every MTA-STS state, as docs/dane.md has them; the testing policies do not list the host. */
const grid: readonly DaneCase[] = DANE_STATES.flatMap((dane) =>
  STS_STATES.map((sts): DaneCase => {
    const { outcome: _, ...cell } = postfixCell(dane, sts);
    const name = nameOf(cell);
    return { ...cell, name, stock: dane === "bogus" ? bogus : sent(mx(name)), ...answerTo(dane, sts, name) };
  }),
);

function answerTo(dane: DaneColumn, sts: StsColumn, name: string): Pick<DaneCase, "plugin" | "outcomes"> {
  // A testing policy that decides nothing tells what it would have said.
  const told = (...first: (string | null)[]) => [...first, ...(sts === "testing" ? ["validation-failure"] : [])];
  if (dane === "bogus") return { plugin: deferred(/^DANE .*: the MX records cannot be had/), outcomes: [] };
  if (dane === "failed" || dane === "forged")
    return { plugin: deferred(/dnssec-invalid: tlsa-failed/), outcomes: ["dnssec-invalid"] };
  if (sts === "enforce, not listed")
    return { plugin: deferred(/validation-failure: not-in-policy/), outcomes: ["validation-failure"] };
  if (dane === "mismatch") return { plugin: deferred(/: dane-no-match/), outcomes: told("certificate-host-mismatch") };
  if (dane === "match") return { plugin: sent(mx(name)), outcomes: told(null) };
  if (sts === "enforce, listed") return { plugin: sent(mx(name)), outcomes: [null] };
  return { plugin: sent(mx(name)), outcomes: dane === "unusable" && sts === "none" ? ["tlsa-invalid"] : told() };
}

/** A signed domain that is no case; unsigned-mx names its host, which shows another key than its records say. */
export const named = daneDomain("named", { tlsa: "other" });

/** Hosts that belong to no case: the server of implicit.dane.test, which has no MX record to make one. */
export const daneNeighbours: Readonly<Record<string, DomainSpec>> = {
  "neighbour.test": { mx: [{ exchange: under("implicit"), certificate: "self-signed" }] },
};

export const daneMatrix: readonly DaneCase[] = [...alone, ...together, ...grid];
