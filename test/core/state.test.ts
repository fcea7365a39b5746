// The stored state: whatever is not exactly what this core wrote for this domain is refused, never half believed.
import { beforeEach, describe, expect, it } from "vitest";
import * as abi from "../../assembly/abi.ts";
import type { StepAnswer, StepEvent, StepResult } from "../../host/core/step.ts";
import { type Build, builds } from "./builds.ts";
import { callFrame, octets, repairChecksum, stepFrame } from "./frames.ts";
import { QUIET } from "./quiet-step.ts";

const NOW = 2_000_000_000;
const UPTIME = 1_000_000;
const BODY = octets("version: STSv1\nmode: enforce\nmx: mx1.example.com\nmax_age: 604800\nnote: größe\n");

function run({ core }: Build, event: StepEvent, state: Uint8Array | null, domain = "example.com", t = 0): StepResult {
  return core.step({
    event,
    clock: { now: NOW + t, uptimeMs: (UPTIME + t) * 1000, boot: 1 },
    seed: 0,
    highWater: 0,
    domain,
    state,
    ...QUIET,
  });
}

function effect<K extends string>(result: StepResult, kind: K) {
  if (!result.ok) throw new Error(`${result.code} at ${result.offset}`);
  const found = result.effects.find((candidate) => candidate.kind === kind);
  if (!found) throw new Error(`no effect ${kind}`);
  return found as Extract<typeof found, { kind: K }>;
}

/** The state of a domain whose enforce policy was fetched at NOW. */
function heldState(build: Build, domain = "example.com", body = BODY): Uint8Array {
  const looked = effect(run(build, { kind: "lookup" }, null, domain), "state").state;
  const rdata = Uint8Array.of(13, ...octets("v=STSv1; id=1"));
  const found = run(build, { kind: "record", outcome: "answered", rrset: [rdata], ttl: 300 }, looked, domain);
  const { token } = effect(found, "get-policy");
  const event: StepEvent = { kind: "policy", token, body, contentType: "text/plain" };
  return effect(run(build, event, effect(found, "state").state, domain), "state").state;
}

const answerOf = (result: StepResult): StepAnswer => effect(result, "answer").answer;

