// Every export does bounded work: at most so many instructions an octet, whatever the octets are, up to the limits.
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { root } from "../builds.ts";
import { list } from "../frames.ts";
import { namesAndHost, patternAndHost, policyBody, rrset as someRrset } from "../generate.ts";
import { Random } from "../walk.ts";
import { type Call, costs, hasWasmtime } from "./fuel.ts";
import { body, certificates, fill, HOST, NEARLY, pair, planOf, policy, rrset, tlsaMatchOf } from "./requests.ts";
import { families, OTHER_ISSUER } from "./worst-cases.ts";

/** What a call may cost beside its octets. */
const CALL = 2000;
/** plan compares every host with every pattern: instructions for each host and each octet of the policy. */
const PAIR = 160;
/** tlsa_match holds every DANE-TA record against every certificate: instructions for each two. */
const MATCH = 1500;

const page = readFileSync(`${root}/docs/assurance.md`, "utf8");
const worstOf = (call: string) =>
  Math.max(...families.filter((family) => `mtasts_${family.export}` === call).map(({ ceiling }) => ceiling));
const number = (n: number) => n.toLocaleString("en-US");

describe.skipIf(!hasWasmtime)("work, counted in instructions by wasmtime (skipped without it: .ci/install)", () => {
  it.each(families)("$export: $name: at most $ceiling an octet, up to $limit octets", (family) => {
    const calls = [16, 4, 2, 1].map((part) => family.build(Math.floor(family.limit / part)));
    const counted = costs(calls);
    for (const [i, { fuel }] of counted.entries())
      expect(fuel, `${calls[i]?.request.length} octets`).toBeLessThanOrEqual(
        family.ceiling * (calls[i]?.request.length ?? 0) + CALL,
      );
    const [last, call] = [counted.at(-1), calls.at(-1)];
    expect([last?.status, call?.export]).toEqual([family.status, `mtasts_${family.export}`]);
    // A ceiling far above what is needed would not notice a slope that grows.
    const slope = (last?.fuel ?? 0) / (call?.request.length ?? 1);
    expect(slope, "lower the ceiling").toBeGreaterThan(family.ceiling * 0.9 - 1);
  });

  it("no generated input costs more an octet than the worst that was thought of", () => {
    const random = new Random(8461);
    const calls: Call[] = [];
    for (let i = 0; i < 2000; i++) {
      calls.push(rrset(someRrset(random), random.below(16)), policy(policyBody(random), random.below(16)));
      calls.push(
        pair("mtasts_mx_match", ...patternAndHost(random)),
        pair("mtasts_dnsid_match", ...namesAndHost(random)),
      );
    }
    for (const [i, { fuel }] of costs(calls).entries()) {
      const call = calls[i] as Call;
      const worst = worstOf(call.export);
      expect(fuel, Buffer.from(call.request).toString("latin1")).toBeLessThanOrEqual(
        worst * call.request.length + CALL,
      );
    }
  });

  it.each([
    { mx: NEARLY.slice(-20), host: HOST.slice(-20) },
    { mx: NEARLY, host: HOST },
    { mx: "c.example", host: "b.example" },
    { mx: "*.a", host: HOST },
  ])("plan costs its hosts times the octets of its policy, and no more, both chosen by others: $mx", ({ mx, host }) => {
    for (const hosts of [10, 100, 400]) {
      const text = body(10_000, `mx:${mx}\n`);
      const call = planOf(text, fill(hosts * (host.length + 2), list([host])));
      const [cost] = costs([call]);
      expect(cost?.status).toBe(0);
      expect(cost?.fuel).toBeLessThanOrEqual(
        PAIR * hosts * text.length + worstOf("mtasts_plan") * call.request.length + CALL,
      );
    }
  });

  it("tlsa_match costs its records times the certificates, and no more, both chosen by others", () => {
    for (const [records, sent] of [
      [10, 400],
      [100, 100],
      [1000, 10],
    ] as const) {
      const call = tlsaMatchOf(fill(records * (OTHER_ISSUER.length + 2), list([OTHER_ISSUER])), certificates(sent));
      const [cost] = costs([call]);
      expect(cost?.status).toBe(0);
      expect(cost?.fuel).toBeLessThanOrEqual(
        MATCH * records * sent + worstOf("mtasts_tlsa_match") * call.request.length + CALL,
      );
    }
  });
});

describe("docs/assurance.md", () => {
  it("tells of every family its limit and its ceiling", () => {
    for (const { export: call, name, limit, ceiling } of families)
      expect(page.split("\n")).toContain(`| \`${call}\` | ${name} | ${number(limit)} | ${ceiling} |`);
  });
});
