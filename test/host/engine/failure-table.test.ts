import { describe, expect, it } from "vitest";
import type { DnsFailure } from "../../../host/dns/types.ts";
import type { FetchFailure } from "../../../host/https/types.ts";
import { policy } from "./scripted-outside.ts";
import { MINUTE, settled } from "./simulated-time.ts";
import { D, type World, world } from "./world.ts";

// The failure table of docs/architecture.md, row by row: what the lookup says with nothing held, and with a policy held.

const GET = "GET https://mta-sts.example.com/.well-known/mta-sts.txt: ";
const TXT = "TXT _mta-sts.example.com: ";

/** Lets the id check come due and looks at what mail is told before, during and after it. */
async function checkAgain(w: World): Promise<void> {
  await w.time.pass(11 * MINUTE);
  await w.ask();
  await settled();
}

const stillHeld = { verdict: "policy", policy: { mode: "enforce", id: "1", mx: ["mail.example.com"] } };

describe("the TXT record is not there", () => {
  for (const reason of ["nxdomain", "nodata"] as const) {
    it(`${reason}, nothing held: no policy, asked again after the negative TTL (R-8461-CSM-16)`, async () => {
      const w = await world();
      w.dns.absent(D, reason, 120);
      expect(await w.ask()).toMatchObject({
        ...{ verdict: "none", status: "no-record", reason: null, resultType: null, reuse: 60, policy: null },
        detail: `${TXT}no MTA-STS record`,
      });
      await w.time.pass(119);
      expect((await w.ask()).status).toBe("no-record");
      expect(w.dns.count(D)).toBe(1);
      await w.time.pass(1);
      await w.ask();
      expect(w.dns.count(D)).toBe(2);
      expect([w.https.asked, w.heard.takeNotices()]).toEqual([[], []]);
    });

    it(`${reason}, forged over a held policy: still enforced, to its own expiry, and said (R-8461-3.1-23, R-8461-3.3-17)`, async () => {
      const w = await world({ kind: "sqlite" });
      await w.hold();
      w.dns.absent(D, reason);
      w.https.fail(D);
      await checkAgain(w);
      expect(w.heard.notices[0]).toMatchObject({ notice: "record-missing", detail: `${TXT}no MTA-STS record` });
      expect(w.heard.notices[0]?.decision).toMatchObject({ status: "no-record", ...stillHeld });
      for (let day = 0; day < 6; day++) {
        await w.time.pass(86_400);
        expect(await w.ask()).toMatchObject(stillHeld);
      }
      await w.restart();
      expect(await w.ask()).toMatchObject(stillHeld);
    });
  }

  it("keeps a negative for 30 minutes at most, however long its TTL (R-8461-CSM-16)", async () => {
    const w = await world();
    w.dns.absent(D, "nxdomain", 86_400);
    await w.ask();
    await w.time.pass(30 * MINUTE - 1);
    await w.ask();
    expect(w.dns.count(D)).toBe(1);
    await w.time.pass(1);
    w.dns.publish(D, "1");
    w.https.serve(D, policy("enforce"));
    expect(await w.ask()).toMatchObject({ verdict: "policy", status: "fetched" });
  });
});

describe("the TXT lookup fails", () => {
  const failures: DnsFailure[] = ["servfail", "refused", "timeout", "network", "malformed", "cname-loop", "rcode"];
  for (const failure of failures)
    it(`${failure}: TEMP with the name that failed while nothing is held, honoured and said while a policy is (R-8461-3.1-26, R-8461-3.3-17)`, async () => {
      const w = await world();
      w.dns.fail(D, failure, `${failure} from 192.0.2.53`);
      expect(await w.ask()).toMatchObject({
        ...{ verdict: "temp", status: "record-failed", reason: "discovery-failed", policy: null },
        detail: `${TXT}${failure} from 192.0.2.53`,
      });
      await w.time.pass(MINUTE);
      await w.hold();
      w.dns.fail(D, failure, `${failure} from 192.0.2.53`);
      await checkAgain(w);
      expect(w.heard.notices[0]).toMatchObject({ notice: "record-failed", detail: `${TXT}${failure} from 192.0.2.53` });
      expect(await w.ask()).toMatchObject(stillHeld);
    });
});

describe("the TXT records are several or malformed", () => {
  const bad: [string, string[], string][] = [
    ["two records", ["v=STSv1; id=1;", "v=STSv1; id=2;"], "more than one TXT record begins with v=STSv1;"],
    ["a bad id", ["v=STSv1; id=not-alnum;"], "the id is not 1 to 32 letters and digits"],
    ["no id", ["v=STSv1; foo=bar"], "the record has no id"],
  ];
  for (const [what, texts, why] of bad)
    it(`${what}: no policy and no GET while nothing is held, honoured while a policy is, and said (R-8461-3.1-21, R-8461-3.1-22, R-8461-3.1-23)`, async () => {
      const w = await world();
      w.dns.records(D, texts);
      const detail = `${TXT}${why}`;
      expect(await w.ask()).toMatchObject({ verdict: "none", status: "record-invalid", detail });
      expect(w.heard.notices).toMatchObject([{ notice: "record-invalid", detail, decision: { verdict: "none" } }]);
      expect(w.https.asked).toEqual([]);
      await w.time.pass(5 * MINUTE);
      await w.hold();
      w.dns.records(D, texts);
      await checkAgain(w);
      expect(w.heard.notices).toMatchObject([
        { notice: "record-invalid", detail, decision: { status: "record-invalid", ...stillHeld } },
      ]);
      expect(await w.ask()).toMatchObject(stillHeld);
    });
});

