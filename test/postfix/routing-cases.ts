import type { DomainSpec, MxEntry } from "../lab/domain-spec.ts";
import type { RemoteWorld } from "../lab/lab-client.ts";
import { type DeliveryCase, type Expected, enforce, type Outcome, unverified, verified } from "./delivery-cases.ts";

const rogue = (name: string): MxEntry => ({ exchange: `mx.${name}.evil.test` });
/** Postfix 3.10 with its own map does not even connect; else the certificate carries no permitted name. */
export const nobodyPermitted = (mx: string): Expected => ({
  postfix: unverified(),
  postfix310: {
    kept: "4.3.0",
    text: /server unavailable or unable to receive mail/,
    log: new RegExp(`MX name '${mx.replaceAll(".", "\\.")}' does not match STS MX pattern`),
  },
});

export const mxCases: readonly DeliveryCase[] = [
  {
    title: "leaves a first MX that the policy does not name for a good second (R-8461-4-02, R-8461-5.1-04)",
    domain: "roguefirst.test",
    spec: { policy: enforce("mx.roguefirst.test"), mx: [rogue("roguefirst"), "mx.roguefirst.test"] },
    outcome: verified("mx.roguefirst.test"),
  },
  {
    title: "leaves a first MX with a bad certificate for a good second (R-8461-5.1-04)",
    domain: "badfirst.test",
    spec: {
      policy: enforce("mx1.badfirst.test", "mx2.badfirst.test"),
      mx: [{ exchange: "mx1.badfirst.test", certificate: "expired" }, "mx2.badfirst.test"],
    },
    outcome: verified("mx2.badfirst.test"),
  },
  {
    title: "leaves a first MX without STARTTLS for a good second (R-8461-5.1-04, R-8461-5-02)",
    domain: "strippedfirst.test",
    spec: {
      policy: enforce("*.strippedfirst.test"),
      mx: [{ exchange: "mx1.strippedfirst.test", starttls: "stripped" }, "mx2.strippedfirst.test"],
    },
    outcome: verified("mx2.strippedfirst.test"),
  },
  {
    title: "defers when no MX host is in the policy, however good its certificate (R-8461-5-01, R-8461-5-07)",
    domain: "allrogue.test",
    spec: { policy: enforce("mx.allrogue.test"), mx: [rogue("allrogue")] },
    outcome: nobodyPermitted("mx.allrogue.evil.test"),
  },
  {
    title: "defers when no MX host fits the wildcard (R-8461-5-01)",
    domain: "wildrogue.test",
    spec: { policy: enforce("*.wildrogue.test"), mx: [rogue("wildrogue")] },
    outcome: nobodyPermitted("mx.wildrogue.evil.test"),
  },
  {
    title: "lets a wildcard pattern stand for one label (R-8461-4.1-02)",
    domain: "wild.test",
    spec: { policy: enforce("*.wild.test"), mx: ["mx.wild.test"] },
    outcome: verified("mx.wild.test"),
  },
  {
    title: "does not let a wildcard pattern stand for two labels (R-8461-4.1-02)",
    domain: "deep.test",
    spec: { policy: enforce("*.deep.test"), mx: ["a.mx.deep.test"] },
    outcome: nobodyPermitted("a.mx.deep.test"),
  },
  {
    title: "does not let a wildcard pattern stand for no label (R-8461-4.1-02)",
    domain: "apex.test",
    spec: { policy: enforce("*.apex.test"), mx: ["apex.test"] },
    outcome: nobodyPermitted("apex.test"),
  },
  {
    title: "takes the one host that any of several overlapping patterns permits (R-8461-4.1-07)",
    domain: "overlap.test",
    spec: { policy: enforce("other.overlap.test", "*.overlap.test", "*.overlap.test"), mx: ["mx.overlap.test"] },
    outcome: verified("mx.overlap.test"),
  },
  {
    title: "compares names without regard to case (R-8461-4.1-01)",
    domain: "case.test",
    spec: {
      policy: enforce("Mx.CASE.test"),
      mx: [{ exchange: "MX.Case.Test", certificate: { names: ["mx.case.test"] } }],
    },
    outcome: verified("MX.Case.Test"),
  },
  {
    title: "compares the name of the MX record, not the name it is an alias of (R-8461-4.1-04, R-5321-5.1-07)",
    domain: "alias.test",
    spec: { policy: enforce("*.alias.test"), mx: [{ exchange: "mx.alias.test", server: false }] },
    outcome: { sentTo: "mx.alias.test", tls: "verified", aliasOf: "target.aliases.test" },
  },
  {
    title: "does not take a certificate for the name that the MX host is an alias of (R-9525-6.1-01)",
    domain: "aliased.test",
    spec: { policy: enforce("*.aliased.test"), mx: [{ exchange: "mx.aliased.test", server: false }] },
    outcome: unverified(),
  },
  {
    title: "takes the domain itself for its MX host where it has none (R-8461-4.1-05, R-5321-5.1-03)",
    domain: "implicit.test",
    spec: { policy: enforce("implicit.test"), mx: [] },
    outcome: verified("implicit.test"),
  },
  {
    title: "defers when there is no MX record and no pattern for the domain itself (R-8461-4.1-05)",
    domain: "unlisted.test",
    spec: { policy: enforce("*.unlisted.test"), mx: [] },
    outcome: nobodyPermitted("unlisted.test"),
  },
  {
    title: "returns mail for a domain that wants none, without asking for a policy (R-7505-3-01)",
    domain: "nullmx.test",
    spec: { policy: enforce("mx.nullmx.test"), mx: [{ exchange: "", preference: 0 }] },
    outcome: { kept: "5.1.0", text: /does not accept mail \(nullMX\)/ },
    unasked: true,
  },
  {
    title: "passes on what a good host says of a recipient (R-8461-5.1-07)",
    domain: "nouser.test",
    spec: {
      policy: enforce("mx.nouser.test"),
      mx: [{ exchange: "mx.nouser.test", replies: { rcpt: "550 5.1.1 no such user" } }],
    },
    outcome: { kept: "5.1.1", text: /no such user/ },
  },
  {
    title: "takes the certificate of one permitted host from another only where Postfix compares no MX names",
    domain: "crossed.test",
    spec: {
      policy: enforce("mx1.crossed.test", "mx2.crossed.test"),
      mx: [{ exchange: "mx1.crossed.test", certificate: { names: ["mx2.crossed.test"] } }],
    },
    // docs/postfix.md, "What Postfix does not check".
    outcome: { postfix: verified("mx1.crossed.test"), postfix310: unverified() },
  },
];

