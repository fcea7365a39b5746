import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  FLAVOURS,
  type Flavour,
  isPolicyLine,
  needsMxSet,
  type PolicyLine,
  policyLine,
} from "../../../bindings/postfix/policy-line.ts";
import type { DnsOutcome, MxRecord } from "../../../host/dns/types.ts";
import { mxCandidates, permittedHosts, refusedHosts } from "../../../host/mx/mx-candidates.ts";
import { matchesMx, mxFailed, mxNone, mxRecords, policy } from "./scripted-world.ts";

const PIN = "protocols=!SSLv2:!SSLv3:!TLSv1:!TLSv1.1";
const NO_MATCH = "secure match=mta-sts-no-match.invalid servername=hostname";
const HOP = { domain: "example.com", bracketed: false };

function render(
  flavour: Flavour,
  mx: readonly string[],
  outcome: DnsOutcome<MxRecord> | null = null,
  hop = HOP,
): PolicyLine {
  const candidates = outcome === null ? null : mxCandidates(hop.domain, outcome);
  return policyLine(flavour, hop, policy("enforce", mx), candidates, matchesMx);
}

function line(flavour: Flavour, mx: readonly string[], outcome: DnsOutcome<MxRecord> | null = null, hop = HOP): string {
  const written = render(flavour, mx, outcome, hop);
  return written.kind === "line" ? written.line : `${written.reason}: ${written.detail}`;
}