describe.each(builds)("stored state, $name build", (build) => {
  let state: Uint8Array;
  beforeEach(() => {
    state = heldState(build);
  });

  it("holds the policy text verbatim, at the place the answer names (R-8461-3.2-30)", () => {
    const { policy } = answerOf(run(build, { kind: "lookup" }, state));
    expect(policy && state.subarray(policy.offset, policy.offset + policy.length)).toEqual(new Uint8Array(BODY));
  });

  it("is the same whichever build wrote it", () => {
    for (const other of builds) expect(heldState(other)).toEqual(state);
  });

  it("holds no trace of a longer id that stood there before, nor does the token", () => {
    const looked = effect(run(build, { kind: "lookup" }, null), "state").state;
    let current = looked;
    let token = new Uint8Array();
    for (const id of ["z".repeat(32), "1"]) {
      const rdata = Uint8Array.of(11 + id.length + 1, ...octets(`v=STSv1; id=${id}`));
      const t = id === "1" ? 400 : 0;
      const found = run(
        build,
        { kind: "record", outcome: "answered", rrset: [rdata], ttl: 300 },
        current,
        "example.com",
        t,
      );
      token = effect(found, "get-policy").token.slice();
      const event: StepEvent = { kind: "policy", token, body: BODY, contentType: "text/plain" };
      current = effect(run(build, event, effect(found, "state").state, "example.com", t), "state").state;
    }
    expect(Buffer.from(current).toString("latin1")).not.toContain("z");
    expect(Buffer.from(token.subarray(16)).toString("hex")).toBe("31".padEnd(64, "0"));
  });

  it("refuses a state with any one bit of any byte changed", () => {
    for (let i = 0; i < state.length; i++)
      for (let bit = 0; bit < 8; bit++) {
        const damaged = state.slice();
        damaged[i] = (damaged[i] ?? 0) ^ (1 << bit);
        expect(run(build, { kind: "lookup" }, damaged), `byte ${i}, bit ${bit}`).toEqual({
          ok: false,
          code: "state",
          offset: expect.any(Number),
        });
      }
  });

  it("refuses a state with any byte replaced, whatever the event", () => {
    const events = [abi.EVENT_LOOKUP, abi.EVENT_RECORD, abi.EVENT_DEADLINE, abi.EVENT_REFRESH, abi.EVENT_RECHECK];
    for (let i = 0; i < state.length; i++) {
      const damaged = state.slice();
      damaged[i] = (damaged[i] ?? 0) ^ 0xff;
      const request = stepFrame({
        event: events[i % 5] ?? 1,
        now: NOW,
        uptime: UPTIME,
        boot: 1,
        domain: "example.com",
        state: damaged,
        more: { [abi.Q_OUTCOME]: abi.RECORD_NONE },
      });
      expect(callFrame(build.exports, "mtasts_step", request).status, `byte ${i}`).toBe(abi.E_STATE);
    }
  });

  it("refuses a state cut anywhere, or followed by anything", () => {
    for (let n = 1; n < state.length; n++)
      expect(run(build, { kind: "lookup" }, state.subarray(0, n)).ok, `${n} octets`).toBe(false);
    for (const more of [1, 4, 100])
      expect(run(build, { kind: "lookup" }, Buffer.concat([state, new Uint8Array(more)])).ok).toBe(false);
  });

  it("refuses another domain's state, also one of equal length, and keeps a CNAME target's apart (R-8461-3.1-25, R-8461-KEY-01)", () => {
    for (const domain of ["example.net", "example.co", "xexample.com", "example.com.evil.test"])
      expect(run(build, { kind: "lookup" }, state, domain), domain).toMatchObject({ ok: false, code: "state" });
  });

  it("reports where in the request the refused state stands", () => {
    const request = stepFrame({
      event: abi.EVENT_LOOKUP,
      now: NOW,
      uptime: UPTIME,
      boot: 1,
      domain: "example.net",
      state,
    });
    const { offset, status } = callFrame(build.exports, "mtasts_step", request);
    expect({ offset, status }).toEqual({
      offset: new DataView(request.buffer).getUint32(abi.Q_STATE, true),
      status: abi.E_STATE,
    });
  });

  // Offsets as docs/abi.md gives them; the checksum is put right, so only the field itself is wrong.
  const nonsense: readonly [string, number, number][] = [
    ["another magic", 0, 0x4d545354],
    ["a newer format", 4, 2],
    ["a length that is not its own", 8, 4],
    ["an unknown mode", 32, 4],
    ["a max_age over the limit", 36, 31557601],
    ["an unknown leniency", 40, 16],
    ["an unknown status", 88, 10],
    ["an unknown back-off status", 200, 10],
    ["an id longer than 32", 120, 33],
    ["a back-off id longer than 32", 124, 33],
    ["a domain longer than 253", 128, 254],
    ["a policy longer than 64 KiB", 132, 65537],
    ["lengths that do not add up", 132, 4],
    ["a length near 2^32", 132, 0xffffffff],
  ];
  it.each(nonsense)("refuses %s even under a good checksum", (_, field, value) => {
    const changed = state.slice();
    new DataView(changed.buffer).setUint32(field, value, true);
    expect(run(build, { kind: "lookup" }, repairChecksum(changed)).ok).toBe(false);
  });

  it("takes a state with a repaired checksum that changes nothing", () => {
    expect(repairChecksum(state)).toEqual(state);
  });

  it("a changed padding octet is damage like any other", () => {
    const padded = heldState(build, "example.com", Buffer.concat([BODY, octets("x: y\n")]));
    const used = 208 + "example.com".length + BODY.length + 5;
    expect(padded.length % 4).toBe(0);
    for (let i = used; i < padded.length; i++) {
      expect(padded[i]).toBe(0);
      const damaged = padded.slice();
      damaged[i] = 1;
      expect(run(build, { kind: "lookup" }, damaged).ok).toBe(false);
    }
  });

  it("holds the largest policy beside the longest domain", () => {
    const domain = `${"a123456789.".repeat(22)}example.com`;
    const text = Buffer.concat([BODY, octets(`x: ${"y".repeat(65536 - BODY.length - 4)}\n`)]);
    expect(text.length).toBe(65536);
    const large = heldState(build, domain, text);
    const { policy } = answerOf(run(build, { kind: "lookup" }, large, domain));
    expect(policy && Buffer.from(large.subarray(policy.offset, policy.offset + policy.length)).equals(text)).toBe(true);
  });
});
