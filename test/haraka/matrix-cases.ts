import type { DomainSpec, MxEntry } from "../lab/domain-spec.ts";
import type { MxBehaviour } from "../lab/mx-server.ts";
import { enforce } from "../postfix/delivery-cases.ts";

/** What becomes of one message at its first attempt. */
export type Fate =
  | { readonly sentTo: string; readonly tls: boolean }
  | { readonly deferred: RegExp }
  | { readonly bounced: RegExp };

/** One recipient domain, what stock Haraka does with mail to it, and what Haraka with the plugin does. */
export interface MatrixCase {
  readonly name: string;
  readonly title: string;
  readonly domain: string;
  readonly spec: DomainSpec;
  readonly stock: Fate;
  readonly plugin: Fate;
  /** Header Lab-Mark of the message. */
  readonly mark?: string;
  /** Who may have taken the message although it is not the policy's: exempt by design. */
  readonly exempt?: true;
}

export const sent = (sentTo: string, tls = true): Fate => ({ sentTo, tls });
const deferred = (reason: RegExp): Fate => ({ deferred: reason });
const bounced = (reason: RegExp): Fate => ({ bounced: reason });

function only(
  name: string,
  title: string,
  behaviour: MxBehaviour,
  stock: Fate | "sent",
  plugin: Fate | RegExp,
): MatrixCase {
  const domain = `${name}.test`;
  const mx = `mx.${domain}`;
  return {
    name,
    title,
    domain,
    spec: { policy: enforce(`*.${domain}`), mx: [{ exchange: mx, ...behaviour }] },
    stock: stock === "sent" ? sent(mx) : stock,
    plugin: plugin instanceof RegExp ? deferred(plugin) : plugin,
  };
}

/** A bad host first, a good one second: one failing host never costs the message (R-8461-5.1-04). */
function thenGood({ name, title, spec, stock }: MatrixCase, stockThen: Fate = stock): MatrixCase {
  const domain = `${name}-then-good.test`;
  const [bad] = spec.mx as MxEntry[];
  const first = `mx.${domain}`;
  const fate =
    "sentTo" in stockThen && stockThen.sentTo === `mx.${name}.test` ? { ...stockThen, sentTo: first } : stockThen;
  return {
    name: `${name}-then-good`,
    title: `${title}; the next MX host is good (R-8461-5.1-04, R-BIND-HAR-01)`,
    domain,
    spec: { policy: enforce(`*.${domain}`), mx: [{ ...(bad as MxEntry), exchange: first }, `mx2.${domain}`] },
    stock: fate,
    plugin: sent(`mx2.${domain}`),
  };
}

const good = (name: string) => sent(`mx2.${name}-then-good.test`);

const selfSigned = only(
  "selfsigned",
  "a self-signed certificate (R-8461-4.2-02)",
  { certificate: "self-signed" },
  "sent",
  /mx\.selfsigned\.test: certificate-not-trusted/,
);
const noStarttls = only(
  "nostarttls",
  "STARTTLS stripped (R-8461-4.2-09)",
  { starttls: "stripped" },
  sent("mx.nostarttls.test", false),
  /mx\.nostarttls\.test: starttls-not-supported \(STARTTLS is not offered\)/,
);
const ehlo5xx = only(
  "ehlo5xx",
  "EHLO refused, so that HELO follows (R-8461-5-02)",
  { replies: { ehlo: "502 5.5.1 what is EHLO?" } },
  sent("mx.ehlo5xx.test", false),
  /mx\.ehlo5xx\.test: starttls-not-supported \(EHLO was answered "502 5\.5\.1 what is EHLO\?"\)/,
);
const starttls5xx = only(
  "starttls5xx",
  "STARTTLS refused for good (R-8461-5-07)",
  { replies: { starttls: "554 5.7.0 TLS not available" } },
  bounced(/TLS not available/),
  /mx\.starttls5xx\.test: starttls-not-supported \(STARTTLS was answered "554 5\.7\.0 TLS not available"\)/,
);
const banner554 = only(
  "banner554",
  "turned away by the greeting (R-8461-5-07)",
  { replies: { greeting: "554 go away" } },
  bounced(/go away/),
  /mx\.banner554\.test: starttls-not-supported \(greeting was answered "554 go away"\)/,
);
const reset = only(
  "rst",
  "the connection is reset after STARTTLS (R-8461-4.2-09)",
  { starttls: "reset" },
  deferred(/Tried all MXs/),
  /mx\.rst\.test: validation-failure: handshake-failed \(TLS handshake: .*\)/,
);

