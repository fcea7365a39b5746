import { describe, expect, it } from "vitest";
import type { DnsClient } from "../../../host/dns/types.ts";
import { createPolicyFetcher } from "../../../host/https/fetch-policy.ts";
import { policyTarget } from "../../../host/https/policy-host.ts";

const LABEL_63 = "a".repeat(63);
/** 245 octets: the longest domain that leaves room for `mta-sts.` */
const LONGEST = [LABEL_63, LABEL_63, LABEL_63, "a".repeat(53)].join(".");

const DOMAINS: readonly (readonly [domain: string, host: string])[] = [
  ["example.com", "mta-sts.example.com"],
  ["EXAMPLE.com", "mta-sts.example.com"],
  ["mail.example.com", "mta-sts.mail.example.com"],
  ["xn--bcher-kva.example", "mta-sts.xn--bcher-kva.example"],
  ["xn--fa-hia.de", "mta-sts.xn--fa-hia.de"],
  ["1-a--b.example", "mta-sts.1-a--b.example"],
  ["123.example", "mta-sts.123.example"],
  ["example", "mta-sts.example"],
  [LONGEST, `mta-sts.${LONGEST}`],
];

const NOT_DOMAINS = [
  "",
  ".",
  "example.com.",
  ".example.com",
  "a..b",
  "example.com/evil",
  "example.com:8443",
  "x:8443",
  "user@example.com",
  "user@x",
  "example.com#",
  "example.com?q",
  "ex%61mple.com",
  "example.com\\evil",
  "0x7f.1",
  "127.0.0.1",
  "example.0x7f",
  "example.0x",
  "example.1",
  "[::1]",
  "[192.0.2.1]",
  "bücher.example",
  "ｅxample.com",
  "\u212aexample.com", // Kelvin sign: toLowerCase() makes it "k"
  "xn--a.example",
  "xn--abc.example",
  "xn--.example",
  "_mta-sts.example.com",
  "*.example.com",
  "-a.example",
  "a-.example",
  "exa mple.com",
  " example.com",
  "example.com\n",
  "example.com\r\nHost: evil",
  "example.com\0",
  "exa\tmple.com",
  `${LABEL_63}a.example`,
  `${LONGEST}a`,
];

describe("the place of a policy", () => {
  it.each(DOMAINS)(
    "of %s is the fixed path on %s, without port and query (R-8461-3.2-01, R-8461-3.3-20)",
    (domain, host) => {
      const target = policyTarget(domain);
      expect(target).toEqual({ host, origin: `https://${host}`, path: "/.well-known/mta-sts.txt" });
      expect(new URL(target.origin + target.path).href).toBe(`https://${host}/.well-known/mta-sts.txt`);
    },
  );

  it.each(NOT_DOMAINS)("does not exist for %j: TypeError before any I/O (R-8461-3.3-20)", async (domain) => {
    let lookups = 0;
    const dns: Pick<DnsClient, "addresses"> = {
      addresses: async () => {
        lookups += 1;
        return { kind: "none", reason: "nxdomain", ttl: 0, secure: false };
      },
    };
    const fetcher = createPolicyFetcher({ dns, matchesDnsId: () => true });
    await expect(fetcher.fetch(domain)).rejects.toThrow(TypeError);
    await expect(fetcher.fetch(domain)).rejects.toThrow(/^not an A-label domain: /);
    expect(lookups).toBe(0);
    await fetcher.close();
  });

  it("does not exist for what is no string at all", () => {
    for (const value of [undefined, null, 7, ["example.com"], { toString: () => "example.com" }])
      expect(() => policyTarget(value as unknown as string)).toThrow(TypeError);
  });
});
