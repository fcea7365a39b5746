import { expect, it } from "vitest";
import { referenceNames } from "../../../host/dane/reference-names.ts";

it("DANE-TA: with a signed MX the next-hop domain and its expansion are names too (R-7672-3.2.2-01)", () => {
  const reached = { base: "mx10.example.com", domain: "exchange.example.org", expanded: "example.com" };
  expect(referenceNames({ ...reached, mx: "secure" })).toEqual([
    "mx10.example.com",
    "exchange.example.org",
    "example.com",
  ]);
  expect(referenceNames({ base: "mx.example.com", domain: "example.com", mx: "secure" })).toEqual([
    "mx.example.com",
    "example.com",
  ]);
});

it("DANE-TA: with an unsigned MX the host name alone (R-7672-3.2.2-01)", () => {
  expect(
    referenceNames({ base: "mx.example.com", domain: "example.com", expanded: "example.net", mx: "insecure" }),
  ).toEqual(["mx.example.com"]);
});

it("DANE-TA: without MX the base domain and the next hop that leads to it (R-7672-3.2.2-01)", () => {
  expect(referenceNames({ base: "host.example.net", domain: "example.com", mx: "implicit" })).toEqual([
    "host.example.net",
    "example.com",
  ]);
});
