// The transcripts of test/vectors/step.json as the model's events. Those with reboots, clock steps, faults of the store or
// leniencies are outside the model.
import { txtRdata } from "../../../host/core/core.ts";
import type { Step, Transcript } from "../../core/transcript.ts";
import { joined, readVectors, type VectorFile } from "../../core/vectors.ts";
import { fromBytes, utf8, writeList } from "../octets.ts";
import type { CacheEvent, Flags } from "./model.ts";

interface StepFile extends VectorFile<Transcript> {
  readonly bodies: Readonly<Record<string, string>>;
}

const { bodies, vectors } = readVectors<StepFile>("step.json");

const OUTSIDE = new Set(["past-lost", "store-unreadable"]);
const isInside = (step: Step): boolean =>
  !step.clock &&
  !step.state &&
  !step.force &&
  !step.seed &&
  step.type === undefined &&
  !(step.flags ?? []).some((flag) => OUTSIDE.has(flag));

export const transcripts = vectors.filter(({ leniency, steps }) => !leniency && steps.every(isInside));
export { bodies, vectors };

export const flagsOf = ({ flags = [] }: Step): Flags => ({
  query: flags.includes("query-in-flight"),
  get: flags.includes("get-in-flight"),
  recheck: flags.includes("recheck-waiting"),
});

/** `flights`: get-policy effects so far. */
export function eventOf(step: Step, flights: number): CacheEvent {
  if (step.event === "record") {
    const { txt = "none", ttl = 300 } = step;
    const rrset = typeof txt === "string" ? txt : writeList(txt.map((record) => fromBytes(txtRdata(record))));
    return { kind: "record", rrset, ttl };
  }
  if (step.event !== "policy") return { kind: step.event };
  const flight = step.flight ?? flights;
  if (step.failure) return { kind: "policy", flight, body: null, aborted: step.failure === "aborted" };
  const body = typeof step.body === "object" ? fromBytes(joined(step.body.bytes)) : utf8(bodies[step.body ?? ""] ?? "");
  return { kind: "policy", flight, body };
}