describe("the line for postfix (3.4 to 3.10.4) and for sts (Sendmail)", () => {
  it("writes exact patterns as they are, without the MX set, and pins TLS 1.2 in 3.4 syntax", () => {
    const mx = ["mx1.example.com", "mx2.example.net"];
    expect(needsMxSet("postfix", HOP, policy("enforce", mx))).toBe(false);
    expect(line("postfix", mx)).toBe(`secure match=mx1.example.com:mx2.example.net servername=hostname ${PIN}`);
  });

  it("writes Sendmail's exact form and nothing after it", () => {
    expect(line("sts", ["mx1.example.com", "mx2.example.net"])).toBe(
      "secure match=mx1.example.com:mx2.example.net servername=hostname",
    );
  });

  const sets: [string, string[], DnsOutcome<MxRecord>, string][] = [
    [
      "one label under the wildcard",
      ["*.example.net"],
      mxRecords(["a.example.net", "b.example.net"]),
      "a.example.net:b.example.net",
    ],
    ["not two labels", ["*.example.net"], mxRecords(["a.b.example.net", "c.example.net"]), "c.example.net"],
    ["not the bare parent", ["*.example.net"], mxRecords(["example.net", "c.example.net"]), "c.example.net"],
    [
      "not a longer name that ends alike",
      ["*.example.net"],
      mxRecords(["a.badexample.net", "c.example.net"]),
      "c.example.net",
    ],
    [
      "A-labels like any label",
      ["*.example.net"],
      mxRecords(["xn--bcher-kva.example.net"]),
      "xn--bcher-kva.example.net",
    ],
    [
      "exact names and the hosts that match",
      ["mx.example.org", "*.example.net"],
      mxRecords(["c.example.net", "evil.test"]),
      "mx.example.org:c.example.net",
    ],
    ["upper case from DNS in lower case", ["*.example.net"], mxRecords(["C.Example.NET"]), "c.example.net"],
    [
      "each name once",
      ["c.example.net", "*.example.net", "c.example.net"],
      mxRecords(["c.example.net"]),
      "c.example.net",
    ],
  ];
  it.each(sets)(
    "expands a wildcard into concrete MX names: %s (R-8461-4.1-02, R-8461-4.1-03)",
    (_, mx, outcome, names) => {
      expect(line("postfix", mx, outcome)).toBe(`secure match=${names} servername=hostname ${PIN}`);
      expect(line("sts", mx, outcome)).toBe(`secure match=${names} servername=hostname`);
    },
  );

  it("names the best preference first and is the same for each order of the records", () => {
    const records = [30, 10, 20, 10].map((preference, i) => ({ preference, exchange: `m${i}.example.net` }));
    const forth = line("postfix", ["*.example.net"], { kind: "records", records, ttl: 1, secure: false });
    const back = line("postfix", ["*.example.net"], {
      kind: "records",
      records: [...records].reverse(),
      ttl: 1,
      secure: false,
    });
    expect(forth).toContain("match=m1.example.net:m3.example.net:m2.example.net:m0.example.net ");
    expect(back).toBe(forth);
  });

  it.each(["postfix", "sts"] as const)(
    "never writes .domain, which matches any depth (%s) (R-8461-4.1-02)",
    (flavour) => {
      for (const outcome of [mxRecords(["a.example.net"]), mxNone("nodata"), mxNone("nxdomain"), mxFailed("x")]) {
        expect(line(flavour, ["*.example.net", "*.com", "mx.example.org"], outcome)).not.toMatch(/[=:]\./);
      }
    },
  );

  it("compares the name in the MX record and has no other name to compare (R-8461-4.1-04)", () => {
    expect(line("postfix", ["*.isp.example"], mxRecords(["mx.example.com"]))).toBe(NO_MATCH);
  });

  it("takes the domain itself as the candidate when there is no MX RRset (R-8461-4.1-05)", () => {
    const hop = { domain: "mail.example.com", bracketed: false };
    expect(line("postfix", ["*.example.com"], mxNone("nodata"), hop)).toBe(
      `secure match=mail.example.com servername=hostname ${PIN}`,
    );
    expect(line("postfix", ["*.example.net"], mxNone("nodata"), hop)).toBe(NO_MATCH);
  });

  const nobody: [string, DnsOutcome<MxRecord>][] = [
    ["NXDOMAIN", mxNone("nxdomain")],
    ["a Null MX", mxRecords([""])],
    ["MX hosts that no pattern permits", mxRecords(["mx.evil.test"])],
    ["an address in an MX record", mxRecords(["192.0.2.1", "10.0.0.1"])],
  ];
  it.each(nobody)("lets nobody take the mail on %s (R-8461-4.1-06)", (_, outcome) => {
    expect(line("postfix", ["*.example.net", "*.0.2.1"], outcome)).toBe(NO_MATCH);
    expect(line("sts", ["*.example.net", "*.0.2.1"], outcome)).toBe(NO_MATCH);
  });

  it("reads a root target next to other MX records as one unusable candidate (R-7505-3-02)", () => {
    expect(line("sts", ["*.example.net"], mxRecords(["", "mx.example.net"]))).toContain("match=mx.example.net ");
  });

  it("answers with the exact names when the MX lookup fails, and says that hosts may be missing", () => {
    const written = render(
      "postfix",
      ["mx.example.org", "*.example.net"],
      mxFailed("MX example.com: SERVFAIL from 127.0.0.1"),
    );
    expect(written).toEqual({
      kind: "line",
      line: `secure match=mx.example.org servername=hostname ${PIN}`,
      complete: false,
    });
  });

  it("is TEMP when the MX lookup fails and nothing but wildcards is left", () => {
    expect(line("postfix", ["*.example.net"], mxFailed("MX example.com: SERVFAIL from 127.0.0.1"))).toBe(
      "mx-lookup-failed: MX example.com: SERVFAIL from 127.0.0.1",
    );
  });

  it("takes a next hop in brackets as the only MX candidate, without the MX set (R-BIND-PF-02)", () => {
    const hop = { domain: "mx.example.com", bracketed: true };
    expect(needsMxSet("postfix", hop, policy("enforce", ["*.example.com"]))).toBe(false);
    expect(line("postfix", ["*.example.com", "other.example.net"], null, hop)).toBe(
      `secure match=mx.example.com servername=hostname ${PIN}`,
    );
    expect(line("postfix", ["other.example.net"], null, hop)).toBe(NO_MATCH);
    expect(line("sts", ["mx.example.com"], null, hop)).toBe("secure match=mx.example.com servername=hostname");
  });
});

