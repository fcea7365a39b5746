import { domainToASCII } from "node:url";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { canonicalDomain, policyRecordName, toPresentation, toWireName } from "../../../host/dns/names.ts";
import { isAtOrAbove, nameKey } from "../../../host/dns/wire-name.ts";
import { dottedName, wireName } from "./message-builder.ts";

const label63 = "a".repeat(63);
const name253 = `${label63}.${label63}.${label63}.${"b".repeat(61)}`;

describe("canonicalDomain", () => {
  it.each([
    ["example.com", "example.com"],
    ["Example.COM.", "example.com"],
    ["EXAMPLE.com", "example.com"],
    ["localhost", "localhost"],
    ["3com.example", "3com.example"],
    ["a--b.example", "a--b.example"],
    ["1.2.3.4.example", "1.2.3.4.example"],
  ])("writes %j as %j, the one key of that domain (R-8461-KEY-01)", (input, output) => {
    expect(canonicalDomain(input)).toBe(output);
  });

  it.each([
    ["bücher.example", "xn--bcher-kva.example"],
    ["BÜCHER.example", "xn--bcher-kva.example"],
    ["bu\u0308cher.example", "xn--bcher-kva.example"],
    ["xn--BCHER-kva.example", "xn--bcher-kva.example"],
    ["faß.de", "xn--fa-hia.de"],
    ["FAẞ.DE", "xn--fa-hia.de"],
    ["ς.gr", "xn--3xa.gr"],
    ["παράδειγμα.example", "xn--hxajbheg2az3al.example"],
    ["日本語。jp。", "xn--wgv71a119e.jp"],
    ["ｅｘａｍｐｌｅ．ｃｏｍ", "example.com"],
    ["क्\u200dष.in", "xn--11b2ezcw70k.in"],
  ])("turns the U-labels of %j into A-labels as IDNA2008 does: %j (R-5890-2.3-01)", (input, output) => {
    expect(canonicalDomain(input)).toBe(output);
  });

  it.each(["xn--a", "xn--", "xn--abc-.de", "xn--0.de", "xn--xn---epa", "xn--faß.de", "mail.xn--a.de", "XN--A.de"])(
    "refuses %j, whose xn-- label does not encode to itself again (R-5891-5.3-01)",
    (input) => {
      expect(canonicalDomain(input)).toBeNull();
    },
  );

  it("keeps an xn-- label that does (R-5891-5.3-01)", () => {
    expect(canonicalDomain("xn--bcher-kva")).toBe("xn--bcher-kva");
  });

  it.each(["a..example", ".example", "a..b", "..", ".", "", "a.example..", "。example", "\u00ad.example", "a.\u00ad"])(
    "refuses the empty label in %j (R-5890-2.3-02)",
    (input) => {
      expect(canonicalDomain(input)).toBeNull();
    },
  );

  it("takes labels of 63 octets and names of 253 and nothing longer (R-5890-2.3-02)", () => {
    expect(canonicalDomain(`${label63}.example`)).toBe(`${label63}.example`);
    expect(canonicalDomain(`${label63}a.example`)).toBeNull();
    expect(canonicalDomain(name253)).toBe(name253);
    expect(canonicalDomain(`${name253}.`)).toBe(name253);
    expect(canonicalDomain(`${name253}b`)).toBeNull();
    expect(canonicalDomain(`${"ü".repeat(60)}.example`)).toBeNull();
    expect(canonicalDomain("a".repeat(1_000_000))).toBeNull();
  });

  it.each([
    "example.com/evil",
    "example.com:8443",
    "user@example.com",
    "example.com#",
    "ex%61mple.com",
    "a..b",
    "0x7f.1",
    "example.com?",
    "example.com\\evil",
    "exa mple.com",
    "exam\tple.com",
    "example.com\n",
    "example.com\0",
    "exa_mple.com",
    "-a.example",
    "a-.example",
    "ex\u2100mple.com",
    "example.com／evil",
    "example.com：8443",
    "user＠example.com",
    "ex％61mple.com",
    "*.example.com",
    "\ud800.example",
  ])("refuses %j before anything is built from it (R-8461-3.3-20)", (input) => {
    expect(canonicalDomain(input)).toBeNull();
  });

  it.each([
    "192.0.2.1",
    "[192.0.2.1]",
    "[IPv6:2001:db8::1]",
    "::1",
    "1.2.3",
    "127.1",
    "2130706433",
    "１.２.３.４",
    "a.0x1",
    "a.1.",
  ])("refuses the address literal or number %j (R-8461-3.3-20)", (input) => {
    expect(canonicalDomain(input)).toBeNull();
  });

  it("answers null or a name that is its own canonical form, for any text (R-8461-KEY-01)", () => {
    const piece = fc.constantFrom(
      "xn--",
      "a",
      "Z",
      "ß",
      "ẞ",
      "ü",
      "ا",
      "1",
      "0x",
      "-",
      ".",
      "。",
      "\u200d",
      "💩",
      "_",
      "%",
      "\0",
    );
    const text = fc.array(fc.oneof(piece, fc.string({ unit: "binary", maxLength: 3 })), { maxLength: 12 });
    fc.assert(
      fc.property(text, (pieces) => {
        const canonical = canonicalDomain(pieces.join(""));
        if (canonical === null) return;
        expect(canonicalDomain(canonical)).toBe(canonical);
        expect(canonicalDomain(`${canonical.toUpperCase()}.`)).toBe(canonical);
        expect(domainToASCII(canonical)).toBe(canonical);
        expect(new URL(`https://mta-sts.${canonical}/x`).host).toBe(`mta-sts.${canonical}`);
      }),
      { numRuns: 20_000, seed: 8461 },
    );
  });
});

