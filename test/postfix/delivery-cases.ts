import type { CertificateSpec } from "../lab/ca.ts";
import type { DomainSpec, PolicySpec } from "../lab/domain-spec.ts";
import type { MxBehaviour } from "../lab/mx-server.ts";

/** What becomes of one message. */
export type Outcome =
  /** Taken by this MX host: over TLS that Postfix verified, over other TLS, or in clear. */
  | {
      readonly sentTo: string;
      readonly tls: "verified" | "unverified" | "none";
      /** Where the MX host is an alias: the name of the host that took the message. */
      readonly aliasOf?: string;
    }
  /** Back in the queue (4.x.x) or returned (5.x.x): the status code, Postfix's words, and a line of its log. */
  | { readonly kept: string; readonly text: RegExp; readonly log?: RegExp };

/** By map name where the two differ. */
export type Expected = Outcome | { readonly postfix: Outcome; readonly postfix310: Outcome };

/** One recipient domain and what becomes of mail to it. */
export interface DeliveryCase {
  readonly title: string;
  readonly domain: string;
  readonly spec: DomainSpec;
  /** Default: anybody at the domain. */
  readonly to?: string;
  readonly outcome: Expected;
  /** True: nobody may have asked for the policy of the domain. */
  readonly unasked?: true;
}

export const enforce = (...mx: string[]): PolicySpec => ({ mode: "enforce", mx, maxAge: 604_800 });

export const verified = (sentTo: string): Outcome => ({ sentTo, tls: "verified" });
export const unverified = (log?: RegExp): Outcome => ({
  kept: "4.7.5",
  text: /^Server certificate not verified$/,
  ...(log === undefined ? {} : { log }),
});

/** One MX host, mx.DOMAIN, the only one that the policy names. */
function oneHost(title: string, name: string, behaviour: MxBehaviour, outcome: Outcome): DeliveryCase {
  const domain = `${name}.test`;
  const mx = `mx.${domain}`;
  return { title, domain, spec: { policy: enforce(mx), mx: [{ exchange: mx, ...behaviour }] }, outcome };
}

const certificate = (title: string, name: string, spec: CertificateSpec, outcome?: Outcome) =>
  oneHost(title, name, { certificate: spec }, outcome ?? verified(`mx.${name}.test`));

export const certificateCases: readonly DeliveryCase[] = [
  certificate("delivers to a permitted host with a good certificate (R-8461-4-01, R-8461-4.1-01)", "good", "good"),
  certificate("takes a wildcard certificate for one label (R-8461-4.2-03)", "star", "wildcard"),
  certificate("takes a chain of three when the server sends it (R-8461-4.2-02)", "chain", "via-intermediate"),
  {
    title: "compares the certificate with the MX host of a provider, not with the domain",
    domain: "hosted.test",
    spec: { policy: enforce("mx1.provider.test"), mx: ["mx1.provider.test"] },
    outcome: verified("mx1.provider.test"),
  },
  oneHost(
    "sends the MX host name as SNI and so gets the certificate kept for it (R-8461-7.1-01)",
    "sni",
    { certificate: "wrong-name", sniCertificate: "good" },
    verified("mx.sni.test"),
  ),
  certificate(
    "defers when the certificate names another host (R-8461-4.2-03, R-9525-6.6-01)",
    "wrongname",
    "wrong-name",
    unverified(/num=62:hostname mismatch/i),
  ),
  certificate(
    "defers when the certificate names the domain only (R-8461-4.2-03)",
    "domainname",
    { names: ["domainname.test"] },
    unverified(),
  ),
  certificate(
    "defers when the certificate has expired (R-8461-4.2-01)",
    "expired",
    "expired",
    unverified(/certificate has expired/),
  ),
  certificate(
    "defers when the certificate is not valid yet (R-8461-4.2-01)",
    "tooearly",
    "not-yet-valid",
    unverified(/certificate (is )?not yet valid/),
  ),
  certificate(
    "defers when the certificate is self-signed (R-8461-4.2-02)",
    "selfsigned",
    "self-signed",
    unverified(/self-signed certificate/),
  ),
  certificate(
    "defers when the CA is not trusted (R-8461-4.2-02)",
    "otherca",
    "other-ca",
    unverified(/untrusted issuer|unable to get local issuer certificate/),
  ),
  certificate(
    "defers when the intermediate certificate is not sent (R-8461-4.2-02)",
    "nochain",
    "missing-intermediate",
    unverified(/untrusted issuer|unable to (get local issuer|verify the first) certificate/),
  ),
  certificate("defers when the SAN holds an address only (R-8461-4.2-06)", "ipsan", "ip-san", unverified()),
  certificate(
    "defers when the wildcard is part of a label (R-9525-6.3-01)",
    "partial",
    { names: ["m*.partial.test"] },
    unverified(),
  ),
  // Postfix falls back to the CN; RFC 8461 §4.2 wants a SAN. docs/postfix.md, "What Postfix does not check".
  certificate("delivers to a host named in the CN only, which no policy can forbid Postfix", "cnonly", "cn-only"),
];

const starttls = (title: string, name: string, how: NonNullable<MxBehaviour["starttls"]>, outcome: Outcome) =>
  oneHost(title, name, { starttls: how }, outcome);

export const starttlsCases: readonly DeliveryCase[] = [
  starttls("defers when STARTTLS is not offered (R-8461-4.2-09, R-8461-5-02)", "stripped", "stripped", {
    kept: "4.7.4",
    text: /^TLS is required, but was not offered by host mx\.stripped\.test/,
  }),
  starttls("defers when the STARTTLS keyword is overwritten on the way (R-8461-4.2-09)", "masked", "masked", {
    kept: "4.7.4",
    text: /^TLS is required, but was not offered by host mx\.masked\.test/,
  }),
  starttls("defers when STARTTLS is answered 454 (R-8461-4.2-09, R-8461-5-02)", "refused", "refused", {
    kept: "4.7.0",
    text: /refused to start TLS/,
  }),
  starttls("defers when no handshake follows STARTTLS (R-8461-4.2-09)", "garbage", "garbage", {
    kept: "4.7.5",
    text: /^Cannot start TLS: handshake failure/,
  }),
  starttls("defers when the host speaks TLS 1.0 only (R-8461-7.2-01)", "tls10", "tls1.0", {
    kept: "4.7.5",
    text: /^Cannot start TLS: handshake failure/,
  }),
  starttls("defers when the host speaks TLS 1.1 only (R-8461-7.2-01)", "tls11", "tls1.1", {
    kept: "4.7.5",
    text: /^Cannot start TLS: handshake failure/,
  }),
  starttls(
    "throws away what was injected in clear before the handshake (R-3207-4.2-01)",
    "injected",
    "injected",
    verified("mx.injected.test"),
  ),
];
