import { describe, expect, it } from "vitest";
import { classifyKey } from "../../../host/mx/keys.ts";

const read = (key: string | Buffer) => {
  const found = classifyKey(Buffer.from(key as string));
  return found.kind === "none" ? `none: ${found.why}` : `${found.domain}${found.bracketed ? " itself" : ""}`;
};

const longest = `${"a".repeat(63)}.${"b".repeat(63)}.${"c".repeat(63)}.${"d".repeat(61)}`;

describe("lookup keys", () => {
  it.each([
    ["example.com", "example.com"],
    ["Example.COM", "example.com"],
    ["example.com.", "example.com"],
    ["EXAMPLE.com.", "example.com"],
    [longest, longest],
  ])("reads %s as one canonical Policy Domain %s (R-8461-KEY-01)", (key, expected) => {
    expect(read(key)).toBe(expected);
  });

  it.each([
    ["bücher.example", "xn--bcher-kva.example"],
    ["BÜCHER.example", "xn--bcher-kva.example"],
    ["faß.de", "xn--fa-hia.de"],
    ["παράδειγμα.example", "xn--hxajbheg2az3al.example"],
    ["例え。テスト", "xn--r8jz45g.xn--zckzah"],
    ["[bücher.example]:587", "xn--bcher-kva.example itself"],
    ["xn--bcher-kva.example", "xn--bcher-kva.example"],
  ])(
    "turns the U-labels of %s, raw UTF-8 from SMTPUTF8 mail, into %s (R-5890-2.3-01, R-6531-3-01)",
    (key, expected) => {
      expect(read(key)).toBe(expected);
    },
  );

  it.each([
    ["[relay.example.net]:587", "relay.example.net itself"],
    ["[Relay.Example.NET]", "relay.example.net itself"],
    ["[relay.example.net.]:submission", "relay.example.net itself"],
    ["[relay.example.net]:", "relay.example.net itself"],
    ["smtp.provider.example:587", "smtp.provider.example"],
    ["smtp.provider.example:smtp", "smtp.provider.example"],
    ["smtp.provider.example:", "smtp.provider.example"],
  ])(
    "takes the relay %s as the Policy Domain, brackets meaning no MX lookup (R-BIND-PF-02, R-8461-3.4-02)",
    (key, expected) => {
      expect(read(key)).toBe(expected);
    },
  );

  it.each([
    "192.0.2.1",
    "192.0.2.1:25",
    "[192.0.2.1]",
    "[192.0.2.1]:25",
    "[IPv6:2001:db8::1]",
    "[ipv6:2001:db8::1]:25",
    "[2001:db8::1]:25",
    "2001:db8::1",
    "::1",
    "[fe80::1%eth0]",
  ])("knows that the address literal %s has no policy (R-8461-3.4-03)", (key) => {
    expect(read(key)).toBe("none: address");
  });

  it.each([".example.com", ".com", ".", ".EXAMPLE.com", "..", ".[x]", ".bücher.example"])(
    "knows the parent key %s and never takes a policy from it (R-8461-3.4-05)",
    (key) => {
      expect(read(key)).toBe("none: parent");
    },
  );

  it.each([
    ["", "none: empty"],
    ["[relay.example.net", "none: malformed"],
    ["[relay.example.net]25", "none: malformed"],
    ["[]:25", "none: malformed"],
    [":25", "none: malformed"],
    [Buffer.from([0x62, 0xfc, 0x63, 0x68]), "none: not-utf8"],
    [Buffer.from([0xc0, 0xae, 0x61]), "none: not-utf8"],
    [`x${longest}`, "none: not-a-domain"],
    ["a..example", "none: not-a-domain"],
    ["example.com..", "none: not-a-domain"],
    ["[.example.com]", "none: not-a-domain"],
    ["１９２.0.2.1", "none: not-a-domain"],
    ["0x7f.1", "none: not-a-domain"],
    ["a b.example", "none: not-a-domain"],
    ["a\0.example", "none: not-a-domain"],
    ["a.example\n", "none: not-a-domain"],
    ["user@a.example", "none: not-a-domain"],
    ["\ufeffa..example", "none: not-a-domain"],
    ["k".repeat(9_990), "none: not-a-domain"],
    ["ü".repeat(4_990), "none: not-a-domain"],
  ])("treats %j, which is no next hop of a mail domain, as documented", (key, expected) => {
    expect(read(key)).toBe(expected);
  });
});