describe("policyRecordName", () => {
  it.each([
    ["example.com", "_mta-sts.example.com"],
    ["mail.example.com", "_mta-sts.mail.example.com"],
  ])("puts _mta-sts before the whole of %j and no parent (R-8461-3.1-01, R-8461-3.4-04)", (domain, name) => {
    expect(policyRecordName(domain)).toBe(name);
  });

  it("has no record name for a domain that leaves no room for the label (R-8461-3.1-01)", () => {
    const longest = name253.slice(9);
    expect(policyRecordName(longest)).toHaveLength(253);
    expect(policyRecordName(`a${longest}`)).toBeNull();
  });
});

describe("names on the wire", () => {
  it("become length-prefixed labels", () => {
    expect(Buffer.from(toWireName("_mta-sts.Example.com"))).toEqual(dottedName("_mta-sts.Example.com"));
    expect(toWireName(name253)).toHaveLength(255);
  });

  it.each([
    "bücher.example",
    "_mta-sts.bücher.example",
    "",
    ".",
    "a.",
    ".a",
    "a..b",
    "a b.c",
    "a\\046b.c",
    "192.0.2.1",
    "_mta-sts.192.0.2.1",
    `${label63}a.b`,
    `${name253}b`,
  ])("are never made from %j, which is no A-label host name (R-5890-2.3-01)", (name) => {
    expect(() => toWireName(name)).toThrow(TypeError);
  });

  it.each([
    [wireName("mx1", "Example", "com"), "mx1.example.com"],
    [wireName("a.b", "com"), "a\\046b.com"],
    [wireName("a", "b", "com"), "a.b.com"],
    [wireName("x:evil.net:y", "example", "com"), "x\\058evil\\046net\\058y.example.com"],
    [wireName("*", "example"), "\\042.example"],
    [wireName("a\0b", "\x7f\xff", "\\046"), "a\\000b.\\127\\255.\\092046"],
    [wireName("a b{}=,;\n"), "a\\032b\\123\\125\\061\\044\\059\\010"],
    [wireName("mx_1", "example"), "mx_1.example"],
    [wireName(), ""],
  ])("show every odd octet as an escape, so %j can only be read one way: %j", (name, text) => {
    expect(toPresentation(name)).toBe(text);
  });

  it("are equal without regard to ASCII case and to nothing else", () => {
    expect(nameKey(wireName("EXAMPLE", "Com"))).toBe(nameKey(wireName("example", "com")));
    expect(nameKey(wireName("\xc4"))).not.toBe(nameKey(wireName("\xe4")));
    expect(nameKey(wireName("a.b"))).not.toBe(nameKey(wireName("a", "b")));
  });

  it("stand below their parents label by label", () => {
    expect(isAtOrAbove(wireName("Example"), wireName("mail", "example"))).toBe(true);
    expect(isAtOrAbove(wireName("mail", "example"), wireName("mail", "example"))).toBe(true);
    expect(isAtOrAbove(wireName(), wireName("mail", "example"))).toBe(true);
    expect(isAtOrAbove(wireName("ail", "example"), wireName("mail", "example"))).toBe(false);
    expect(isAtOrAbove(wireName("mail", "example"), wireName("example"))).toBe(false);
  });
});
