import { describe, expect, it } from "vitest";
import { Answerer } from "../../../bindings/postfix/answer.ts";
import type { DaneDeviation } from "../../../bindings/postfix/dane-answer.ts";
import { loadCoreSync } from "../../../host/core/load.ts";
import type { DaneState } from "../../../host/core/names.ts";
import type { FindDane } from "../../../host/dane/dane.ts";
import type { DaneDestination, DaneFindings } from "../../../host/dane/domain-lookup.ts";
import type { Decision } from "../../../host/engine/decision.ts";
import { honour, mxRecords, none, policy, ScriptedWorld, temp } from "./scripted-world.ts";

const core = loadCoreSync();
const DOMAIN = "a.example";
const PIN = "protocols=!SSLv2:!SSLv3:!TLSv1:!TLSv1.1";
type State = Exclude<DaneState, "unknown">;
type Mx = Extract<DaneFindings, { kind: "found" }>["mx"];

/** mx1, mx2, ... with these states. */
function found(states: readonly State[], mx: Mx = "secure", ttl = 300): DaneFindings {
  const hosts = states.map((state, i) => ({
    host: `mx${i + 1}.${DOMAIN}`,
    state,
    base: null,
    records: [],
    ttl,
    detail: state.endsWith("failed") ? `TLSA _25._tcp.mx${i + 1}.${DOMAIN}: SERVFAIL from 127.0.0.1` : "",
  }));
  return { kind: "found", mx, hosts, expanded: null, ttl };
}

/** What a question is answered when MTA-STS and DANE are as said. */
function setUp(findings: DaneFindings | null, decision: Decision = none(DOMAIN)) {
  const world = new ScriptedWorld();
  const clock = { now: 0 };
  const asked: DaneDestination[] = [];
  const heard: string[] = [];
  const deviations: DaneDeviation[] = [];
  world.decisions.set(decision.domain, decision);
  world.mx.set(DOMAIN, mxRecords(["mx1.a.example", "mx2.a.example"]));
  const find: FindDane = async (destination) => {
    asked.push(destination);
    return findings;
  };
  const answerer = new Answerer({
    resolver: world,
    lookupMx: world.lookupMx,
    matchesMx: (pattern, host) => core.matchesMx(pattern, host),
    monotonic: () => clock.now,
    dane: { find, core },
    observer: {
      dane: (_, answer, lost) => {
        heard.push(answer);
        deviations.push(...lost);
      },
    },
  });
  const ask = async (request = `postfix ${DOMAIN}`) => {
    const reply = await answerer.answer(Buffer.from(request));
    return /^\d+:(.*),$/s.exec(reply?.bytes.toString("latin1") ?? "")?.[1] ?? "not a netstring";
  };
  return { ask, asked, heard, deviations, clock, world };
}

const enforce = (...mx: string[]) => honour(DOMAIN, policy("enforce", mx));
const testing = (...mx: string[]) => honour(DOMAIN, policy("testing", mx));
const ALL = enforce("*.a.example");

const answer = (findings: DaneFindings, decision?: Decision) => setUp(findings, decision).ask();

