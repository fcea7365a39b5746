import { describe, expect, it } from "vitest";
import type { StepRequest } from "../../host/core/step.ts";
import { headerLine, type RecordedLine, readHeader, readStep, stepLine } from "../../host/core/step-record.ts";
import { builds } from "./builds.ts";
import { QUIET } from "./quiet-step.ts";
import { hostileFetch, hostileRecord, Random } from "./walk.ts";

/** Hostile events against one domain, with states that are damaged now and then: errors are decisions, too. */
function recorded(seed: number, core: (typeof builds)[number]["core"], steps: number): string[] {
  const lines: string[] = [];
  const random = new Random(seed);
  let state: Uint8Array | null = null;
  let token = new Uint8Array(48);
  core.onStep = (request, step) =>
    void lines.push(stepLine({ domain: request.domain, event: request.event.kind, now: request.clock.now }, step));
  for (let i = 0; i < steps; i++) {
    const kind = random.below(4);
    const event: StepRequest["event"] =
      kind === 0 ? { kind: "lookup" } : kind < 3 ? hostileRecord(random) : hostileFetch(random, token);
    const clock = { now: 2_000_000_000 + i * 60, uptimeMs: 1_000_000_000 + i * 60_000, boot: 0 };
    const damaged: Uint8Array | null =
      random.chance(5) && state ? Uint8Array.from(state, (octet, at) => (at === 40 ? octet ^ 1 : octet)) : state;
    const result = core.step({
      event,
      clock,
      seed: random.next(),
      highWater: 0,
      domain: "example.com",
      state: damaged,
      ...QUIET,
    });
    if (!result.ok) continue;
    for (const effect of result.effects) {
      if (effect.kind === "state") state = effect.state;
      if (effect.kind === "get-policy") token = Uint8Array.from(effect.token);
    }
  }
  core.onStep = null;
  return lines;
}

describe("a record of decisions", () => {
  it("names its format, and anything else is no record", () => {
    expect(readHeader(headerLine("mta-sts 0.1.0"))).toEqual({ abi: expect.stringMatching(/^1\.\d+$/) });
    for (const line of ["", "{}", "null", "[]", '{"format":"mta-sts-decisions","version":2,"abi":"1.0"}', "{"])
      expect(readHeader(line), line).toBeNull();
    for (const line of ["", "{}", "null", '{"in":"","out":""}', '{"in":1,"out":2,"status":3}'])
      expect(readStep(line), line).toBeNull();
  });

  it("made by one build comes out the same, octet by octet, in every other, errors included", () => {
    for (const from of builds) {
      const lines = recorded(3, from.core, 2000);
      const steps = lines.map((line) => readStep(line) as RecordedLine);
      expect(steps.filter(({ status }) => status < 0).length).toBeGreaterThan(20);
      for (const { name, core } of builds)
        for (const { request, status, output } of steps) {
          const again = core.replay(request);
          expect(again?.status, name).toBe(status);
          expect(Buffer.compare(again?.output ?? Buffer.alloc(0), output), name).toBe(0);
        }
    }
  });

  it("whose request does not fit the IN area is not replayed", () => {
    for (const { core } of builds) expect(core.replay(new Uint8Array(1 << 20))).toBeNull();
  });
});
