import { Core } from "../../host/core/core.ts";
import { loadCoreSync } from "../../host/core/load.ts";
import type { StepEvent, StepRequest } from "../../host/core/step.ts";
import { QUIET } from "../core/quiet-step.ts";

/**
 * Times the core through the JavaScript API: `node core-calls.js wasm|portable SAMPLES` prints one JSON object: for each
 * call the nanoseconds of processor time in each sample. One build for each process: two in one would make every call
 * site of the API polymorphic, which no user ever has.
 */

const SAMPLE_MS = 20;

const PATTERNS = [
  "mx1.example.com",
  "mx2.example.com",
  "*.mail.example.com",
  "mx1.example.net",
  "mx2.example.net",
  "*.in.example.net",
  "backup.example.org",
  "inbound-7.mx.example.org",
  "*.relay.example.org",
  "last-resort.example.com",
];
const HOST = "inbound-7.mx.example.org";
const POLICY = `version: STSv1\nmode: enforce\n${PATTERNS.map((mx) => `mx: ${mx}\n`).join("")}max_age: 604800\n`;
const RECORD = "v=STSv1; id=20160831085700Z; comment=sixty.octets.in.all.xx;";
const OTHER_RECORD = "google-site-verification=rXOxyZounnZasA8Z7oaD3c14JdjS9aKSWvsR1EbUSIQ";

/** A state in which the policy of 10 MX patterns was just fetched. */
function heldState(core: Core): Uint8Array {
  const begun = run(core, null, { kind: "lookup" });
  const rrset = [Buffer.concat([Buffer.of(RECORD.length), Buffer.from(RECORD)])];
  const asked = run(core, begun.state, { kind: "record", outcome: "answered", rrset, ttl: 3600 });
  if (asked.token === null) throw new Error("bench: the core does not ask for the policy");
  const body = Buffer.from(POLICY);
  const { state } = run(core, asked.state, { kind: "policy", token: asked.token, body, contentType: "text/plain" });
  if (state === null) throw new Error("bench: the core does not hold the policy");
  return state;
}

function run(core: Core, state: Uint8Array | null, event: StepEvent) {
  const result = core.step(request(state, event));
  if (!result.ok) throw new Error(`bench: step says ${result.code}`);
  let [next, token] = [state, null as Uint8Array | null];
  for (const effect of result.effects) {
    if (effect.kind === "state") next = effect.state;
    if (effect.kind === "get-policy") token = effect.token;
  }
  return { state: next, token };
}

function request(state: Uint8Array | null, event: StepEvent): StepRequest {
  return {
    event,
    clock: { now: 1_767_225_600, uptimeMs: 1_000_000, boot: 7 },
    seed: 1,
    highWater: 1_767_225_600,
    domain: "example.com",
    state,
    ...QUIET,
  };
}

/** Each call once for its effect; its result is checked before it is timed. */
function calls(core: Core): Record<string, () => boolean> {
  const policy = Buffer.from(POLICY);
  const rrset = [Buffer.from(OTHER_RECORD), Buffer.from(RECORD)];
  const hit = request(heldState(core), { kind: "lookup" });
  const decision = { verdict: "policy", policy } as const;
  return {
    "parsePolicy, 10 mx, string": () => core.parsePolicy(POLICY).ok,
    "parsePolicy, 10 mx, bytes": () => core.parsePolicy(policy).ok,
    "selectRecord, 1 TXT record, string": () => core.selectRecord([RECORD]).ok,
    "selectRecord, 2 TXT records, bytes": () => core.selectRecord(rrset).ok,
    "matchesMx, one pattern": () => core.matchesMx("*.mx.example.org", HOST),
    "matchesMx, 10 patterns, the 8th matches": () => PATTERNS.some((pattern) => core.matchesMx(pattern, HOST)),
    "plan, one host, policy of 10 mx": () => core.plan({ decision, hosts: [HOST] })[0]?.action === "pkix",
    "step, lookup of a held policy": () => {
      const result = core.step(hit);
      return result.ok && result.effects.some((effect) => effect.kind === "answer");
    },
  };
}

/** Processor time, not time: others may use the machine too. */
function milliseconds(call: () => boolean, times: number): number {
  const start = process.cpuUsage();
  let right = 0;
  for (let i = 0; i < times; i++) right += call() ? 1 : 0;
  const { user, system } = process.cpuUsage(start);
  if (right !== times) throw new Error("bench: a call gave another result than before");
  return (user + system) / 1000;
}

/** Runs a call until it is compiled, then says how many times fill one sample. */
function calibrate(call: () => boolean): number {
  let times = 64;
  while (milliseconds(call, times) < SAMPLE_MS / 2) times *= 2;
  return Math.ceil((times * SAMPLE_MS) / milliseconds(call, times));
}

function measure(core: Core, samples: number): Record<string, number[]> {
  const timed: Record<string, number[]> = {};
  for (const [name, call] of Object.entries(calls(core))) {
    const times = calibrate(call);
    timed[name] = Array.from({ length: samples }, () => (milliseconds(call, times) * 1e6) / times);
  }
  return timed;
}

const [build, samples] = process.argv.slice(2);
const core =
  build === "portable" ? new Core((await import("../../host/core/portable.ts")).portableExports) : loadCoreSync();
console.log(JSON.stringify(measure(core, Number(samples))));
