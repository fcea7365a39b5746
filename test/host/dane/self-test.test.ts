import { afterEach, describe, expect, it } from "vitest";
import { DnssecSelfTest, type SelfTestOptions, type Trust } from "../../../host/dane/self-test.ts";
import type { DnsFailure, DnsOutcome } from "../../../host/dns/types.ts";
import { soa as soaRecord } from "../dns/message-builder.ts";
import { insecure, none, scriptedZone, secure, servfail } from "./scripted-zone.ts";

const good: DnsOutcome<number> = { kind: "records", records: [60], ttl: 60, secure: true };
const plain: DnsOutcome<number> = { kind: "records", records: [60], ttl: 60, secure: false };
const gone: DnsOutcome<number> = { kind: "none", reason: "nxdomain", ttl: 60, secure: true };
const failed = (reason: DnsFailure): DnsOutcome<number> => ({ kind: "failed", reason, detail: reason });

const running: DnssecSelfTest[] = [];
afterEach(() => {
  for (const test of running.splice(0)) test.close();
});

function selfTest(answers: Record<string, DnsOutcome<number>>, more: Partial<SelfTestOptions> = {}) {
  const heard: [Trust, string][] = [];
  const test = new DnssecSelfTest({
    dns: { soa: async (name) => answers[name] ?? failed("timeout") },
    signed: ["."],
    bogus: ["bogus.example"],
    onChange: (trust, detail) => heard.push([trust, detail]),
    ...more,
  });
  running.push(test);
  return { test, heard };
}

const until = async (condition: () => boolean) => {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 2));
};

describe("the self-test of the resolver (R-7672-2.1.1-01, R-7672-2.1.1-02)", () => {
  it.each<[string, DnsOutcome<number>, DnsOutcome<number>, boolean]>([
    ["a signed name with AD and a bogus one refused", good, failed("servfail"), true],
    ["a signed name without AD", plain, failed("servfail"), false],
    ["a bogus name that is answered", good, plain, false],
    ["a bogus name that is answered with AD", good, good, false],
    ["a bogus name that is gone", good, gone, false],
    ["a bogus name nobody answers for", good, failed("timeout"), false],
    ["a signed name that is refused", failed("servfail"), failed("servfail"), false],
    ["silence", failed("timeout"), failed("timeout"), false],
  ])("%s", async (_what, signed, bogus, passes) => {
    const { test, heard } = selfTest({ ".": signed, "bogus.example": bogus });
    await test.start();
    expect(test.passes).toBe(passes);
    expect(heard.length).toBe(1);
  });

  it("over the wire: AD and SERVFAIL of a resolver on loopback pass, their absence does not", async () => {
    const record = soaRecord("signed.example", 60, 60);
    for (const [answers, passes] of [
      [{ "SOA signed.example": secure(record), "SOA bogus.example": servfail }, true],
      [{ "SOA signed.example": insecure(record), "SOA bogus.example": servfail }, false],
      [
        { "SOA signed.example": secure(record), "SOA bogus.example": insecure(soaRecord("bogus.example", 60, 60)) },
        false,
      ],
      [{ "SOA signed.example": secure(record), "SOA bogus.example": none() }, false],
    ] as const) {
      const zone = await scriptedZone(answers);
      const { test } = selfTest({}, { dns: zone.dns, signed: ["signed.example"] });
      await test.start();
      expect(test.passes, JSON.stringify(Object.keys(answers))).toBe(passes);
      await zone.close();
    }
  });

  it("asks for the root zone too", async () => {
    const zone = await scriptedZone({ "SOA .": secure(soaRecord("", 60, 60)), "SOA bogus.example": servfail });
    const { test } = selfTest({}, { dns: zone.dns });
    await test.start();
    await zone.close();
    expect(test.detail).toContain("signed .: authenticated");
  });

  it("needs one bogus name of several to be refused, and none to be answered", async () => {
    const bogus = ["gone.example", "bogus.example"];
    const { test } = selfTest({ ".": good, "gone.example": gone, "bogus.example": failed("servfail") }, { bogus });
    await test.start();
    expect(test.passes).toBe(true);
    const { test: answered } = selfTest(
      { ".": good, "gone.example": plain, "bogus.example": failed("servfail") },
      { bogus },
    );
    await answered.start();
    expect(answered.passes).toBe(false);
  });

  it("is repeated: a resolver that stops validating ends the trust, and one that starts begins it", async () => {
    const answers: Record<string, DnsOutcome<number>> = { ".": good, "bogus.example": failed("servfail") };
    const { test, heard } = selfTest(answers, { every: 5, retry: 5 });
    await test.start();
    answers["bogus.example"] = plain;
    await until(() => !test.passes);
    answers["bogus.example"] = failed("servfail");
    await until(() => test.passes);
    expect(heard.map(([trust]) => trust)).toEqual(["validates", "does-not-validate", "validates"]);
  });

  it("keeps the trust while nobody answers: then no other lookup succeeds either", async () => {
    const answers: Record<string, DnsOutcome<number>> = { ".": good, "bogus.example": failed("servfail") };
    let asked = 0;
    const soa = async (name: string) => {
      asked++;
      return answers[name] ?? failed("timeout");
    };
    const dns = { soa };
    const { test } = selfTest(answers, { every: 1, dns });
    await test.start();
    answers["."] = failed("timeout");
    answers["bogus.example"] = failed("timeout");
    const before = asked;
    await until(() => asked > before + 6);
    expect(test.passes).toBe(true);
  });
});