const mismatch: MatrixCase = {
  name: "mxmismatch",
  title: "a forged MX with a valid certificate for its own name (R-8461-5-01)",
  domain: "mxmismatch.test",
  spec: { policy: enforce("*.mxmismatch.test"), mx: ["mx.evil.test"] },
  stock: sent("mx.evil.test"),
  plugin: deferred(/mx\.evil\.test: validation-failure: not-in-policy/),
};

/** What DANE makes of a host is in dane-cases.ts, whose world has a resolver that validates. */
export const matrix: readonly MatrixCase[] = [
  only("valid", "a permitted host with a good certificate (R-8461-4-01)", {}, "sent", sent("mx.valid.test")),
  only(
    "wildcard",
    "a wildcard certificate (R-8461-4.2-03)",
    { certificate: "wildcard" },
    "sent",
    sent("mx.wildcard.test"),
  ),
  selfSigned,
  only(
    "wrong",
    "a certificate for another name (R-8461-4.2-03, R-8461-4.2-05)",
    { certificate: "wrong-name" },
    "sent",
    /mx\.wrong\.test: certificate-host-mismatch/,
  ),
  only(
    "expired",
    "an expired certificate (R-8461-4.2-01)",
    { certificate: "expired" },
    "sent",
    /mx\.expired\.test: certificate-expired/,
  ),
  only(
    "cnonly",
    "the name in the CN only (R-8461-4.2-04, R-BIND-HAR-04)",
    { certificate: "cn-only" },
    "sent",
    /mx\.cnonly\.test: certificate-host-mismatch/,
  ),
  noStarttls,
  ehlo5xx,
  starttls5xx,
  only(
    "starttls454",
    "STARTTLS refused for now (R-8461-4.2-09)",
    { starttls: "refused" },
    deferred(/454 .*TLS not available/),
    /mx\.starttls454\.test: starttls-not-supported \(STARTTLS was answered "454/,
  ),
  banner554,
  reset,
  only(
    "otherca",
    "a certificate of an unknown CA (R-8461-4.2-02)",
    { certificate: "other-ca" },
    "sent",
    /mx\.otherca\.test: certificate-not-trusted/,
  ),
  thenGood(selfSigned),
  thenGood(noStarttls),
  thenGood(ehlo5xx),
  thenGood(starttls5xx),
  thenGood(banner554),
  thenGood(reset, good("rst")),
  mismatch,
  {
    ...mismatch,
    name: "mxmismatch-then-good",
    title: "a forged MX before the true one (R-8461-5.1-04, R-8461-8.4-01)",
    domain: "mxmismatch-then-good.test",
    spec: { policy: enforce("mx2.mxmismatch-then-good.test"), mx: ["mx.evil.test", "mx2.mxmismatch-then-good.test"] },
    plugin: sent("mx2.mxmismatch-then-good.test"),
  },
  {
    name: "testing-selfsigned",
    title: "testing mode changes nothing (R-8461-5-03, R-8461-4.2-10)",
    domain: "testing-selfsigned.test",
    spec: {
      policy: { mode: "testing", mx: ["mx.testing-selfsigned.test"], maxAge: 604_800 },
      mx: [{ exchange: "mx.testing-selfsigned.test", certificate: "self-signed" }],
    },
    stock: sent("mx.testing-selfsigned.test"),
    plugin: sent("mx.testing-selfsigned.test"),
  },
  {
    name: "testing-stripped",
    title: "testing mode also lets mail out in clear (R-8461-5-03)",
    domain: "testing-stripped.test",
    spec: {
      policy: { mode: "testing", mx: ["other.testing-stripped.test"], maxAge: 604_800 },
      mx: [{ exchange: "mx.testing-stripped.test", starttls: "stripped" }],
    },
    stock: sent("mx.testing-stripped.test", false),
    plugin: sent("mx.testing-stripped.test", false),
  },
  {
    name: "routed",
    title: "a route of another plugin is exempt",
    domain: "routed.test",
    spec: { policy: enforce("mx.routed.test"), mx: [{ exchange: "mx.routed.test", starttls: "stripped" }] },
    stock: sent("mx.route.test", false),
    plugin: sent("mx.route.test", false),
    exempt: true,
  },
  {
    name: "crash",
    title: "a get_mx plugin that fails before ours",
    domain: "crash.test",
    spec: { policy: enforce("mx.crash.test"), mx: [{ exchange: "mx.crash.test", starttls: "stripped" }] },
    stock: sent("mx.crash.test", false),
    plugin: deferred(/mx\.crash\.test: starttls-not-supported/),
  },
  {
    name: "nopolicy",
    title: "a domain without a policy stays opportunistic",
    domain: "nopolicy.test",
    spec: { mx: [{ exchange: "mx.nopolicy.test", certificate: "self-signed" }] },
    stock: sent("mx.nopolicy.test"),
    plugin: sent("mx.nopolicy.test"),
  },
  {
    name: "implicit",
    title: "no MX record: the domain itself is the candidate (R-8461-4.1-05)",
    domain: "implicit.test",
    spec: { policy: enforce("implicit.test"), mx: [] },
    stock: sent("implicit.test"),
    plugin: deferred(/implicit\.test: certificate-host-mismatch/),
  },
  only(
    "injected",
    "plaintext after the reply to STARTTLS is a failure of that host (R-3207-4.2-01)",
    { starttls: "injected" },
    deferred(/Tried all MXs/),
    /mx\.injected\.test: validation-failure: handshake-failed \(plaintext after the reply to STARTTLS\)/,
  ),
  only(
    "tls11",
    "TLS 1.1 only (R-8461-7.2-01)",
    { starttls: "tls1.1" },
    deferred(/Tried all MXs/),
    /mx\.tls11\.test: validation-failure: handshake-failed/,
  ),
  only(
    "garbage",
    "no TLS behind STARTTLS (R-8461-4.2-09)",
    { starttls: "garbage" },
    bounced(/Unrecognized response/),
    /mx\.garbage\.test: validation-failure: handshake-failed/,
  ),
  only(
    "sni",
    "the right certificate only for who asks by name (R-8461-7.1-01)",
    { certificate: "wrong-name", sniCertificate: "good" },
    "sent",
    sent("mx.sni.test"),
  ),
  only(
    "partial",
    "a wildcard inside a label (R-9525-6.3-01)",
    { certificate: "partial-wildcard" },
    "sent",
    /mx\.partial\.test: certificate-host-mismatch/,
  ),
  only(
    "nochain",
    "the intermediate is not sent (R-8461-4.2-02)",
    { certificate: "missing-intermediate" },
    "sent",
    /mx\.nochain\.test: certificate-not-trusted/,
  ),
  only(
    "rejected",
    "a refusal by a proven host is an ordinary refusal (R-8461-5.1-07)",
    { replies: { rcpt: "550 5.1.1 no such user" } },
    bounced(/Some recipients failed/),
    bounced(/Some recipients failed/),
  ),
  {
    name: "nullmx",
    title: "a null MX is refused for good and its policy is never asked for (R-7505-3-01)",
    domain: "nullmx.test",
    spec: { policy: enforce("mx.nullmx.test"), mx: [{ exchange: "", preference: 0 }] },
    stock: bounced(/NULL MX/),
    plugin: bounced(/NULL MX/),
  },
  {
    name: "deep",
    title: "a wildcard pattern stands for one label (R-8461-4.1-02)",
    domain: "deep.test",
    spec: { policy: enforce("*.deep.test"), mx: ["a.b.deep.test"] },
    stock: sent("a.b.deep.test"),
    plugin: deferred(/a\.b\.deep\.test: validation-failure: not-in-policy/),
  },
  {
    name: "report",
    title: "a TLS report goes out whatever the policy says (R-8460-3-10)",
    domain: "report.test",
    spec: { policy: enforce("mx.report.test"), mx: [{ exchange: "mx.report.test", certificate: "expired" }] },
    stock: sent("mx.report.test"),
    plugin: sent("mx.report.test"),
    mark: "tls-report",
    exempt: true,
  },
];

/** Hosts that belong to no case. */
export const others: Readonly<Record<string, DomainSpec>> = {
  "route.test": { mx: [{ exchange: "mx.route.test", starttls: "stripped" }] },
  // Gives implicit.test an address and a server.
  "neighbour.test": { mx: [{ exchange: "implicit.test", certificate: "wrong-name" }] },
};

export const domainsOf = (cases: readonly MatrixCase[]): Record<string, DomainSpec> => ({
  ...others,
  ...Object.fromEntries(cases.map(({ domain, spec }) => [domain, spec])),
});
