// The whole table of plan entries and sessions, not only the rows someone thought of.
import { describe, expect, it } from "vitest";
import { ACTIONS, CHAINS, type Chain, PLAN_REASONS, SESSIONS, type Session } from "../../host/core/names.ts";
import type { PlanEntry } from "../../host/core/plan.ts";
import { builds } from "./builds.ts";

const HOST = "mx1.example.com";
const actions = Object.values(ACTIONS);
const reasons = Object.values(PLAN_REASONS);
const sessions = Object.keys(SESSIONS) as Session[];
const chains = Object.keys(CHAINS) as Chain[];
const tlsVersions = [0, 0x300, 0x301, 0x302, 0x303, 0x304, 0xffff];
const certificates = [[], [HOST], ["*.example.com"], ["other.example.com"], ["example.com"], ["*.com", HOST]];

interface Case {
  readonly entry: PlanEntry;
  readonly session: Session;
  readonly tlsVersion: number;
  readonly chain: Chain;
  readonly names: readonly string[];
  readonly last: boolean;
}

function* allCases(): Generator<Case> {
  for (const action of actions)
    for (const reason of reasons)
      for (const evaluate of [true, false])
        for (const session of sessions)
          for (const tlsVersion of tlsVersions)
            for (const chain of chains)
              for (const names of certificates)
                for (const last of [true, false]) {
                  if (action === "pkix" && reason !== null) continue;
                  if (chain.startsWith("dane") ? action !== "dane" : action === "dane" && chain === "valid") continue;
                  yield { entry: { host: HOST, action, reason, evaluate }, session, tlsVersion, chain, names, last };
                }
}

const named = ({ names }: Case): boolean => names.some((name) => name === HOST || name === "*.example.com");

const encrypted = ({ session, tlsVersion }: Case): boolean => session === "tls" && tlsVersion >= 0x303;

const authenticated = (session: Case): boolean => encrypted(session) && session.chain === "valid" && named(session);

const daneAuthenticated = (session: Case): boolean =>
  encrypted(session) && (session.chain === "dane-ee" || (session.chain === "dane-ta" && named(session)));

describe.each(builds)("judge, $name build", ({ core }) => {
  it("delivers under enforce over authenticated TLS to a permitted host and over nothing else (R-8461-4-01, R-8461-5-01)", () => {
    let delivered = 0;
    for (const session of allCases()) {
      const { verdict } = core.judge(session);
      if (session.entry.action === "pkix")
        expect(verdict === "deliver", JSON.stringify(session)).toBe(authenticated(session));
      if (session.entry.action === "skip") expect(verdict, JSON.stringify(session)).not.toBe("deliver");
      if (verdict === "deliver") delivered++;
    }
    expect(delivered).toBeGreaterThan(1000);
  });

  it("delivers to a DANE host over what its TLSA records authenticate and over nothing else, whatever MTA-STS says (R-7672-3.2-01, R-7672-3.1.1-01, R-7672-3.1.2-01, R-8461-2-01)", () => {
    for (const session of allCases())
      if (session.entry.action === "dane")
        expect(core.judge(session).verdict === "deliver", JSON.stringify(session)).toBe(daneAuthenticated(session));
  });

  it("delivers over any TLS where the TLSA records are unusable, never in clear, and says so (R-7672-2.2-02, R-MIX-02)", () => {
    for (const session of allCases()) {
      if (session.entry.action !== "encrypt") continue;
      const { verdict, compliant, resultType } = core.judge(session);
      expect(verdict === "deliver", JSON.stringify(session)).toBe(encrypted(session));
      if (session.entry.evaluate) continue;
      expect(compliant).toBe(false);
      if (verdict === "deliver") expect(resultType).toBe("tlsa-invalid");
    }
  });

  it("takes no word of a certificate authority for a DANE host, and none of DANE for another", () => {
    const entry = (action: PlanEntry["action"]) => ({ host: HOST, action, reason: null, evaluate: false });
    const session = { session: "tls", tlsVersion: 0x304, names: [HOST], last: false } as const;
    expect(() => core.judge({ ...session, entry: entry("dane"), chain: "valid" })).toThrow("malformed (at 28)");
    for (const action of ["pkix", "opportunistic", "skip", "encrypt"] as const)
      for (const chain of ["dane-ee", "dane-ta", "dane-no-match"] as const)
        expect(() => core.judge({ ...session, entry: entry(action), chain }), action).toThrow("malformed (at 28)");
  });

  it("lets testing and none deliver whatever the session is, if there is one (R-8461-5-03)", () => {
    for (const session of allCases()) {
      if (session.entry.action !== "opportunistic") continue;
      expect(core.judge(session).verdict === "deliver", JSON.stringify(session)).toBe(
        session.session !== "not-connected",
      );
    }
  });

  it("defers only on the last host, and goes on to the next one elsewhere (R-8461-5.1-04, R-8461-5-07)", () => {
    for (const session of allCases()) {
      const { verdict } = core.judge(session);
      if (verdict !== "deliver") expect(verdict, JSON.stringify(session)).toBe(session.last ? "defer" : "next-host");
    }
  });

  it("counts by compliance: the same verdict on the session in testing as in enforce (R-8461-4.2-10)", () => {
    for (const session of allCases()) {
      if (session.entry.action !== "pkix") continue;
      const enforced = core.judge(session);
      const tested = core.judge({ ...session, entry: { ...session.entry, action: "opportunistic", evaluate: true } });
      const same = ({ why, compliant, resultType }: typeof enforced) => ({ why, compliant, resultType });
      expect(same(tested), JSON.stringify(session)).toEqual(same(enforced));
    }
  });

  it("is compliant exactly when it names no reason, and gives no result type then", () => {
    for (const session of allCases()) {
      const { compliant, why, resultType } = core.judge(session);
      expect(compliant, JSON.stringify(session)).toBe(why === "compliant");
      if (compliant) expect(resultType).toBeNull();
    }
  });
});
