import { describe, expect, it } from "vitest";
import { loadCore } from "../../../host/core/load.ts";
import { Dane } from "../../../host/dane/dane.ts";
import { DnssecSelfTest } from "../../../host/dane/self-test.ts";
import type { DnsOutcome, MxRecord } from "../../../host/dns/types.ts";

const destination = { domain: "example.com", port: 25, bracketed: false };

/** A resolver that validates, and answers the self-test when it is told to. */
async function untested() {
  let answer = () => {};
  const told = new Promise<void>((resolve) => {
    answer = resolve;
  });
  const soa = async (name: string): Promise<DnsOutcome<never>> => {
    await told;
    return name === "bogus.test"
      ? { kind: "failed", reason: "servfail", detail: "" }
      : ({ kind: "records", records: [], secure: true, ttl: 1 } as DnsOutcome<never>);
  };
  const mx = async (): Promise<DnsOutcome<MxRecord>> => ({ kind: "failed", reason: "servfail", detail: "asked" });
  const unused = () => Promise.reject(new Error("not asked for here"));
  const dns = { soa, mx, addresses: unused, cname: unused, tlsa: unused };
  const selfTest = new DnssecSelfTest({ dns, signed: ["."], bogus: ["bogus.test"] });
  const dane = new Dane({ dns, core: await loadCore(), selfTest });
  void dane.start();
  return { dane, answer };
}

describe("DANE in a running program", () => {
  it("lets a lookup wait for the first self-test of the resolver, and then plays its part", async () => {
    const { dane, answer } = await untested();
    const found = dane.find(destination, AbortSignal.timeout(60_000));
    answer();
    expect(await found).toEqual({ kind: "failed", detail: "asked" });
    dane.close();
  });

  it("fails a lookup whose time ends before that, so that no mail goes out without DANE for being early (R-MIX-01)", async () => {
    const { dane, answer } = await untested();
    const late = new AbortController();
    const found = dane.find(destination, late.signal);
    late.abort();
    const untestedYet = { kind: "failed", detail: "the first self-test of the resolver has not ended yet" };
    expect(await found).toEqual(untestedYet);
    expect(await dane.find(destination, late.signal)).toEqual(untestedYet);
    answer();
    dane.close();
  });
});