export const failureCases: readonly DeliveryCase[] = [
  {
    title: "defers while discovery fails, with the reason and the command to run in the mail log (R-BIND-ALL-03)",
    domain: "servfail.test",
    spec: { txt: { answer: "servfail" } },
    outcome: {
      kept: "4.7.5",
      text: /client TLS configuration problem/,
      log: /discovery-failed: TXT _mta-sts\.servfail\.test: SERVFAIL .*; run: mta-sts query servfail\.test/,
    },
  },
  {
    title: "defers when the MX lookup of an enforced domain fails (R-5321-5.1-02)",
    domain: "mxfail.test",
    spec: { policy: enforce("*.mxfail.test") },
    outcome: { kept: "4.4.3", text: /Host or domain name not found\. Name service error/ },
  },
  {
    title: "returns mail for a domain that does not exist (R-5321-5.1-02)",
    domain: "gone.test",
    spec: { policy: enforce("*.gone.test") },
    outcome: { kept: "5.4.4", text: /Host or domain name not found\. Name service error/ },
    unasked: true,
  },
];

const inClear = (sentTo: string): Outcome => ({ sentTo, tls: "none" });

export const opportunisticCases: readonly DeliveryCase[] = [
  {
    title: "delivers in clear where there is no policy and no STARTTLS",
    domain: "plain.test",
    spec: { mx: [{ exchange: "mx.plain.test", starttls: "stripped" }] },
    outcome: inClear("mx.plain.test"),
  },
  {
    title: "delivers to a self-signed certificate where there is no policy",
    domain: "casual.test",
    spec: { mx: [{ exchange: "mx.casual.test", certificate: "self-signed" }] },
    outcome: { sentTo: "mx.casual.test", tls: "unverified" },
  },
  {
    title: "delivers as without a policy when the policy host has none (R-8461-3.3-16)",
    domain: "nopolicy.test",
    spec: { id: "1", policyHost: {}, mx: [{ exchange: "mx.nopolicy.test", starttls: "stripped" }] },
    outcome: inClear("mx.nopolicy.test"),
  },
  {
    title: "delivers in clear to a host that a testing policy does not permit (R-8461-5-03, R-BIND-PF-04)",
    domain: "testing.test",
    spec: {
      policy: { mode: "testing", mx: ["mx.testing.test"], maxAge: 86_400 },
      mx: [{ exchange: "other.testing.test", starttls: "stripped" }],
    },
    outcome: inClear("other.testing.test"),
  },
  {
    title: "delivers under a testing policy to a certificate that is not good (R-8461-5-03)",
    domain: "testcert.test",
    spec: {
      policy: { mode: "testing", mx: ["mx.testcert.test"], maxAge: 86_400 },
      mx: [{ exchange: "mx.testcert.test", certificate: "self-signed" }],
    },
    outcome: { sentTo: "mx.testcert.test", tls: "unverified" },
  },
  {
    title: "delivers in clear under mode none (R-8461-5-05, R-BIND-PF-04)",
    domain: "none.test",
    spec: {
      policy: { mode: "none", maxAge: 86_400 },
      mx: [{ exchange: "mx.none.test", starttls: "stripped" }],
    },
    outcome: inClear("mx.none.test"),
  },
  {
    title: "does not apply a parent's policy to a subdomain (R-8461-3.4-04, R-8461-3.4-05, R-BIND-PF-02)",
    domain: "parent.test",
    spec: { policy: enforce("mx.parent.test") },
    to: "b@sub.parent.test",
    outcome: inClear("mx.sub.parent.test"),
  },
];

/** Hosts and domains beside those of the cases. */
export const otherDomains: Readonly<Record<string, DomainSpec>> = {
  "aliases.test": {
    mx: [
      { exchange: "target.aliases.test", certificate: { names: ["mx.alias.test"] } },
      "other.aliases.test",
      "implicit.test",
      "unlisted.test",
    ],
  },
  "sub.parent.test": { mx: [{ exchange: "mx.sub.parent.test", starttls: "stripped" }] },
};

/** What a domain description cannot say of the cases. */
export async function setOddRecords(world: RemoteWorld): Promise<void> {
  await world.setDns("mx.alias.test", "CNAME", ["target.aliases.test"]);
  await world.setDns("mx.aliased.test", "CNAME", ["other.aliases.test"]);
  await world.setDns("mxfail.test", "MX", { answer: "servfail" });
  await world.setDns("gone.test", "MX", { answer: "nxdomain" });
}