describe("the line for postfix310 (>= 3.10.5)", () => {
  it("carries policy_type, every pattern and the policy's lines written anew (R-BIND-PF-01)", () => {
    const mx = ["mail.example.com", "*.example.net"];
    expect(needsMxSet("postfix310", HOP, policy("enforce", mx))).toBe(false);
    expect(line("postfix310", mx)).toBe(
      `secure match=mail.example.com servername=hostname ${PIN} policy_type=sts policy_domain=example.com ` +
        "mx_host_pattern=mail.example.com mx_host_pattern=*.example.net " +
        "{ policy_string = version: STSv1 } { policy_string = mode: enforce } " +
        "{ policy_string = mx: mail.example.com } { policy_string = mx: *.example.net } { policy_string = max_age: 86400 }",
    );
  });

  it("sends its attributes in no other flavour, which older Postfix would refuse (R-BIND-PF-01)", () => {
    for (const flavour of ["postfix", "sts"] as const) {
      expect(line(flavour, ["a.example.com", "*.example.net"], mxRecords(["b.example.net"]))).not.toMatch(
        /policy_|pattern|\{/,
      );
    }
  });

  it("never sends policy_failure, which would force a delivery to fail (R-BIND-PF-05)", () => {
    for (const flavour of FLAVOURS) expect(line(flavour, ["a.example.com"])).not.toContain("policy_failure");
  });

  it("fills match= with a name nobody has where only wildcards are, so that an older Postfix fails closed", () => {
    expect(line("postfix310", ["*.example.net"])).toContain(
      "secure match=mta-sts-no-match.invalid servername=hostname ",
    );
  });

  it("puts into match= of a next hop in brackets that host or nobody (R-BIND-PF-02)", () => {
    const hop = { domain: "mx.example.com", bracketed: true };
    expect(line("postfix310", ["mx.example.com", "other.example.net"], null, hop)).toContain(
      "match=mx.example.com servername",
    );
    expect(line("postfix310", ["other.example.net"], null, hop)).toContain("match=mta-sts-no-match.invalid servername");
  });
});

describe("guard: names from the network in an answer", () => {
  /** As `MxRecord.exchange` writes them: every octet that is no letter, digit, hyphen or underscore is \DDD. */
  const labels: [string, string][] = [
    ["a colon, three names from one label", "x\\058evil\\046net\\058y.example.net"],
    ["a raw colon", "x:evil.example.net"],
    ["a space", "x\\032protocols\\061SSLv3.example.net"],
    ["a raw space and an attribute", "x protocols=SSLv3.example.net"],
    ["an equals sign", "x=y.example.net"],
    ["an opening brace", "x{.example.net"],
    ["a closing brace", "x}.example.net"],
    ["a comma", "x,y.example.net"],
    ["NUL", "x\0.example.net"],
    ["an escaped NUL", "x\\000.example.net"],
    ["a dot inside a label", "a\\046b.example.net"],
    ["a line feed", "x\n.example.net"],
    ["a backslash", "x\\.example.net"],
    ["an underscore", "_x.example.net"],
    ["a raw byte above ASCII", "b\u00fccher.example.net"],
    ["a leading hyphen", "-x.example.net"],
    ["an empty label", ".example.net"],
    ["a wildcard as a host", "*.example.net"],
    ["64 octets", `${"x".repeat(64)}.example.net`],
    ["254 octets", `${`${"x".repeat(60)}.`.repeat(4)}example.net`],
    ["a trailing dot", "mx.example.net."],
  ];
  // A matcher that permits everything: the binding's own check has to hold alone.
  const gullible = () => true;

  it.each(labels)("never writes an MX name with %s, even if the matcher permits it", (_, exchange) => {
    const candidates = mxCandidates("example.com", mxRecords([exchange, "good.example.net"]));
    for (const flavour of FLAVOURS) {
      const mx = ["*.example.net", `*${exchange.slice(exchange.indexOf("."))}`, exchange];
      const written = policyLine(flavour, HOP, policy("enforce", mx), candidates, gullible);
      expect(written.kind).toBe("line");
      const text = written.kind === "line" ? written.line : "";
      expect(text.match(/(?<=match=|servername=|policy_domain=)[^ ]+/g)).not.toContain(exchange);
      expect(text.split(/[ :]|(?<!policy_string )=/)).not.toContain(exchange.replace(/^\*.*/, "no wildcard here"));
      expect(isPolicyLine(text)).toBe(true);
      if (flavour !== "postfix310") expect(text).toContain("match=good.example.net servername=hostname");
    }
  });

  it.each(["hostname", "nexthop", "dot-nexthop", "localhost"])(
    "never writes the single label %s, a keyword in match= that would let any MX host through",
    (keyword) => {
      const everyone = mxRecords([keyword, "mx.evil.test"]);
      for (const flavour of FLAVOURS) {
        expect(line(flavour, [keyword, "*.example.net"], everyone)).toMatch(
          /^secure match=mta-sts-no-match\.invalid servername=hostname/,
        );
        expect(line(flavour, [keyword], everyone)).toBe(NO_MATCH);
      }
    },
  );

  const hostile = [
    "mail.loc protocols=SSLv3 ciphers=null",
    "a } match=.evil.example { policy_string = b",
    "x:evil.net",
    "x,match=evil.net",
    "x\nmatch=evil.net",
    "x;match=evil.net",
    "*.a } { policy_string = mode: none",
    "*",
    "*.",
    "*.*.example.net",
    "mx*.example.net",
    "192.0.2.1",
    "",
    ".example.net",
    "mx.example.net.",
  ];
  it.each(hostile)("never writes the pattern %j, whatever let it through", (pattern) => {
    for (const flavour of FLAVOURS) {
      const text = line(flavour, [pattern, "good.example.com"], mxRecords(["good.example.com"]));
      expect(text).toContain("secure match=good.example.com servername=hostname");
      expect(text.split("servername").length).toBe(2);
      expect(text).not.toMatch(/evil|ciphers|mode: none|=[^ ]*192/);
      expect(isPolicyLine(text)).toBe(true);
    }
  });

  it("writes nothing but its own grammar for any policy, any MX answer, any flavour", () => {
    const odd = fc.string({
      unit: fc.constantFrom("a", "-", ".", "*", ":", " ", "=", "{", "}", ",", "\0", "\n", "\\", "é", "1"),
      maxLength: 12,
    });
    const name = fc.oneof(
      odd,
      odd.map((text) => `${text}.example.net`),
      fc.constant("*.example.net"),
      fc.domain(),
    );
    const names = fc.array(name, { maxLength: 6 });
    fc.assert(
      fc.property(names, names, fc.constantFrom(...FLAVOURS), fc.boolean(), (mx, hosts, flavour, bracketed) => {
        const candidates = mxCandidates("example.com", mxRecords(hosts));
        const written = policyLine(
          flavour,
          { domain: "example.com", bracketed },
          policy("enforce", mx),
          candidates,
          gullible,
        );
        expect(written.kind).toBe("line");
        if (written.kind === "line") expect(isPolicyLine(written.line)).toBe(true);
      }),
      { numRuns: 3000 },
    );
  });

  it.each([
    "",
    "secure",
    "may",
    "secure match= servername=hostname",
    "secure match=.example.com servername=hostname",
    "secure match=a.example servername=hostname ",
    "secure match=a.example servername=hostname ciphers=null",
    "secure match=a.example match=b.example servername=hostname",
    "secure match=a.example,b.example servername=hostname",
    "secure match=a.example servername=hostname\n",
    `secure match=a.example servername=hostname ${PIN} policy_type=sts policy_domain=a.example`,
    `secure match=a.example servername=hostname ${PIN} policy_type=sts policy_domain=a.example mx_host_pattern=a.example { policy_string = x: y }`,
  ])("has a last check that refuses the line %j", (text) => {
    expect(isPolicyLine(text)).toBe(false);
  });
});

describe("long answers", () => {
  const names = (count: number) => Array.from({ length: count }, (_, i) => `mx${i}.example.com`);

  it("fits into the 100,000 bytes that Postfix takes, or is TEMP, never cut", () => {
    const fits = render("postfix", names(5_000));
    expect(fits.kind).toBe("line");
    expect(fits.kind === "line" && fits.line.length).toBeLessThan(100_000);
    expect(line("postfix", names(10_000))).toMatch(
      /^answer-too-long: the answer would have \d{6} bytes, Postfix takes 99997$/,
    );
    expect(line("postfix310", names(2_000))).toMatch(/^answer-too-long: /);
  });

  it("checks a line of the full length for postfix310 too", () => {
    const longest = line("postfix310", names(1_000));
    expect(longest.length).toBeGreaterThan(80_000);
    expect(isPolicyLine(longest)).toBe(true);
  });

  it("asks the core at most twice for each MX host, not once for each pattern and host", () => {
    let questions = 0;
    const counting = (pattern: string, host: string) => {
      questions++;
      return matchesMx(pattern, host);
    };
    const patterns = Array.from({ length: 6_000 }, (_, i) => `*.d${i}.example`);
    const hosts = Array.from({ length: 4_000 }, (_, i) => `mx.d${i}.example`);
    expect(permittedHosts(patterns, hosts, counting)).toHaveLength(4_000);
    expect(questions).toBeLessThanOrEqual(8_000);
  });

  it("tells which hosts a policy does not permit", () => {
    const hosts = ["a.example.net", "b.c.example.net", "x\\058.example.net", "mx.example.org"];
    expect(refusedHosts(["*.example.net", "mx.example.org"], hosts, matchesMx)).toEqual([
      "b.c.example.net",
      "x\\058.example.net",
    ]);
  });
});
