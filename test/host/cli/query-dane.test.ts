import { describe, expect, it } from "vitest";
import { daneJson, daneMeaning, daneText } from "../../../bindings/cli/query-dane.ts";
import type { DaneFindings } from "../../../host/dane/domain-lookup.ts";
import type { DaneHost } from "../../../host/dane/host-lookup.ts";

const host = (name: string, state: DaneHost["state"], more: Partial<DaneHost> = {}): DaneHost => ({
  host: name,
  state,
  base: null,
  records: [],
  ttl: 60,
  detail: "",
  ...more,
});

const found = (mx: "secure" | "insecure", ...hosts: DaneHost[]): DaneFindings => ({
  kind: "found",
  mx,
  hosts,
  expanded: null,
  ttl: 60,
});

describe("what mta-sts query says of DANE", () => {
  it("names each host, what its TLSA records are worth, where they stand, and what failed", () => {
    const findings = found(
      "secure",
      host("mx1.a.example", "usable", { base: "host.b.example" }),
      host("mx2.a.example", "failed", { detail: "TLSA _25._tcp.mx2.a.example: SERVFAIL\u001b[31m from 127.0.0.1" }),
      host("mx3.a.example", "absent"),
    );
    const text = daneText({ state: "on", findings });
    expect(text.split("\n")).toEqual([
      "mx1.a.example  TLSA records that can be used at host.b.example",
      "mx2.a.example  the TLSA lookup failed: not used",
      expect.stringMatching(/^ {2}TLSA _25\._tcp\.mx2\.a\.example: SERVFAIL[ -~]* from 127\.0\.0\.1$/),
      "mx3.a.example  no TLSA records",
    ]);
    expect(daneJson({ state: "on", findings })).toMatchObject({
      mx: "secure",
      hosts: [{ state: "usable", base: "host.b.example" }, { state: "failed" }, { state: "absent", base: null }],
    });
  });

  it.each<[string, DaneFindings | null, string]>([
    ["off: signed .: answered, but not authenticated", null, "off: signed .: answered, but not authenticated"],
    ["on", null, "switched off for this domain (dane.not-for)"],
    ["on", found("insecure", host("mx.a.example", "insecure")), "not applied: the MX records are not signed"],
    ["on", found("secure"), "no MX host"],
    ["on", { kind: "failed", detail: "MX a.example: SERVFAIL" }, "failed: MX a.example: SERVFAIL"],
  ])("%s, %o: says why nothing comes of it", (state, findings, said) => {
    expect(daneText({ state, findings })).toBe(said);
  });

  it("says what an answer of DANE's means, and nothing of others'", () => {
    for (const reply of ["OK dane-only", "OK dane", "TEMP tlsa-lookup-failed: x", "TEMP mx-lookup-failed: x"])
      expect(daneMeaning(reply), reply).toMatch(/mail|used/);
    for (const reply of ["NOTFOUND ", "OK secure match=mx.a.example servername=hostname", "TEMP discovery-failed: x"])
      expect(daneMeaning(reply), reply).toBeNull();
  });
});
