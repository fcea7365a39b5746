import "reflect-metadata";
import { X509Certificate } from "node:crypto";
import {
  BasicConstraintsExtension,
  type Extension,
  type JsonGeneralNames,
  SubjectAlternativeNameExtension,
} from "@peculiar/x509";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { dnsIdsOf } from "../../../host/tls/certificate.ts";
import { certificateWith, dnsNames } from "../https/certificates.ts";

const san = (names: JsonGeneralNames, critical = false) => new SubjectAlternativeNameExtension(names, critical);
const idsWith = async (...extensions: Extension[]) => dnsIdsOf(await certificateWith(extensions));

describe("the DNS-IDs of a certificate", () => {
  it("are its dNSName entries in order and lower case (R-9525-6.3-02)", async () => {
    const names = dnsNames("mta-sts.Example.COM", "*.example.net", "XN--BCHER-KVA.example");
    expect(await idsWith(san(names))).toEqual(["mta-sts.example.com", "*.example.net", "xn--bcher-kva.example"]);
  });

  it("are found when the extension is critical and not the first", async () => {
    const extensions = [new BasicConstraintsExtension(false, undefined, true), san(dnsNames("a.example"), true)];
    expect(await idsWith(...extensions)).toEqual(["a.example"]);
  });

  it("never come from the subject or from names of another kind (R-8461-3.3-02)", async () => {
    const others: JsonGeneralNames = [
      { type: "ip", value: "192.0.2.1" },
      { type: "url", value: "https://mta-sts.example.com/" },
      { type: "email", value: "mta-sts.example.com" },
    ];
    expect(await idsWith()).toEqual([]);
    expect(await idsWith(san(others))).toEqual([]);
    expect(await idsWith(san([...others, ...dnsNames("a.example")]))).toEqual(["a.example"]);
  });

  it.each([
    "mta-*.example.com",
    "*sts.example.com",
    "*.*.example.com",
    "mta-sts.*.com",
    "*",
    "*.",
    "**.example.com",
    "mta-sts.example.com.",
    "mta-sts..example.com",
    ".example.com",
    "-a.example.com",
    "a-.example.com",
    "a_b.example.com",
    "a b.example.com",
    "",
    `${"a".repeat(64)}.example.com`,
    `${"a.".repeat(127)}com`,
    "mta-sts.example.com\0.evil.example",
    "evil.example, DNS:mta-sts.example.com",
    'evil.example", DNS:"mta-sts.example.com',
    "evil.example\nDNS:mta-sts.example.com",
  ])("do not include %j, and the other names still count (R-9525-6.3-01)", async (name) => {
    expect(await idsWith(san(dnsNames(name, "good.example")))).toEqual(["good.example"]);
  });

  it("are none when the extension occurs twice, because two readers could then choose differently", async () => {
    expect(await idsWith(san(dnsNames("a.example")), san(dnsNames("b.example")))).toEqual([]);
  });

  it("agree with Node's own reading on ordinary certificates", async () => {
    const label = fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,10}[a-z0-9])?$/);
    const name = fc.array(label, { minLength: 1, maxLength: 4 }).map((labels) => labels.join("."));
    await fc.assert(
      fc.asyncProperty(fc.array(name, { minLength: 1, maxLength: 40 }), async (names) => {
        const der = await certificateWith([san(dnsNames(...names))]);
        const nodes = new X509Certificate(der).subjectAltName?.split(", ").map((entry) => entry.slice("DNS:".length));
        expect(dnsIdsOf(der)).toEqual(nodes);
      }),
      { numRuns: 25, seed: 1 },
    );
  });

  it("are read without an exception from any damaged certificate", async () => {
    const der = await certificateWith([san(dnsNames("mta-sts.example.com"))]);
    for (let length = 0; length < der.length; length += 1) expect(dnsIdsOf(der.subarray(0, length))).toEqual([]);
    fc.assert(
      fc.property(fc.nat(der.length - 1), fc.nat(255), (at, octet) => {
        const damaged = der.slice();
        damaged[at] = octet;
        expect(Array.isArray(dnsIdsOf(damaged))).toBe(true);
      }),
      { numRuns: 2000, seed: 1 },
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (noise) => {
        expect(dnsIdsOf(noise)).toEqual([]);
      }),
      { seed: 1 },
    );
  });
});