describe("a domain whose MX records are signed", () => {
  it.each<[string, readonly State[], string]>([
    ["every host with usable TLSA", ["usable", "usable"], "OK dane-only"],
    ["every host but one that is down", ["usable", "no-address"], "OK dane-only"],
    ["one host whose TLSA lookup fails: Postfix itself skips it", ["usable", "failed"], "OK dane-only"],
    ["some hosts with TLSA, others without", ["usable", "absent"], "OK dane"],
    ["some hosts with TLSA, others insecure", ["insecure", "usable"], "OK dane"],
    ["some hosts with unusable TLSA", ["usable", "unusable"], "OK dane"],
    ["nothing but unusable TLSA: Postfix insists on TLS", ["unusable"], "OK dane"],
    ["no TLSA", ["absent", "absent"], "NOTFOUND "],
    ["hosts in unsigned zones", ["insecure", "insecure"], "NOTFOUND "],
    [
      "a failing host beside one without TLSA: Postfix skips the one and uses the other",
      ["failed", "absent"],
      "OK dane",
    ],
    ["hosts without addresses", ["no-address"], "NOTFOUND "],
  ])("without a policy, %s (R-7672-2.2.1-01, R-BIND-PF-03)", async (_what, states, said) => {
    expect(await answer(found(states))).toBe(said);
    expect(await answer(found(states), testing("mx1.a.example")), "testing").toBe(said);
    expect(await answer(found(states, "implicit")), "implicit MX").toBe(said);
  });

  it.each<[string, readonly State[], Decision, string, readonly DaneDeviation[]]>([
    ["every host with usable TLSA", ["usable", "usable"], ALL, "OK dane-only", []],
    ["some without", ["usable", "absent"], ALL, "OK dane-only", ["hosts-without-tlsa-unused"]],
    ["some unusable", ["usable", "unusable"], ALL, "OK dane-only", ["hosts-without-tlsa-unused"]],
    ["one failing", ["usable", "failed"], ALL, "OK dane-only", []],
    [
      "one that the policy does not list",
      ["usable", "usable"],
      enforce("mx1.a.example"),
      "OK dane-only",
      ["policy-list-not-applied"],
    ],
    [
      "none that the policy lists",
      ["usable", "usable"],
      enforce("mx9.a.example"),
      `OK secure match=mx9.a.example servername=hostname ${PIN}`,
      [],
    ],
    ["no TLSA", ["absent"], enforce("mx1.a.example"), `OK secure match=mx1.a.example servername=hostname ${PIN}`, []],
    [
      "unusable TLSA",
      ["unusable"],
      enforce("mx1.a.example"),
      `OK secure match=mx1.a.example servername=hostname ${PIN}`,
      [],
    ],
  ])("under an enforce policy, %s (R-8461-2-01, R-MIX-03, R-MIX-04)", async (_what, states, decision, said, lost) => {
    const { ask, deviations } = setUp(found(states), decision);
    expect(await ask()).toBe(said);
    expect(deviations).toEqual(lost);
  });

  it("under an enforce policy loses the host whose TLSA lookup failed, not the others (R-MIX-01, R-7672-2.1.2-02)", async () => {
    const { ask, heard } = setUp(found(["failed", "absent"]), ALL);
    expect(await ask()).toBe(`OK secure match=mx2.a.example servername=hostname ${PIN}`);
    expect(await ask(`postfix310 ${DOMAIN}`)).toContain(" mx_host_pattern=mx2.a.example { policy_string");
    expect(await ask(`postfix310 ${DOMAIN}`)).not.toContain("*.a.example");
    expect(heard).toEqual(["fewer-hosts", "fewer-hosts"]);
  });

  it.each<[string, Decision]>([
    ["without a policy", none(DOMAIN)],
    ["under testing", testing("*.a.example")],
    ["under enforce", ALL],
  ])("waits when no host is left, %s (R-7672-2.1.2-03, R-MIX-01)", async (_what, decision) => {
    const { ask, heard } = setUp(found(["failed", "address-failed"]), decision);
    expect(await ask()).toMatch(
      /^TEMP tlsa-lookup-failed: TLSA _25\._tcp\.mx1\.a\.example: SERVFAIL .*; mail stays queued;/,
    );
    expect(heard).toEqual(["temp"]);
  });

  it.each<[string, readonly State[], RegExp]>([
    ["goes by DANE where it can", ["usable", "absent"], /^OK dane-only$/],
    ["waits where there is no TLSA", ["absent"], /^TEMP discovery-failed: /],
    ["waits where the lookups fail", ["failed"], /^TEMP discovery-failed: /],
  ])("while the policy is not known %s (R-BIND-PF-03)", async (_what, states, said) => {
    expect(await answer(found(states), temp(DOMAIN, "TXT: SERVFAIL"))).toMatch(said);
  });
});

