import { isIP } from "node:net";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { addressForbidden } from "../../../host/https/addresses.ts";

const PUBLIC = [
  "1.1.1.1",
  "9.255.255.255",
  "11.0.0.0",
  "100.63.255.255",
  "100.128.0.0",
  "126.255.255.255",
  "128.0.0.1",
  "169.253.255.255",
  "172.15.255.255",
  "172.32.0.0",
  "192.0.1.1",
  "192.167.255.255",
  "192.169.0.0",
  "198.17.255.255",
  "198.20.0.0",
  "223.255.255.255",
  "2606:4700::1111",
  "2001:4860:4860::8888",
  "2A00:1450::1",
  "64:ff9b::8.8.8.8",
  "64:ff9b::808:808",
  "2002:808:808::1",
];

const PRIVATE: readonly (readonly [address: string, why: string])[] = [
  ["127.0.0.1", "loopback"],
  ["127.255.255.254", "loopback"],
  ["::1", "loopback"],
  ["0:0:0:0:0:0:0:1", "loopback"],
  ["10.0.0.1", "private"],
  ["10.255.255.255", "private"],
  ["172.16.0.1", "private"],
  ["172.31.255.255", "private"],
  ["192.168.0.1", "private"],
  ["100.64.0.1", "carrier-grade NAT"],
  ["100.127.255.255", "carrier-grade NAT"],
  ["169.254.169.254", "link-local"],
  ["fe80::1", "link-local"],
  ["febf::1", "link-local"],
  ["fec0::1", "site-local"],
  ["fc00::1", "unique local"],
  ["fd00:ec2::254", "unique local"],
  ["192.0.0.8", "protocol assignments"],
  ["192.0.2.1", "documentation"],
  ["198.51.100.7", "documentation"],
  ["203.0.113.255", "documentation"],
  ["2001:db8::1", "documentation"],
  ["3fff::1", "documentation"],
  ["198.18.0.1", "benchmarking"],
  ["198.19.255.255", "benchmarking"],
  ["192.88.99.1", "6to4 relay"],
  ["2001::1", "protocol assignments"],
  ["100::1", "discard-only"],
  ["64:ff9b:1::8.8.8.8", "local NAT64"],
  ["64:ff9b::127.0.0.1", "loopback 127.0.0.1 inside"],
  ["64:ff9b::a9fe:a9fe", "link-local 169.254.169.254 inside"],
  ["64:ff9b::10.1.2.3", "private 10.1.2.3 inside"],
  ["2002:7f00:1::1", "loopback 127.0.0.1 inside"],
  ["2002:c0a8:101::", "private 192.168.1.1 inside"],
  ["2002:6440:1:5:6:7:8:9", "carrier-grade NAT 100.64.0.1 inside"],
  ["::8.8.8.8", "not global unicast"],
  ["::127.0.0.1", "not global unicast"],
  ["4000::1", "not global unicast"],
  ["5f00::1", "not global unicast"],
];

const NEVER: readonly (readonly [address: string, why: string])[] = [
  ["0.0.0.0", "unspecified"],
  ["0.1.2.3", "unspecified"],
  ["::", "unspecified"],
  ["224.0.0.1", "multicast"],
  ["239.255.255.255", "multicast"],
  ["ff02::1", "multicast"],
  ["240.0.0.1", "reserved"],
  ["255.255.255.255", "reserved"],
  ["::ffff:127.0.0.1", "IPv4-mapped"],
  ["::ffff:7f00:1", "IPv4-mapped"],
  ["::FFFF:8.8.8.8", "IPv4-mapped"],
  ["0:0:0:0:0:ffff:a00:1", "IPv4-mapped"],
  ["::ffff:0:127.0.0.1", "IPv4-translated"],
  ["64:ff9b::224.0.0.1", "multicast 224.0.0.1 inside"],
  ["2002:0:0::1", "unspecified 0.0.0.0 inside"],
];

const NOT_ADDRESSES = [
  "",
  "localhost",
  "127.1",
  "0x7f.0.0.1",
  "2130706433",
  "fe80::1%eth0",
  "::1%lo",
  "1.2.3.4 ",
  "[::1]",
];

describe("the address rule for policy hosts", () => {
  it.each(PUBLIC)("lets %s be dialled (R-8461-3.3-21)", (address) => {
    expect(addressForbidden(address, false)).toBeNull();
  });

  it.each(PRIVATE)("refuses %s as %s until private addresses are allowed (R-8461-3.3-21)", (address, why) => {
    expect(addressForbidden(address, false)).toBe(why);
    expect(addressForbidden(address, true)).toBeNull();
  });

  it.each(NEVER)("refuses %s as %s whatever is configured (R-8461-3.3-21)", (address, why) => {
    expect(addressForbidden(address, false)).toBe(why);
    expect(addressForbidden(address, true)).toBe(why);
  });

  it.each(NOT_ADDRESSES)("refuses %j, which is not an IP address", (text) => {
    expect(addressForbidden(text, false)).toBe("not an IP address");
    expect(addressForbidden(text, true)).toBe("not an IP address");
  });

  it("judges a NAT64 or 6to4 address exactly as the IPv4 address inside, in every spelling", () => {
    const octet = fc.nat(255);
    fc.assert(
      fc.property(octet, octet, octet, octet, fc.boolean(), (a, b, c, d, allowPrivate) => {
        const inside = `${a}.${b}.${c}.${d}`;
        const why = addressForbidden(inside, allowPrivate);
        const hex = `${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`;
        for (const outside of [`64:ff9b::${inside}`, `64:FF9B:0:0:0:0:${hex}`, `2002:${hex}::1`]) {
          expect(isIP(outside)).toBe(6);
          expect(addressForbidden(outside, allowPrivate)).toBe(why === null ? null : `${why} ${inside} inside`);
        }
      }),
      { numRuns: 300, seed: 1 },
    );
  });
});