const getFailures: [FetchFailure, string][] = [
  ["dns", "sts-policy-fetch-error"],
  ["address-forbidden", "sts-policy-fetch-error"],
  ["connect", "sts-policy-fetch-error"],
  ["tls", "sts-policy-fetch-error"],
  ["certificate", "sts-webpki-invalid"],
  ["timeout", "sts-policy-fetch-error"],
  ["status", "sts-policy-fetch-error"],
  ["redirect", "sts-policy-fetch-error"],
  ["too-large", "sts-policy-fetch-error"],
  ["incomplete", "sts-policy-fetch-error"],
  ["encoding", "sts-policy-fetch-error"],
  ["protocol", "sts-policy-fetch-error"],
];

describe("the GET fails", () => {
  for (const [failure, resultType] of getFailures)
    it(`${failure}: no policy and a notice while nothing is held; honoured, said and backed off from while a policy is (R-8461-3.3-16, R-8461-3.3-17, R-8461-3.3-11, R-8461-CSM-07)`, async () => {
      const w = await world();
      w.dns.publish(D, "1");
      w.https.fail(D, failure, `${failure}: 192.0.2.1`);
      const detail = `${GET}${failure}: 192.0.2.1`;
      expect(await w.ask()).toMatchObject({ verdict: "none", status: "fetch-failed", resultType, detail });
      expect(w.heard.notices).toMatchObject([{ notice: "fetch-failed", detail, decision: { verdict: "none" } }]);
      await w.time.pass(299);
      expect(await w.ask()).toMatchObject({ verdict: "none", status: "fetch-failed", detail });
      expect(w.https.count(D)).toBe(1);
      await w.time.pass(1);
      await w.hold();
      expect(w.https.count(D)).toBe(2);

      w.dns.publish(D, "2");
      w.https.fail(D, failure, `${failure}: 192.0.2.1`);
      await checkAgain(w);
      expect(w.https.count(D)).toBe(3);
      expect(w.heard.notices[0]).toMatchObject({
        ...{ notice: "fetch-failed", detail },
        decision: { status: "fetch-failed", resultType, ...stillHeld },
      });
      await w.time.pass(4 * MINUTE);
      expect(await w.ask()).toMatchObject(stillHeld);
      expect(w.https.count(D)).toBe(3);
    });

  const bodies: [string, string, string | null, string, string][] = [
    [
      "without a version",
      "mode: none\nmax_age: 1",
      "text/plain",
      "policy-invalid",
      "there is no version line (byte 21)",
    ],
    ["an HTML page", "<html>", "text/plain", "policy-invalid", "a line is not name: value (byte 0)"],
    ["nothing", "", "text/plain", "policy-invalid", "the policy is empty (byte 0)"],
    ["another media type", policy("enforce"), "text/html", "fetch-failed", "the Content-Type is not text/plain"],
    ["no media type", policy("enforce"), null, "fetch-failed", "the response has no Content-Type"],
  ];
  for (const [what, body, type, status, why] of bodies)
    it(`the body is ${what}: a failed fetch like any other, its fault named (R-8461-3.2-28, R-8461-3.3-16, R-8461-3.3-17)`, async () => {
      const w = await world();
      w.dns.publish(D, "1");
      w.https.serve(D, body, type);
      const detail = `${GET}${why}`;
      expect(await w.ask()).toMatchObject({ verdict: "none", status, detail });
      expect(w.heard.notices).toMatchObject([{ notice: status, detail }]);
      await w.time.pass(5 * MINUTE);
      await w.hold();
      w.dns.publish(D, "2");
      w.https.serve(D, body, type);
      await checkAgain(w);
      expect(w.heard.notices[0]).toMatchObject({ notice: status, detail, decision: { status, ...stillHeld } });
      expect(await w.ask()).toMatchObject(stillHeld);
    });
});

describe("the GET is slower than the caller can wait", () => {
  it("nothing held: TEMP, then the failure of the flight stands as no policy with a notice (R-8461-3.3-16)", async () => {
    const w = await world();
    w.dns.publish(D, "1");
    w.https.fail(D, "timeout", "60 s are over");
    w.https.hold(D);
    const answer = w.engine.resolve(D);
    await w.time.pass(20);
    expect(await answer).toMatchObject({ verdict: "temp", reason: "discovery-pending" });
    await w.time.pass(40);
    w.https.release(D);
    await settled();
    expect(w.heard.takeNotices()).toEqual(["fetch-failed"]);
    expect(await w.ask()).toMatchObject({ verdict: "none", status: "fetch-failed", detail: `${GET}60 s are over` });
    expect(w.https.count(D)).toBe(1);
  });
});
