// Core and oracle on the same input. An agreement throws where they differ, and says in one word what both said.
import { isDeepStrictEqual } from "node:util";
import fc from "fast-check";
import { Core } from "../../host/core/core.ts";
import type { CoreExports } from "../../host/core/exports.ts";
import { histories, options, play } from "./cache/walk.ts";
import { type CoreRefusal, coreDnsId, coreMx, corePolicy, coreRecord } from "./core-answers.ts";
import { coreMediaType } from "./core-media-type.ts";
import { leniencies } from "./inputs/leniencies.ts";
import { mediaTypes, namesAndHosts, patternsAndHosts } from "./inputs/names.ts";
import { bodies, largeBodies } from "./inputs/policies.ts";
import { rrsets } from "./inputs/records.ts";
import { judgeMediaType } from "./media-type.ts";
import { matchDnsId, matchMx } from "./names.ts";
import { readPolicy } from "./policy.ts";
import { selectRecord } from "./record.ts";
import { isRefusal } from "./verdict.ts";

const shown = (verdict: unknown): string => JSON.stringify(verdict);

const accepted = (verdict: object | null): string => {
  const used = verdict !== null && "leniencies" in verdict ? (verdict.leniencies as string[]) : [];
  return used.length === 0 ? "accepted" : `accepted with ${used.join(" and ")}`;
};

/** Everything is equal, but of an error's offset only that it lies where the oracle says the fault is. */
export function agree(core: unknown, oracle: unknown): string {
  if (!isRefusal(oracle)) {
    if (!isDeepStrictEqual(core, oracle)) throw new Error(`core ${shown(core)}, oracle ${shown(oracle)}`);
    return typeof oracle === "object" ? accepted(oracle) : String(oracle);
  }
  const { error, offset } = (core ?? {}) as Partial<CoreRefusal>;
  const [from, to] = oracle.within;
  if (error !== oracle.error || offset === undefined || offset < from || offset > to)
    throw new Error(`core ${shown(core)}, oracle ${shown(oracle)}`);
  return error;
}

export const onRecord = (core: CoreExports, rrset: string, lenient: readonly string[]): string =>
  agree(coreRecord(core, rrset, lenient), selectRecord(rrset, lenient));
export const onPolicy = (core: CoreExports, body: string, lenient: readonly string[]): string =>
  agree(corePolicy(core, body, lenient), readPolicy(body, lenient));
export const onMx = (core: CoreExports, pattern: string, host: string): string =>
  agree(coreMx(core, pattern, host), matchMx(pattern, host));
export const onDnsId = (core: CoreExports, names: string, host: string): string =>
  agree(coreDnsId(core, names, host), matchDnsId(names, host));
export const onMediaType = (core: CoreExports, type: string | null, lenient: readonly string[]): string =>
  agree(coreMediaType(core, type, lenient), judgeMediaType(type, lenient));

/** What is generated for one function of the core, and what must be seen in `told` for the run to mean anything. */
export interface Agreement {
  readonly name: string;
  /** Of a hundred inputs of a run, how many are this one's. */
  readonly share: number;
  /** Throws where core and oracle differ, else counts the verdict in `told`. */
  readonly property: (core: CoreExports, told: (verdict: string) => void) => fc.IRawProperty<unknown>;
}

function agreement<T>(
  name: string,
  share: number,
  inputs: fc.Arbitrary<T>,
  compare: (core: CoreExports, input: T) => string,
): Agreement {
  const property: Agreement["property"] = (core, told) =>
    fc.property(inputs, (input) => told(compare(core, input))) as unknown as fc.IRawProperty<unknown>;
  return { name, share, property };
}

const stepHistories: Agreement = {
  name: "step, histories",
  share: 2,
  property: (core, told) => {
    const typed = new Core(core);
    const property = fc.property(options, histories, (onFailure, history) => play(typed, onFailure, history, told));
    return property as unknown as fc.IRawProperty<unknown>;
  },
};

export const agreements: readonly Agreement[] = [
  stepHistories,
  agreement("record_select", 30, fc.tuple(rrsets, leniencies), (core, [rrset, lenient]) =>
    onRecord(core, rrset, lenient),
  ),
  agreement("policy_parse", 35, fc.tuple(bodies, leniencies), (core, [body, lenient]) => onPolicy(core, body, lenient)),
  agreement("policy_parse at its limits", 0.2, fc.tuple(largeBodies, leniencies), (core, [body, lenient]) =>
    onPolicy(core, body, lenient),
  ),
  agreement("mx_match", 15, patternsAndHosts, (core, [pattern, host]) => onMx(core, pattern, host)),
  agreement("dnsid_match", 15, namesAndHosts, (core, [names, host]) => onDnsId(core, names, host)),
  agreement("media type", 4.8, fc.tuple(mediaTypes, leniencies), (core, [type, lenient]) =>
    onMediaType(core, type, lenient),
  ),
];