describe("a domain whose MX records are not signed", () => {
  it.each<[string, Decision, string]>([
    ["has its enforce policy honoured", ALL, `OK secure match=mx1.a.example:mx2.a.example servername=hostname ${PIN}`],
    ["without a policy is left to Postfix's own level", none(DOMAIN), "NOTFOUND "],
  ])("%s, whatever TLSA records its hosts have (R-7672-2.2.1-03)", async (_what, decision, said) => {
    for (const states of [
      ["usable", "usable"],
      ["usable", "failed"],
      ["insecure", "insecure"],
    ] as const)
      expect(await answer(found(states, "insecure"), decision)).toBe(said);
  });

  it("forged to a host with TLSA records of its own gets nothing but what the policy permits (R-8461-5-01)", async () => {
    const forged: DaneFindings = {
      kind: "found",
      mx: "insecure",
      hosts: [{ host: "mx.attacker.example", state: "usable", base: null, records: [], ttl: 60, detail: "" }],
      expanded: null,
      ttl: 60,
    };
    expect(await answer(forged, enforce("mx1.a.example"))).toBe(
      `OK secure match=mx1.a.example servername=hostname ${PIN}`,
    );
  });
});

describe("a domain whose MX lookup fails", () => {
  it.each([
    ["without a policy", none(DOMAIN)],
    ["under enforce", ALL],
    ["while the policy is not known", temp(DOMAIN, "x")],
  ])("waits %s (R-7672-2.1.2-01)", async (_what, decision) => {
    const detail = `MX ${DOMAIN}: SERVFAIL from 127.0.0.1`;
    expect(await answer({ kind: "failed", detail }, decision)).toBe(
      `TEMP mx-lookup-failed: ${detail}; mail stays queued; run: mta-sts query ${DOMAIN}`,
    );
  });
});

describe("DANE in an answer", () => {
  it("plays no part where it is off, or switched off for the domain", async () => {
    expect(await setUp(null, enforce("mx1.a.example")).ask()).toBe(
      `OK secure match=mx1.a.example servername=hostname ${PIN}`,
    );
    expect(await setUp(null).ask()).toBe("NOTFOUND ");
  });

  it("is Sendmail's own affair", async () => {
    const { ask, asked } = setUp(found(["usable"]), enforce("mx1.a.example"));
    expect(await ask(`sts ${DOMAIN}`)).toBe("OK secure match=mx1.a.example servername=hostname");
    expect(asked).toEqual([]);
  });

  it.each([
    [`postfix ${DOMAIN}`, { domain: DOMAIN, port: 25, bracketed: false }],
    [`postfix ${DOMAIN}:2525`, { domain: DOMAIN, port: 2525, bracketed: false }],
    ["postfix [mx1.a.example]:587", { domain: "mx1.a.example", port: 587, bracketed: true }],
    ["postfix [mx1.a.example]:submission", { domain: "mx1.a.example", port: 587, bracketed: true }],
    ["postfix [mx1.a.example]", { domain: "mx1.a.example", port: 25, bracketed: true }],
    [`postfix ${DOMAIN}:smtp`, { domain: DOMAIN, port: 25, bracketed: false }],
  ])("is looked up for the port that mail goes to: %s (R-7672-2.2.3-01)", async (request, destination) => {
    const { ask, asked } = setUp(found(["absent"]));
    await ask(request);
    expect(asked).toEqual([destination]);
  });

  it.each([
    ["QUERY", "postfix"],
    ["QUERYwithTLSRPT", "postfix310"],
  ])("answers the map %s of postfix-tlspol as %s", async (alias, name) => {
    for (const [states, decision] of [
      [["usable"], none(DOMAIN)],
      [["absent"], enforce("mx1.a.example")],
    ] as const) {
      const { ask } = setUp(found(states), decision);
      expect(await ask(`${alias} ${DOMAIN}`)).toBe(await ask(`${name} ${DOMAIN}`));
    }
  });

  it("is kept no longer than the TTL of what it rests on", async () => {
    const { ask, asked, clock } = setUp(found(["usable"], "secure", 7));
    await ask();
    clock.now = 6_900;
    await ask();
    expect(asked.length).toBe(1);
    clock.now = 7_100;
    await ask();
    expect(asked.length).toBe(2);
  });

  it("that failed is not kept at all", async () => {
    const { ask, asked } = setUp(found(["failed"]));
    await ask();
    await ask();
    expect(asked.length).toBe(2);
  });
});
